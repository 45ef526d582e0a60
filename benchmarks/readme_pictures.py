r"""Draw the pictures of README.md with the program itself.

    python benchmarks/readme_pictures.py --film bbb.mp4 --walk dog.mp4 --harbour harbour.mp4 \
        --painting lilies.jpg --light sunset.jpg --learned udnie.jpg --out docs/pictures

Each clip is painted by the command that stands beside its picture in the README.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from stylize_video.pipeline.contact_sheet import grid
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.media.inputs import open_source

FIRST = ("starry-night", "edtaonisl", "mondrian")  # the styles of the first picture
STRIP = ("starry-night", "edtaonisl", "mondrian")  # the styles of the strip
ALL = ("udnie", "the-scream", "starry-night", "shipwreck", "great-wave", "mondrian", "edtaonisl")
QUALITY = 84  # of the JPEG files

Labelled = tuple[str, Rgb]
"""A label, and the picture above it: (H, W, 3) uint8, 0–255, RGB."""


def painted(source: Path, folder: Path, *options: str) -> list[Rgb]:
    """The frames that ``stylize-video SOURCE OUT OPTIONS`` writes, each (H, W, 3) uint8, RGB."""
    out = folder / f"{len(list(folder.iterdir()))}.mkv"
    command = [
        str(Path(sys.executable).with_name("stylize-video")),
        str(source),
        str(out),
        *options,
    ]
    subprocess.run([*command, "--quiet"], check=True)
    return [frame.rgb for frame in open_source(str(out)).frames()]


def picture(path: Path) -> Rgb:
    """A picture of a file, (H, W, 3) uint8, 0–255, RGB."""
    return next(iter(open_source(str(path)).frames())).rgb


def cropped(rgb: Rgb, size: tuple[int, int], left: float = 0.5) -> Rgb:
    """The part of a picture in the shape of ``size`` (width, height); ``left``: from 0 to 1."""
    height, width = rgb.shape[:2]
    scale = min(width / size[0], height / size[1])
    w, h = round(size[0] * scale), round(size[1] * scale)
    top, begin = (height - h) // 2, round((width - w) * left)
    return rgb[top : top + h, begin : begin + w]


def save(
    path: Path,
    pictures: list[Labelled],
    size: tuple[int, int],
    columns: int,
    left: float = 0.5,
) -> None:
    """Write a sheet of pictures of one size (width, height)."""
    sheet = grid([(label, cropped(rgb, size, left)) for label, rgb in pictures], size, columns)
    write(path, sheet)


def write(path: Path, sheet: Rgb) -> None:
    """Write a JPEG file."""
    cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    print(f"wrote {path}, {path.stat().st_size // 1000} kB")


def film(source: Path, folder: Path, out: Path) -> None:
    """The first picture, and one frame in every fast style."""
    span = ("--start", "2.5", "--end", "3.5", "--size", "720p")
    frames = {name: painted(source, folder, "--style", name, *span)[12] for name in {*FIRST, *ALL}}
    plain = painted(source, folder, "--strength", "0", *span)[12]
    first = [("the film", plain), *((name, frames[name]) for name in FIRST)]
    save(out / "styles.jpg", first, (400, 340), 4, left=0.22)
    save(out / "film.jpg", [("the film", plain), *((n, frames[n]) for n in ALL)], (300, 169), 4)


def strip(source: Path, folder: Path, out: Path) -> None:
    """Five moments of a film in three styles, a row each."""
    rows: list[Rgb] = []
    for name in STRIP:
        options = ("--style", name, "--start", "4", "--end", "6.5", "--size", "540p")
        frames = painted(source, folder, *options)
        moments = np.linspace(0, len(frames) - 1, 5).round().astype(int)
        small = [cv2.resize(frames[k], (240, 135), interpolation=cv2.INTER_AREA) for k in moments]
        rows.append(np.asarray(np.hstack(small), np.uint8))
    write(out / "strip.jpg", np.asarray(np.vstack(rows), np.uint8))


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("film", "walk", "harbour", "painting", "light", "learned", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    paths = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film(paths.film, folder, paths.out)
        strip(paths.walk, folder, paths.out)
        span = ("--start", "3", "--end", "3.4", "--size", "540p")
        result = painted(paths.film, folder, "--style", str(paths.painting), *span)[4]
        plain = painted(paths.film, folder, "--strength", "0", *span)[4]
        row = [("your painting", picture(paths.painting)), ("the film", plain), ("painted", result)]
        save(paths.out / "painting.jpg", row, (400, 225), 3)
        options = ("--look", "photo", "--style", str(paths.light), "--end", "0.5")
        result = painted(paths.harbour, folder, *options)[0]
        row = [("a photograph", picture(paths.light)), ("the film", picture(paths.harbour))]
        save(paths.out / "photo.jpg", [*row, ("the film in its light", result)], (400, 225), 3)
        result = painted(paths.film, folder, "--style", "udnie-quality", *span)[4]
        row = [("a painting", picture(paths.learned)), ("the film", plain)]
        save(paths.out / "train.jpg", [*row, ("the trained style", result)], (400, 225), 3)


if __name__ == "__main__":
    main()
