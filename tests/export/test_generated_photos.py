"""Generated pictures to learn on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from stylize_video.export.generated_photos import generated_photos, leaves
from stylize_video.models.data import list_photos, read_rgb


def test_they_are_the_same_every_time_and_written_once(tmp_path: Path):
    folder = generated_photos(tmp_path / "leaves", count=2)
    first, second = list_photos(folder)
    assert np.array_equal(read_rgb(first), leaves(0))
    first.write_bytes(b"kept")
    generated_photos(folder, count=2)
    assert first.read_bytes() == b"kept"
    assert second.exists()


def test_they_have_edges_flat_parts_and_all_brightnesses():
    grey = np.stack([leaves(seed).mean(-1) for seed in range(4)])
    step = np.abs(np.diff(grey, axis=2))
    assert np.quantile(step, 0.5) < 6 and np.quantile(step, 0.995) > 30
    assert grey.min() < 40 and grey.max() > 215
