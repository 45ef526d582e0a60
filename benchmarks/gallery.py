"""Draw the pictures of docs/gallery.md: every style, mixtures, strengths and sizes of strokes.

    python benchmarks/gallery.py PHOTO PHOTO PHOTO --clip clip.mp4 --out docs

Rows are styles, columns the photographs and two frames of the clip, painted as a video is: with the
statistics of the shot. What is drawn is what the installed package paints.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from stylize_video.pipeline.contact_sheet import grid
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.styles.feedforward import FeedForwardStyle, Playing
from stylize_video.pipeline.styles.zoo import find_styles, zoo

PAIRS = (("starry-night", "great-wave"), ("udnie", "the-scream"))
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
HEIGHT = 480  # of the photographs when they are painted, px
TILE = (320, 200)


def at_height(rgb: Rgb, height: int = HEIGHT) -> Rgb:
    """The picture at a height, both sides even."""
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
    """A sheet."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88] if path.suffix == ".jpg" else []
    cv2.imwrite(str(path), grid(pictures, TILE, columns)[..., ::-1], quality)
    print(f"wrote {path}")


def styles(photos: Sequence[Rgb], shot: list[Frame], names: Sequence[str], path: Path) -> None:
    """The grid of all styles."""
    chosen = (0, len(shot) - 1)
    pictures = [("", cropped(p)) for p in (*photos, *(shot[i].rgb for i in chosen))]
    columns = len(pictures)
    for name in names:
        stylizer = FeedForwardStyle(zoo()[name].path)
        painted = [stylizer.paint(photo) for photo in photos]
        clip = [frame.rgb for frame in stylizer.run(iter(shot))]
        for i, picture in enumerate((*painted, *(clip[i] for i in chosen))):
            pictures.append((name if i == 0 else "", cropped(picture)))
    save(path, pictures, columns)


def mixtures(photo: Rgb, path: Path) -> None:
    """From one style to another; from the photograph to a style."""
    pictures: list[tuple[str, Rgb]] = []
    for one, other in PAIRS:
        for share in STEPS:
            mixture = find_styles([f"{one}:{1 - share}", f"{other}:{share}"])
            name = f"{one}:{1 - share:.2g} {other}:{share:.2g}"
            pictures.append((name, cropped(FeedForwardStyle(mixture).paint(photo))))
    for name, _ in PAIRS:
        for strength in STEPS:
            style = find_styles([name])
            shown = photo
            if strength:
                shown = FeedForwardStyle(style, playing=Playing(strength=strength)).paint(photo)
            pictures.append((f"{name}, strength {strength:.2g}", cropped(shown)))
    save(path, pictures, len(STEPS))


def sizes(photo: Rgb, name: str, path: Path) -> None:
    """The same frame at three resolutions, with and without one scale."""
    pictures: list[tuple[str, Rgb]] = []
    style = find_styles([name])
    for scale in (None, 1.5):
        for height in (480, 1080, 2160):
            stylizer = FeedForwardStyle(style, playing=Playing(scale=scale))
            told = "as it comes" if scale is None else f"--style-scale {scale}"
            shown = stylizer.paint(at_height(photo, height))
            pictures.append((f"{height}p, {told}", cropped(shown)))
    save(path, pictures, 3)


def change(shot: list[Frame], names: Sequence[str]) -> None:
    """Milliseconds from a change of style to the first frame in it, while a clip plays.

    Printed are these, and what a frame takes anyway: the change costs the difference.
    """
    stylizer = FeedForwardStyle(find_styles(names[:1]))
    waits: list[float] = []
    plain: list[float] = []
    asked = 0.0
    frames = (frame for _ in range(8) for frame in shot)
    for number, (frame, player) in enumerate(stylizer.bound(frames)):
        begun = time.perf_counter()
        player.paint(frame.picture)
        plain.append(1000 * (time.perf_counter() - begun))
        if asked:
            waits.append(1000 * (time.perf_counter() - asked))
            asked = 0.0
        if number % 24 == 13:
            name = names[(number // 24 + 1) % len(names)]
            asked = time.perf_counter()
            stylizer.restyle(find_styles([name]), 0.8 if number % 48 > 24 else 1.0)
    size = "x".join(map(str, reversed(shot[0].picture.shape[:2])))
    told = ", ".join(f"{wait:.0f}" for wait in waits)
    print(f"change while playing, {size}: {told} ms, of which a frame {np.median(plain):.0f}")


def main() -> None:
    """Read the command line, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--clip", required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    photos = [next(iter(open_source(name).frames())).rgb for name in asked.photos]
    photos = [at_height(photo) for photo in photos]
    shot = list(islice(open_source(asked.clip).frames(planar=True), 24))
    tiers: dict[str, list[str]] = {}
    for name, style in zoo().items():
        tiers.setdefault(style.tier, []).append(name)
    for tier, names in tiers.items():
        styles(photos, shot, names, asked.out / f"gallery-{tier}.jpg")
    mixtures(photos[0], asked.out / "gallery-mixed.jpg")
    sizes(photos[0], "udnie", asked.out / "gallery-sizes.jpg")
    change(shot, tiers["fast"])


if __name__ == "__main__":
    main()
