"""Join pieces of encoded video with the sound, subtitles and chapters of their source.

A stream that the output's container can hold is not encoded again: its packets are copied. What
fails on the way costs that stream alone: the picture is always written.
"""

from __future__ import annotations

import errno
import heapq
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.codec import UnknownCodecError
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from ..core.errors import reason
from ..core.files import NO_SPACE
from ..core.frame import Span
from .color import ColorTags
from .container import is_cover, open_container
from .feeds import Feed, copied_tags, is_last, open_feed, track_tags
from .packets import after_the_last, clip, ending_at, in_window, move
from .settings_tag import put_tag
from .source import SourceInfo
from .source_file import MediaFile
from .streams import TIMECODES, StreamPlan
from .timecode import advanced
from .timeline import continuous, may_jump
from .writers import Segment


@dataclass(frozen=True)
class TimeWindow:
    """Which part of the source the output has, and how its clock moves."""

    span: Span
    """Packets that lie in it are copied."""
    shift: Fraction
    """Seconds that are subtracted from every timestamp."""


_LONGEST_LINE = 60
"""Seconds before ``--start`` from which subtitles are read: a line may stand so long."""

WHOLE = TimeWindow(Span(), Fraction(0))


@dataclass
class Losses:
    """What an output lacks of what was planned: a line a stream, by its index in the source."""

    lines: dict[int, str] = field(default_factory=dict[int, str])
    dropped: dict[int, int] = field(default_factory=dict[int, int])
    """Packets that the container refused, of streams that are kept."""

    def lose(self, plan: StreamPlan, why: str) -> None:
        """A stream ends here, or is missing as a whole."""
        self.lines.setdefault(plan.index, f"{plan.name}: {why}")

    def of(self, plans: Sequence[StreamPlan]) -> list[str]:
        """All losses, a line each."""
        lines = dict(self.lines)
        for plan in plans:
            count = self.dropped.get(plan.index, 0)
            if count and plan.index not in lines:
                lines[plan.index] = f"{plan.name}: {count} packets that could not be written"
        return [lines[index] for index in sorted(lines)]


def join(
    pieces: list[Segment],
    source: MediaFile | None,
    output: Path,
    container: str,
    window: TimeWindow = WHOLE,
    plans: Sequence[StreamPlan] = (),
    info: SourceInfo | None = None,
    colors: ColorTags | None = None,
    tag: str | None = None,
) -> list[str]:
    """Write ``output`` from ``pieces`` and the other streams of ``source``.

    Args:
        pieces: the video, in order, of one encoding.
        source: the file whose sound, subtitles, chapters and metadata are used; ``None``: none.
        output: the file to write.
        container: FFmpeg's name of its format.
        window: the part of ``source`` that the output has.
        plans: what happens to the source's other streams.
        info: of the source: which of its streams is painted, and its frame rate.
        colors: tags of the picture; ``None``: those of the pieces.
        tag: the run's settings, for the metadata; ``None``: they are not written.

    Returns:
        What the output lacks of what was planned, a line a stream.

    Raises:
        av.FFmpegError, OSError: not even the picture can be written.
    """
    kept = [p for p in plans if p.action != "leave out" and p.kind != "timecode"]
    losses = Losses()
    # A file that fails with all streams is tried with its sound, then with its picture alone.
    choices = [kept, [plan for plan in kept if plan.kind == "audio"], []]
    for number, chosen in enumerate(choices):
        if number and len(chosen) == len(choices[number - 1]):
            continue
        attempt = Losses(dict(losses.lines))
        try:
            with _reopened(source, kept, attempt) as original:
                facts = info, colors, tag
                _write(pieces, original, output, container, window, chosen, attempt, facts)
            if source is not None and source.is_truncated:
                for plan in chosen:
                    attempt.lose(plan, f"{source.name} was truncated during the run")
            return attempt.of(kept)
        except (av.FFmpegError, ValueError) as error:
            if not chosen or _is_of_disk(error):
                raise
            left = choices[number + 1]
            for plan in chosen:
                if plan not in left:
                    losses.lose(plan, reason(error))
    raise AssertionError("the last choice returns or raises")


@contextmanager
def _reopened(
    source: MediaFile | None, plans: Sequence[StreamPlan], losses: Losses
) -> Generator[InputContainer | None]:
    """The source as a container; ``None`` where there is none, or it can't be read any more."""
    original: InputContainer | None = None
    if source is not None:
        why = f"{source.name} was overwritten during the run" if source.is_overwritten else ""
        try:
            original = None if why else source.open()
        except (av.FFmpegError, OSError, ValueError) as error:
            why = f"the source can't be read any more: {reason(error)}"
        for plan in plans if why else ():
            losses.lose(plan, why)
    try:
        yield original
    finally:
        if original is not None:
            original.close()


def _write(
    pieces: list[Segment],
    original: InputContainer | None,
    output: Path,
    container: str,
    window: TimeWindow,
    plans: Sequence[StreamPlan],
    losses: Losses,
    facts: tuple[SourceInfo | None, ColorTags | None, str | None],
) -> None:
    """Write the file once, with some of the source's streams; see ``join``."""
    with (
        open_container(pieces[0].path) as first,
        av.open(output, "w", format=container, options=_options(container, first)) as out,
    ):
        info, colors, tag = facts
        video = _video_stream(first, out, colors)
        if info is not None:
            video.codec_context.framerate = info.rate  # else Matroska gets the encoder's clock
        sources = [_video_packets(pieces, video, window)]
        owners: dict[int, int] = {}
        if original is not None:
            copy_facts(original, out, video, window, info)
            feeds = open_feeds(original, out, plans, losses, owners)
            sources.append(other_packets(original, feeds, window, losses))
        put_tag(out.metadata, out.format.name, tag)
        out.start_encoding()
        _mux(out, sources, losses, owners)


def _is_of_disk(error: Exception) -> bool:
    """Whether a failure has nothing to do with what is written: it would fail again."""
    code = getattr(error, "errno", None)
    return code in NO_SPACE or code in (errno.EACCES, errno.EROFS, errno.EIO)


def _video_stream(
    piece: InputContainer, out: OutputContainer, colors: ColorTags | None
) -> VideoStream:
    """Add the output's video stream, with the headers and the clock of the pieces."""
    template = piece.streams.video[0]
    try:
        video = out.add_stream_from_template(template)
    except UnknownCodecError:  # a decoder has no encoder of its name, as for AV1
        video = out.add_stream_from_template(template, opaque=True)
    video.time_base = template.time_base
    if out.format.name in ("mp4", "mov") and piece.format.name.startswith("mov,"):
        # hvc1, not hev1, which Apple's players don't know; and each kind of ProRes has its own.
        video.codec_context.codec_tag = template.codec_context.codec_tag
    tags = {key.lower(): value for key, value in template.metadata.items()}
    if "alpha_mode" in tags:
        video.metadata["alpha_mode"] = tags["alpha_mode"]
    if colors is not None:  # the pieces' own container may have lost what the codec does not store
        video.codec_context.colorspace = colors.matrix
        video.codec_context.color_primaries = colors.primaries
        video.codec_context.color_trc = colors.transfer
        video.codec_context.color_range = colors.range
    return video


def _options(container: str, first: InputContainer) -> dict[str, str]:
    if container in ("matroska", "webm"):
        # Sound begins before zero by its encoder's delay; shifting it would move the picture too.
        # Without bitexact, each file has a random number in it.
        return {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
    if container == "mpegts":
        # A reader knows that a picture is complete before the next one comes, if there is one.
        return {"omit_video_pes_length": "0"}
    if container not in ("mp4", "mov"):
        return {}
    # The movie's clock stores a stream's late start; a thousandth of a second is too coarse.
    base = first.streams.video[0].time_base
    clock = base.denominator if base is not None else 1000
    return {"movflags": "+faststart", "movie_timescale": str(clock)}


def _mux(
    out: OutputContainer, sources: list[Iterator[Packet]], losses: Losses, owners: dict[int, int]
) -> None:
    """Write packets in the order of their times.

    Args:
        out: begun.
        sources: packets of its streams, each in order.
        losses: counts what can't be written.
        owners: stream of the output → stream of the source, for all but the picture.
    """
    ends: dict[int, int] = {}
    for packet in heapq.merge(*sources, key=packet_moment):
        owner = owners.get(packet.stream.index)
        after_the_last(packet, ends)
        try:
            out.mux_one(packet)
        except (av.FFmpegError, ValueError) as error:
            if owner is None or _is_of_disk(error):
                raise
            losses.dropped[owner] = losses.dropped.get(owner, 0) + 1


def packet_moment(packet: Packet) -> float:
    """Seconds at which a packet has its place among those of the other streams."""
    return float((packet.dts or 0) * packet.time_base)


def _video_packets(pieces: list[Segment], video: Stream, window: TimeWindow) -> Iterator[Packet]:
    for piece in pieces:
        with open_container(piece.path) as container:
            # The last packet of a run that was killed may be torn.
            packets = (p for p in container.demux(video=0) if p.dts is not None)
            packets = (p for p in packets if not p.is_corrupt)
            if piece.end > piece.start:
                adds_up = video.container.format.name in ("mp4", "mov")
                packets = ending_at(packets, piece.end - piece.start, adds_up)
            for packet in packets:
                yield move(packet, video, window.shift - piece.start)


# ---- the source's other streams ----


def copy_facts(
    original: InputContainer,
    out: OutputContainer,
    video: Stream,
    window: TimeWindow,
    info: SourceInfo | None,
) -> None:
    """Copy the metadata of the file and of its picture, and the chapters."""
    out.metadata.update(copied_tags(original.metadata))
    put_tag(out.metadata, out.format.name, None)
    if info is not None and info.stream < len(original.streams):
        painted = original.streams[info.stream]
        video.metadata.update(track_tags(painted.metadata, out.format.name))
        video.disposition = painted.disposition & ~painted.disposition.attached_pic
        timecode = painted.metadata.get("timecode", original.metadata.get("timecode"))
        if timecode is not None and out.format.name in TIMECODES:
            later = info.start if window.span.start is None else window.span.start
            video.metadata["timecode"] = advanced(timecode, later - info.start, info.rate)
    in_window = (_chapter(chapter, window) for chapter in original.chapters())
    if chapters := [chapter for chapter in in_window if chapter is not None]:
        out.set_chapters(chapters)


def _chapter(chapter: Any, window: TimeWindow) -> Any | None:
    """The chapter on the output's clock; ``None`` if it is outside the window."""
    base = chapter["time_base"]
    start, end = chapter["start"] * base, chapter["end"] * base
    if window.span.start is not None:
        start = max(start, window.span.start)
    if window.span.end is not None:
        end = min(end, window.span.end)
    if start >= end:
        return None
    ticks = {
        "start": round((start - window.shift) / base),
        "end": round((end - window.shift) / base),
    }
    return {**chapter, **ticks, "metadata": copied_tags(chapter["metadata"])}


def open_feeds(
    original: InputContainer,
    out: OutputContainer,
    plans: Sequence[StreamPlan],
    losses: Losses,
    owners: dict[int, int],
) -> dict[int, tuple[StreamPlan, Feed]]:
    """Add the other streams to an output.

    Args:
        original: the source.
        out: the output; its header is not written yet.
        plans: of the streams to add.
        losses: gets a line for what fails.
        owners: gets stream of the output → stream of the source.

    Returns:
        For each of them, by index in the source: how its packets are made.
    """
    feeds: dict[int, tuple[StreamPlan, Feed]] = {}
    for plan in plans:
        try:
            stream = original.streams[plan.index]
            feed = open_feed(stream, out, plan.encoder, plan.payload)
        except (av.FFmpegError, ValueError, IndexError) as error:
            losses.lose(plan, reason(error))
            continue
        owners[len(out.streams) - 1] = plan.index
        if stream.type != "attachment":
            feeds[plan.index] = (plan, feed)
    return feeds


def other_packets(
    original: InputContainer,
    feeds: dict[int, tuple[StreamPlan, Feed]],
    window: TimeWindow,
    losses: Losses,
    seeks: bool = True,
) -> Iterator[Packet]:
    """Packets of the other streams, inside the window, on the output's clock.

    Args:
        original: the source.
        feeds: see ``open_feeds``.
        window: the part that is read.
        losses: gets a line for what fails.
        seeks: it is no pipe.
    """
    streams = [original.streams[index] for index in feeds]
    if not streams:
        return
    if seeks and window.span.start is not None and not may_jump(original):
        before = _LONGEST_LINE if any(s.type == "subtitle" for s in streams) else 1
        early = int((window.span.start - before) * av.time_base)
        with suppress(av.FFmpegError, OSError):  # then all of it is read, and the window selects
            original.seek(max(early, original.start_time or 0), backward=True)
    try:
        packets = continuous(original) if may_jump(original) else original.demux(streams)
        for packet in packets:
            if packet.stream.index not in feeds:
                continue
            if is_cover(packet.stream):
                packet.pts = packet.dts = round(window.shift / packet.time_base)
            elif not is_last(packet) and not in_window(packet, window.span):
                continue
            if packet.stream.type == "subtitle" and not is_last(packet):
                clip(packet, window.span)
            yield from _fed(packet, *feeds[packet.stream.index], window, losses)
    except (av.FFmpegError, OSError) as error:
        for plan, _ in feeds.values():
            losses.lose(plan, f"the source breaks off: {reason(error)}")


def _fed(
    packet: Packet, plan: StreamPlan, feed: Feed, window: TimeWindow, losses: Losses
) -> Iterator[Packet]:
    """What a feed makes of a packet. One that fails ends its stream."""
    if plan.index in losses.lines:
        return
    try:
        for produced in feed(packet):
            if produced.dts is not None or produced.pts is not None:
                yield move(produced, produced.stream, window.shift)
    except (av.FFmpegError, ValueError) as error:
        losses.lose(plan, f"it ends early: {reason(error)}")
