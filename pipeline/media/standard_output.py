"""Write the result to standard output, as it is painted, with its sound."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet

from ..core.errors import ReaderGoneError, SinkError
from ..core.frame import Frame, Span
from ..core.groups import EncodingSettings
from .color import ColorTags
from .encoding import Content, Encoding, choose_encoding, note_what_is_lost
from .mux import Losses, TimeWindow, copy_facts, open_feeds, other_packets, packet_moment
from .piece_file import PieceFile, StandardOutput
from .pipe import PipedFile
from .source import SourceInfo
from .streams import StreamPlan
from .writers import VideoWriter


@dataclass(frozen=True)
class PipeFormat:
    """A format in which a film can be written without going back in it."""

    container: str
    """FFmpeg's name."""
    like: str
    """Ending of the files with the same encoders."""
    pixels: str = ""
    """FFmpeg's pixel format of uncompressed frames; empty: they are encoded."""


FORMATS = {
    "matroska": PipeFormat("matroska", ".mkv"),
    "nut": PipeFormat("nut", ".mkv"),
    "mpegts": PipeFormat("mpegts", ".ts"),
    "y4m": PipeFormat("yuv4mpegpipe", ".mkv", "yuv420p"),
    "rgb24": PipeFormat("rawvideo", ".mkv", "rgb24"),
}
"""``--format`` → what is written."""

NAME = "standard output"

# What is encoded goes on at once; a stream that is silent holds nothing up for longer.
_OPTIONS = {"flush_packets": "1", "max_interleave_delta": "500000"}


def check_terminal() -> None:
    """Refuse to write a film to a terminal.

    Raises:
        SinkError: standard output is one.
    """
    if os.isatty(1):
        raise SinkError("standard output is a terminal; pipe it into a player or a file")


def pipe_encoding(
    chosen: PipeFormat, settings: EncodingSettings, info: SourceInfo, content: Content
) -> Encoding:
    """Choose the encoding; see ``choose_encoding``."""
    if not chosen.pixels:
        if chosen.container != "matroska":  # the others have no place for alpha
            content = replace(content, alpha=False)
        encoding = choose_encoding(Path(f"out{chosen.like}"), settings, info, content)
        # Without frames that wait for later ones, each is out sooner, and the first one at zero.
        return replace(encoding, options={"bf": "0", **encoding.options})
    color = info.color.for_output()
    pixels = chosen.pixels
    if pixels == "rgb24":
        color = ColorTags(0, color.primaries, color.transfer, 2)
    elif info.width % 2 or info.height % 2:
        pixels = "yuv444p"
    note_what_is_lost(chosen.container, pixels, info, content)
    return Encoding("rawvideo", pixels, {}, color)


class PipeWriter(VideoWriter):
    """Encodes frames, and writes them between the packets of the source's other streams.

    Args:
        chosen: the format.
        info: the source's properties.
        encoding: see ``pipe_encoding``.
        streams: what happens to the source's other streams.
        span: the part of the source that is read.
    """

    def __init__(
        self,
        chosen: PipeFormat,
        info: SourceInfo,
        encoding: Encoding,
        streams: Sequence[StreamPlan],
        span: Span,
    ) -> None:
        if chosen.pixels:  # their frames have no times: each counts as one
            info = replace(info, time_base=1 / info.rate)
        self._chosen = chosen
        self._info = info
        self._plans = [plan for plan in streams if plan.action != "leave out"]
        self._losses = Losses()
        self._owners: dict[int, int] = {}
        self._span = span
        self._begin: Fraction | None = None
        self._end: Fraction | None = None
        self._opened = ExitStack()
        self._others: Iterator[Packet] = iter(())
        self._waiting: Packet | None = None
        self._whole = False
        super().__init__(Path(NAME), Path(NAME), info, encoding)

    @property
    def losses(self) -> list[str]:
        """What the output lacks of what was planned, a line a stream."""
        return self._losses.of(self._plans)

    def _create(self, path: Path) -> PieceFile:
        return StandardOutput()

    def _open(self, encoding: Encoding) -> OutputContainer:
        container = self._chosen.container
        options = (
            {**_OPTIONS, "avoid_negative_ts": "disabled"} if container == "matroska" else _OPTIONS
        )
        return av.open(self._file, "w", format=container, options=options)

    def write(self, frame: Frame) -> None:
        """See ``Writer.write``.

        Raises:
            ReaderGoneError: nobody reads any more.
        """
        if self._begin is None:
            self._begin = frame.time
            self._open_others()
        self._end = frame.time + (frame.duration * frame.time_base or 1 / self._info.rate)
        try:
            super().write(frame)
        except SinkError as error:
            raise self._reason(error) from error

    def reach_end(self) -> None:
        """Learn that the last frame was given: then the rest of the sound is written too."""
        self._whole = True

    def close(self) -> None:
        """See ``Writer.close``."""
        with self._opened:
            try:
                super().close()
            except SinkError as error:
                raise self._reason(error) from error

    def _reason(self, error: SinkError) -> SinkError:
        return ReaderGoneError(f"the reader of {NAME} has gone") if self._file.failed else error

    def _open_others(self) -> None:
        """Add the other streams, before the header is written."""
        source = self._info.container
        if source is None or not self._plans:
            return
        trimmed = self._span.start is not None
        span = Span(self._begin if trimmed else None, self._span.end)
        window = TimeWindow(span, Fraction(self._begin or 0) if trimmed else Fraction(0))
        try:
            original = self._opened.enter_context(source.open())
        except (av.FFmpegError, OSError, ValueError) as error:
            for plan in self._plans:
                self._losses.lose(plan, f"the source can't be read: {error}")
            return
        copy_facts(original, self._container, self._stream, window, self._info)
        feeds = open_feeds(original, self._container, self._plans, self._losses, self._owners)
        self._others = other_packets(
            original, feeds, window, self._losses, seeks=not isinstance(source, PipedFile)
        )
        self._shift = (self._begin or Fraction(0)) - window.shift

    _shift = Fraction(0)

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            ticks = round(self._shift / packet.time_base)
            packet.pts, packet.dts = (packet.pts or 0) + ticks, (packet.dts or 0) + ticks
            self._mux_others(packet_moment(packet))
            self._container.mux_one(packet)

    def _finish(self) -> None:
        """Write the rest of the sound: all of it, or as much as there are frames."""
        if self._begin is None or self._end is None:
            return
        over = self._end - self._begin + self._shift
        self._mux_others(float("inf") if self._whole else float(over))

    def _mux_others(self, until: float) -> None:
        while True:
            if self._waiting is None:
                self._waiting = next(self._others, None)
            if self._waiting is None or packet_moment(self._waiting) > until:
                return
            packet, self._waiting = self._waiting, None
            owner = self._owners.get(packet.stream.index, -1)
            try:
                self._container.mux_one(packet)
            except (av.FFmpegError, ValueError):
                if self._file.failed:
                    raise
                self._losses.dropped[owner] = self._losses.dropped.get(owner, 0) + 1
