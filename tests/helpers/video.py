"""Small clips, and what is in a video file."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Pictures = list[NDArray[np.uint8]]


MakeClip = Callable[..., Path]


def moving_scene(count: int, width: int = 64, height: int = 48) -> Pictures:
    """A bright square that moves 2 px a frame over a gradient; every frame differs."""
    y, x = np.mgrid[0:height, 0:width]
    ground = np.stack([x * 2, y * 3, (x + y)], axis=-1).astype(np.uint8)
    frames: Pictures = []
    for number in range(count):
        frame = ground.copy()
        left = (2 * number) % (width - 8)
        frame[8:20, left : left + 8] = (250, 240, 30)
        frames.append(frame)
    return frames


def write_clip(
    path: Path,
    frames: Pictures | None = None,
    pts: list[int] | None = None,
    time_base: Fraction = Fraction(1, 30000),
    step: int = 1001,
    audio: bool = True,
    subtitles: bool = False,
    chapters: bool = False,
    tags: tuple[int, int, int, int] = (1, 1, 1, 1),
) -> Path:
    """Write a clip: H.264 without loss, 4:4:4, with a tone, at any timestamps."""
    frames = moving_scene(30) if frames is None else frames
    pts = [i * step for i in range(len(frames))] if pts is None else pts
    with av.open(path, "w") as out:
        out.metadata["title"] = "A test"
        if chapters:
            out.set_chapters(
                [
                    {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000),
                     "metadata": {"title": "one"}},
                    {"id": 2, "start": 500, "end": 1000, "time_base": Fraction(1, 1000),
                     "metadata": {"title": "two"}},
                ]
            )  # fmt: skip
        video: Any = out.add_stream("libx264", rate=30, options={"qp": "0", "bf": "2"})
        video.width, video.height = frames[0].shape[1], frames[0].shape[0]
        video.pix_fmt = "yuv444p"
        context = video.codec_context
        context.time_base = time_base
        context.colorspace, context.color_range = tags[0], tags[1]
        context.color_trc, context.color_primaries = tags[2], tags[3]
        sound: Any = out.add_stream("aac", rate=48000) if audio else None
        words: Any = out.add_stream("mov_text") if subtitles else None
        if words is not None:
            words.codec_context.subtitle_header = b"[Script Info]\n\n[Events]\n"
            words.time_base = words.codec_context.time_base = Fraction(1, 1000)
        for rgb, moment in zip(frames, pts, strict=True):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
                format="yuv444p",
                dst_colorspace={1: 1, 6: 5, 9: 9}.get(tags[0], 5),
                dst_color_range=tags[1] or 1,
            )
            frame.pts, frame.time_base = moment, time_base
            out.mux(video.encode(frame))
        if sound is not None:
            _write_tone(out, sound, float((pts[-1] + step) * time_base))
        if words is not None:
            _write_words(out, words)
        out.mux(video.encode(None))
    return path


def _write_tone(out: Any, stream: Any, seconds: float) -> None:
    time = np.arange(int(seconds * 48000)) / 48000
    tone = (0.2 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
    frame.rate, frame.pts = 48000, 0
    resampler = av.AudioResampler("fltp", "stereo", 48000, frame_size=1024)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))


def _write_words(out: Any, stream: Any) -> None:
    text = b"Hello there"
    packet = av.Packet(len(text).to_bytes(2, "big") + text)
    packet.stream = stream
    packet.pts = packet.dts = 200
    packet.duration, packet.time_base = 400, Fraction(1, 1000)
    out.mux(packet)


def read_video(path: Path) -> tuple[Pictures, list[Fraction]]:
    """Every frame as RGB, and its time in seconds."""
    frames: Pictures = []
    times: list[Fraction] = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            assert frame.pts is not None and stream.time_base is not None
            frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            times.append(frame.pts * stream.time_base)
    return frames, times


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """(time, bytes) of every packet of the first stream of a kind."""
    with av.open(path) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [((p.pts or 0) * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]
