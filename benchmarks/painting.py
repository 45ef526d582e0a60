"""Painting by optimisation, measured: against a textbook, the paper's pictures, and on video.

    python benchmarks/painting.py textbook PHOTO STYLE [--size 512] [--iterations 500]
    python benchmarks/painting.py sheet PHOTO OUT.png --pair STYLE REFERENCE --pair …
    python benchmarks/painting.py photos PAIRS OUT.png NAME …
    python benchmarks/painting.py video CLIP STYLE OUT.png --result RESULT --result … [--first 30]

VGG-19 by --vgg or STYLIZE_VGG19. JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from stylize_video.export.painting import PicturePainter, StyleFiles, short_side
from stylize_video.models.optimize.descent import resize
from stylize_video.models.optimize.gatys import like, unit_gains
from stylize_video.models.optimize.image import Painting, Subject
from stylize_video.models.optimize.run import optimize, to_tensor
from stylize_video.models.recipe import PaintRecipe
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.evaluation.metrics import Evaluation
from stylize_video.pipeline.imaging.resize import resize_pixels
from stylize_video.pipeline.media.images import read_picture
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.temporal.flow import open_flow
from torch import Tensor

Rgb = Any
_CPU = torch.device("cpu")


# ---- a textbook ----


class Textbook:
    """Gatys 2016 as one writes it down: PyTorch's L-BFGS on all pixels, float32, one size.

    The losses are those of ``models.gatys`` to the letter (its gains, its area), written again.
    """

    def __init__(self, painter: PicturePainter, content: Tensor, style: Tensor) -> None:
        self._vgg = painter.optimizer.describe.vgg
        self._gains = unit_gains(self._vgg)
        self._recipe = painter.recipe
        self._layers = [f"relu{b}_1" for b in range(1, 6)]
        with torch.no_grad():
            self._content = self._features(content)["relu4_2"]
            result = self._features(style)
            self._style = {name: self._gram(result[name]) for name in self._layers}
        height, width = content.shape[2:]
        self._alpha = self._recipe.ratio * 512 * 512 / (height * width)

    def _features(self, picture: Tensor) -> dict[str, Tensor]:
        result = self._vgg(picture / 255, (*self._layers, "relu4_2"))
        return {name: x * self._gains[name] for name, x in result.items()}

    @staticmethod
    def _gram(x: Tensor) -> Tensor:
        f = x.flatten(2)[0]
        return f @ f.T / f.shape[1]

    def loss(self, picture: Tensor) -> Tensor:
        """α ½ Σ (F − P)² + Σ w / (4N²M²) Σ (G − A)²."""
        result = self._features(picture)
        total = self._alpha * 0.5 * (result["relu4_2"] - self._content).square().sum()
        for name in self._layers:
            g = self._gram(result[name])
            total = total + 0.2 * (g - self._style[name]).square().sum() / (4 * len(g) ** 2)
        return total

    def run(self, start: Tensor, iterations: int) -> tuple[Tensor, list[tuple[float, float]]]:
        """The picture, and (seconds, loss) of every iteration."""
        picture = start.clone().requires_grad_()
        lbfgs = torch.optim.LBFGS(
            [picture], max_iter=iterations, tolerance_grad=0, tolerance_change=0
        )
        curve: list[tuple[float, float]] = []
        began = time.perf_counter()

        def closure() -> Tensor:
            lbfgs.zero_grad()
            loss = self.loss(picture)
            loss.backward()
            curve.append((time.perf_counter() - began, float(loss.detach())))
            return loss

        lbfgs.step(closure)
        return picture.detach().clamp(0, 255), curve


def textbook(args: argparse.Namespace) -> dict[str, Any]:
    """Ours and the textbook's: loss after so many iterations, and the time that each took."""
    options = {"ratio": args.ratio, "iterations": args.iterations, "tv_weight": 0}
    options |= {"pooling": args.pooling, "sizes": args.sizes, "margin": args.margin}
    recipe = PaintRecipe.model_validate(options)
    painter = PicturePainter("gatys", recipe, StyleFiles([str(args.style)]), args.vgg, _CPU)
    content = to_tensor(short_side(read_picture(args.photo), args.size), painter.device)
    work = Painting(painter.optimizer.describe, recipe, Subject(content, painter.optimizer.styles))
    canvas = work.begin()
    began = time.perf_counter()
    for _ in work.paint(canvas):
        pass
    seconds = time.perf_counter() - began
    ours = work.result(canvas)
    size = (content.shape[2], content.shape[3])
    style = resize(painter.optimizer.styles[0].rgb, like(painter.optimizer.styles[0].rgb, size))
    book = Textbook(painter, content, style)
    theirs, losses = book.run(content, args.iterations)
    with torch.no_grad():
        final = {"ours": float(book.loss(ours)), "textbook": float(book.loss(theirs))}
    reached = next((s for s, loss in losses if loss <= final["ours"]), None)
    return {
        "size": list(size),
        "loss": final,
        "ratio": final["ours"] / final["textbook"],
        "seconds": {"ours": seconds, "textbook": losses[-1][0]},
        "textbook reaches our loss after": reached,
    }


# ---- pictures ----


def sheet(args: argparse.Namespace) -> dict[str, Any]:
    """The photograph in each style beside a reference of the same size."""
    figures: dict[str, Any] = {}
    rows: list[Rgb] = []
    for style, reference in args.pair:
        theirs = read_picture(Path(reference))
        height, width = theirs.shape[:2]
        painter = _gatys(args, style)
        rgb = np.asarray(resize_pixels(read_picture(args.photo), (height, width)), np.uint8)
        began = time.perf_counter()
        result, last = _paint(painter, rgb)
        figures[Path(style).stem] = {**last, "minutes": (time.perf_counter() - began) / 60}
        small = cv2.resize(read_picture(Path(style)), (width, height), interpolation=cv2.INTER_AREA)
        rows.append(np.hstack([small, result, theirs]))
        cv2.imwrite(str(args.out), np.vstack(rows)[..., ::-1])
    return figures


def _gatys(args: argparse.Namespace, style: str) -> PicturePainter:
    recipe = PaintRecipe.model_validate({"ratio": args.ratio, "iterations": args.iterations})
    return PicturePainter("gatys", recipe, StyleFiles([style]), args.vgg, _CPU)


def _paint(
    painter: PicturePainter, rgb: Rgb, mask: Rgb | None = None
) -> tuple[Rgb, dict[str, float]]:
    work = painter.optimizer.descent(painter.content(rgb, mask))
    canvas = work.begin()
    result = optimize(work, canvas, np.uint8)
    return np.asarray(result), canvas.curves[-1]


def photos(args: argparse.Namespace) -> dict[str, Any]:
    """Deep Photo beside Gatys without the term, with masks: SSIM of edge maps to the content."""
    from any_style import edges
    from stylize_video.pipeline.imaging.similarity import structural_distance

    figures: dict[str, Any] = {}
    rows: list[Rgb] = []
    for name in args.name:
        folder = args.pairs / name
        content = np.asarray(short_side(read_picture(folder / "content.jpg"), args.size))
        mask = read_picture(folder / "content_mask.png")
        files = StyleFiles([str(folder / "style.jpg")], [folder / "style_mask.png"], mask)
        options = {"ratio": args.ratio, "iterations": args.iterations, "tv_weight": 0}
        recipe = PaintRecipe.model_validate(options)
        result = {
            method: _paint(PicturePainter(method, recipe, files, args.vgg, _CPU), content, mask)[0]
            for method in ("gatys", "deepphoto")
        }
        figures[name] = {
            k: 1 - structural_distance(edges(v), edges(content)) for k, v in result.items()
        }
        style = cv2.resize(read_picture(folder / "style.jpg"), content.shape[1::-1])
        row = np.hstack([content, style, result["gatys"], result["deepphoto"]])
        rows.append(cv2.resize(row, (1600, round(row.shape[0] * 1600 / row.shape[1]))))
        cv2.imwrite(str(args.out), np.vstack(rows)[..., ::-1])
    gain = [f["deepphoto"] - f["gatys"] for f in figures.values()]
    return {"edges": figures, "gain": gain}


# ---- video ----


def video(args: argparse.Namespace) -> dict[str, Any]:
    """Results of key frames beside every frame painted by itself: warping error, minutes.

    The picture has a row for the clip, for each result and for the frames painted by themselves.
    """
    stretch = slice(args.first - 1, args.first - 1 + args.frames)
    results = {str(path): _stretch(str(path), stretch) for path in args.result}
    height, width = next(iter(results.values()))[0].rgb.shape[:2]
    frames = [
        replace(frame, source=np.asarray(resize_pixels(frame.rgb, (height, width)), np.uint8))
        for frame in _stretch(str(args.clip), stretch)
    ]
    painter = _gatys(args, str(args.style))
    began = time.perf_counter()
    pictures = {name: [frame.rgb for frame in result] for name, result in results.items()}
    pictures["every frame"] = [_paint(painter, frame.rgb)[0] for frame in frames]
    minutes = (time.perf_counter() - began) / 60
    evaluation = Evaluation(open_flow("dis"))
    for number, frame in enumerate(frames):
        evaluation.add(frame, {name: result[number] for name, result in pictures.items()})
    few = range(0, len(frames), max(1, len(frames) // 4))
    rows = [[frame.rgb for frame in frames], *pictures.values()]
    picture = np.vstack([np.hstack([row[n] for n in few]) for row in rows])
    cv2.imwrite(str(args.out), picture[..., ::-1])
    scores = evaluation.quality().scores
    return {
        "E_warp": {name: score.warping for name, score in scores.items()},
        "minutes for every frame": minutes,
        "frames": len(frames),
    }


def _stretch(path: str, stretch: slice) -> list[Frame]:
    return list(islice(open_source(path).frames(), stretch.start, stretch.stop))


def main() -> None:
    """Read the command line and print what was measured."""
    import os

    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("STYLIZE_VGG19")
    parser.add_argument("--vgg", type=Path, default=Path(default) if default else None)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("textbook")
    one.add_argument("photo", type=Path)
    one.add_argument("style", type=Path)
    one.add_argument("--pooling", default="average")
    one.add_argument("--sizes", type=int, default=2)
    one.add_argument("--margin", type=int, default=0, help="the textbook has none")
    one.set_defaults(job=textbook)
    two = commands.add_parser("sheet")
    two.add_argument("photo", type=Path)
    two.add_argument("out", type=Path)
    two.add_argument("--pair", nargs=2, action="append", required=True)
    two.set_defaults(job=sheet)
    three = commands.add_parser("photos")
    three.add_argument("pairs", type=Path)
    three.add_argument("out", type=Path)
    three.add_argument("name", nargs="+")
    three.set_defaults(job=photos)
    four = commands.add_parser("video")
    four.add_argument("clip")
    four.add_argument("style", type=Path)
    four.add_argument("out", type=Path)
    four.add_argument("--result", type=Path, action="append", required=True)
    four.add_argument("--first", type=int, default=1, help="frame of the clip, from 1")
    four.add_argument("--frames", type=int, default=12)
    four.set_defaults(job=video)
    for each, ratio in ((one, 1e-3), (two, 1e-3), (three, 1e-2), (four, 1e-3)):
        each.add_argument("--iterations", type=int, default=500)
        each.add_argument("--ratio", type=float, default=ratio)
    for each in (one, three):
        each.add_argument("--size", type=int, default=512)
    args = parser.parse_args()
    print(json.dumps(args.job(args), indent=1))


if __name__ == "__main__":
    main()
