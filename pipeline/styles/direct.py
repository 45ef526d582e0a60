"""Style nets of other projects: a float picture in, one out, in formats of their own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..core.errors import ModelError
from ..core.frame import Memory, Rgb
from ..nets.contract import INPUT, MEMORY, OUTPUT

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForeignFormat:
    """What a net outside the contract takes and gives; ``auto`` is read off its shapes."""

    layout: str = "auto"
    """``nchw`` or ``nhwc``."""
    range: str = "auto"
    """Of its input: ``0..255``, ``0..1``, ``-1..1`` or ``imagenet``; ``auto`` is ``0..255``."""
    output_range: str = "auto"
    """Of its output; ``auto`` is as its input, and ``0..1`` after ``imagenet``."""
    channels: str = "rgb"
    """``rgb`` or ``bgr``."""


_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32) * 255

# Range → (offset, scale) with net = (pixel − offset) / scale, pixels 0..255.
_RANGES: dict[str, tuple[Any, Any]] = {
    "0..255": (0.0, 1.0),
    "0..1": (0.0, 255.0),
    "-1..1": (127.5, 127.5),
    "imagenet": (_IMAGENET_MEAN, _IMAGENET_STD),
}


class ForeignPainter:
    """A float picture-to-picture net of another project, perhaps of one fixed size."""

    def __init__(
        self, session: onnxruntime.InferenceSession, path: Path, foreign: ForeignFormat
    ) -> None:
        self._session = session
        taken = _picture_port(session.get_inputs(), "input", path)
        given = _picture_port(session.get_outputs(), "output", path)
        self._input, self._output = taken.name, given.name
        self._type = np.float16 if taken.type == "tensor(float16)" else np.float32
        self._nchw = _is_nchw(taken.shape, foreign.layout, path)
        height, width = taken.shape[2:4] if self._nchw else taken.shape[1:3]
        self._size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
        self._bgr = foreign.channels == "bgr"
        range_in = "0..255" if foreign.range == "auto" else foreign.range
        range_out = foreign.output_range
        if range_out == "auto":
            range_out = "0..1" if range_in == "imagenet" else range_in
        self._offset, self._scale = _RANGES[range_in]
        self._out_offset, self._out_scale = _RANGES[range_out]
        axes = "NCHW" if self._nchw else "NHWC"
        fixed = (
            f", fixed {width}x{height}: frames are resized for it and back" if self._size else ""
        )
        log.warning(
            "%s is not of this project: fed as float %s, %s, %s%s",
            path, axes, foreign.channels.upper(), range_in, fixed,
        )  # fmt: skip

    def paint(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style; the same shape. Nothing is remembered."""
        height, width = rgb.shape[:2]
        if self._size is not None and self._size != (width, height):
            rgb = np.asarray(cv2.resize(rgb, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        x = (rgb.astype(np.float32) - self._offset) / self._scale
        x = x[..., ::-1] if self._bgr else x
        x = x.transpose(2, 0, 1) if self._nchw else x
        feed = np.ascontiguousarray(x[None], dtype=self._type)
        (answer,) = self._session.run([self._output], {self._input: feed})
        return self._to_rgb(np.asarray(answer, dtype=np.float32)[0], width, height)

    def _to_rgb(self, y: NDArray[np.float32], width: int, height: int) -> Rgb:
        y = y.transpose(1, 2, 0) if self._nchw else y
        taken = self._size or (width, height)
        # Nets that pad or crop answer a few pixels off; a pooled answer is no picture.
        if y.shape[2] != 3 or min(y.shape[0] / taken[1], y.shape[1] / taken[0]) < 0.5:
            raise ModelError(
                f"it is not a style model: it answers {y.shape}, no picture of 3 channels"
            )
        y = y[..., ::-1] if self._bgr else y
        pixels = np.clip(np.rint(y * self._out_scale + self._out_offset), 0, 255).astype(np.uint8)
        if pixels.shape[:2] != (height, width):
            resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
            pixels = np.asarray(resized, np.uint8)
        return np.ascontiguousarray(pixels)


def _picture_port(ports: Sequence[Any], side: str, path: Path) -> Any:
    """The one port of a foreign net, if it can be a picture's."""
    if len(ports) == 1:
        port = ports[0]
        if port.type in ("tensor(float)", "tensor(float16)") and len(port.shape) == 4:
            return port
    found = ", ".join(f"{p.name} {p.type}{p.shape}" for p in ports) or "none"
    raise ModelError(
        f"{path} is not a style model: it needs one {side} of 4 axes of float, and has {found}"
    )


def _is_nchw(shape: list[Any], layout: str, path: Path) -> bool:
    """Whether the channel axis is the second; it must hold 3."""
    channels_first, channels_last = shape[1] == 3, shape[3] == 3
    if layout == "auto" and not (channels_first or channels_last):
        raise ModelError(
            f"{path} is not a style model: no axis of its input {shape} holds 3 channels"
        )
    return channels_first if layout == "auto" else layout == "nchw"


def _nothing_known(rgb: Rgb) -> Memory:
    return Memory(np.zeros_like(rgb), np.zeros(rgb.shape[:2], np.uint8))


class ContractPainter:
    """Bytes in, bytes out: all the rest is inside the graph."""

    def __init__(self, session: onnxruntime.InferenceSession, path: Path) -> None:
        names = {i.name for i in session.get_inputs()}
        first = next((i for i in session.get_inputs() if i.name == INPUT), None)
        if first is None or first.type != "tensor(uint8)" or len(first.shape) != 4:
            raise ModelError(
                f"{path} says it keeps the contract but has no uint8 input '{INPUT}' "
                f"of 4 axes, only {', '.join(sorted(names))}"
            )
        if OUTPUT not in {o.name for o in session.get_outputs()}:
            raise ModelError(f"{path} says it keeps the contract but has no output '{OUTPUT}'")
        self._session = session
        self._recurrent = names >= set(MEMORY)

    def paint(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style; the same shape."""
        fed = {INPUT: rgb[None]}
        if self._recurrent:
            memory = memory or _nothing_known(rgb)
            told = (memory.previous[None], memory.confidence[None, ..., None])
            fed |= dict(zip(MEMORY, told, strict=True))
        (stylized,) = self._session.run([OUTPUT], fed)
        painted = np.asarray(stylized)
        if painted.shape != (1, *rgb.shape) or painted.dtype != np.uint8:
            raise ModelError(
                f"it answers {painted.shape} {painted.dtype}, not uint8 of {rgb.shape}"
            )
        return painted[0]
