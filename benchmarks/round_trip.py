"""What of a film survives: every clip through a run that paints nothing, compared with its source.

Each clip is written by ``--strength 0`` into its own container and compared frame by frame: number,
times, durations, offset of the sound, other streams, rotation, size, shape of the pixels, pixel
format, colour tags. The first frames go three ways, without loss and at the default quality
(``--strength 0``, an identity ``.cube``, an identity network of the contract, which paints 8 bits
of RGB). The PSNR is that of the worst plane.

    python benchmarks/round_trip.py ../shared/videos [--json out.json] [--frames 20]

A markdown table on standard output. A cell says "same", or what it was and what it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.errors import StylizeError
from stylize_video.pipeline.imaging.lut import identity, write_cube
from stylize_video.pipeline.media.adapters import Orientation
from stylize_video.pipeline.media.outputs import CONTAINERS

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the identity network is the tests' own

_LOSSLESS: dict[str, dict[str, Any]] = {
    "libx264": {"crf": 0},
    "libx265": {"encoder_option": {"x265-params": "lossless=1"}},
    "libvpx-vp9": {"crf": 0},
}
_COLUMNS = (
    "frames", "times", "last frame", "sound offset", "streams", "size", "pixels", "format", "tags",
)  # fmt: skip
_WAYS = ("strength 0", "cube", "network")


@dataclass
class Seen:
    """What a file holds, as FFmpeg reads it."""

    times: list[Fraction]
    """Of the frames, seconds after the first."""
    last: Fraction
    """Seconds that the last frame is displayed by its own duration; 0: the file does not say."""
    sound: Fraction | None
    """Seconds from the first picture to the first sound."""
    streams: list[str]
    size: tuple[int, int]
    """Upright, (width, height), px."""
    pixels: Fraction
    """Width of a pixel divided by its height, upright."""
    pixel_format: str
    tags: tuple[int, ...]


def look(path: Path) -> Seen:
    """Read a whole file."""
    with av.open(path, metadata_errors="replace") as container:
        video = container.streams.best("video")
        assert isinstance(video, VideoStream) and video.time_base is not None
        has_sound = container.streams.best("audio") is not None
        base, aspect = video.time_base, Fraction(video.sample_aspect_ratio or 1)
    first: av.VideoFrame | None = None
    times, last = list[Fraction](), Fraction(0)
    for frame in _decoded(path):  # no frame is kept: a film may be long
        first = frame if first is None else first
        times.append((frame.pts or 0) * base)
        last = Fraction(int(frame.duration or 0)) * base
    assert first is not None
    times.sort()
    turn = Orientation.of(first)
    height, width = turn.size(first.height, first.width)
    return Seen(
        times=[time - times[0] for time in times],
        last=last,
        sound=_first_sound(path) - times[0] if has_sound else None,
        streams=_streams(path),
        size=(width, height),
        pixels=turn.aspect(aspect),
        pixel_format=first.format.name,
        tags=_tags(first),
    )


def _tags(frame: av.VideoFrame) -> tuple[int, ...]:
    tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
    return tuple(map(int, tags))


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded."""
    with av.open(path, metadata_errors="replace") as container:
        stream = container.streams.best("video")
        assert isinstance(stream, VideoStream)
        stream.thread_type = "SLICE"
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue


def _first_sound(path: Path) -> Fraction:
    with av.open(path, metadata_errors="replace") as container:
        stream = container.streams.best("audio")
        assert stream is not None
        for frame in container.decode(stream):
            if frame.pts is not None:
                return Fraction(frame.pts * frame.time_base)
    return Fraction(0)


def _streams(path: Path) -> list[str]:
    """The other streams: ``aac``, ``subrip`` …; and the number of chapters."""
    with av.open(path, metadata_errors="replace") as container:
        best = container.streams.best("video")
        others = [s for s in container.streams if s is not best]
        names = [getattr(s.codec_context, "name", None) or str(s.type) for s in others]
        chapters = len(container.chapters())
    return names + ([f"{chapters} chapters"] if chapters else [])


def compare(before: Seen, after: Seen) -> dict[str, str]:
    """A cell for each column."""
    late = max((abs(a - b) for a, b in zip(before.times, after.times, strict=False)), default=0)
    offset = "no sound"
    if before.sound is not None:
        offset = "lost"
        if after.sound is not None:
            offset = f"{float(after.sound - before.sound) * 1000:+.1f} ms"
    return {
        "frames": _change(len(before.times), len(after.times)),
        "times": "same" if late == 0 else f"{float(late) * 1000:.2f} ms",
        "last frame": _change(*(f"{float(seen.last) * 1000:.0f} ms" for seen in (before, after))),
        "sound offset": offset,
        "streams": _change(*(" ".join(seen.streams) or "none" for seen in (before, after))),
        "size": _change(*("x".join(map(str, seen.size)) for seen in (before, after))),
        "pixels": _change(before.pixels, after.pixels),
        "format": _change(before.pixel_format, after.pixel_format),
        "tags": _change(*(" ".join(map(str, seen.tags)) for seen in (before, after))),
    }


def _change(before: Any, after: Any) -> str:
    return "same" if before == after else f"{before} → {after}"


def psnr(before: Path, after: Path, frames: int) -> float:
    """PSNR of the worst plane of the first frames, dB, in the pixel format of the output."""
    errors: list[list[float]] = []
    pairs = zip(_decoded(before), _decoded(after), strict=False)
    peak = 255
    for source, written in islice(pairs, frames):
        tags = {
            "src_colorspace": source.colorspace,
            "dst_colorspace": written.colorspace,
            "src_color_range": source.color_range or 1,
            "dst_color_range": written.color_range or 1,
        }
        if source.format.name != written.format.name:
            source_planes = _planes(source.reformat(format=written.format.name, **tags))
        else:
            source_planes = _planes(source)
        peak = 2 ** max(c.bits for c in written.format.components) - 1
        turn = Orientation.of(source)
        planes = zip(source_planes, _planes(written), strict=True)
        errors.append([float(np.mean((turn(a) - b) ** 2)) for a, b in planes])
    worst = max(np.mean(errors, axis=0)) if errors else np.inf
    return float("inf") if worst == 0 else float(10 * np.log10(peak**2 / worst))


def _planes(frame: av.VideoFrame) -> list[NDArray[np.float64]]:
    deep = max(component.bits for component in frame.format.components) > 8
    kind: Any = np.uint16 if deep else np.uint8
    planes: list[NDArray[np.float64]] = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), kind)
        rows = rows.reshape(-1, plane.line_size // rows.itemsize)
        planes.append(rows[: plane.height, : plane.width].astype(np.float64))
    return planes


def ways(folder: Path) -> dict[str, dict[str, Any]]:
    """Settings that paint nothing, three ways."""
    from tests.helpers.onnx_files import write_contract_model

    write_cube(identity(), folder / "same.cube", "same")
    model = write_contract_model(folder / "same.onnx")
    return {
        "strength 0": {"strength": 0},
        "cube": {"style": (str(folder / "same.cube"),)},
        "network": {"style": (str(model),), "steady": "off"},
    }


def pictures(clip: Path, folder: Path, frames: int, end: float) -> dict[str, str]:
    """For each way: PSNR without loss and at the default quality, dB."""
    cells: dict[str, str] = {}
    for name, how in ways(folder).items():
        figures: list[str] = []
        for lossless in (True, False):
            out = folder / f"out{suffix_of(clip)}"
            settings = {**how, "end": str(end), "overwrite": True}
            try:
                if lossless:
                    settings |= _lossless(clip, out, settings)
                stylize(clip, out, Settings.model_validate(settings))
                figures.append(f"{psnr(clip, out, frames):.1f}".replace("inf", "exact"))
            except StylizeError as error:
                figures.append(str(error))
        cells[name] = " / ".join(figures)
    return cells


def _lossless(clip: Path, out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of the encoder that the run would choose, for no loss."""
    from stylize_video.pipeline.planning import make_plan

    plan = make_plan(clip, out, Settings.model_validate(settings))
    assert plan.encoding is not None
    return _LOSSLESS.get(plan.encoding.codec, {})


def suffix_of(clip: Path) -> str:
    """The clip's own container, or Matroska."""
    return clip.suffix if clip.suffix in CONTAINERS else ".mkv"


def row(clip: Path, frames: int) -> dict[str, str]:
    """All cells of a clip."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / f"whole{suffix_of(clip)}"
        note = ""
        try:
            stylize(clip, out, Settings(strength=0))
        except StylizeError as error:
            note = str(error).replace(str(clip), clip.name).replace(str(out), "the output")
            if not out.exists():
                return {"clip": clip.name, "note": note}
        before = look(clip)
        end = float(before.times[min(frames, len(before.times) - 1)] or Fraction(1))
        cells = {"clip": clip.name, **compare(before, look(out))}
        return {**cells, **pictures(clip, folder, frames, end), "note": note}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", nargs="+", type=Path, help="files, or folders of them")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--frames", type=int, default=20, help="of which the PSNR is measured")
    options = parser.parse_args()
    clips = [
        file
        for given in options.clips
        for file in (sorted(given.iterdir()) if given.is_dir() else [given])
        if file.suffix not in (".md", ".json")
    ]
    columns = ["clip", *_COLUMNS, *_WAYS, "note"]
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    rows: list[dict[str, str]] = []
    for clip in clips:
        rows.append(row(clip, options.frames))
        print("| " + " | ".join(rows[-1].get(name, "") for name in columns) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
