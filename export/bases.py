"""What a training begins from: a checkpoint, a style file, or the base that ships.

Nets of one base can be mixed, and their strength is a mixture with the base.
"""

from __future__ import annotations

from pathlib import Path

from ..models.recipe import Recipe
from ..models.training.state import Base, read_base
from ..pipeline.core.errors import ModelError, TrainingError
from ..pipeline.nets.contract import MOST_CANVAS
from ..pipeline.styles.zoo import CANVAS_BASE, base_file, family_of
from .style import read_net

NONE = "none"
"""Begin from random weights."""


def base_of(recipe: Recipe, asked: Path | None, fresh: bool = False) -> Base | None:
    """What a training begins from.

    Args:
        recipe: of the training.
        asked: a checkpoint, a style file or ``NONE``; ``None``: the base that ships, where it fits.
        fresh: without a base, unless one is asked for.

    Raises:
        TrainingError: the file can't be begun from.
    """
    if asked is not None:
        return None if str(asked) == NONE else _read(asked)
    base = base_file(CANVAS_BASE)
    fits = recipe.tier in ("fast", "quality") and recipe.canvas == MOST_CANVAS
    return _read(base) if fits and not fresh else None


def _read(path: Path) -> Base:
    if path.suffix != ".onnx":
        return read_base(path)
    try:
        return Base(read_net(path), family_of(path) or "", str(path))
    except ModelError as error:
        raise TrainingError(f"--base {path}: {error}") from error
