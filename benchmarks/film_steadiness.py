"""How steady are painted films, as a ratio to the film's own unrest: 1 is as steady as the film.

    python benchmarks/film_steadiness.py --nets udnie starry-night --raft raft-small.onnx

The clips of ``CLIPS``, reduced to a short side of 360 px, are painted by the program itself: frame
by frame, with colours per shot, with the canvas, and with canvas and blend. The ratio is the
warping error over the variance of the pictures, of the result over that of the source (see
docs/steadiness.md), by DIS and, where its file is given, by RAFT. Beside it stand *paint* (contrast
in flat areas, over the painting's, on some frames at their own size), which needs VGG-19, and
sharpness (variance of the Laplacian): steadiness that is bought by pale or soft paint shows there.

The table is printed; the means over the clips come last. The clips are in the folder that
``STYLIZE_SHARED`` names, as for the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import torch
from stylize_video.models.environment import VGG_SETTING
from stylize_video.models.evaluation.strokes import Description, describe, paint
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.evaluation.colours import reduce_to_compare
from stylize_video.pipeline.evaluation.metrics import SOURCE, Evaluation, Measure
from stylize_video.pipeline.evaluation.texture import sharpness
from stylize_video.pipeline.media.images import pictures_in, read_picture
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.temporal.flow import open_flow
from stylize_video.pipeline.temporal.shots import mark_cuts

SHARED = Path(os.environ.get("STYLIZE_SHARED", Path(__file__).parents[1] / ".." / "shared"))

CLIPS = (
    "01_dog.mp4",
    "05_default_juggle.mp4",
    "bikes.mp4",
    "car-detection.mp4",
    "bigbuckbunny.mp4",
    "timelapse1_orig.mp4",
    "content.avi",
    "hdr10-av1.mp4",
)

WAYS: dict[str, dict[str, Any]] = {
    "per frame": {"statistics": "frame", "steady": "off", "canvas": 0},
    "per shot": {"steady": "off", "canvas": 0},
    "shot, blend": {"canvas": 0},
    "canvas": {"steady": "off"},
    "canvas, blend": {},
}
"""Ways of playing, and their settings; those with a canvas need a net that takes one."""

_SIDE = 360  # short side of the films, px
_DESCRIBED = 4  # frames of a film whose paint is measured


def ways_of(net: str) -> dict[str, Settings]:
    """The ways in which a net can be played."""
    takes_canvas = open_style(Settings(style=(net,))).info.canvas
    ways: dict[str, Settings] = {}
    for way, values in WAYS.items():
        if takes_canvas or "canvas" in values:
            chosen = {k: v for k, v in values.items() if takes_canvas or k != "canvas"}
            ways[way] = Settings.model_validate({"style": net, **chosen})
    return ways


def reduced_size(clip: Path) -> str:
    """The size at which a clip is painted, for ``--size``; even."""
    info = open_source(str(clip)).info
    scale = _SIDE / min(info.width, info.height)
    width, height = (round(side * scale / 2) * 2 for side in (info.width, info.height))
    return f"{width}x{height}"


def render(clip: Path, settings: Settings, size: str, frames: int, folder: Path) -> list[Path]:
    """Paint the first frames of a clip into PNGs."""
    source = open_source(str(clip))
    end = next((f.time for f in islice(source.frames(), frames, None)), None)
    limits = {"size": size, "end": None if end is None else f"{float(end - source.info.start):.4f}"}
    typed = settings.model_dump(exclude_unset=True)
    stylize(clip, folder, Settings.model_validate({**typed, **limits}))
    return pictures_in(folder)[:frames]


def steadiness(
    clip: Path, size: str, results: dict[str, list[Path]], flow: str, raft: Path | None
) -> dict[str, float | None]:
    """Name → the ratio to the film's own, by one estimator of motion."""
    evaluation = Evaluation(open_flow(flow, raft, threads=1), Measure((1,)))
    frames = mark_cuts(open_source(str(clip), size).frames())
    for frame, *paths in zip(frames, *results.values(), strict=False):
        pictures = map(read_picture, paths)
        evaluation.add(frame, dict(zip(results, pictures, strict=True)))
    scores = evaluation.quality().scores
    return {name: scores[name].steadiness[1] for name in results if name != SOURCE}


def some(items: Sequence[Any]) -> list[Any]:
    """A few items, evenly apart."""
    every = max(1, len(items) // _DESCRIBED)
    return list(items[every // 2 :: every][:_DESCRIBED])


def sources_seen(vgg: VGG19, clip: Path, size: str, frames: int) -> list[Description]:
    """What VGG-19 sees in some frames of the source."""
    pictures: list[Rgb] = [f.rgb for f in islice(open_source(str(clip), size).frames(), frames)]
    return [describe(vgg, rgb) for rgb in some(pictures)]


def measure_clip(
    clip: Path,
    nets: dict[str, dict[str, Settings]],
    paintings: dict[str, Description],
    vgg: VGG19,
    asked: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Paint a clip in every way by every net, and measure all of it at once."""
    size = reduced_size(clip)
    with tempfile.TemporaryDirectory() as work:
        results: dict[str, list[Path]] = {}
        for net, ways in nets.items():
            for way, settings in ways.items():
                folder = Path(work) / f"{len(results)}"
                results[f"{net}|{way}"] = render(clip, settings, size, asked.frames, folder)
        dis = steadiness(clip, size, results, "dis", None)
        raft = steadiness(clip, size, results, "raft", asked.raft) if asked.raft else {}
        seen = sources_seen(vgg, clip, size, asked.frames)
        rows: list[dict[str, Any]] = []
        for name, paths in results.items():
            net, way = name.split("|")
            row: dict[str, Any] = {"clip": clip.stem, "net": net, "way": way}
            row |= {"frames": len(paths), "dis": dis[name], "raft": raft.get(name)}
            row["sharpness"] = fmean(sharpness(read_picture(path)) for path in paths)
            if net in paintings:
                pairs = zip(seen, some(paths), strict=False)
                row["paint"] = fmean(
                    paint(source, describe(vgg, read_picture(path)), paintings[net])
                    for source, path in pairs
                )
            rows.append(row)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows of one clip, or the means."""
    print(f"\n{rows[0]['clip']}, {rows[0]['frames']} frames")
    print(f"{'':36}" + "".join(f"{name:>11}" for name in ("DIS", "RAFT", "paint", "sharpness")))
    for row in rows:
        values = (row["dis"], row["raft"], row.get("paint"), row["sharpness"])
        cells = "".join(f"{'–' if v is None else f'{v:.2f}':>11}" for v in values)
        print(f"{row['net']:20}{row['way']:16}{cells}")
    sys.stdout.flush()


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mean over the clips, for every net and way."""
    result: list[dict[str, Any]] = []
    for net, way in dict.fromkeys((row["net"], row["way"]) for row in rows):
        same = [row for row in rows if (row["net"], row["way"]) == (net, way)]
        mean: dict[str, Any] = {"clip": "mean", "net": net, "way": way}
        mean["frames"] = sum(row["frames"] for row in same)
        for name in ("dis", "raft", "paint", "sharpness"):
            known = [row[name] for row in same if row.get(name) is not None]
            mean[name] = fmean(known) if known else None
        result.append(mean)
    return result


def main() -> None:
    """Read the command line, paint, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nets", nargs="+", required=True, help="names or ONNX files")
    parser.add_argument("--paintings", nargs="*", type=Path, default=[], help="one for each net")
    parser.add_argument("--clips", nargs="+", type=Path, help="other clips")
    parser.add_argument("--raft", type=Path, help="RAFT as an ONNX file")
    parser.add_argument("--frames", type=int, default=60, help="of each clip")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    given = os.environ.get(VGG_SETTING, SHARED / "weights" / "vgg19-features-conv5_1.safetensors")
    vgg = VGG19(Path(given))
    nets = {Path(net).stem: ways_of(net) for net in asked.nets}
    styles = SHARED / "styles"
    files = asked.paintings or [styles / f"{net.removesuffix('-quality')}.jpg" for net in nets]
    paintings = {
        net: describe(vgg, reduce_to_compare(read_picture(file)))
        for net, file in zip(nets, files, strict=True)
        if file.is_file()
    }
    rows: list[dict[str, Any]] = []
    for clip in asked.clips or [SHARED / "videos" / name for name in CLIPS]:
        found = measure_clip(clip, nets, paintings, vgg, asked)
        show(found)
        rows += found
    show(means(rows))
    if asked.json is not None:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
