from __future__ import annotations

import numpy as np
import pytest
from stylize_video.pipeline.imaging.similarity import ciede2000, mean_difference

from ...helpers.scenes import texture


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [  # Sharma, Wu and Dalal 2005, table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_differences_are_those_that_were_published(
    one: tuple[float, ...], other: tuple[float, ...], wanted: float
):
    pair = np.array([one, other], float)
    assert ciede2000(pair[0], pair[1]) == pytest.approx(wanted, abs=5e-5)
    assert ciede2000(pair[1], pair[0]) == pytest.approx(wanted, abs=5e-5)


def test_pictures_are_compared_as_srgb():
    picture = texture(1, 40, 30)
    assert mean_difference(picture, picture) == 0
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert mean_difference(black, white) == pytest.approx(100, abs=0.1)
