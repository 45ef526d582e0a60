"""Pictures on disk, and how much two differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    error = float(np.mean((a.astype(float) - b.astype(float)) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def write_photos(folder: Path, count: int, size: int = 96) -> Path:
    """Pictures of smooth noise in which every one differs."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (size + 16, size), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)
    return folder
