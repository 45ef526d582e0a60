"""Play a style model over frames: one ONNX Runtime session, uint8 in and out."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from .bound import Binder, Player
from .contract import INPUT, MEMORY, OUTPUT, VERSION, ModelCard
from .device import open_session
from .errors import ModelError, reason
from .frame import Frame, Memory, Rgb
from .graph import write_byte_sum
from .net import read_net
from .prefetch import ordered_map

log = logging.getLogger(__name__)


# On a CPU, frames side by side on a core each are quicker than one frame on all of them: nobody
# waits for the others at every operator. Each holds its own activations, hence the bound.
_MOST_WORKERS = 4


class Painter(Protocol):
    """Anything that repaints a picture at its own size."""

    def paint(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style; the same shape. Only a recurrent net reads ``memory``."""
        ...


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


class Stylizer:
    """A style model, loaded: ours by contract, or a foreign one through an adapter.

    Args:
        path: the ONNX file.
        device: see ``device.open_session``.
        threads: likewise.
        foreign: how to feed a net that does not keep the contract.
        statistics: ``shot``: a net's norms are taken once per shot and folded away, where it can
            be done; ``frame``: anew in every frame, as the file has them.
        precision: ``float``; ``int8``; or ``auto``, which takes bytes where a CPU is quick at them.

    Raises:
        ModelError: the file is not ONNX, or no style model.
        DeviceError: the device can't be had.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        threads: int = 0,
        foreign: ForeignFormat | None = None,
        statistics: str = "shot",
        precision: str = "auto",
    ) -> None:
        if not path.is_file():
            raise ModelError(f"style model {path} does not exist")
        cores = threads or _cores()
        workers = min(cores, _MOST_WORKERS)
        try:
            session, self.device = open_session(path, device, max(1, cores // workers))
        except ModelError as error:
            raise ModelError(f"{path} is not an ONNX file that can be read: {error}") from error
        try:
            card = ModelCard.from_metadata(session.get_modelmeta().custom_metadata_map)
        except ValueError as error:
            raise ModelError(f"{path} is no style model of this contract: {error}") from error
        self.card = card or ModelCard(name=path.stem, kind="foreign")
        self.recurrent = {i.name for i in session.get_inputs()} >= set(MEMORY)
        self.workers = workers if self.device == "cpu" and not self.recurrent else 1
        if self.recurrent:  # a frame waits for the one before, so each gets all cores
            session, self.device = open_session(path, device, threads)
        self._binder: Binder | None = None
        if card is not None and statistics == "shot" and not self.recurrent:
            self._binder = self._bind(path, card, cores, precision)
        self._painter: Painter = (
            _ContractPainter(session, path, card)
            if card is not None
            else _ForeignPainter(session, path, foreign or ForeignFormat())
        )

    def paint(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style; the same shape.

        Args:
            rgb: the picture.
            memory: what a recurrent net is told of the frame before; others do not read it.

        Raises:
            ModelError: the net failed: not enough memory for this size, most often.
        """
        with self._failing(rgb.shape):
            return self._painter.paint(rgb, memory)

    @property
    def binds(self) -> bool:
        """Its statistics are taken per shot, so it needs to know where one begins."""
        return self._binder is not None

    @property
    def planar(self) -> bool:
        """It takes and gives a video's own planes, if its frames come as such."""
        return self._binder is not None and self._binder.planar

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage: every frame repainted, in order."""
        if self._binder is None:
            yield from ordered_map(self._repaint, frames, self.workers)
        else:
            yield from ordered_map(self._play, self._binder.follow(frames), self.workers)

    def _repaint(self, frame: Frame) -> Frame:
        return replace(frame, picture=self.paint(frame.rgb))

    def _play(self, item: tuple[Frame, Player]) -> Frame:
        frame, player = item
        with self._failing(frame.picture.shape):
            return replace(frame, picture=player.paint(frame.picture))

    def _bind(self, path: Path, card: ModelCard, cores: int, precision: str) -> Binder | None:
        net = read_net(onnx.load(path), card)
        if net is None:
            return None

        def playing(model: bytes) -> Any:
            return open_session(model, self.device, max(1, cores // self.workers))[0]

        def measuring(model: bytes) -> Any:
            return open_session(model, self.device, cores, lean=True)[0]

        eight_bit = precision == "int8" or (
            precision == "auto" and self.device == "cpu" and sums_bytes_exactly()
        )
        return Binder(net, playing, measuring, eight_bit)

    @contextmanager
    def _failing(self, shape: tuple[int, ...]) -> Generator[None]:
        """Turn a net's failure into one line."""
        try:
            yield
        except ModelError as error:
            raise ModelError(f"{self.card.name}: {error}") from error
        # ONNX Runtime's errors share no base class below this one.
        except Exception as error:
            raise ModelError(
                f"{self.card.name} failed on {self.device} at {shape[1]}x{shape[0]}: "
                f"{reason(error)}; try a smaller --size"
            ) from error


@functools.cache
def sums_bytes_exactly() -> bool:
    """Whether this CPU has the instructions that 8-bit nets want (VNNI, dot products)."""
    model, bytes_in, wanted = write_byte_sum()
    session, _ = open_session(model, "cpu", 1)
    return bool(np.all(np.abs(session.run(None, {"bytes": bytes_in})[0] - float(wanted)) <= 1))


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _nothing_known(rgb: Rgb) -> Memory:
    return Memory(np.zeros_like(rgb), np.zeros(rgb.shape[:2], np.uint8))


class _ContractPainter:
    """Bytes in, bytes out: all the rest is inside the graph."""

    def __init__(self, session: onnxruntime.InferenceSession, path: Path, card: ModelCard) -> None:
        if card.contract > VERSION:
            raise ModelError(
                f"{path} keeps contract {card.contract}, this program knows {VERSION}; "
                "update it: pip install -U stylize-video"
            )
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


_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32) * 255

# Range → (offset, scale) with net = (pixel − offset) / scale, pixels 0..255.
_RANGES: dict[str, tuple[Any, Any]] = {
    "0..255": (0.0, 1.0),
    "0..1": (0.0, 255.0),
    "-1..1": (127.5, 127.5),
    "imagenet": (_IMAGENET_MEAN, _IMAGENET_STD),
}


class _ForeignPainter:
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
