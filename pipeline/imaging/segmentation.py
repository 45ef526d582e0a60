"""Segmentation masks: pictures whose colours are labels, for content and style alike."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import SettingsError
from ..core.frame import Rgb

Labels = NDArray[np.uint8]
"""(H, W, K): how much of each label lies at each pixel; a pixel's shares are compared alone."""

Palette = NDArray[np.int32]
"""(K, 3): the colour of each label."""

_MOST = 16
_LEAST = 0.008  # of a mask: less is the soft edge of something else
_APART = 48.0  # grey levels between two colours: nearer ones are the same, saved as JPEG


def palette(masks: Sequence[Rgb]) -> Palette:
    """The colours that stand for labels in these masks together.

    Raises:
        SettingsError: there are more than a segmentation has.
    """
    shares = np.zeros(16**3)
    sums = np.zeros((16**3, 3))
    for mask in masks:
        pixels = mask.reshape(-1, 3).astype(np.int64)
        bins = (pixels // 16) @ np.array([256, 16, 1])
        shares += np.bincount(bins, minlength=len(shares)) / len(pixels)
        for c in range(3):
            sums[:, c] += np.bincount(bins, pixels[:, c], len(shares)) / len(pixels)
    found: list[NDArray[np.float64]] = []
    for place in np.argsort(-shares, kind="stable"):
        if shares[place] < _LEAST:
            break
        colour = sums[place] / shares[place]
        if all(np.linalg.norm(colour - other) > _APART for other in found):
            found.append(colour)
    if len(found) > _MOST:
        raise SettingsError(
            f"the masks show {len(found)} colours; a mask has one flat colour for each label, "
            f"{_MOST} at most"
        )
    return np.rint(found).astype(np.int32)


def label_pixels(mask: Rgb, colours: Palette) -> Labels:
    """Each pixel's label: that of the nearest colour."""
    off = [np.square(mask - colour).sum(axis=-1) for colour in colours]
    nearest = np.argmin(off, axis=0)
    return np.asarray((nearest[..., None] == np.arange(len(colours))) * 255, np.uint8)


def fit_labels(labels: Labels | None, picture: Rgb) -> Labels:
    """Labels of the picture's size; one label where none are given."""
    height, width = picture.shape[:2]
    if labels is None:
        return np.full((height, width, 1), 255, np.uint8)
    planes = (np.ascontiguousarray(labels[..., k]) for k in range(labels.shape[2]))
    area = [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in planes]
    return np.stack(area, axis=-1).astype(np.uint8)
