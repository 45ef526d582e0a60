"""Content pictures for training: random crops of a folder of photographs.

Crop number i depends on the seed and i alone. So a training that resumes at step k sees what it
would have seen, whatever the number of loading workers.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..pipeline.core.errors import TrainingError

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def list_photos(folder: Path) -> list[Path]:
    """The photographs below ``folder``, sorted by name.

    Raises:
        TrainingError: there is no such folder, or no photograph in it.
    """
    if not folder.is_dir():
        raise TrainingError(f"--content {folder} is not a folder; give one with photographs")
    photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        kinds = ", ".join(sorted(PHOTO_SUFFIXES))
        raise TrainingError(f"no photographs ({kinds}) were found in {folder}")
    return photos


def split_photos(folder: Path, validation: int) -> tuple[list[Path], list[Path]]:
    """The photographs to train on, and the last ones by name, for validation.

    Raises:
        TrainingError: none is left to train on; and see ``list_photos``.
    """
    photos = list_photos(folder)
    if len(photos) <= validation:
        raise TrainingError(
            f"{folder} holds {len(photos)} photographs, {validation} of them for validation; "
            "give more of them, or a smaller --validation-photos"
        )
    return photos[:-validation], photos[-validation:]


def read_rgb(path: Path) -> NDArray[np.uint8] | None:
    """The picture at ``path``, (H, W, 3) uint8, 0–255, RGB; ``None`` where it can't be decoded."""
    try:
        encoded = np.fromfile(path, dtype=np.uint8)
    except OSError:
        return None
    try:  # an empty buffer and a billion pixels are errors to OpenCV
        # IMREAD_COLOR_RGB follows the EXIF rotation.
        return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)  # pyright: ignore[reportReturnType]
    except cv2.error:
        return None


def to_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8, 0–255, RGB → (1, 3, H, W) float32, 0..1, RGB."""
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255


def to_rgb(picture: Tensor) -> NDArray[np.uint8]:
    """(1, 3, H, W) float, 0..1, RGB → (H, W, 3) uint8, 0–255, RGB, clamped and rounded."""
    scaled = picture[0].float().clamp(0, 1).mul(255).round()
    return scaled.byte().permute(1, 2, 0).contiguous().cpu().numpy()


def resized(rgb: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """A picture resized to a short side in px; area means down, cubic up.

    (H, W, 3) uint8, 0–255, RGB → (h, w, 3) uint8, 0–255, RGB; min(h, w) is ``short_side``.
    """
    height, width = rgb.shape[:2]
    scale = short_side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(rgb, size, interpolation=how)  # pyright: ignore[reportReturnType]


class Crops(Dataset[Tensor]):
    """Square crops, (3, size, size) uint8, 0–255, RGB, mirrored half of the time.

    The magnified ones look as large frames do, soft at the pixel, so that a net trained on small
    photographs knows them too.

    Args:
        photos: files of photographs.
        size: height and width of a crop, px.
        count: crops in all.
        seed: of the random choices.
        span: least and largest share of the photograph's short side that a crop shows.

    Raises:
        TrainingError: on reading, when none of the photographs can be decoded.
    """

    def __init__(
        self,
        photos: list[Path],
        size: int,
        count: int,
        seed: int,
        span: tuple[float, float] = (0.5, 1.0),
    ) -> None:
        self.photos = photos
        self.size = size
        self.count = count
        self.seed = seed
        self.span = span

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, index))
        rgb = self._photo(int(rng.integers(len(self.photos))))
        short = min(rgb.shape[:2])
        side = max(1, round(short * rng.uniform(*self.span)))
        top = int(rng.integers(rgb.shape[0] - side + 1))
        left = int(rng.integers(rgb.shape[1] - side + 1))
        crop = resized(rgb[top : top + side, left : left + side], self.size)
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)

    def _photo(self, number: int) -> NDArray[np.uint8]:
        # One broken file among thousands must not end a night's training: the next one stands in.
        for step in range(len(self.photos)):
            rgb = read_rgb(self.photos[(number + step) % len(self.photos)])
            if rgb is not None:
                return rgb
        raise TrainingError(f"none of {len(self.photos)} photographs can be decoded")
