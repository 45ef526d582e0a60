"""One continuous clock of a file whose own clock jumps: joined and restarted transport streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.video.stream import VideoStream

_GAP = 10.0  # seconds: packets further ahead than this are on another clock
_BACK = 0.1  # seconds: packets of one stream lie this far behind the one before, at most


def may_jump(container: InputContainer) -> bool:
    """Whether the clock of a file of this format may jump half-way: MPEG-TS, MPEG-PS."""
    return Flags.ts_discont in Flags(container.format.flags)


def continuous(container: InputContainer) -> Iterator[Packet]:
    """All packets of a file, in its order, on one clock.

    Where the clock may jump, read the file from its beginning: the clock at a place depends on all
    jumps before it.
    """
    packets = container.demux()
    return _on_one_clock(packets) if may_jump(container) else packets


def packets_of(
    container: InputContainer, stream: VideoStream, since: Fraction | None = None
) -> Iterator[Packet]:
    """The packets of a film, on a clock that does not jump.

    Args:
        container: the file, at its beginning if its clock may jump.
        stream: of the file.
        since: no frame before this time is needed, seconds; ``None``: all are.
    """
    if not may_jump(container):
        yield from container.demux(stream)
        return
    group: list[Packet] = []  # from a key frame on
    for packet in continuous(container):
        if packet.stream.index != stream.index:
            continue
        if since is None or packet.dts is None or packet.dts * packet.time_base >= since:
            yield from group
            group.clear()
            since = None
            yield packet
            continue
        # Pictures before a key frame may follow it in the file.
        if packet.is_keyframe and packet.dts * packet.time_base < since - Fraction(1, 2):
            group.clear()
        group.append(packet)
    yield from group


@dataclass
class _Track:
    """Of one stream of sound or pictures."""

    part: int = 0
    """The last part of the file of which a packet has come."""
    end: float | None = None
    """Where its next packet is expected, seconds on the continuous clock."""


def _on_one_clock(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Move packets so that each part of the file begins where the one before ends.

    Sound and picture of one part are moved by the same time. The last packets of a part may come
    after the first ones of the next.
    """
    offsets = [Fraction(0)]  # of each part
    tracks: dict[int, _Track] = {}
    latest: float | None = None  # end of all that was displayed or heard so far
    for packet in packets:
        moment = packet.dts if packet.dts is not None else packet.pts
        if moment is None:
            yield packet
            continue
        base = packet.time_base
        part = len(offsets) - 1
        if packet.stream.type in ("audio", "video"):
            track = tracks.setdefault(packet.stream.index, _Track(part))
            seen = float(moment * base)
            part = _part_of(seen, track, offsets, latest)
            if part == len(offsets):
                shown = packet.pts if packet.pts is not None else moment
                offsets.append(Fraction(latest or 0).limit_denominator(90000) - shown * base)
            track.part = part
            length = float((packet.duration or 0) * base)
            track.end = seen + float(offsets[part]) + length
            shown = packet.pts if packet.pts is not None else moment
            end = float(shown * base + offsets[part]) + length
            latest = end if latest is None else max(latest, end)
        ticks = round(offsets[part] / base)
        if ticks:
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        yield packet


def _part_of(seen: float, track: _Track, offsets: list[Fraction], latest: float | None) -> int:
    """The part of the file to which a packet belongs; ``len(offsets)``: a new one begins."""
    expected = track.end
    if latest is None:
        return 0
    earliest = latest - _GAP

    def is_in(part: int) -> bool:
        moment = seen + float(offsets[part])
        # At a joint the sound may begin long before the picture, or the other way round.
        goes_on = part == track.part
        lowest = expected - _BACK if goes_on and expected is not None else earliest
        return lowest <= moment <= earliest + 2 * _GAP

    parts = [part for part in range(track.part, len(offsets)) if is_in(part)]
    near = latest if expected is None else expected
    return min(parts, key=lambda p: abs(seen + float(offsets[p]) - near), default=len(offsets))
