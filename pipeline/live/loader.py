"""Loads styles in the background: the live picture never waits for the next one.

A style is opened and compiled for a frame in a thread of its own, while the one before goes on. So
are another strength, another size, a new shot, and a change of light.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..core.concurrency import thread_name
from ..core.errors import ModelError, StylizeError, reason
from ..core.frame import Frame
from ..imaging.resize import resize_picture, scaled_size
from ..styles.painted_size import painted_size
from ..styles.per_shot import LOOK_EVERY, CompiledShot, kind_of
from ..styles.style import Style, StyleInfo
from ..temporal.canvas import still_canvas

log = logging.getLogger(__name__)

OpenStyle = Callable[[int], Style]
"""Number of a style in the playlist → the style, opened."""


@dataclass(frozen=True)
class StyleRequest:
    """What is to be painted with."""

    style: int
    """Its number in the playlist."""
    strength: float = 1.0
    """0..1."""
    scale: float = 1.0
    """Size at which is painted, of the frame's sides."""
    shot: int = 0
    """Number of the shot, counted from 0: each one is compiled for."""


@dataclass(frozen=True, eq=False)
class LoadedStyle:
    """A style, ready to paint frames of one size and layout."""

    shot: CompiledShot
    info: StyleInfo
    request: StyleRequest
    kind: Any
    """Shape and layout of the frames that it is for."""
    size: tuple[int, int]
    """(height, width) at which it paints them."""


class StyleLoader:
    """Has a style ready for what is requested, and loads the next one in the background.

    Args:
        open_style: opens a style.
        request: the first one: loaded, and waited for, at the first frame.
        canvas: strength of the canvas, for styles that take one, 0..2: they are measured with it.
    """

    def __init__(self, open_style: OpenStyle, request: StyleRequest, canvas: float = 1.0) -> None:
        self._canvas = canvas
        self._open = open_style
        self._styles: dict[int, Style] = {}
        self._request = request
        self._refused: StyleRequest | None = None
        self._sample: Frame | None = None
        self._loaded: LoadedStyle | None = None
        self._frames = 0
        self._wake = threading.Event()
        self._ready = threading.Condition()
        self._failure: StylizeError | None = None
        self._closed = False
        self._thread = threading.Thread(
            target=self._work, name=thread_name("style loader"), daemon=True
        )
        self._thread.start()

    def style_for(self, frame: Frame, request: StyleRequest) -> LoadedStyle:
        """Return what paints ``frame`` now: as requested, or still as before.

        Raises:
            StylizeError: the first style can't be loaded; a later one is reported and not used.
        """
        self._sample = frame
        self._frames += 1
        if request != self._request:
            self._request = request
            self._wake.set()
        loaded = self._loaded
        if loaded is None or loaded.kind != kind_of(frame.source):
            return self._wait(frame)
        if self._frames % LOOK_EVERY == 0:  # the light may have changed
            self._wake.set()
        return loaded

    def _wait(self, frame: Frame) -> LoadedStyle:
        """The style for frames of a new size or layout, as soon as it is loaded."""
        kind = kind_of(frame.source)
        with self._ready:
            self._wake.set()
            self._ready.wait_for(
                lambda: self._failure or (self._loaded is not None and self._loaded.kind == kind)
            )
            if self._failure is not None:
                raise self._failure
            assert self._loaded is not None  # it was waited for
            return self._loaded

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closed:
                return
            request, frame, before = self._request, self._sample, self._loaded
            if frame is None:
                continue
            if before is not None and self._is_refused(request):
                request = replace(before.request, shot=request.shot)
            try:
                loaded = self._next(request, frame, before)
            except StylizeError as error:
                self._refuse(request, error)
                continue
            except Exception as error:  # noqa: BLE001 - nothing may wait for a thread that is gone
                self._refuse(request, ModelError(f"the style can't be played: {reason(error)}"))
                continue
            with self._ready:
                self._loaded = loaded
                self._ready.notify_all()
            if self._request != request and not self._is_refused(self._request):
                self._wake.set()

    def _next(self, request: StyleRequest, frame: Frame, before: LoadedStyle | None) -> LoadedStyle:
        """What paints from now on: as ``before``, with the light followed; or another."""
        if before is None or before.kind != kind_of(frame.source) or request != before.request:
            return self._load(request, frame)
        shot = before.shot.look(self._small(frame, before.size, before.info))
        return replace(before, shot=shot)

    def _load(self, request: StyleRequest, frame: Frame) -> LoadedStyle:
        if request.style not in self._styles:
            self._styles[request.style] = self._open(request.style)
        style = self._styles[request.style]
        height, width = frame.source.shape[:2]
        scale = request.scale
        size = (height, width) if scale >= 1 else scaled_size(height, width, scale)
        size = painted_size(size, style.info.scale)
        small = self._small(frame, size, style.info)
        shot = CompiledShot.of(style, [small], request.strength)
        shot.style.paint(small)  # the first run plans its memory: not while it is displayed
        return LoadedStyle(shot, style.info, request, kind_of(frame.source), size)

    def _small(self, frame: Frame, size: tuple[int, int], info: StyleInfo) -> Frame:
        """The frame at the (height, width) at which it is painted, with a canvas for its style."""
        source = resize_picture(frame.source, size)
        canvas = still_canvas(source, self._canvas) if info.canvas else None
        return replace(frame, source=source, canvas=canvas)

    def _is_refused(self, request: StyleRequest) -> bool:
        """Whether it is the one that could not be loaded, in this shot or an earlier one."""
        return self._refused is not None and replace(request, shot=0) == self._refused

    def _refuse(self, request: StyleRequest, error: StylizeError) -> None:
        """Report a style that can't be loaded, once; the one before goes on."""
        self._refused = replace(request, shot=0)
        sample, loaded = self._sample, self._loaded
        if loaded is not None and sample is not None and loaded.kind == kind_of(sample.source):
            log.warning("%s; the style before goes on", error)
            return
        if loaded is not None and request != loaded.request:
            self._wake.set()  # frames of another size have come: as before, then
            return
        with self._ready:
            self._failure = error
            self._ready.notify_all()
