"""Clips as the world makes them: with flashes and beeps in step, joined, with another clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

_TICKS = 90000  # a second in a transport stream
_PACKET = 188  # bytes
_LOUD = 0.1


def is_on(second: float) -> bool:
    """Whether the picture is white and the tone sounds: 0.2 s of every second."""
    return 0.5 <= second % 1 < 0.7


def write_film(
    path: Path,
    times: Sequence[Fraction],
    codec: str = "libx264",
    sound: str | None = "aac",
    layout: str = "stereo",
    rate: int = 48000,
    size: tuple[int, int] = (64, 48),
    seconds: float | None = None,
    last: Fraction = Fraction(1, 25),
    clock: Fraction = Fraction(1, _TICKS),
    tags: dict[str, str] | None = None,
    words: str | None = None,
) -> Path:
    """Write a film that flashes while a tone sounds; see ``is_on``.

    Args:
        path: its ending names the container.
        times: of its frames, seconds.
        codec: of the picture.
        sound: codec of the sound; ``None``: there is none.
        layout: of the sound.
        rate: of the sound, Hz.
        size: (width, height), px.
        seconds: of sound; ``None``: as long as the picture.
        last: how long the last frame lasts, seconds.
        clock: of the encoder, seconds.
        tags: metadata of the file.
        words: kind of subtitles, with one line; see ``_add_words``; ``None``: there are none.
    """
    with av.open(path, "w") as out:
        out.metadata.update(tags or {})
        video: Any = out.add_stream(codec, rate=25)
        video.width, video.height = size
        video.pix_fmt = (video.codec_context.codec.video_formats or [video.format])[0].name
        video.codec_context.time_base = video.time_base = clock
        audio: Any = None
        if sound is not None:
            audio = out.add_stream(sound, rate=rate)
            audio.codec_context.layout = layout
            # FFmpeg's own Vorbis encoder counts as an experiment.
            audio.codec_context.options = {"strict": "experimental"}
            if sound == "wmav2":  # it has no rate of its own
                audio.bit_rate = 128_000
            audio.codec_context.open(strict=False)
        line = None if words is None else _add_words(out, words)
        packets: list[Any] = []
        for time in times:
            white = 255 if is_on(float(time)) else 0
            frame = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), white, np.uint8), "rgb24")
            frame.pts, frame.time_base = round(time / clock), clock
            packets += video.encode(frame)
        packets += video.encode(None)
        end = round((times[-1] + last) / clock) - packets[0].pts
        packets[-1].duration = end - (packets[-1].dts - packets[0].dts)  # MP4 adds these up
        max(packets, key=lambda p: p.pts).duration = round(last / clock)
        if audio is not None:
            packets += _beeps(audio, layout, rate, seconds or float(times[-1] + last))
        if line is not None:
            packets.append(line)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    return path


_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

# A picture of two lines of a DVD: its size, where its commands are, two lines, the commands.
_SPU = bytes.fromhex(
    "0024 0008 0001 0001 0000 001e 03 0123 04 0fff 05 000001 000001 06 0004 0006 01 ff"
    "0020 001e 02 ff"
)
WORDS = {
    "srt": b"Hello",
    "ass": b"0,0,Default,,0,0,0,,{\\i1}Hello{\\i0}",
    "mov_text": b"\0\5Hello",
    "webvtt": b"Hello",
    "dvdsub": _SPU,
}
"""Kind of subtitles → the packet of one line, from 0.2 s to 0.8 s."""


def _add_words(out: Any, kind: str) -> av.Packet:
    """Add a stream of subtitles to a file; its one packet is returned."""
    if kind == "dvdsub":
        stream: Any = out.add_mux_stream("dvd_subtitle")
    else:
        stream = out.add_stream(kind)
        stream.codec_context.subtitle_header = _HEADER
        stream.codec_context.time_base = Fraction(1, 1000)
    stream.time_base = Fraction(1, 1000)
    packet = av.Packet(WORDS[kind])
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = 200
    packet.duration = 600
    return packet


def _beeps(stream: Any, layout: str, rate: int, seconds: float) -> list[Any]:
    time = np.arange(round(seconds * rate)) / rate
    wave = np.where((time % 1 >= 0.5) & (time % 1 < 0.7), np.sin(2 * np.pi * 440 * time), 0) * 0.5
    channels = len(av.AudioLayout(layout).channels)
    samples = np.repeat(wave.astype(np.float32), channels)[None]
    whole = av.AudioFrame.from_ndarray(samples, "flt", layout)
    whole.rate, whole.pts = rate, 0
    context = stream.codec_context
    size = context.frame_size or 1024
    resampler = av.AudioResampler(context.format, layout, rate, frame_size=size)
    pieces = [*resampler.resample(whole), *resampler.resample(None)]
    return [packet for piece in [*pieces, None] for packet in stream.encode(piece)]


def steps(count: int, rate: int = 25) -> list[Fraction]:
    """Times of frames at a constant rate, seconds."""
    return [Fraction(number, rate) for number in range(count)]


def offsets(path: Path) -> list[float]:
    """How much later than its flash each beep begins, seconds: 0 in step."""
    flashes, beeps = _flashes(path), _onsets(path)
    return [min((beep - flash for beep in beeps), key=abs) for flash in flashes]


def _flashes(path: Path) -> list[float]:
    found: list[float] = []
    was_white = False
    with av.open(path) as container:
        for frame in container.decode(container.streams.video[0]):
            white = frame.to_ndarray(format="gray").mean() > 128
            if white and not was_white:
                found.append(frame.time or 0.0)
            was_white = white
    return found


def _onsets(path: Path) -> list[float]:
    found: list[float] = []
    last = -1.0
    with av.open(path) as container:
        for frame in container.decode(container.streams.audio[0]):
            samples = av.AudioResampler("fltp", "mono", frame.sample_rate).resample(frame)[0]
            loud = np.flatnonzero(np.abs(samples.to_ndarray()[0]) > _LOUD)
            for moment in (frame.time or 0.0) + loud / frame.sample_rate:
                if moment - last > 0.25:
                    found.append(float(moment))
                last = float(moment)
    return found


def joined(path: Path, *parts: Path) -> Path:
    """Transport streams one after the other, byte by byte."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def on_another_clock(source: Path, path: Path, seconds: float) -> Path:
    """A transport stream whose every time is later by so much, modulo 2^33 ticks."""
    data = bytearray(source.read_bytes())
    ticks = round(seconds * _TICKS)

    def moved(time: int) -> int:
        return (time + ticks) % (1 << 33)

    for start in range(0, len(data), _PACKET):
        place = start + 4
        flags = data[start + 3] >> 4
        if flags & 2:
            if data[place] >= 7 and data[place + 1] & 0x10:
                _move_reference(data, place + 2, moved)
            place += data[place] + 1
        begins = data[start + 1] & 0x40 and flags & 1
        if begins and data[place : place + 3] == b"\0\0\1" and data[place + 3] >= 0xC0:
            for number in range({2: 1, 3: 2}.get(data[place + 7] >> 6, 0)):
                _move_stamp(data, place + 9 + 5 * number, moved)
    path.write_bytes(data)
    return path


def _move_reference(data: bytearray, place: int, moved: Callable[[int], int]) -> None:
    """Change the 33 bits of a PCR."""
    whole = int.from_bytes(data[place : place + 6], "big")
    base = moved(whole >> 15)
    data[place : place + 6] = (base << 15 | whole & 0x7FFF).to_bytes(6, "big")


def _move_stamp(data: bytearray, place: int, moved: Callable[[int], int]) -> None:
    """Change the 33 bits of a PTS or DTS, which have marks between them."""
    a, b, c, d, e = data[place : place + 5]
    time = moved((a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1)
    data[place : place + 5] = bytes(
        [
            a & 0xF1 | (time >> 30 & 7) << 1,
            time >> 22 & 255,
            (time >> 15 & 127) << 1 | 1,
            time >> 7 & 255,
            (time & 127) << 1 | 1,
        ]
    )
