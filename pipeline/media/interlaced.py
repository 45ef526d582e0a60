"""Interlaced video: each frame holds two moments, line by line. FFmpeg's bwdif makes one of them.

A net would paint the comb of lines at every edge that moves. One frame comes out for each that goes
in, with its time; frames that are not marked as interlaced stay as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import av
import av.filter
from av.video.stream import VideoStream

_EVERY_FRAME_ONCE = "mode=send_frame:parity=auto:deint=interlaced"


def deinterlaced(frames: Iterable[av.VideoFrame], stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Stage: decoded frames → the same without their combs.

    From the first interlaced frame on, each frame comes out when the next one is known.
    """
    bwdif: _Bwdif | None = None
    for frame in frames:
        if bwdif is not None and not bwdif.fits(frame):
            yield from bwdif.rest()
            bwdif = None
        if bwdif is None and frame.interlaced_frame:
            bwdif = _Bwdif(frame, stream)
        if bwdif is None:
            yield frame
        else:
            yield from bwdif.step(frame)
    if bwdif is not None:
        yield from bwdif.rest()


class _Bwdif:
    """The filter for frames of one size and format."""

    def __init__(self, first: av.VideoFrame, stream: VideoStream) -> None:
        self._kind = self._kind_of(first)
        self._times: deque[tuple[int | None, int]] = deque()
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=first.width,
            height=first.height,
            format=first.format,
            time_base=stream.time_base,
        )
        bwdif = self._graph.add("bwdif", _EVERY_FRAME_ONCE)
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    @staticmethod
    def _kind_of(frame: av.VideoFrame) -> tuple[int, int, str]:
        return frame.width, frame.height, frame.format.name

    def fits(self, frame: av.VideoFrame) -> bool:
        """Whether a frame has the size and format of those before."""
        return self._kind_of(frame) == self._kind

    def step(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Take the next frame; the one before comes out."""
        self._times.append((frame.pts, frame.duration or 0))
        self._graph.vpush(frame)
        yield from self._finished()

    def rest(self) -> Iterator[av.VideoFrame]:
        """The last frame."""
        self._graph.vpush(None)
        yield from self._finished()

    def _finished(self) -> Iterator[av.VideoFrame]:
        while self._times:
            try:
                frame = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            # The filter counts in halves of the clock's unit.
            frame.pts, frame.duration = self._times.popleft()
            yield frame
