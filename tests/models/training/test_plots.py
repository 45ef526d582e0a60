from __future__ import annotations

from pathlib import Path

import cv2
from stylize_video.models.data import list_photos
from stylize_video.models.nets.feedforward import FastNet
from stylize_video.models.training.plots import loss_curves, sample_sheet

from ...helpers.pictures import write_photos


def test_pictures_of_a_training_are_drawn(tmp_path: Path):
    photos = list_photos(write_photos(tmp_path / "p", 3))
    loss_curves([{"content": 1 / i, "style": 2 / i} for i in range(1, 60)], tmp_path / "l.png")
    sample_sheet(FastNet(), photos, tmp_path / "s.png")
    for name in ("l.png", "s.png"):
        picture = cv2.imread(str(tmp_path / name))
        assert picture is not None and picture.std() > 5
