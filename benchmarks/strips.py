"""Draw a row of pixels through time: of a clip, of every style on it, and of other nets.

    python benchmarks/strips.py clip.mp4 --others udnie.onnx --out docs/gallery-strips.jpg

Each tile is one row of the picture in every frame, the first on top. What stands still is a
vertical line, what moves evenly a slanted one, and flicker is a fray. Every style is painted as it
is by default, and beside it frame by frame, without canvas and blend. Other nets are painted frame
by frame, as they come.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.contact_sheet import grid
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.styles.zoo import zoo

HEIGHT = 360  # at which the clip is painted, px
WIDTH = 320  # of a tile, px, from the middle of the row

ALONE: dict[str, Any] = {"statistics": "frame", "steady": "off", "canvas": 0}
"""How frames are painted one by one."""


def strip(source: Path, row: float, frames: int) -> Rgb:
    """A row of a film, or of a folder of pictures, in every frame: (frames, WIDTH, 3) uint8, RGB.

    Args:
        source: the film.
        row: from 0, the top, to 1.
        frames: how many.
    """
    rows: list[Rgb] = []
    for frame in open_source(str(source)).frames():
        rgb = frame.rgb
        left = (rgb.shape[1] - WIDTH) // 2
        rows.append(rgb[int(row * (rgb.shape[0] - 1)), left : left + WIDTH])
        if len(rows) == frames:
            break
    return np.stack(rows)


def main() -> None:
    """Read the command line, paint, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--others", nargs="*", default=[], help="ONNX files of other projects")
    parser.add_argument("--row", type=float, default=0.5, help="0 is the top, 1 the bottom")
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    info = open_source(str(asked.clip)).info
    width = round(HEIGHT * info.width / info.height / 2) * 2
    size = {"size": f"{width}x{HEIGHT}"}
    end = {"end": f"{asked.frames / float(info.rate):.3f}"}
    ways: list[tuple[str, dict[str, Any]]] = [("film", {"strength": 0})]
    ways += [(f"other {Path(o).stem}", {"style": o, "steady": "off"}) for o in asked.others]
    ways += ways[:1] * (len(ways) % 2)  # so that pairs stand side by side
    for name in (n for n, style in zoo().items() if style.tier == "fast"):
        ways += [(name, {"style": name}), ("frame by frame", {"style": name, **ALONE})]
    tiles: list[tuple[str, Rgb]] = []
    with TemporaryDirectory() as work:
        for label, values in ways:
            folder = Path(work) / str(len(tiles))
            stylize(asked.clip, folder, Settings.model_validate({**size, **end, **values}))
            tiles.append((label, strip(folder, asked.row, asked.frames)))
    sheet = grid(tiles, (WIDTH, asked.frames), 4)
    cv2.imwrite(str(asked.out), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(f"wrote {asked.out}")


if __name__ == "__main__":
    main()
