"""Times of packets: moved, clipped to a span, put in order; and how long the last frame lasts."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from ..core.frame import Span

_REORDERED = 64
"""Packets among which the last frame that is displayed is: encoders write it before others."""


def ending_at(packets: Iterable[Packet], end: Fraction, adds_up: bool) -> Iterator[Packet]:
    """Give the last frame its duration, which encoders forget.

    Args:
        packets: of one piece of video.
        end: when its last frame ends, seconds after the first one's begin.
        adds_up: the container adds up the times between packets, as MP4 does: the last one that is
            written lasts as well.
    """
    held: deque[Packet] = deque()
    first: int | None = None
    for packet in packets:
        first = packet.dts if first is None else first
        held.append(packet)
        if len(held) > _REORDERED:
            yield held.popleft()
    if held:
        shown, written = max(held, key=lambda p: p.pts or 0), held[-1]
        ticks = round(end / shown.time_base)
        shown.duration = max(1, ticks - (shown.pts or 0))
        if adds_up:
            written.duration = max(1, ticks - (written.dts or 0) + (first or 0))
    yield from held


def after_the_last(packet: Packet, ends: dict[int, int]) -> None:
    """Move a packet that is not later than the one before it, which containers refuse.

    Args:
        packet: its times are changed in place.
        ends: stream of the output → the time of its last packet, in the stream's units.
    """
    base = packet.stream.time_base
    if packet.dts is None or base is None:
        return
    moment, last = round(packet.dts * packet.time_base / base), ends.get(packet.stream.index)
    # Lines of text may begin together; sound and pictures may not. A segment of few pictures has
    # other decoding times than a long one.
    least = None if last is None else last + (packet.stream.type in ("audio", "video"))
    if least is not None and moment < least:
        shown = packet.dts if packet.pts is None else packet.pts
        packet.duration = round((packet.duration or 0) * packet.time_base / base)
        packet.pts = max(least, round(shown * packet.time_base / base))
        packet.dts = moment = least
        packet.time_base = base
    ends[packet.stream.index] = moment


def move(packet: Packet, stream: Stream, shift: Fraction) -> Packet:
    """Subtract ``shift``, seconds, from a packet's times, and give it to a stream."""
    ticks = round(shift / packet.time_base)
    if packet.pts is not None:
        packet.pts -= ticks
    if packet.dts is not None:
        packet.dts -= ticks
    packet.stream = stream
    return packet


def clip(packet: Packet, span: Span) -> None:
    """Shorten a line of text to the span: one that stands at its start is shown from there on."""
    base, begin = packet.time_base, packet.pts or 0
    end = begin + (packet.duration or 0)
    if span.start is not None:
        begin = max(begin, math.ceil(span.start / base))
    if span.end is not None:
        end = min(end, math.floor(span.end / base))
    packet.pts = packet.dts = begin
    if packet.duration:
        packet.duration = max(1, end - begin)


def in_window(packet: Packet, span: Span) -> bool:
    """Whether any part of the packet's time lies in the span."""
    if packet.pts is None:
        return False
    start = packet.pts * packet.time_base
    end = start + max(1, packet.duration or 0) * packet.time_base
    after = span.start is None or end > span.start
    return after and (span.end is None or start < span.end)
