"""How steady are the nets, alone and held, on real clips and on scenes of which all is known?

Every clip's first frames are painted by every net; each painting is shown as it is (``off``), held
along DIS flow, along RAFT flow, and strongly. The warping error (Lai 2018) is measured along one
flow of the source for all, RAFT's where its file is given; along exact flow in the scenes. "Beyond
the source" leaves out the error that the source itself has along the same flow: where motion was
not found, no painting can be steady. The distance is that of a held painting to the same net's
plain one, beside that of the plain one blurred with σ = 1 px.

    python benchmarks/steadiness.py CLIP… --nets old.onnx new.onnx --raft raft-small.onnx
    python benchmarks/steadiness.py --scenes photos/ --nets old.onnx new.onnx --raft …

JSON to ``--json FILE``, tables on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Frame, Rgb, SourcePicture, as_rgb
from stylize_video.pipeline.evaluation.metrics import Distance, Evaluation, Measure
from stylize_video.pipeline.imaging.resize import reduce_for_flow
from stylize_video.pipeline.imaging.similarity import structural_distance
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.styles.per_shot import paint_picture, paint_shots
from stylize_video.pipeline.styles.style import Style
from stylize_video.pipeline.temporal.consistency import BLEND_WEIGHTS, blend_frames
from stylize_video.pipeline.temporal.flow import FlowEstimator, Vectors, open_flow
from stylize_video.pipeline.temporal.motion import attach_motion
from stylize_video.pipeline.temporal.shots import mark_cuts

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the scenes are the tests' own

COMPARED = 2
"""Frames of a clip whose looks are compared."""


class Remembered:
    """A flow estimator that computes each pair once: holding and measuring ask for the same."""

    def __init__(self, estimator: FlowEstimator) -> None:
        self._estimator = estimator
        self._known: dict[tuple[int, int], Vectors] = {}

    def between(self, first: SourcePicture, second: SourcePicture) -> Vectors:
        """See ``FlowEstimator``."""
        key = (hash(as_rgb(first).tobytes()), hash(as_rgb(second).tobytes()))
        if key not in self._known:
            self._known[key] = self._estimator.between(first, second)
        return self._known[key]


def clips(names: list[str], count: int) -> Iterator[tuple[str, list[Frame]]]:
    """Real clips, their cuts marked."""
    for name in names:
        yield Path(name).stem, list(islice(mark_cuts(open_source(name).frames()), count))


def scene_clips(photos: Path, count: int) -> Iterator[tuple[str, Any]]:
    """The five scenes, each of a photograph of its own."""
    from tests.helpers.scenes import SCENES, photographs

    for (name, make), photo in zip(SCENES.items(), photographs(photos, len(SCENES)), strict=True):
        yield name, make(photo, count=count, width=640, height=360)


def held(frames: list[Frame], painted: list[Rgb], estimator: FlowEstimator, how: str) -> list[Rgb]:
    """The paintings of ``frames``, held steady along the motion."""
    moving = attach_motion(iter(frames), estimator)
    stylised = (replace(f, painted=rgb) for f, rgb in zip(moving, painted, strict=True))
    return [frame.rgb for frame in blend_frames(stylised, BLEND_WEIGHTS[how])]


def measure_clip(
    name: str,
    frames: list[Frame],
    nets: dict[str, Style],
    flows: dict[str, FlowEstimator],
    judge: FlowEstimator,
    side: int,
    distance: Distance,
) -> dict[str, Any]:
    """E_warp of every net and way of holding, by motion at a longest side; its cost in looks."""
    results: dict[str, list[Rgb]] = {}
    looks: dict[str, float] = {}
    for net, style in nets.items():
        plain = [frame.rgb for frame in paint_shots(iter(frames), style)]
        results[f"{net} off"] = plain
        for kind, estimator in flows.items():
            results[f"{net} flow {kind}"] = held(frames, plain, estimator, "flow")
        results[f"{net} strong"] = held(frames, plain, flows["dis"], "strong")
        chosen = range(len(frames) // (2 * COMPARED), len(frames), len(frames) // COMPARED)
        soft = [np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.0), np.uint8) for rgb in plain]
        for key, pictures in [*results.items(), (f"{net} blurred", soft)]:
            if key.startswith(net) and not key.endswith("off"):
                found = [distance(plain[i], pictures[i]) for i in chosen]
                looks[key] = float(np.mean(found))
    evaluation = Evaluation(judge, Measure(flow_side=side))
    for number, frame in enumerate(frames):
        evaluation.add(frame, {key: pictures[number] for key, pictures in results.items()})
    quality = evaluation.quality()
    return {
        "clip": name,
        "size": "x".join(map(str, reversed(frames[0].rgb.shape[:2]))),
        "frames": len(frames),
        "warping": {key: scores.warping for key, scores in quality.scores.items()},
        "still_flicker": {key: scores.flicker for key, scores in quality.scores.items()},
        "distance": looks,
    }


def draw_slices(folder: Path, photos: Path, nets: dict[str, Style]) -> None:
    """A row of pixels through time, time downward: of a still, noisy shot and of a slow pan.

    Both move along the row only, so that what is steady draws straight lines.
    """
    from tests.helpers.scenes import pan, photographs, static

    photo = photographs(photos, 1)[0]
    size = {"count": 40, "width": 640, "height": 360}
    scenes = {
        "still": static(photo, noise=4.0, **size),
        "pan": pan(photo, velocity=(0.5, 0.0), **size),
    }
    for scene_name, scene in scenes.items():
        frames = list(scene.frames())
        clips = {"source": [frame.rgb for frame in frames]}
        for net, style in nets.items():
            plain = [frame.rgb for frame in paint_shots(iter(frames), style)]
            clips[f"{net}, frame by frame"] = plain
        clips[f"{net}, --steady flow"] = held(frames, plain, open_flow("dis"), "flow")
        panels: list[Any] = []
        for name, pictures in clips.items():
            through = np.stack([rgb[180, 200:440] for rgb in pictures]).repeat(3, 0).repeat(3, 1)
            label = np.full((26, through.shape[1], 3), 255, np.uint8)
            where = {"org": (4, 18), "fontFace": cv2.FONT_HERSHEY_SIMPLEX, "fontScale": 0.5}
            panels += [cv2.putText(label, name, color=(0, 0, 0), lineType=cv2.LINE_AA, **where)]
            panels += [through[..., ::-1]]
        cv2.imwrite(str(folder / f"xt-{scene_name}.png"), np.vstack(panels))


def ghosts(scene: Any, nets: dict[str, Style], estimator: FlowEstimator) -> dict[str, float]:
    """Mean squared error, 0..1, of what an object has just uncovered.

    Against the same net's painting of the scene in which the object never was.
    """
    frames = list(scene.frames())
    found: dict[str, float] = {}
    for net, style in nets.items():
        plain = [frame.rgb for frame in paint_shots(iter(frames), style)]
        bare = [paint_picture(style, scene.clean(t)) for t in range(len(frames))]
        shown = {"off": plain}
        shown |= {how: held(frames, plain, estimator, how) for how in BLEND_WEIGHTS}
        for how, pictures in shown.items():
            errors = [
                np.square((pictures[t].astype(np.float32) - bare[t])[fresh] / 255).mean()
                for t in range(1, len(frames))
                if (fresh := scene.disoccluded(t)).any()
            ]
            found[f"{net} {how}"] = float(np.mean(errors))
    return found


def vgg_distance(weights: str | None) -> Distance:
    """VGG-19's where its weights are named, else 1 − SSIM."""
    if weights is None:
        return structural_distance
    from stylize_video.models.evaluation.perceptual import VggDistance
    from stylize_video.models.nets.vgg19 import VGG19

    return VggDistance(VGG19(Path(weights)))


def show(row: dict[str, Any], baseline: str) -> None:
    """One clip's table."""
    base, own = row["warping"][baseline], row["warping"]["source"]
    print(f"\n### {row['clip']}, {row['size']}, {row['frames']} frames\n")
    heads = ("E i=1, 1e-4", "i=10", "of the first, off", "i=10", "beyond the source", "distance")
    print(f"| | {' | '.join(heads)} | still |")
    print("|---|---|---|---|---|---|---|---|")
    for key in dict.fromkeys([*row["warping"], *row["distance"]]):
        found = row["warping"].get(key, {})
        cells = [f"{1e4 * found[i]:.2f}" if found.get(i) else "" for i in (1, 10)]
        cells += [f"{found[i] / base[i]:.3f}" if found.get(i) else "" for i in (1, 10)]
        beyond = (found.get(1) or own[1]) - own[1]
        cells.append(f"{beyond / (base[1] - own[1]):.3f}" if beyond else "")
        look = row["distance"].get(key)
        cells.append("" if look is None else f"{look:.4f}")
        still = row["still_flicker"].get(key)
        cells.append("" if still is None else f"{still:.2f}")
        print(f"| {key} | {' | '.join(cells)} |")
    sys.stdout.flush()


def summary(rows: list[dict[str, Any]], baseline: str) -> dict[str, dict[str, float]]:
    """Means over the clips: of the ratios to the baseline, and of the distances."""
    means: dict[str, dict[str, float]] = {}
    for key in rows[0]["warping"]:
        told = {
            f"ratio_{i}": float(np.mean([r["warping"][key][i] / r["warping"][baseline][i]
                                         for r in rows if r["warping"][baseline][i]]))
            for i in (1, 10)
        }  # fmt: skip
        told["beyond_source"] = float(np.mean([
            (r["warping"][key][1] - r["warping"]["source"][1])
            / (r["warping"][baseline][1] - r["warping"]["source"][1]) for r in rows
        ]))  # fmt: skip
        if key in rows[0]["distance"]:
            net = key.split()[0]
            told["distance"] = float(np.mean([r["distance"][key] for r in rows]))
            told["blurred"] = float(np.mean([r["distance"][f"{net} blurred"] for r in rows]))
        means[key] = {name: round(value, 4) for name, value in told.items()}
    return means


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="*")
    parser.add_argument("--nets", nargs="+", required=True, help="the first is the baseline")
    parser.add_argument("--raft", type=Path, help="RAFT as an ONNX file")
    parser.add_argument("--scenes", type=Path, help="photographs to make the scenes of")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--vgg", default=os.environ.get("STYLIZE_VGG19"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--slices", type=Path, help="folder for two scenes through time")
    asked = parser.parse_args()
    nets = {
        Path(net).stem: open_style(Settings.model_validate({"style": net})) for net in asked.nets
    }
    baseline = f"{next(iter(nets))} off"
    distance = vgg_distance(asked.vgg)
    rows: list[dict[str, Any]] = []
    told: dict[str, Any] = {"clips": rows}

    def flows() -> dict[str, FlowEstimator]:
        kinds = ("dis", "raft") if asked.raft else ("dis",)
        return {kind: Remembered(open_flow(kind, asked.raft)) for kind in kinds}

    for name, frames in clips(asked.clips, asked.frames):
        known = flows()
        judge = known.get("raft", known["dis"])
        # The size that holding finds motion at: each pair's flow is computed once for both uses.
        side = max(reduce_for_flow(frames[0].rgb).shape[:2])
        rows.append(measure_clip(name, frames, nets, known, judge, side, distance))
        show(rows[-1], baseline)
    if asked.slices is not None:
        draw_slices(asked.slices, asked.scenes, nets)
    if asked.scenes is not None:
        from tests.helpers.scenes import ExactFlow

        for name, scene in scene_clips(asked.scenes, asked.frames):
            known = flows()
            frames = list(scene.frames())
            side = max(frames[0].rgb.shape[:2])  # exact motion is known of the whole frame
            rows.append(measure_clip(name, frames, nets, known, ExactFlow(scene), side, distance))
            show(rows[-1], baseline)
            if name == "layers":
                told["ghosts"] = ghosts(scene, nets, known["dis"])
                print("\nwhat was just uncovered, mean squared error:", told["ghosts"])
    if not rows:
        return
    told["mean"] = summary(rows, baseline)
    print(json.dumps(told["mean"], indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
