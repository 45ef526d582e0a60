"""How fast does every kind of net play, alone and from file to file?

One run, one clip, in turns: Johnson's net in PyTorch, frame by frame as other projects run it, and
in ONNX Runtime; the same bound to shots, in float and in 8 bits; styles of ours in all their forms.
Alone: frames already decoded, painted on all cores. File to file: decoded, painted, held steady
along the motion, encoded as H.264 and joined with the sound (PyTorch's without the last two).

    python benchmarks/nets.py clip720p.mp4 --styles udnie udnie-quality --rounds 3

JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from jobs import johnson
from stylize_video.export.style import export_style
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.concurrency import ordered_map
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.media.encoding import choose_encoding
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.source import Source
from stylize_video.pipeline.media.writers import VideoWriter
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.styles.per_shot import compile_shots
from stylize_video.pipeline.styles.style import ShotStyle
from stylize_video.pipeline.styles.zoo import find_style

FORMS = {
    "norms in every frame": {"statistics": "frame"},
    "norms per shot, float": {"precision": "float"},
    "norms per shot, 8 bits": {"precision": "int8"},
}
"""How a net may be played, by settings."""


def clocked(work: Callable[[], int]) -> float:
    """Milliseconds per frame."""
    begun = time.perf_counter()
    frames = work()
    return 1000 * (time.perf_counter() - begun) / frames


def peer_to_file(net: torch.nn.Module, source: Source, out: Path, count: int) -> int:
    """Decode, paint, encode, one after the other."""
    settings = checked(Settings, {}, "benchmark")
    writer = VideoWriter(out, out, source.info, choose_encoding(out, settings, source.info))
    for frame in islice(source.frames(), count):
        writer.write(
            Frame(johnson.paint(net, frame.rgb), frame.pts, frame.time_base, frame.duration)
        )
    writer.close()
    return count


Works = dict[str, tuple[Callable[[], int], Callable[[], int] | None]]
"""Name → the net alone, and the job from file to file; each counts its frames.

A style that takes a video's own planes is given them by every job, so of RGB there is none.
"""


def forms(name: str, style: Path, clip: str, out: Path, few: int, many: int) -> Works:
    """Every way of playing one style."""
    source = open_source(clip)
    end = f"{float(many / source.info.rate):.6f}"
    found: Works = {}
    for form, values in FORMS.items():
        settings = {**values, "style": str(style), "overwrite": True, "end": end}
        opened = open_style(checked(Settings, {**settings, "device": "cpu"}, "benchmark"))
        info = opened.info
        for planar in [False, True] if info.planar else [False]:
            sample = list(islice(source.frames(planar=planar), few))
            net = counted(paint, list(compile_shots(sample, opened)), info.max_workers)
            whole = job(clip, out, settings)
            place = f"{name}, {form}{', video planes' if planar else ''}"
            found[place] = (net, whole if planar == info.planar else None)
    return found


def paint(pair: tuple[Frame, ShotStyle]) -> Any:
    """A frame by the style of its shot."""
    frame, shot = pair
    return shot.paint(frame)


def counted(work: Callable[[Any], Any], items: list[Any], workers: int) -> Callable[[], int]:
    """What does ``work`` on all items, side by side."""
    return lambda: sum(1 for _ in ordered_map(work, items, workers))


def job(clip: str, out: Path, values: dict[str, Any]) -> Callable[[], int]:
    """The main job."""
    settings = checked(Settings, values, "benchmark")
    return lambda: stylize(clip, out, settings).frames


def measure(clip: str, styles: list[str], few: int, many: int, rounds: int) -> dict[str, Any]:
    """All rows, in turns; medians."""
    source, net = open_source(clip), johnson.open_johnson()
    frame = next(iter(source.frames()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "johnson.onnx"
        export_style(net, ModelCard("johnson", "johnson"), model, [frame.rgb[:64, :96].copy()])
        out = folder / "out.mp4"

        def alone() -> int:
            return len([johnson.paint(net, frame.rgb) for _ in range(2)])

        rows: Works = {
            "Johnson, PyTorch": (alone, lambda: peer_to_file(net, source, folder / "peer.mp4", 2))
        }
        rows |= forms("Johnson", model, clip, out, 2, 4)
        for style in styles:
            rows |= forms(style, find_style(style), clip, out, few, many)
        nets: dict[str, list[float]] = {}
        wholes: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, (net_alone, whole) in rows.items():
                nets.setdefault(name, []).append(clocked(net_alone))
                if whole is not None:
                    wholes.setdefault(name, []).append(clocked(whole))
    table = {name: {"net_ms": round(statistics.median(found), 1)} for name, found in nets.items()}
    for name, found in wholes.items():
        table[name]["file_to_file_fps"] = round(1000 / statistics.median(found), 2)
    first = table["Johnson, PyTorch"]
    for row in table.values():
        row["net_ratio"] = round(first["net_ms"] / row["net_ms"], 1)
        if "file_to_file_fps" in row:
            row["file_ratio"] = round(row["file_to_file_fps"] / first["file_to_file_fps"], 1)
    return table


def main() -> None:
    """Read the command line, measure, print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip")
    parser.add_argument("--styles", nargs="+", default=list(Settings().style))
    parser.add_argument("--frames", type=int, default=289, help="of a job with a style of ours")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.clip, asked.styles, 60, asked.frames, asked.rounds), indent=1))


if __name__ == "__main__":
    main()
