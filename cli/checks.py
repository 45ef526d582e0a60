"""Output paths and options that are refused before any work begins."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from ..models.environment import VGG_SETTING
from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError, SinkError
from ..pipeline.core.groups import PAINTED


def refuse_output(out: Path, overwrite: bool, argument: str, *endings: str) -> None:
    """Refuse a file of another kind, one whose folder does not exist, and one that exists.

    Args:
        out: the file that will be written.
        overwrite: whether an existing file may be replaced.
        argument: what the user typed it as, for the message.
        endings: what its name may end in, in lower case; any, if there are none.

    Raises:
        SinkError: the file can't be written there.
    """
    if endings and out.suffix.lower() not in endings:
        raise SinkError(f"{argument} {out} must end in {' '.join(endings)}")
    if not out.parent.is_dir():
        raise SinkError(f"{argument} {out}: folder {out.parent} does not exist; create it first")
    if out.exists() and not overwrite:
        raise SinkError(f"{out} exists; add --overwrite to replace it")


def refuse_model(out: Path, overwrite: bool, argument: str) -> None:
    """Refuse what ``refuse_output`` does for ONNX files, and .ONNX, which --style does not know.

    Raises:
        SinkError: the file can't be written there.
    """
    if out.suffix != ".onnx":
        raise SinkError(f"{argument} {out} must end in .onnx")
    refuse_output(out, overwrite, argument)


def refuse_same(source: Path, out: Path) -> None:
    """Refuse to write over the file that is read.

    Raises:
        SinkError: both paths are one file.
    """
    if source.exists() and out.exists() and source.samefile(out):
        raise SinkError(f"output {out} is the input itself; give another name")


def refuse_picture(out: Path, overwrite: bool) -> None:
    """Refuse what ``refuse_output`` does for pictures.

    Raises:
        SinkError: the picture can't be written there.
    """
    from ..pipeline.core.files import PICTURE_SUFFIXES

    refuse_output(out, overwrite, "OUT", *sorted(PICTURE_SUFFIXES))


def refuse_unused(
    typed: Iterable[str], method: str, methods: Mapping[str, Collection[str]]
) -> None:
    """Refuse options that the chosen method has no use for.

    Args:
        typed: names of the options that the user typed, with underscores.
        method: the chosen one.
        methods: method → the options that it uses.

    Raises:
        SettingsError: which option, and with which method to type it.
    """
    for name in typed:
        if name not in methods[method]:
            option = "--" + name.replace("_", "-")
            users = [other for other, options in methods.items() if name in options]
            raise SettingsError(
                f"{option} does not apply to --method {method}; leave it out, or type "
                f"--method {' or '.join(users)}"
            )


def refuse_vgg(vgg: Path | None, settings: Settings) -> None:
    """Refuse ``--vgg`` where VGG-19 is not used, and a file that does not exist.

    A file that the environment names is for all commands, and is not refused.

    Args:
        vgg: the file of its weights.
        settings: of the run.

    Raises:
        SettingsError: why.
    """
    if vgg is None:
        return
    typed = str(vgg) != os.environ.get(VGG_SETTING)
    used = settings.method in PAINTED or settings.between == "net"
    if typed and not used:
        raise SettingsError(
            f"--vgg {vgg} does not apply: only --method gatys, --method deepphoto and --between "
            "net use VGG-19; leave it out"
        )
    if used and not vgg.is_file():
        raise SettingsError(f"--vgg {vgg} does not exist; leave it out to download the weights")
