"""Styles by name: the ONNX files that ship with the package, and files of the user's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from .errors import ModelError, nearest


@dataclass(frozen=True)
class Style:
    """One entry of ``zoo.yaml``."""

    name: str
    """As typed after ``--style``."""
    title: str
    """The painting's."""
    artist: str
    """Who painted it."""
    year: int
    """When it was finished."""
    licence: str
    """Of the weights; the painting is out of copyright."""
    tier: str
    """``fast`` or ``quality``."""
    sha256: str
    """Of the file."""
    figures: dict[str, float]
    """Losses on held-back photographs: content, style."""
    path: Path
    """The ONNX file."""


def zoo() -> dict[str, Style]:
    """The styles that ship, by name."""
    room = Path(str(files("stylize_video.models.zoo")))
    listed: dict[str, dict[str, Any]] = yaml.safe_load((room / "zoo.yaml").read_text("utf-8"))
    return {
        name: Style(name=name, path=room / f"{name}.onnx", **entry)
        for name, entry in listed.items()
    }


def find_style(wanted: str) -> Path:
    """The ONNX file of a style's name, or of a path.

    Raises:
        ModelError: no such style; the nearest names are shown.
    """
    if wanted.endswith(".onnx"):
        return Path(wanted)
    if Path(wanted).is_file():
        raise ModelError(
            f"--style {wanted} is no ONNX file; a picture's style is learned first: "
            f"stylize-video train {wanted} --content PHOTOS --out mine.onnx"
        )
    known = zoo()
    if wanted not in known:
        raise ModelError(f"there is no style '{wanted}'{nearest(wanted, known)}")
    return known[wanted].path


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
