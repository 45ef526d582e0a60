"""The model contract, version 1: what a style's ONNX file promises, and where the file says it.

Input ``frame``: uint8 [1, H, W, 3], RGB, H and W dynamic. Output ``stylized``: the same shape and
type. Scaling, padding, cropping, clamping and rounding are inside the graph. A recurrent net has
two inputs more: ``previous``, as ``frame``, what was shown before, moved to where it is now; and
``confidence``, uint8 [1, H, W, 1], 0 where nothing is known of it. What else is to be known of a
style stands in the file's ``metadata_props``, each key below with the prefix ``stylize.``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

VERSION = 1
INPUT = "frame"
OUTPUT = "stylized"
MEMORY = ("previous", "confidence")
"""The inputs of a recurrent net beside ``frame``."""
PREFIX = "stylize."


@dataclass(frozen=True)
class ModelCard:
    """What a style file says of itself. Every field travels as text."""

    name: str
    """The style's name, as typed after ``--style``."""
    kind: str
    """``fast``, ``quality``, ``recurrent`` or ``johnson``: the net's tier."""
    licence: str = "unknown"
    """Licence of the weights."""
    multiple: int = 1
    """The graph pads to a multiple of this."""
    margin: int = 0
    """Pixels of reflection that the graph puts around the picture."""
    macs_per_pixel: float = 0.0
    """Multiply-accumulates per pixel."""
    recipe: str = ""
    """How it was trained: the settings as JSON."""
    figures: str = ""
    """Losses on held-back photographs as JSON."""
    parity: str = ""
    """Difference to PyTorch measured at export, in 1/255, as JSON."""
    family: str = ""
    """Names the base that it was trained from: nets of one family can be mixed."""
    deviations: str = field(default="", metadata={"key": "spreads"})
    """Standard deviation of what usually goes into each norm, by channel, as JSON."""
    layers: str = field(default="", metadata={"key": "sites"})
    """Of a method for any style: how many times smaller the features of each site are, as JSON."""
    reach: int = 0
    """Likewise: pixels on each side that a painted pixel depends on; 0: all of the picture."""
    style_size: int = 512
    """Likewise: short side at which a style picture is heard, px: larger gives larger strokes."""
    most_pixels: int = 0
    """Likewise: of a frame that is painted at once; a larger one is painted smaller. 0: any."""
    contract: int = VERSION
    """Version of the contract that the file keeps."""

    def to_metadata(self) -> dict[str, str]:
        """The ``metadata_props`` that hold this card."""
        return {PREFIX + _key(f): str(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelCard | None:
        """The card in ``metadata``; ``None`` where the file is not of this contract.

        Raises:
            ValueError: a number in it is not one, or a part is missing.
        """
        if PREFIX + "contract" not in metadata:
            return None
        text = {
            key.removeprefix(PREFIX): value
            for key, value in metadata.items()
            if key.startswith(PREFIX)
        }
        missing = [name for name in ("name", "kind") if name not in text]
        if missing:
            raise ValueError(f"its metadata lacks '{PREFIX}{missing[0]}'")
        kinds: dict[Any, Callable[[str], Any]] = {"str": str, "int": int, "float": float}
        values = {f.name: kinds[f.type](text[_key(f)]) for f in fields(cls) if _key(f) in text}
        return cls(**values)


def _key(field: Field[Any]) -> str:
    """The field's name in a file: that of version 1 of the contract, which files keep."""
    return field.metadata.get("key", field.name)
