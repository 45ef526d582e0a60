"""Generated pictures to learn on where there are no photographs: dead leaves.

Shapes of all sizes lie over one another (Lee, Mumford and Huang 2001). Such pictures have the
edges, the flat areas and the spectrum of photographs, though nothing is to be recognised in them.
Each shape has a colour, a slope of light and a little texture, as walls and skies have.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pipeline.core.files import writing
from ..pipeline.media.images import write_picture

COUNT = 120
"""Pictures of a set."""
_SIZE = (480, 640)  # height and width, px
_SHAPES = 220  # of a picture
_SIDES = (6.0, 260.0)  # smallest and largest radius, px; sizes fall with the cube
_TEXTURE = 14.0  # grey levels: the strongest texture of a shape


def generated_photos(folder: Path | None = None, count: int = COUNT) -> Path:
    """The folder of generated pictures; those that are not there yet are written.

    Args:
        folder: ``None``: one in the user's cache.
        count: of pictures.

    Raises:
        SinkError: they can't be written.
    """
    folder = folder or Path.home() / ".cache" / "stylize-video" / "dead-leaves"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            file = folder / f"{number:03d}.png"
            if not file.exists():
                write_picture(file, leaves(number))
    return folder


def leaves(seed: int) -> NDArray[np.uint8]:
    """One picture, (480, 640, 3) uint8, 0–255, RGB; the same for the same seed."""
    rng = np.random.default_rng(seed)
    height, width = _SIZE
    picture = _surface(rng, _SIZE)
    radii = _radii(rng)
    for radius in radii:
        mask = np.zeros(_SIZE, np.uint8)
        centre = rng.uniform((0, 0), (width, height))
        cv2.fillPoly(mask, [_outline(rng, centre, radius)], 255, cv2.LINE_AA)
        x, y, w, h = cv2.boundingRect(mask)
        if not w:
            continue
        window = np.s_[y : y + h, x : x + w]
        cover = mask[window][..., None].astype(np.float32) / 255
        picture[window] += cover * (_surface(rng, (h, w)) - picture[window])
    soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.2)))
    noisy = soft + rng.normal(0, rng.uniform(0, 3), soft.shape)
    return np.asarray(noisy.clip(0, 255).round(), np.uint8)


def _radii(rng: np.random.Generator) -> NDArray[np.float64]:
    """Radii whose density falls with the cube: pictures look alike at every scale. Large first."""
    low, high = (side**-2 for side in _SIDES)
    return np.sort((low + rng.random(_SHAPES) * (high - low)) ** -0.5)[::-1] * rng.uniform(1, 2.5)


def _outline(
    rng: np.random.Generator, centre: NDArray[np.float64], radius: float
) -> NDArray[np.int32]:
    """A polygon of three to six corners, or an ellipse; stretched and turned. (K, 2), px."""
    corners = int(rng.choice([3, 4, 4, 5, 6, 24, 24]))
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.25, 0.25, corners)) / corners
    points = radius * np.stack([np.cos(angles), rng.uniform(0.3, 1) * np.sin(angles)])
    turn = rng.uniform(0, 2 * np.pi)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ points
    return np.asarray((turned.T + centre).round(), np.int32)


def _surface(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """A colour with a slope of light and a texture, (h, w, 3) float32, 0–255."""
    height, width = size
    grey = rng.uniform(10, 245)
    colour = grey + rng.normal(0, 30, 3) * rng.random()
    slope = rng.normal(0, 25, 2)
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width] - 0.5
    light = slope[0] * x + slope[1] * y
    if rng.random() < 0.5:
        grain = int(rng.choice([1, 2, 4, 8, 16]))
        coarse = rng.standard_normal((height // grain + 2, width // grain + 2)).astype(np.float32)
        texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        light = light + rng.uniform(2, _TEXTURE) * texture
    return np.asarray(colour + light[..., None], np.float32)
