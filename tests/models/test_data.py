from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from stylize_video.models.data import Crops, list_photos
from stylize_video.pipeline.core.errors import TrainingError

from ..helpers.pictures import write_photos


def test_a_crop_depends_on_seed_and_number_alone(tmp_path: Path):
    photos = list_photos(write_photos(tmp_path / "p", 5))
    a, b = Crops(photos, 64, 10, seed=1), Crops(photos, 64, 10, seed=1)
    assert all(torch.equal(a[i], b[i]) for i in (7, 0, 3))
    assert not torch.equal(a[0], Crops(photos, 64, 10, seed=2)[0])
    assert a[0].shape == (3, 64, 64)
    assert a[0].dtype == torch.uint8


def test_a_crop_shows_as_much_of_a_photograph_as_was_asked(tmp_path: Path):
    """Brightness rises by a level a px across the photograph: a range of levels is a width."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    cv2.imwrite(str(tmp_path / "ramp.png"), cv2.merge([ramp] * 3))
    crops = Crops([tmp_path / "ramp.png"], 64, 40, seed=0, span=(0.3, 0.4))
    widths = [int(crop.max()) - int(crop.min()) for crop in (crops[i] for i in range(40))]
    assert 0.27 * 256 < min(widths) < max(widths) < 0.42 * 256


def test_a_broken_photograph_is_passed_over(tmp_path: Path):
    folder = write_photos(tmp_path / "p", 2)
    (folder / "000.png").write_bytes(b"broken")
    crops = Crops(list_photos(folder), 64, 6, seed=0)
    assert all(crop.shape == (3, 64, 64) for crop in (crops[i] for i in range(6)))


def test_a_folder_without_photographs_is_named(tmp_path: Path):
    with pytest.raises(TrainingError, match="no photographs"):
        list_photos(tmp_path)
    with pytest.raises(TrainingError, match="is not a folder"):
        list_photos(tmp_path / "none")
