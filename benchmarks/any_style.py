"""Sheets and figures of the methods that take any picture as a style.

    python benchmarks/any_style.py sheet   --method wct.prepare.onnx --content A B … --style S T …
    python benchmarks/any_style.py given-back --method wct.prepare.onnx … --content PHOTOS
    python benchmarks/any_style.py statistics --trained FOLDER --content A B … --style S T …
    python benchmarks/any_style.py photos  --method wct2.prepare.onnx … --pairs photoreal
    python benchmarks/any_style.py steady  clip.mp4 … --method wct2.prepare.onnx --style S
    python benchmarks/any_style.py speed   clip.mp4 --method M … --style S --trained FOLDER

``sheet`` draws a grid, a content a row. ``given-back`` plays a method without a style, on the
middles of a folder's last twenty pictures: the PSNR of its autoencoders, through the file.
``statistics`` compares covariances with the style's, at every layer of a net in PyTorch.
``photos`` takes folders of content.jpg, style.jpg and their masks, draws them, and says how far
edges stay where they were: the SSIM of both edge maps. ``steady`` compares statistics per frame and
per shot: warping error, flicker of the mean colour.
``speed`` compares a method's frames with the textbook's: WCT² in PyTorch, its statistics and
singular values found anew for every frame.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from gallery import TILE, at_height, cropped, save
from numpy.typing import NDArray
from steadiness import held
from stylize_video.pipeline.core.concurrency import ordered_map
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.evaluation.metrics import Evaluation
from stylize_video.pipeline.imaging.similarity import structural_distance
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.nets.contract import INPUT, OUTPUT
from stylize_video.pipeline.nets.session import open_session
from stylize_video.pipeline.render import stylize
from stylize_video.pipeline.styles.per_shot import compile_shots, paint_picture, paint_shots
from stylize_video.pipeline.styles.universal import UniversalStyle
from stylize_video.pipeline.temporal.flow import open_flow
from stylize_video.pipeline.temporal.shots import mark_cuts


def read(path: Path) -> Rgb:
    """A picture."""
    return next(iter(open_source(str(path)).frames())).rgb


def sheet(args: argparse.Namespace) -> None:
    """A content a row, a style a column."""
    styles = [Path(s) for s in args.style]
    pictures = [("", np.full((*TILE[::-1], 3), 255, np.uint8))]
    pictures += [(path.stem, cropped(read(path))) for path in styles]
    players = [UniversalStyle(Path(args.method[0]), [(path, 1.0)]) for path in styles]
    for name in args.content:
        content = at_height(read(Path(name)), args.height)
        pictures.append((Path(name).stem, cropped(content)))
        pictures += [("", cropped(paint_picture(player, content))) for player in players]
    save(Path(args.out), pictures, len(styles) + 1)


def given_back(args: argparse.Namespace) -> None:
    """What ``apply`` leaves of photographs where no layer is changed."""
    from stylize_video.models.data import list_photos, resized

    side = 256
    names = list_photos(Path(args.content[0]))[-20:]
    for file in args.method:
        apply = Path(file.replace(".prepare.", ".apply."))
        session, _ = open_session(apply.read_bytes(), "cpu", 2)
        shapes = {port.name: port.shape for port in session.get_inputs() if port.name != INPUT}
        maps = {
            name: (np.eye if name.startswith("matrix") else np.zeros)(shape[0], dtype=np.float32)
            for name, shape in shapes.items()
        }
        found: list[float] = []
        for name in names:
            x = resized(read(name), side)
            top, left = (x.shape[0] - side) // 2, (x.shape[1] - side) // 2
            x = np.ascontiguousarray(x[top : top + side, left : left + side])
            (y,) = session.run([OUTPUT], {INPUT: x[None], **maps})
            off = np.square(y[0].astype(float) - x).mean()
            found.append(10 * np.log10(255**2 / max(off, 1e-3)))
        print(json.dumps({"method": Path(file).name, "psnr": round(float(np.mean(found)), 2)}))


def statistics(args: argparse.Namespace) -> None:
    """How far each layer's covariance is from the style's, after whitening and colouring."""
    import torch
    from stylize_video.export.checkpoints import open_universal
    from stylize_video.models.data import to_tensor
    from stylize_video.models.nets.wavelet import even
    from stylize_video.models.universal.base import Universal
    from stylize_video.models.universal.whitening import UniversalFiles as Root
    from stylize_video.models.universal.whitening import statistics as measured

    net, _ = open_universal(Path(args.trained))
    assert isinstance(net, Universal)
    pairs = [
        [to_tensor(at_height(read(Path(name)), args.height)) for name in (content, style)]
        for content in args.content
        for style in args.style
    ]
    for method in get_args(Root):
        worst: dict[str, float] = {}
        for content, style in pairs:
            statistics = net.style_statistics(style, None, method)
            maps = net.affine_maps(content, statistics, None, 1.0, method)

            def transform(layer: str, x: torch.Tensor) -> torch.Tensor:
                y = maps[layer](x)  # noqa: B023 - called in this turn of the loop
                root = statistics[layer].root  # noqa: B023
                wanted = (root @ root.transpose(1, 2)).double()
                off = (measured(y.double()).covariance - wanted).norm() / wanted.norm()
                worst[layer] = max(worst.get(layer, 0.0), float(off))  # noqa: B023
                return y

            with torch.no_grad():
                net.forward_pass(even(content, net.multiple), transform)
        shown = {layer: round(100 * off, 3) for layer, off in worst.items()}
        print(json.dumps({"method": method, "pairs": len(pairs), "worst_percent": shown}))


def edges(rgb: Rgb) -> NDArray[np.uint8]:
    """How steep brightness is, each picture's steepest percent at 255: grading scales contrast."""
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1)
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    scaled = np.clip(255 * steep / max(float(np.percentile(steep, 99)), 1e-6), 0, 255)
    return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=2)


def photos(args: argparse.Namespace) -> None:
    """Every pair with its masks, by every method and way of smoothing."""
    folders = sorted(p for p in Path(args.pairs).iterdir() if p.is_dir())
    ways = [(Path(m).name.split(".")[0], m, smooth) for m in args.method for smooth in args.smooth]
    found: dict[str, list[float]] = {f"{name} {smooth}": [] for name, _, smooth in ways}
    pictures: list[tuple[str, Rgb]] = []
    for folder in folders:
        content = read(folder / "content.jpg")
        pictures += [(folder.name, cropped(content)), ("", cropped(read(folder / "style.jpg")))]
        for name, method, smooth in ways:
            with tempfile.TemporaryDirectory() as box:
                out = Path(box) / "out.png"
                asked = {
                    "style": (str(folder / "style.jpg"),),
                    "method": method,
                    "smooth": smooth,
                    "content_mask": str(folder / "content_mask.png"),
                    "style_mask": (folder / "style_mask.png",),
                }
                stylize(folder / "content.jpg", out, Settings.model_validate(asked))
                shown = read(out)
            alike = 1 - structural_distance(edges(shown), edges(content))
            found[f"{name} {smooth}"].append(round(alike, 3))
            pictures.append((f"{name} {smooth} {alike:.2f}", cropped(shown)))
    save(Path(args.out), pictures, len(ways) + 2)
    for name, values in found.items():
        print(f"{name}: mean {np.mean(values):.3f}, {values}")


def steady(args: argparse.Namespace) -> None:
    """Statistics of every frame against those of the shot, and these held steady."""
    for clip in args.clips:
        frames = list(islice(mark_cuts(open_source(clip).frames()), args.frames))
        results: dict[str, list[Rgb]] = {}
        for way in ("frame", "shot"):
            style = [(Path(args.style[0]), 1.0)]
            player = UniversalStyle(Path(args.method[0]), style, per_frame=way == "frame")
            results[way] = [frame.rgb for frame in paint_shots(iter(frames), player)]
        results["shot, --steady flow"] = held(frames, results["shot"], open_flow("dis"), "flow")
        evaluation = Evaluation(open_flow("dis"))
        for number, frame in enumerate(frames):
            evaluation.add(frame, {way: shown[number] for way, shown in results.items()})
        for way, scores in evaluation.quality().scores.items():
            print(json.dumps({"clip": Path(clip).stem, "statistics": way, **vars(scores)}))


def textbook(folder: Path, style: Path) -> Callable[[Rgb], Any]:
    """WCT² as published, in PyTorch: at every layer, the singular values of every frame's features.

    Kinder than that in one thing: the style is heard once.
    """
    import torch
    from stylize_video.export.checkpoints import open_universal
    from stylize_video.models.data import to_tensor
    from stylize_video.models.nets.wavelet import even
    from stylize_video.models.universal.base import Universal

    net, _ = open_universal(folder)
    assert isinstance(net, Universal)
    statistics = net.style_statistics(to_tensor(at_height(read(style), 512)))

    def transform(layer: str, x: torch.Tensor) -> torch.Tensor:
        flat = x[0].flatten(1)
        flat = flat - flat.mean(dim=1, keepdim=True)
        covariance = flat @ flat.T / (flat.shape[1] - 1) + torch.eye(len(flat))
        u, values, vh = torch.linalg.svd(covariance)
        white = u @ torch.diag(values.rsqrt()) @ vh @ flat
        coloured = (
            statistics[layer].root[0].float() @ white + statistics[layer].mean[0].float()[:, None]
        )
        return coloured.view_as(x)

    def paint(rgb: Rgb) -> Any:
        with torch.inference_mode():
            return net.forward_pass(even(to_tensor(rgb), net.multiple), transform)

    return paint


def clocked(paint: Callable[[Rgb], Any], frames: list[Frame]) -> float:
    """Milliseconds a frame, after one to warm up."""
    paint(frames[0].rgb)
    begun = time.perf_counter()
    for frame in frames:
        paint(frame.rgb)
    return 1000 * (time.perf_counter() - begun) / len(frames)


def speed(args: argparse.Namespace) -> None:
    """``apply`` alone, and from file to file, against the textbook's frame."""
    style = Path(args.style[0])
    frames = list(islice(open_source(args.clips[0], args.size).frames(), args.frames))
    plain = clocked(textbook(Path(args.trained), style), frames[:2]) if args.trained else None
    print(json.dumps({"textbook_ms": plain, "size": args.size}))
    for method in args.method:
        player = UniversalStyle(Path(method), [(style, 1.0)])
        pairs = list(compile_shots(iter(frames), player))
        begun = time.perf_counter()
        for _ in ordered_map(lambda pair: pair[1].paint(pair[0]), pairs, player.info.max_workers):
            pass
        alone = 1000 * (time.perf_counter() - begun) / len(pairs)
        with tempfile.TemporaryDirectory() as box:
            asked = {"style": (str(style),), "method": method, "size": args.size}
            asked["end"] = str(float(frames[-1].time))
            begun = time.perf_counter()
            done = stylize(args.clips[0], Path(box) / "o.mp4", Settings.model_validate(asked))
            whole = done.frames / (time.perf_counter() - begun)
        row = {"method": method, "apply_ms": alone, "frames_per_second": whole}
        print(json.dumps(row | ({"times": plain / alone} if plain else {})))


DOES: dict[str, Callable[[argparse.Namespace], None]] = {
    "sheet": sheet,
    "given-back": given_back,
    "statistics": statistics,
    "photos": photos,
    "steady": steady,
    "speed": speed,
}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=sorted(DOES))
    parser.add_argument("clips", nargs="*")
    parser.add_argument("--method", nargs="+", default=[])
    parser.add_argument("--content", nargs="+", default=[])
    parser.add_argument("--style", nargs="+", default=[])
    parser.add_argument("--pairs")
    parser.add_argument("--smooth", nargs="+", default=["auto"])
    parser.add_argument("--trained")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--size", default=None)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--out", default="sheet.png")
    args = parser.parse_args()
    DOES[args.what](args)


if __name__ == "__main__":
    main()
