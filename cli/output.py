"""The output's name where none was typed."""

from __future__ import annotations

from pathlib import Path

from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError
from ..pipeline.core.units import split_weight


def default_output(source: str, settings: Settings, note: str = "") -> str:
    """Where the result goes: beside the input, under an unused name; a live source, to a window.

    ``in.mp4`` → ``in-udnie.mp4``; a folder ``frames`` → ``frames-udnie``; a camera → ``window``;
    ``s3://bucket/in.mp4`` → ``in-udnie.mp4`` in the current folder.
    With ``--overwrite`` the name may be in use.

    Args:
        source: the input, as it was typed.
        settings: of the run.
        note: added to the name: ``preview``.
    """
    from ..pipeline.live.names import WINDOW, is_live

    if source == "-":
        raise SettingsError("what is piped in has no name: type OUTPUT too (-: standard output)")
    # A file name stands for the output that is not known yet: only the rest decides.
    if is_live(source, "out.mp4", settings):
        return WINDOW
    from ..pipeline.core.address import file_name, is_remote
    from ..pipeline.core.files import PICTURE_SUFFIXES, neighbour, unused_path
    from ..pipeline.media.outputs import CONTAINERS

    # A result is not put far away unasked.
    path = Path(file_name(source) if is_remote(source) else source)
    suffix = path.suffix.lower()
    if path.is_dir():
        stem, suffix = path.resolve().name, ""
    elif not path.exists() and suffix in {*PICTURE_SUFFIXES, ""}:  # a pattern
        path = path.parent
        stem, suffix = path.resolve().name, ""
    else:
        stem = path.stem
        suffix = path.suffix if suffix in {*CONTAINERS, *PICTURE_SUFFIXES} else ".mp4"
    name = "-".join(text for text in (stem, _label(settings), note) if text)
    out = neighbour(path if path.name else Path("out"), name, suffix)
    return str(out if settings.overwrite else unused_path(out))


def _label(settings: Settings) -> str:
    """The style in a file name: ``udnie``, ``udnie-the-scream``, ``painting``."""
    if settings.keyframes is not None and Path(settings.keyframes).is_dir():
        return Path(settings.keyframes).resolve().name
    if settings.timeline is not None:
        return settings.timeline.stem
    names = (split_weight(style)[0] for style in settings.style)
    return "-".join(Path(name).stem if Path(name).suffix else name for name in names)
