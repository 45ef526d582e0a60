"""Read known motion: the flow files of scenes whose true motion is given (``--truth``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import SourceError, reason
from ..core.frame import Vectors
from ..imaging.warp import Mask, resize_mask, resize_vectors

_UNKNOWN_FLOW = 1e9  # Middlebury's mark for pixels without truth
_FLO_MAGIC = 202021.25


class Truth:
    """The true flow from each frame to the next: a folder with one file per frame, in order.

    Args:
        folder: the folder of the files that ``read_flow`` reads; the last frame needs none.
        first: the number of the frame at which the evaluation begins, from 0.

    Raises:
        SourceError: the folder does not exist, or has no such file.
    """

    def __init__(self, folder: Path, first: int = 0) -> None:
        if not folder.is_dir():
            raise SourceError(f"--truth {folder} is not a folder; give one with .flo or .npz files")
        files = [p for p in folder.iterdir() if p.suffix.lower() in (".flo", ".npy", ".npz")]
        if not files:
            raise SourceError(f"--truth {folder} holds no flow (.flo, .npy, .npz)")
        # The shorter name first: 2.flo comes before 10.flo.
        self._files = sorted(files, key=lambda p: (len(p.name), p.name))
        self._folder = folder
        self._first = first

    def between(self, number: int, width: int, height: int) -> tuple[Vectors, Mask | None]:
        """Read the true optical flow from frame ``number`` to the next frame.

        Args:
            number: the number of the frame; 0 is the first frame that is evaluated.
            width: the width of the frames, px; the flow is resized to it.
            height: the height of the frames, px.

        Returns:
            (height, width, 2) float32, px, (x, y): the flow; and (height, width) bool, true where a
            pixel is occluded in the next frame or its flow is unknown; ``None``: not known.

        Raises:
            SourceError: the file is missing, unreadable, or of another shape than the frames.
        """
        number += self._first
        if number >= len(self._files):
            raise SourceError(
                f"--truth {self._folder} holds {len(self._files)} flow files, but the clip has a "
                f"frame {number + 2}; give one file per frame, or limit the clip: --max-frames"
            )
        path = self._files[number]
        vectors, hidden = read_flow(path)
        h, w = vectors.shape[:2]
        if abs(w * height - h * width) > 0.02 * w * height:
            raise SourceError(f"{path} is {w}x{h}, which is not the shape of the clip's frames")
        larger = None if hidden is None else resize_mask(hidden, width, height)
        return resize_vectors(vectors, width, height), larger


def read_flow(path: Path) -> tuple[Vectors, Mask | None]:
    """Read the optical flow of a file.

    Args:
        path: ``.flo``, ``.npy``, or ``.npz`` with ``flow`` and, optionally, ``occluded`` (H, W).

    Returns:
        (H, W, 2) float32, px, (x, y): the flow; and (H, W) bool, true where a pixel is occluded or
        its flow unknown; ``None``: the file has no such pixels.

    Raises:
        SourceError: the file can't be read, or has something else.
    """
    try:
        vectors, hidden = _read_flo(path) if path.suffix.lower() == ".flo" else _read_numpy(path)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise SourceError(f"flow {path} can't be read: {reason(error)}") from error
    if vectors.ndim != 3 or vectors.shape[2] != 2 or not vectors.size:
        raise SourceError(f"flow {path} is {vectors.shape}, not (height, width, 2)")
    if hidden is not None and hidden.shape != vectors.shape[:2]:
        raise SourceError(f"flow {path} is {vectors.shape[:2]}, its 'occluded' {hidden.shape}")
    return _mark_unknown(vectors.astype(np.float32), hidden)


def _mark_unknown(vectors: Vectors, hidden: Mask | None) -> tuple[Vectors, Mask | None]:
    """Set unknown vectors to zero, and count them as occluded."""
    unknown = ~np.all(np.abs(vectors) < _UNKNOWN_FLOW, axis=-1)
    if not unknown.any():
        return vectors, hidden
    vectors[unknown] = 0
    return vectors, unknown if hidden is None else hidden | unknown


def _read_flo(path: Path) -> tuple[NDArray[Any], None]:
    data = path.read_bytes()
    if len(data) < 12 or np.frombuffer(data, "<f4", 1)[0] != np.float32(_FLO_MAGIC):
        raise ValueError("it is no Middlebury .flo file")
    width, height = (int(side) for side in np.frombuffer(data, "<i4", 2, 4))
    return np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2), None


def _read_numpy(path: Path) -> tuple[NDArray[Any], Mask | None]:
    loaded: Any = np.load(path, allow_pickle=False)
    if path.suffix.lower() == ".npy":
        return loaded, None
    with loaded:
        hidden = loaded["occluded"].astype(bool) if "occluded" in loaded else None
        return loaded["flow"], hidden
