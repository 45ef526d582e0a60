"""Draw the pictures of docs/gallery.md: every style, mixtures, strengths and sizes of strokes.

    python benchmarks/gallery.py PHOTO PHOTO PHOTO --clip clip.mp4 --out docs
    python benchmarks/gallery.py --presets dog.mp4:1 juggle.mp4:1 bbb.mp4:2.5 --out docs

Rows are styles, columns the photographs and two frames of the clip. The frames are painted as in a
video, with the statistics of their shot.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from stylize_video.cli.options import read_settings
from stylize_video.pipeline import stylize
from stylize_video.pipeline.contact_sheet import grid
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.core.presets import shipped_presets
from stylize_video.pipeline.media.images import read_picture, write_picture
from stylize_video.pipeline.media.inputs import frame_at, open_source
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.styles.per_shot import paint_picture, paint_shots
from stylize_video.pipeline.styles.style import Style
from stylize_video.pipeline.styles.zoo import zoo

PAIRS = (("starry-night", "great-wave"), ("udnie", "the-scream"))
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
HEIGHT = 480  # at which photographs are painted, px
TILE = (320, 200)


def opened(*styles: str, scale: float | None = None) -> Style:
    """What ``--style`` and ``--style-scale`` name."""
    return open_style(Settings(style=styles, style_scale=scale))


def at_height(rgb: Rgb, height: int = HEIGHT) -> Rgb:
    """The picture at a height in px, both sides even; (H, W, 3) uint8, 0–255, RGB, as all here."""
    width = round(rgb.shape[1] * height / rgb.shape[0] / 2) * 2
    how = cv2.INTER_AREA if height < rgb.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=how), np.uint8)


def cropped(rgb: Rgb) -> Rgb:
    """The middle of the picture, in a tile's shape, at a tile's size."""
    height, width = rgb.shape[:2]
    scale = max(TILE[0] / width, TILE[1] / height)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    top, left = (size[1] - TILE[1]) // 2, (size[0] - TILE[0]) // 2
    return np.asarray(small[top : top + TILE[1], left : left + TILE[0]], np.uint8)


def save(path: Path, pictures: list[tuple[str, Rgb]], columns: int) -> None:
    """Write labelled pictures as a sheet."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88] if path.suffix == ".jpg" else []
    cv2.imwrite(str(path), grid(pictures, TILE, columns)[..., ::-1], quality)
    print(f"wrote {path}")


def styles(photos: Sequence[Rgb], shot: list[Frame], names: Sequence[str], path: Path) -> None:
    """The grid of all styles."""
    moments = (0, len(shot) - 1)
    pictures = [("", cropped(p)) for p in (*photos, *(shot[i].rgb for i in moments))]
    columns = len(pictures)
    for name in names:
        style = opened(name)
        painted = [paint_picture(style, photo) for photo in photos]
        clip = [frame.rgb for frame in paint_shots(iter(shot), style)]
        for i, picture in enumerate((*painted, *(clip[i] for i in moments))):
            pictures.append((name if i == 0 else "", cropped(picture)))
    save(path, pictures, columns)


def mixtures(photo: Rgb, path: Path) -> None:
    """From one style to another; from the photograph to a style."""
    pictures: list[tuple[str, Rgb]] = []
    for one, other in PAIRS:
        for weight in STEPS:
            parts = {one: 1 - weight, other: weight}
            mixture = [f"{name}:{part}" for name, part in parts.items() if part]
            label = f"{one}:{1 - weight:.2g} {other}:{weight:.2g}"
            pictures.append((label, cropped(paint_picture(opened(*mixture), photo))))
    for name, _ in PAIRS:
        painted = paint_picture(opened(name), photo)
        for strength in STEPS:
            # The strength of a style without a base is a fade to the film.
            faded = cv2.addWeighted(painted, strength, photo, 1 - strength, 0)
            result = cropped(np.asarray(faded, np.uint8))
            pictures.append((f"{name}, strength {strength:.2g}", result))
    save(path, pictures, len(STEPS))


def sizes(photo: Rgb, name: str, path: Path) -> None:
    """The same frame at three resolutions, with the style's own scale and with another."""
    pictures: list[tuple[str, Rgb]] = []
    for scale in (None, 2):
        for height in (480, 1080, 2160):
            label = "as it comes" if scale is None else f"--style-scale {scale}"
            result = paint_picture(opened(name, scale=scale), at_height(photo, height))
            pictures.append((f"{height}p, {label}", cropped(result)))
    save(path, pictures, 3)


def presets(moments: Sequence[str], path: Path) -> None:
    """Frames of films (FILE:SECONDS) in every preset that ships; the first row is the films."""
    photos = [frame_at(*moment.rsplit(":", 1)) for moment in moments]
    photos = [at_height(photo, 540) for photo in photos]
    pictures = [("the film" if not n else "", cropped(p)) for n, p in enumerate(photos)]
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name, "in.png"), Path(name, "out.png")
        for preset in shipped_presets():
            for number, photo in enumerate(photos):
                write_picture(source, photo)
                stylize(source, out, read_settings(None, {"overwrite": True}, preset=preset))
                pictures.append(("" if number else preset, cropped(read_picture(out))))
    save(path, pictures, len(photos))


def main() -> None:
    """Read the command line, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", nargs="*")
    parser.add_argument("--clip")
    parser.add_argument("--presets", nargs="+", metavar="FILE:SECONDS", default=[])
    parser.add_argument("--out", type=Path, required=True)
    paths = parser.parse_args()
    if paths.presets:
        presets(paths.presets, paths.out / "gallery-presets.jpg")
    if not (paths.photos and paths.clip):
        return
    photos = [next(iter(open_source(name).frames())).rgb for name in paths.photos]
    photos = [at_height(photo) for photo in photos]
    shot = list(islice(open_source(paths.clip).frames(layout="planes"), 24))
    tiers: dict[str, list[str]] = {}
    for name, style in zoo().items():
        tiers.setdefault(style.tier, []).append(name)
    for tier, names in tiers.items():
        styles(photos, shot, names, paths.out / f"gallery-{tier}.jpg")
    mixtures(photos[0], paths.out / "gallery-mixed.jpg")
    sizes(photos[0], "udnie", paths.out / "gallery-sizes.jpg")


if __name__ == "__main__":
    main()
