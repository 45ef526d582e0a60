"""``evaluate --style``: how well frames, or pairs of pictures, are painted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipeline.core.errors import SettingsError, SourceError
from .style_figures import NAMES, StyleFigures, StyleJudge, described, mean_figures
from .torch_backend import need_torch

if TYPE_CHECKING:
    from ..pipeline.core.frame import Rgb

MEASURED = 8
"""Frames of a film whose figures are measured."""

_EVERY = 25  # where the number of frames is unknown, one in so many is measured

_TITLES = {
    "bare": "bare: fraction of flat areas without paint",
    "paint": "paint: contrast there, over the painting's",
    "layout": "layout: colours that follow the source",
    "swd": "SWD: colour distance",
    "lab": "Lab W2: colour distance",
    "chroma": "chroma, over the painting's",
    "content": "content: change of shapes (VGG-19)",
    "clouds": "clouds: strokes over soft spots; 1 as painted",
}


class StyleMeter:
    """Measures the style of some pictures against one painting.

    Args:
        painting: the file of the painting.
        vgg: the file of VGG-19's weights; ``None`` downloads them.

    Raises:
        SettingsError: PyTorch is missing.
        SourceError: the painting can't be read.
        TrainingError: the weights can't be loaded.
    """

    def __init__(self, painting: Path, vgg: Path | None) -> None:
        need_torch("evaluate --style")
        from ..models.nets.vgg19 import open_vgg19
        from ..pipeline.media.images import read_picture

        picture = read_picture(painting)
        self._vgg = open_vgg19(vgg)
        self._judge = StyleJudge(described(self._vgg, picture))
        self._figures: list[StyleFigures] = []

    def add(self, source: Rgb, result: Rgb) -> None:
        """Measure a pair of one size, each (H, W, 3) uint8, 0–255, RGB."""
        pair = (described(self._vgg, rgb) for rgb in (source, result))
        self._figures.append(self._judge.figures(*pair))

    def add_frame(self, number: int, expected: int | None, source: Rgb, result: Rgb) -> None:
        """Measure a frame of a film if it is one of ``MEASURED``, which are evenly apart.

        Args:
            number: of the frame, from 0.
            expected: about how many frames there are.
            source: (H, W, 3) uint8, 0–255, RGB.
            result: of the same shape and range.
        """
        every = _EVERY if expected is None else max(1, expected // MEASURED)
        if number % every == every // 2 and len(self._figures) < MEASURED:
            self.add(source, result)

    def facts(self) -> dict[str, Any]:
        """The painting's own figures, the results' mean, and how many pictures were measured."""
        if not self._figures:
            raise SourceError("no frame was measured for --style; give a longer clip")
        return {
            "pictures": len(self._figures),
            "painting": asdict(self._judge.own()),
            "result": asdict(mean_figures(self._figures)),
        }


def print_style(facts: Mapping[str, Any]) -> None:
    """Print what ``StyleMeter.facts`` returns as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("")
    for name in ("painting", "result"):
        table.add_column(name, justify="right")
    for name in NAMES:
        table.add_row(
            _TITLES[name], *(f"{facts[column][name]:.2f}" for column in ("painting", "result"))
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"style: mean of {facts['pictures']} pictures, at a short side of 720 px")


# ---- pairs of pictures ----


def picture_pairs(source: str, result: str) -> list[tuple[Path, Path]] | None:
    """Pair the pictures of two files, folders or patterns, in the order of their names.

    Returns:
        The pairs; ``None`` if they are a film: a video, or pictures of one size.

    Raises:
        SourceError: the numbers of pictures differ, or the sizes of a pair.
    """
    from ..pipeline.media.images import picture_size

    ours, theirs = _pictures(source), _pictures(result)
    if not ours or not theirs:
        return None
    sizes = [picture_size(path) for path in ours]
    if len(sizes) > 1 and len(set(sizes)) == 1:
        return None
    if len(ours) != len(theirs):
        raise SourceError(
            f"{source} has {len(ours)} pictures, {result} has {len(theirs)}; "
            "each needs its result, in the order of their names"
        )
    for path, other, size in zip(ours, theirs, sizes, strict=True):
        if (found := picture_size(other)) != size:
            raise SourceError(
                f"{other} is {found[0]}x{found[1]}, {path} is {size[0]}x{size[1]}; "
                "a result has its source's size"
            )
    return list(zip(ours, theirs, strict=True))


def _pictures(name: str) -> list[Path]:
    """The pictures that a file, a folder or a pattern names; none if it names something else."""
    from ..pipeline.core.files import PICTURE_SUFFIXES
    from ..pipeline.media.sequence import pictures_in, pictures_like

    path = Path(name)
    if path.is_dir():
        return pictures_in(path)
    if path.is_file():
        return [path] if path.suffix.lower() in PICTURE_SUFFIXES else []
    return pictures_like(name) if "*" in name or "%" in name else []


def refuse_for_pictures(options: Mapping[str, object]) -> None:
    """Refuse what belongs to films.

    Args:
        options: option → its value; ``None`` if it was not typed.

    Raises:
        SettingsError: one was typed.
    """
    for option, value in options.items():
        if value is not None:
            raise SettingsError(f"{option} does not apply to single pictures; leave it out")
