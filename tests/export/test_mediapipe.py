from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from stylize_video.export import mediapipe


@dataclass
class Level:
    """A dimension of a sparse tensor, as a TensorFlow Lite file describes it."""

    size: int = 0
    segments: list[int] = field(default_factory=list[int])
    indices: list[int] = field(default_factory=list[int])

    def Format(self) -> int:  # noqa: N802 - as in the library
        return 0 if self.size else 1

    def DenseSize(self) -> int:  # noqa: N802
        return self.size


@dataclass
class Sparsity:
    levels: list[Level]

    def TraversalOrderAsNumpy(self) -> NDArray[np.int32]:  # noqa: N802
        return np.arange(len(self.levels))

    def BlockMapLength(self) -> int:  # noqa: N802
        return 0

    def DimMetadataLength(self) -> int:  # noqa: N802
        return len(self.levels)

    def DimMetadata(self, number: int) -> Level:  # noqa: N802
        return self.levels[number]


def test_sparse_weights_are_put_where_they_belong(monkeypatch):
    def indices(level: Level, which: str) -> NDArray[np.int32]:
        return np.array(level.segments if which == "Segments" else level.indices)

    monkeypatch.setattr(mediapipe, "_indices", indices)
    rows, columns = Level(size=3), Level(segments=[0, 2, 2, 3], indices=[0, 3, 1])
    values = np.array([5, 6, 7], np.float16)
    dense = mediapipe._densified(values, (3, 4), Sparsity([rows, columns]))
    np.testing.assert_array_equal(dense, [[5, 0, 0, 6], [0, 0, 0, 0], [0, 7, 0, 0]])
