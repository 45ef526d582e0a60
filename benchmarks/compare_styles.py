"""Lay pictures of several nets side by side, with the figures of how well they paint.

    python benchmarks/compare_styles.py PAINTING --nets udnie new.onnx old=x.onnx --out s.png
    python benchmarks/compare_styles.py PAINTING --nets udnie --sets films --pictures photo.jpg …

Sources are rows, nets are columns, the painting is in the corner. The sheet is a PNG; the table of
figures, the mean over the pictures, is printed. ``cli/style_figures.py`` says what they are.

The sets of pictures are in the folder that ``STYLIZE_SHARED`` names, as for the tests:
``reference`` (4 pictures), ``photoreal`` (9) and ``films`` (12 frames, see ``FILM_FRAMES``). All
are painted and compared at a short side of 720 px. VGG-19 is read from ``STYLIZE_VGG19``, else
there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from stylize_video.cli.style_figures import (
    NAMES,
    Described,
    StyleFigures,
    StyleJudge,
    described,
    mean_figures,
)
from stylize_video.models.device import mixed_precision
from stylize_video.models.environment import VGG_SETTING
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.evaluation.colours import reduce_to_compare
from stylize_video.pipeline.imaging.resize import resize_pixels
from stylize_video.pipeline.media.images import read_picture, write_picture
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.styles.per_shot import paint_picture
from stylize_video.pipeline.styles.style import Style

SHARED = Path(os.environ.get("STYLIZE_SHARED", Path(__file__).parents[1] / ".." / "shared"))

FILM_FRAMES = (
    ("01_dog.mp4", 60),
    ("01_dog.mp4", 200),
    ("05_default_juggle.mp4", 10),
    ("05_default_juggle.mp4", 150),
    ("bigbuckbunny.mp4", 20),
    ("bigbuckbunny.mp4", 100),
    ("hdr10-av1.mp4", 10),
    ("hdr10-av1.mp4", 100),
    ("mv_with_2_top_shots.mp4", 5),
    ("mv_with_2_top_shots.mp4", 40),
    ("sample.mp4", 5),
    ("sample_edit_list.mp4", 60),
)
"""Sharp frames of clips of 720 px and more, with faces, walls and skies; counted from 0."""

SETS = ("reference", "photoreal", "films")
_CELL = 360  # width of a picture on the sheet, px
_LINE = 20  # height of a line of text, px


@dataclass
class Net:
    """One column of the sheet."""

    label: str
    style: Style
    figures: dict[str, list[StyleFigures]] = field(default_factory=dict[str, list[StyleFigures]])
    """Set → the figures of its pictures."""
    pictures: list[Rgb] = field(default_factory=list[Rgb])
    """(h, w, 3) uint8, 0–255, RGB, as they are on the sheet."""

    def mean(self, name: str | None = None) -> StyleFigures:
        """The mean figures of a set, or of all pictures."""
        chosen = self.figures.values() if name is None else [self.figures[name]]
        return mean_figures(one for several in chosen for one in several)


def sources(names: Sequence[str], files: Sequence[Path]) -> Iterator[tuple[str, str, Rgb]]:
    """(set, name, picture (H, W, 3) uint8, 0–255, RGB) of the sets, then of the files."""
    for name in names:
        if name == "films":
            for clip, number in FILM_FRAMES:
                frames = open_source(str(SHARED / "videos" / clip)).frames()
                yield name, f"{clip} {number}", next(islice(frames, number, None)).rgb
            continue
        folder, pattern = SHARED / name, "*/content.jpg"
        if name == "reference":
            folder, pattern = folder / "content", "*.jpg"
        for path in sorted(folder.glob(pattern)):
            yield name, str(path.relative_to(folder)), read_picture(path)
    for path in files:
        yield "pictures", path.name, read_picture(path)


def open_net(text: str) -> Net:
    """A net by its name or file, with its label in front where one is given: ``label=net``."""
    label, _, style = text.rpartition("=")
    return Net(label or Path(style).stem, open_style(Settings.model_validate({"style": style})))


def describe(vgg: VGG19, rgb: Rgb) -> Described:
    """``described`` in bfloat16 where the CPU has it: half the time, an error below 0.5 %."""
    with mixed_precision(torch.device("cpu")):
        return described(vgg, rgb)


def measure(
    vgg: VGG19, judge: StyleJudge, nets: list[Net], pictures: Iterator[tuple[str, str, Rgb]]
) -> list[Rgb]:
    """Paint every picture by every net; the sources as they are on the sheet."""
    shown: list[Rgb] = []
    for group, name, picture in pictures:
        source = describe(vgg, picture)
        shown.append(small(source.rgb))
        for net in nets:
            result = describe(vgg, paint_picture(net.style, source.rgb))
            net.figures.setdefault(group, []).append(judge.figures(source, result))
            net.pictures.append(small(result.rgb))
        print(f"{group}: {name}", file=sys.stderr, flush=True)
    return shown


# ---- the sheet ----


def small(rgb: Rgb) -> Rgb:
    """A picture at the width of a column."""
    return resize_pixels(rgb, (max(1, round(rgb.shape[0] * _CELL / rgb.shape[1])), _CELL))


def text_cell(lines: Sequence[str], height: int) -> Rgb:
    """Lines of text on white, (height, ``_CELL``, 3)."""
    cell = np.full((height, _CELL, 3), 255, np.uint8)
    for number, line in enumerate(lines, start=1):
        place = (6, number * _LINE)
        cv2.putText(cell, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def sheet(painting: Rgb, own: StyleFigures, nets: list[Net], shown: list[Rgb]) -> Rgb:
    """All pictures: a column for the sources, then one for each net, under its figures."""
    corner = small(painting)
    if corner.shape[0] > _CELL:
        corner = corner[:_CELL]
    texts = [["the painting", *figure_lines(own)]]
    texts += [[net.label, *figure_lines(net.mean())] for net in nets]
    lines = max(map(len, texts)) * _LINE + _LINE // 2
    height = corner.shape[0] + lines
    heads = [np.vstack([corner, text_cell(texts[0], lines)])]
    heads += [text_cell(text, height) for text in texts[1:]]
    rows = [np.hstack(heads)]
    for number, source in enumerate(shown):
        rows.append(np.hstack([source, *(net.pictures[number] for net in nets)]))
    return np.vstack(rows)


def figure_lines(figures: StyleFigures) -> list[str]:
    """The figures in lines of two."""
    cells = [f"{name} {getattr(figures, name):.2f}" for name in NAMES]
    return ["   ".join(cells[i : i + 2]) for i in range(0, len(cells), 2)]


# ---- the table ----


def print_table(own: StyleFigures, nets: list[Net]) -> None:
    """The painting's own figures, then those of each net, by set and over all pictures."""
    rows = [("painting", "", own)]
    for net in nets:
        groups = list(net.figures)
        rows += [(net.label, name, net.mean(name)) for name in groups if len(groups) > 1]
        rows.append((net.label, "all", net.mean()))
    print(f"{'':24}{'':11}" + "".join(f"{name:>8}" for name in NAMES))
    for label, group, figures in rows:
        values = "".join(f"{getattr(figures, name):8.2f}" for name in NAMES)
        print(f"{label:24}{group:11}{values}")


def main() -> None:
    """Read the command line, paint, measure, print and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("painting", type=Path)
    parser.add_argument("--nets", nargs="+", required=True, help="names, files, or LABEL=NET")
    parser.add_argument("--sets", nargs="*", choices=SETS, default=None)
    parser.add_argument("--pictures", nargs="+", type=Path, default=[], help="more sources")
    parser.add_argument("--out", type=Path, help="the sheet, a PNG")
    parser.add_argument("--json", type=Path, help="the figures of every picture")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    cv2.setNumThreads(asked.threads)
    given = os.environ.get(VGG_SETTING, SHARED / "weights" / "vgg19-features-conv5_1.safetensors")
    vgg = VGG19(Path(given))
    names = asked.sets if asked.sets is not None else (() if asked.pictures else SETS)
    nets = [open_net(text) for text in asked.nets]
    painting = read_picture(asked.painting)
    judge = StyleJudge(describe(vgg, painting))
    shown = measure(vgg, judge, nets, sources(names, asked.pictures))
    print_table(judge.own(), nets)
    if asked.out is not None:
        write_picture(asked.out, sheet(reduce_to_compare(painting), judge.own(), nets, shown))
        print(f"wrote {asked.out}")
    if asked.json is not None:
        figures = {
            net.label: {k: [asdict(one) for one in several] for k, several in net.figures.items()}
            for net in nets
        }
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
