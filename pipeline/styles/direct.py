"""Nets that paint every picture by itself: third-party and recurrent ones, played as they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import available_cores
from ..core.errors import ModelError
from ..core.frame import Canvas, Frame, Rgb, TemporalState, as_rgb
from ..imaging.resize import resize_area
from ..nets.contract import CANVAS, INPUT, MEMORY, MOST_CANVAS, OUTPUT
from ..nets.runtime import onnxruntime
from .compiled import canvas_of
from .files import MAX_WORKERS, NetOptions, card_of, open_file, session_metadata
from .style import StyleInfo, UnmeasuredShot, failures_in_one_line

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ThirdPartyFormat:
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


class ThirdPartyNet:
    """A float picture-to-picture net of another project, perhaps of one fixed size."""

    def __init__(
        self, session: onnxruntime.InferenceSession, path: Path, foreign: ThirdPartyFormat
    ) -> None:
        self._session = session
        port_in = _picture_port(session.get_inputs(), "input", path)
        port_out = _picture_port(session.get_outputs(), "output", path)
        self._input, self._output = port_in.name, port_out.name
        self._type = np.float16 if port_in.type == "tensor(float16)" else np.float32
        self._nchw = _is_nchw(port_in.shape, foreign.layout, path)
        height, width = port_in.shape[2:4] if self._nchw else port_in.shape[1:3]
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

    def paint(
        self, rgb: Rgb, state: TemporalState | None = None, canvas: Canvas | None = None
    ) -> Rgb:
        """(H, W, 3) uint8, 0–255, RGB → the same in the style. Nothing else is read."""
        height, width = rgb.shape[:2]
        if self._size is not None and self._size != (width, height):
            rgb = resize_area(rgb, (self._size[1], self._size[0]))
        x = (rgb.astype(np.float32) - self._offset) / self._scale
        x = x[..., ::-1] if self._bgr else x
        x = x.transpose(2, 0, 1) if self._nchw else x
        feed = np.ascontiguousarray(x[None], dtype=self._type)
        (answer,) = self._session.run([self._output], {self._input: feed})
        return self._to_rgb(np.asarray(answer, dtype=np.float32)[0], width, height)

    def _to_rgb(self, y: NDArray[np.float32], width: int, height: int) -> Rgb:
        y = y.transpose(1, 2, 0) if self._nchw else y
        fed = self._size or (width, height)
        # Nets that pad or crop answer a few pixels off; a pooled answer is no picture.
        if y.shape[2] != 3 or min(y.shape[0] / fed[1], y.shape[1] / fed[0]) < 0.5:
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
    names = ", ".join(f"{p.name} {p.type}{p.shape}" for p in ports) or "none"
    raise ModelError(
        f"{path} is not a style model: it needs one {side} of 4 axes of float, and has {names}"
    )


def _is_nchw(shape: list[Any], layout: str, path: Path) -> bool:
    """Whether the channel axis is the second; it must hold 3."""
    channels_first, channels_last = shape[1] == 3, shape[3] == 3
    if layout == "auto" and not (channels_first or channels_last):
        raise ModelError(
            f"{path} is not a style model: no axis of its input {shape} holds 3 channels"
        )
    return channels_first if layout == "auto" else layout == "nchw"


class ContractNet:
    """A net that keeps the contract, played as its file is: bytes in, bytes out."""

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
        self._recurrent = is_recurrent(session)
        self._canvas = canvas_channels(session)
        if self._canvas > MOST_CANVAS:
            raise ModelError(
                f"{path} takes a canvas of {self._canvas} channels; at most {MOST_CANVAS} are made"
            )

    def paint(
        self, rgb: Rgb, state: TemporalState | None = None, canvas: Canvas | None = None
    ) -> Rgb:
        """(H, W, 3) uint8, 0–255, RGB → the same in the style.

        Args:
            rgb: the picture.
            state: the past, for a recurrent net; ``None``: a shot begins.
            canvas: for a net that takes one; ``None``: as for a still picture.
        """
        inputs = {INPUT: rgb[None]}
        if self._recurrent:
            previous = np.zeros_like(rgb) if state is None else state.previous
            confidence = np.zeros(rgb.shape[:2], np.uint8) if state is None else state.confidence
            inputs |= dict(zip(MEMORY, (previous[None], confidence[None, ..., None]), strict=True))
        if self._canvas:
            inputs[CANVAS] = canvas_of(rgb, canvas, rgb, self._canvas)[None]
        (stylized,) = self._session.run([OUTPUT], inputs)
        painted = np.asarray(stylized)
        if painted.shape != (1, *rgb.shape) or painted.dtype != np.uint8:
            raise ModelError(
                f"it answers {painted.shape} {painted.dtype}, not uint8 of {rgb.shape}"
            )
        return painted[0]


def is_recurrent(session: onnxruntime.InferenceSession) -> bool:
    """Whether a net has the contract's inputs for the previous output."""
    return {i.name for i in session.get_inputs()} >= set(MEMORY)


def canvas_channels(session: onnxruntime.InferenceSession) -> int:
    """Channels of the canvas that a net takes; 0: it takes none."""
    ports = [*session.get_inputs(), *session.get_overridable_initializers()]
    return next((p.shape[3] for p in ports if p.name == CANVAS and len(p.shape) == 4), 0)


class DirectStyle:
    """A net that paints every picture by itself, by a graph as it is in its file.

    These are third-party nets, recurrent nets, nets that can't be compiled for a shot, and all
    nets with ``--statistics frame``.

    Args:
        path: the ONNX file.
        options: device, threads, live.
        third_party: how to feed a net that does not keep the contract.

    Raises:
        ModelError: it is no ONNX file, or no style model.
        DeviceError: the device can't be had.
    """

    def __init__(self, path: Path, options: NetOptions, third_party: ThirdPartyFormat) -> None:
        cores = options.threads or available_cores()
        workers = 1 if options.live else min(cores, MAX_WORKERS)
        session, device = open_file(path, options.device, max(1, cores // workers))
        self.card = card_of(session_metadata(session, path), path)
        recurrent = is_recurrent(session)
        if recurrent:  # a frame waits for the one before, so each gets all cores
            session, device = open_file(path, options.device, options.threads)
        self._net = (
            ThirdPartyNet(session, path, third_party)
            if self.card is None
            else ContractNet(session, path)
        )
        self.info = StyleInfo(
            path.stem if self.card is None else self.card.name,
            "third-party" if self.card is None else self.card.kind,
            device,
            recurrent=recurrent,
            canvas=self.card is not None and canvas_channels(session) > 0,
            max_workers=workers if device == "cpu" and not recurrent else 1,
        )

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> UnmeasuredShot:
        """See ``Style.compile``: nothing is measured, and the strength is left to a fade."""
        return UnmeasuredShot(self.paint, strength)

    def paint(self, frame: Frame, state: TemporalState | None) -> Rgb:
        """See ``ShotStyle.paint``; the result is RGB."""
        with failures_in_one_line(self.info, frame):
            return self._net.paint(as_rgb(frame.source), state, frame.canvas)

    def paint_rgb(self, rgb: Rgb) -> Rgb:
        """The same for a still picture (H, W, 3) uint8, 0–255, RGB; failures are the net's own."""
        return self._net.paint(rgb)
