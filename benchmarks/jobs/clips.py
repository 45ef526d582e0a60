"""Clips to measure with: as they are, or made larger or of a higher frame rate, and kept.

Frames of a higher rate are interpolated along the motion (FFmpeg's ``minterpolate``): things move
by as much less in a frame. They are a little softer and less noisy than a camera's.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as TheEnd

ENCODER = {"crf": "16", "preset": "veryfast"}
"""Of the clips that are made."""


@dataclass(frozen=True)
class Clip:
    """A clip and what is known of it."""

    path: str
    width: int
    height: int
    rate: Fraction
    frames: int
    sound: bool

    def end_after(self, frames: int) -> str:
        """The setting ``end`` that leaves the first ``frames``: half a frame before the next."""
        return f"{float((frames - Fraction(1, 2)) / self.rate):.6f}"


def look(path: str) -> Clip:
    """Count a clip's frames.

    Raises:
        SystemExit: it is no video.
    """
    try:
        with av.open(path) as container:
            video = container.streams.video[0]
            size = video.codec_context.width, video.codec_context.height
            rate = Fraction(video.average_rate or video.guessed_rate or 25)
            count = sum(1 for packet in container.demux(video) if packet.size)
            sound = bool(container.streams.audio)
    except (av.FFmpegError, IndexError) as error:
        raise SystemExit(f"{path} is no video that can be read: {error}") from error
    return Clip(path, *size, rate, count, sound)


def made(path: str, size: str | None, rate: Fraction | None, begin: float, frames: int) -> str:
    """A clip of another size, frame rate or beginning, made once and kept in the temporary folder.

    Args:
        path: of the source.
        size: ``WxH``; it is enlarged with Lanczos.
        rate: frames per second; ``None``: the source's.
        begin: seconds of the source that are left out.
        frames: how many are made, if the source has as many.
    """
    if size is None and rate is None and not begin:
        return path
    about = path, Path(path).stat().st_mtime_ns, size, rate, begin, frames
    key = hashlib.sha256(repr(about).encode()).hexdigest()[:12]
    out = Path(tempfile.gettempdir()) / "stylize-video-benchmarks" / f"{key}.mp4"
    if not out.exists():
        out.parent.mkdir(exist_ok=True)
        part = out.with_suffix(".part.mp4")
        _make(path, part, size, rate, begin, frames)
        part.rename(out)
    return str(out)


def _make(
    path: str, out: Path, size: str | None, rate: Fraction | None, begin: float, frames: int
) -> None:
    with av.open(path) as source, av.open(str(out), "w") as target:
        video: Any = source.streams.video[0]
        rate = rate or Fraction(video.average_rate)
        graph = _filters(video, size, rate, begin)
        stream: Any = target.add_stream("libx264", rate=rate, options=ENCODER)
        stream.pix_fmt = "yuv420p"
        wide_high = map(int, size.split("x")) if size else (video.width, video.height)
        stream.width, stream.height = wide_high
        sound = [source.streams.audio[0]] if source.streams.audio else []
        copies = {s.index: target.add_stream_from_template(s) for s in sound}
        count = 0
        for packet in source.demux(video, *sound):
            if packet.stream is not video:
                _copy(packet, copies[packet.stream.index], begin, frames / rate, target)
                continue
            for picture in [*packet.decode(), *([None] if packet.dts is None else [])]:
                graph.push(picture)
                for made_picture in _pulled(graph):
                    if count < frames:
                        _encode(made_picture, count, 1 / rate, stream, target)
                    count += 1
            if count >= frames:
                break
        target.mux(stream.encode(None))


def _filters(video: Any, size: str | None, rate: Fraction, begin: float) -> Any:
    graph = av.filter.Graph()
    chain = [graph.add_buffer(template=video), graph.add("trim", f"start={begin}")]
    if rate != video.average_rate:
        how = "mi_mode=mci:mc_mode=obmc:me=epzs:me_mode=bidir:scd=none"
        chain.append(graph.add("minterpolate", f"fps={rate}:{how}"))
    if size is not None:
        chain.append(graph.add("scale", f"{size.replace('x', ':')}:flags=lanczos"))
    chain += [graph.add("format", "yuv420p"), graph.add("buffersink")]
    graph.link_nodes(*chain).configure()
    return graph


def _pulled(graph: Any) -> Generator[Any]:
    while True:
        try:
            yield graph.pull()
        except (NothingYet, TheEnd):
            return


def _encode(picture: Any, number: int, clock: Fraction, stream: Any, target: Any) -> None:
    picture.pts, picture.time_base, picture.pict_type = number, clock, 0
    target.mux(stream.encode(picture))


def _copy(packet: Any, stream: Any, begin: float, length: Fraction, target: Any) -> None:
    """A packet of sound, if it lies in what is made."""
    if packet.dts is None or not begin <= packet.pts * packet.time_base < begin + length:
        return
    shift = round(begin / packet.time_base)
    packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
    target.mux(packet)
