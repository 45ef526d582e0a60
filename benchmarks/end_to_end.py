"""How fast is the main job, and how fast is each of its stages alone?

Method: the clip's first frames are decoded, painted and encoded alone, then the whole job runs
file to file, plain and held steady; this is repeated, interleaved, and medians are given with their
spread, so that a noisy machine disturbs all alike. What steadiness costs is timed part by part too,
on one core. ``--compare`` times another model (Johnson's net, say) on single
frames in the same run. ``--memory`` runs the job on two lengths of a clip in processes of their
own and compares peak RSS.

    python benchmarks/end_to_end.py clip.mp4 --style udnie --compare johnson.onnx
    python benchmarks/end_to_end.py clip1080p.mp4 --memory 100 600

JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import onnx
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.concurrency import ordered_map
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.frame import Frame, Motion
from stylize_video.pipeline.imaging.resize import reduce_for_flow
from stylize_video.pipeline.media.encoding import choose_encoding
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.writers import VideoWriter
from stylize_video.pipeline.nets.runtime import onnxruntime
from stylize_video.pipeline.styles.files import card_of
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.styles.per_shot import compile_shots, paint_shots
from stylize_video.pipeline.styles.style import ShotStyle
from stylize_video.pipeline.styles.zoo import find_style
from stylize_video.pipeline.temporal.consistency import BLEND_WEIGHTS, TemporalBlend
from stylize_video.pipeline.temporal.flow import Dis
from stylize_video.pipeline.temporal.motion import confidence
from stylize_video.pipeline.temporal.shots import mark_cuts


def timed(work: Callable[[], int]) -> dict[str, float]:
    """Frames per second and CPU time per frame of ``work``, which counts its frames."""
    wall, cpu = time.perf_counter(), time.process_time()
    frames = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"fps": frames / wall, "cpu_ms_per_frame": 1000 * cpu / frames}


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Medians over the rounds, and the spread of the rate."""
    rates = [row["fps"] for row in rows]
    cpu = statistics.median(row["cpu_ms_per_frame"] for row in rows)
    return {
        "fps": round(statistics.median(rates), 2),
        "fps_min": round(min(rates), 2),
        "fps_max": round(max(rates), 2),
        "cpu_ms_per_frame": round(cpu, 2),
    }


def paint(pair: tuple[Frame, ShotStyle]) -> Any:
    """A frame by the style of its shot."""
    frame, shot = pair
    return shot.paint(frame)


def macs_per_pixel(style: Path) -> float:
    """Multiplications that a net takes for a pixel, as its file says."""
    card = card_of({p.key: p.value for p in onnx.load(style).metadata_props}, style)
    return 0.0 if card is None else card.macs_per_pixel


def measure(clip: str, style: str, compare: str | None, frames: int, rounds: int) -> dict[str, Any]:
    """Every stage alone and the whole, in one run."""
    settings = checked(Settings, {"style": style, "overwrite": True}, "benchmark")
    source = open_source(clip)
    opened = open_style(settings)
    info = opened.info
    sample = list(islice(source.frames(planar=info.planar), 40))
    pairs = list(compile_shots(sample, opened))
    painted = [replace(frame, painted=shot.paint(frame)) for frame, shot in pairs]
    encoding = choose_encoding(Path("o.mp4"), settings, source.info)
    rows: dict[str, list[dict[str, float]]] = {}

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mp4"
        seconds = Fraction(frames) / source.info.rate

        def decode() -> int:
            return sum(1 for _ in islice(source.frames(planar=info.planar), frames))

        def net() -> int:
            return sum(1 for _ in ordered_map(paint, pairs, info.max_workers))

        def encode() -> int:
            writer = VideoWriter(Path(folder) / "piece", out, source.info, encoding)
            for frame in again(painted, frames):
                writer.write(frame)
            writer.close()
            return frames

        def whole(steady: str) -> int:
            limits = {"end": f"{float(seconds):.6f}", "steady": steady}
            return stylize(clip, out, settings.model_copy(update=limits)).frames

        stages = {
            "decode": decode, "net": net, "encode": encode,
            "whole": lambda: whole("off"), "whole_steady": lambda: whole("flow"),
        }  # fmt: skip
        if compare is not None:
            other = open_style(settings.model_copy(update={"style": (compare,)}))
            stages["compared"] = lambda: sum(1 for _ in paint_shots(sample[:3], other))
        for _ in range(rounds):
            for name, stage in stages.items():
                rows.setdefault(name, []).append(timed(stage))

    begun = time.perf_counter()
    next(compile_shots(sample, opened))
    result: dict[str, Any] = {"shot_ms": round(1000 * (time.perf_counter() - begun), 1)}
    result |= {name: summary(found) for name, found in rows.items()}
    slowest = min(result[name]["fps"] for name in ("decode", "net", "encode"))
    return {
        "clip": f"{source.info.width}x{source.info.height}",
        "style": info.name,
        "device": info.device,
        "gmac_per_frame": round(
            macs_per_pixel(find_style(style)) * source.info.width * source.info.height / 1e9, 2
        ),
        "frames": frames,
        "rounds": rounds,
        **result,
        "whole_over_slowest_stage": round(result["whole"]["fps"] / slowest, 3),
        "steady_over_plain": round(result["whole_steady"]["fps"] / result["whole"]["fps"], 3),
        "steady_ms_per_frame_on_one_core": steadiness(sample, painted),
    }


def steadiness(sample: list[Frame], painted: list[Frame]) -> dict[str, float]:
    """Median CPU milliseconds of each part of holding a frame steady, on one core."""
    cv2.setNumThreads(1)
    times: dict[str, list[float]] = {}

    def clocked(name: str, work: Callable[[], Any]) -> Any:
        begin = time.thread_time()
        done = work()
        times.setdefault(name, []).append(1000 * (time.thread_time() - begin))
        return done

    dis, blend = Dis(), TemporalBlend(BLEND_WEIGHTS["flow"])
    small = reduce_for_flow(sample[0].picture)
    blend.step(sample[0], painted[0].picture)
    cuts = mark_cuts(iter(sample))
    for frame, stylised in zip(sample[1:], painted[1:], strict=True):
        clocked("cuts", lambda: next(cuts))
        before, small = small, clocked("reduce", lambda f=frame: reduce_for_flow(f.picture))
        vectors = clocked("flow", lambda a=small, b=before: dis.between(a, b))
        trust = clocked("confidence", lambda a=small, b=before, v=vectors: confidence(a, b, v))
        moving = replace(frame, cut=False, motion=Motion(vectors, trust))
        clocked("warp", lambda f=moving: blend.advance(f))
        clocked("blend", lambda s=stylised: blend.mix(s.picture))
    cuts.close()
    cv2.setNumThreads(-1)
    return {name: round(statistics.median(found), 2) for name, found in times.items()}


def again(frames: list[Frame], count: int) -> list[Frame]:
    """``count`` frames that repeat the given ones forth and back, at a constant rate."""
    there_and_back = [*frames, *frames[-2:0:-1]]
    step = frames[1].pts - frames[0].pts
    return [
        Frame(there_and_back[i % len(there_and_back)].picture, i * step, frames[0].time_base, step)
        for i in range(count)
    ]


_CHILD = """
import json, resource, sys
from stylize_video.pipeline import stylize
from stylize_video.pipeline.core.config import Settings, checked
clip, out, style, end = sys.argv[1:]
done = stylize(clip, out, checked(Settings, {"style": style, "end": end}, "benchmark"))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"frames": done.frames, "peak_rss_mib": round(peak, 1)}))
"""


def memory(clip: str, style: str, lengths: list[int]) -> dict[str, Any]:
    """Peak RSS of the job over each number of frames."""
    rate = open_source(clip).info.rate
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for frames in lengths:
            end = f"{float(frames / rate):.6f}"
            words = [clip, f"{folder}/{frames}.mp4", style, end]
            told = subprocess.run(
                [sys.executable, "-c", _CHILD, *words], check=True, capture_output=True, text=True
            )
            rows.append(json.loads(told.stdout))
    peaks = [row["peak_rss_mib"] for row in rows]
    return {"memory": rows, "largest_over_smallest": round(max(peaks) / min(peaks), 3)}


def main() -> None:
    """Read the command line, measure, print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip")
    parser.add_argument("--style", default=Settings().style[0])
    parser.add_argument("--compare", help="another model, timed on single frames")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="+", metavar="FRAMES")
    asked = parser.parse_args()
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
    }
    if asked.memory:
        found = memory(asked.clip, asked.style, asked.memory)
    else:
        found = measure(asked.clip, asked.style, asked.compare, asked.frames, asked.rounds)
    print(json.dumps({**machine, **found}, indent=1))


if __name__ == "__main__":
    main()
