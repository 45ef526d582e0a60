"""Segmentation masks: pictures whose colours are labels, for content and style alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.errors import SettingsError
from ..core.frame import Rgb, Rgb8Or16
from .resize import resize_area

Labels = NDArray[np.uint8]
"""(H, W, K), 0–255: weight of each label at each pixel; only their ratios at one pixel matter."""

Palette = NDArray[np.int32]
"""(K, 3), 0–255, RGB: the colour of each label."""

_MOST_LABELS = 16
_LEAST_AREA = 0.008  # of a mask: a colour with less is the soft edge between two others
_LEAST_DISTANCE = 48.0  # grey levels between two labels; nearer colours are one, saved as JPEG


def palette(masks: Sequence[Rgb]) -> Palette:
    """Find the colours that stand for labels in several masks together.

    Args:
        masks: (H, W, 3) uint8, 0–255, RGB, each of any size.

    Returns:
        (K, 3) int32, 0–255, RGB, the largest area first.

    Raises:
        SettingsError: there are more colours than a segmentation has.
    """
    areas = np.zeros(16**3)
    sums = np.zeros((16**3, 3))
    for mask in masks:
        pixels = mask.reshape(-1, 3).astype(np.int64)
        bins = (pixels // 16) @ np.array([256, 16, 1])
        areas += np.bincount(bins, minlength=len(areas)) / len(pixels)
        for c in range(3):
            sums[:, c] += np.bincount(bins, pixels[:, c], len(areas)) / len(pixels)
    colours: list[NDArray[np.float64]] = []
    for place in np.argsort(-areas, kind="stable"):
        if areas[place] < _LEAST_AREA:
            break
        colour = sums[place] / areas[place]
        if all(np.linalg.norm(colour - other) > _LEAST_DISTANCE for other in colours):
            colours.append(colour)
    if len(colours) > _MOST_LABELS:
        raise SettingsError(
            f"the masks show {len(colours)} colours; a mask has one flat colour for each label, "
            f"{_MOST_LABELS} at most"
        )
    return np.rint(colours).astype(np.int32)


def label_pixels(mask: Rgb, colours: Palette) -> Labels:
    """Give each pixel the label of the nearest colour.

    Args:
        mask: (H, W, 3) uint8, 0–255, RGB.
        colours: (K, 3) int32, 0–255, RGB.

    Returns:
        (H, W, K) uint8, 255 for the pixel's label and 0 for the others.
    """
    distances = [np.square(mask - colour).sum(axis=-1) for colour in colours]
    nearest = np.argmin(distances, axis=0)
    return np.asarray((nearest[..., None] == np.arange(len(colours))) * 255, np.uint8)


def fit_labels(labels: Labels | None, picture: Rgb8Or16) -> Labels:
    """Resize labels to a picture's size.

    Args:
        labels: (h, w, K) uint8, 0–255; ``None`` stands for one label that covers all.
        picture: (H, W, 3), RGB of 8 or 16 bits.

    Returns:
        (H, W, K) uint8, 0–255.
    """
    size = (picture.shape[0], picture.shape[1])
    if labels is None:
        return np.full((*size, 1), 255, np.uint8)
    planes = (np.ascontiguousarray(labels[..., k]) for k in range(labels.shape[2]))
    return np.stack([resize_area(plane, size) for plane in planes], axis=-1)
