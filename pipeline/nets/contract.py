"""The model contract, version 1: what a style's ONNX file must have.

Input ``frame``: uint8 [1, H, W, 3], 0–255, RGB, H and W dynamic. Output ``stylized``: the same
shape and type. Scaling, padding, cropping, clamping and rounding are inside the graph. A recurrent
net has two more inputs: ``previous``, as ``frame``, the previous output warped to the current
frame; and ``confidence``, uint8 [1, H, W, 1], 0–255, 0 where the previous output is not known. A
net with a canvas has the optional input ``canvas``, uint8 [1, ⌈H/4⌉, ⌈W/4⌉, C], C ≤ 4, with
which it paints flat areas: 128 is 0, and 127 steps are 3 standard deviations. Channel 0 is noise of
cells of 4 × 4 px, the others are facets of about 4, 8 and 16 cells. Without it the graph uses a
fixed one, which is in the file. The file's ``metadata_props`` describe the style: the fields of
``ModelCard``, with the prefix ``stylize.``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

VERSION = 1
INPUT = "frame"
OUTPUT = "stylized"
MEMORY = ("previous", "confidence")
"""The inputs of a recurrent net, besides ``frame``."""
CANVAS = "canvas"
"""The optional input of a net with a canvas."""
MOST_CANVAS = 4
"""The channels of the largest canvas."""
PREFIX = "stylize."
"""Of every key in ``metadata_props``."""


@dataclass(frozen=True)
class ModelCard:
    """The description of a style in its file. Every field is stored as text."""

    name: str
    """The style's name, as for ``--style``."""
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
    """Losses on validation photographs, as JSON."""
    parity: str = ""
    """Largest and mean difference to PyTorch at export, in 1/255, as JSON."""
    family: str = ""
    """Name of the base that it was trained from: nets of one family can be interpolated."""
    deviations: str = field(default="", metadata={"key": "spreads"})
    """Usual standard deviation of each norm's input, by channel, as JSON; ``spreads`` in files."""
    palette: str = ""
    """The painting's colours, RGB, 0..255, as JSON: ``mean`` (3,) and ``covariance`` (3, 3)."""
    layers: str = field(default="", metadata={"key": "sites"})
    """Of a method for any style: by how much each layer is smaller, as JSON; ``sites`` in files."""
    reach: int = 0
    """Of such a method: px on each side that a painted pixel depends on; 0: all of the picture."""
    style_size: int = 512
    """Of such a method: short side at which a style picture is read, px; larger: larger strokes."""
    most_pixels: int = 0
    """Of such a method: pixels of a frame that it paints; a larger one is reduced. 0: any."""
    canvas: int = 0
    """Channels of the canvas that the net takes; 0: none."""
    contract: int = VERSION
    """Version of the contract that the file follows."""

    def to_metadata(self) -> dict[str, str]:
        """Convert the card to ``metadata_props``."""
        return {PREFIX + _key(f): str(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelCard | None:
        """Read the card from ``metadata_props``; ``None`` if the file does not follow the contract.

        Raises:
            ValueError: a number can't be read, or a field is missing.
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


def metadata_of(entries: Iterable[Any]) -> dict[str, str]:
    """Read a model's ``metadata_props``; where a text is not UTF-8, what can't be read is replaced.

    Args:
        entries: protobuf's: with ``key`` and ``value``, which are bytes where they are no UTF-8.
    """
    return {_text(entry.key): _text(entry.value) for entry in entries}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _key(field: Field[Any]) -> str:
    """The field's key in a file; some keys of version 1 differ from the names here."""
    return field.metadata.get("key", field.name)
