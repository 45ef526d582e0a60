"""Of which kind the styles of a run are: what decides which settings apply to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..core.config import Settings
from ..core.errors import SettingsError
from ..core.files import PICTURE_SUFFIXES
from ..core.groups import PAINTED
from ..core.job import StyleKind
from ..nets.contract import ModelCard, metadata_of
from .zoo import TABLE_SUFFIX, find_styles, zoo


def style_kinds(settings: Settings) -> frozenset[StyleKind]:
    """What a run with these settings paints with.

    Raises:
        ModelError: there is no such style.
        SettingsError: a style that is still to be learned.
    """
    refuse_learning(settings)
    if settings.keyframes is not None and _is_folder(settings.keyframes):
        return frozenset({"given"})
    if settings.method in PAINTED:
        return frozenset({"painted"})
    return kinds_of(settings.style)


def refuse_learning(settings: Settings) -> None:
    """Refuse ``--method learn`` where nothing was learned before.

    Raises:
        SettingsError: how to learn the painting first.
    """
    if settings.method == "learn":
        raise SettingsError(
            "--method learn needs a film to learn on; learn the painting with one first, then "
            "give the learned file: --style painting.onnx"
        )


def kinds_of(styles: Iterable[str]) -> frozenset[StyleKind]:
    """The kinds of styles as they are typed after ``--style``: NAME or NAME:WEIGHT.

    Raises:
        ModelError: there is no such style.
    """
    return frozenset(_kind_of(path) for path, _ in find_styles(list(styles)))


def _kind_of(path: Path) -> StyleKind:
    suffix = path.suffix.lower()
    if suffix == TABLE_SUFFIX:
        return "table"
    if suffix in PICTURE_SUFFIXES:
        return "picture"
    shipped = path in {style.path for style in zoo().values()}
    return "net" if shipped or _keeps_the_contract(path) else "third-party"


def _keeps_the_contract(path: Path) -> bool:
    """Whether an ONNX file says so; one that cannot be read is refused when it is opened."""
    import onnx  # takes a while, and the table of styles needs none of it

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # noqa: BLE001 - protobuf's errors share no other base
        return True
    try:
        return ModelCard.from_metadata(metadata_of(model.metadata_props)) is not None
    except ValueError:
        return True


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except OSError:  # a long list of times is too long for a path
        return False
