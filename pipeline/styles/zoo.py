"""Styles by name: the ONNX files that ship with the package, and files of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from ..core.errors import ModelError, nearest
from ..core.files import PICTURE_SUFFIXES, digest
from ..core.units import split_weight
from ..nets.contract import PREFIX, metadata_of

TABLE_SUFFIX = ".cube"


@dataclass(frozen=True)
class Style:
    """One entry of ``zoo.yaml``."""

    name: str
    """As typed after ``--style``."""
    title: str
    """The painting's."""
    artist: str
    """Who painted it."""
    words: str
    """Two words for its look."""
    year: int | None
    """When it was finished; ``None``: not known."""
    licence: str
    """Of the weights; the painting is out of copyright."""
    tier: str
    """``fast`` or ``quality``."""
    scale: float
    """Size of its strokes where none is asked for; see ``resize.StrokeScale``."""
    sha256: str
    """Of the file."""
    figures: dict[str, float]
    """Losses on validation photographs: content, style."""
    path: Path
    """The ONNX file."""


@cache
def zoo() -> Mapping[str, Style]:
    """The styles that ship, by name."""
    room = _room()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a tenth of the time, where it is built
    text = (room / "zoo.yaml").read_text("utf-8")
    listed: dict[str, dict[str, Any]] = yaml.load(text, loader)
    return {
        name: Style(name=name, path=room / f"{name}.onnx", **entry)
        for name, entry in listed.items()
    }


def find_style(name: str) -> Path:
    """The file of a style: of a name, its ONNX file; of a path (ONNX, picture, table), that.

    Raises:
        ModelError: no such style; the nearest names are shown.
    """
    if name.endswith(".onnx"):
        return Path(name)
    suffix = Path(name).suffix.lower()
    if suffix in PICTURE_SUFFIXES or suffix == TABLE_SUFFIX:
        if not Path(name).is_file():
            kind = "table" if suffix == TABLE_SUFFIX else "picture"
            raise ModelError(f"--style {name}: there is no such {kind}")
        return Path(name)
    known = zoo()
    if name not in known:
        raise ModelError(f"there is no style '{name}'{nearest(name, known)}")
    return known[name].path


def find_styles(names: Sequence[str]) -> list[tuple[Path, float]]:
    """The files and weights of ``NAME`` or ``NAME:WEIGHT``; weights sum to 1.

    Raises:
        ModelError: no such style, or weights that are not numbers from 0.
    """
    styles: list[tuple[Path, float]] = []
    for text in names:
        name, weight = split_weight(text)
        styles.append((find_style(name), weight))
    total = sum(weight for _, weight in styles)
    if any(weight < 0 for _, weight in styles) or not isfinite(total) or total <= 0:
        raise ModelError(
            f"--style {' '.join(names)}: weights are numbers from 0, one of them above"
        )
    return [(path, weight / total) for path, weight in styles if weight > 0]


def own_scale(styles: Sequence[tuple[Path, float]]) -> float:
    """The size of strokes that styles have where none is asked for; of several, the mean.

    Args:
        styles: files and their weights; files that do not ship have 1.
    """
    scales = {style.path: style.scale for style in zoo().values()}
    return sum(scales.get(path, 1.0) * weight for path, weight in styles)


def find_method(method: str, look: str) -> Path:
    """The ``NAME.prepare.onnx`` of a method for any style.

    Args:
        method: ``auto``, a method's name, or a file.
        look: ``art`` or ``photo``: what ``auto`` is for.
    """
    if method.endswith(".onnx"):
        return Path(method)
    name = {"art": "wct", "photo": "wct2"}[look] if method == "auto" else method
    return _room() / f"{name}.prepare.onnx"


def find_base(family: str, style_file: Path) -> Path:
    """The file of the base that a family was trained from: one that ships, or next to a style.

    Raises:
        ModelError: there is none.
    """
    if family:
        own = (style_file.with_name("base.onnx"), *sorted(style_file.parent.glob("base-*.onnx")))
        for path in (*sorted(_room().glob("base-*.onnx")), *own):
            if family_of(path) == family:
                return path
    raise ModelError(
        f"--strength of {style_file.stem} needs the base that it was trained from; "
        f"put it next to the style as base.onnx (train identity), or leave --strength out"
    )


CANVAS_BASE = "canvas"
"""The base of the fast nets that take a canvas; ``fast``: of those that don't."""


def base_file(kind: str) -> Path:
    """The file of a kind of base, a net which gives the picture back."""
    return _room() / f"base-{kind}.onnx"


def family_of(path: Path) -> str | None:
    """The family that a style file says it is of; ``None`` where it can't be read."""
    import onnx  # takes a while, and the table of styles needs none of it

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # noqa: BLE001 - protobuf's errors share no other base
        return None
    return metadata_of(model.metadata_props).get(PREFIX + "family")


def _room() -> Path:
    return Path(str(files("stylize_video.models.zoo")))


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    return digest([path.read_bytes()])


def ships(path: Path) -> bool:
    """Whether a file is one of the zoo's styles, byte by byte: what it paints was tested."""
    return path.is_file() and sha256(path) in {style.sha256 for style in zoo().values()}
