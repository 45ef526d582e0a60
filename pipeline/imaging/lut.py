"""3D look-up tables: fit one to a style's result, apply it, write it as a ``.cube`` file.

A table stores the results for a grid of colours; colours between them are interpolated. It does not
know where a pixel is, so it holds the grading of a style and nothing else. DaVinci Resolve, OBS and
FFmpeg read such files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.files import atomic_write
from ..core.frame import Rgb
from .cube_file import read_cube as read_cube

SIZE = 33
"""Grid points along each colour: what graders expect."""

# Weight of the table's second differences, against one sample per grid point. With a hundredth of
# it the table is nearer to a painting by ΔE 0.3, and draws the painting's strokes into a sky.
_SMOOTHNESS = 10.0
_STEPS = 120  # of the conjugate gradients, at most
_BAND = 64  # rows that are worked on at once: eight corners for each pixel take memory

Table = NDArray[np.float32]
"""(size, size, size, 3), 0..1, RGB; indexed by blue, green, red, so that red varies fastest."""

Floats = NDArray[np.float64]


def identity(size: int = SIZE) -> Table:
    """Make the table that changes nothing: (size, size, size, 3) float32, 0..1, RGB."""
    line = np.linspace(0, 1, size, dtype=np.float32)
    blue, green, red = np.meshgrid(line, line, line, indexing="ij")
    return np.stack([red, green, blue], axis=-1)


def fit_table(pictures: Iterable[tuple[Rgb, Rgb]], size: int = SIZE) -> Table:
    """Fit the smooth table that comes nearest to a style.

    min Σ ‖T(source) − result‖² + μ ‖∇²(T − identity)‖², T trilinear, by conjugate gradients.
    Colours that the sources do not have are continued smoothly from those that they have.

    Args:
        pictures: (source, result) pairs, each (H, W, 3) uint8, 0–255, RGB. Only their sums are
            held in memory.
        size: the number of grid points along each colour.

    Returns:
        (size, size, size, 3) float32, 0..1, RGB.
    """
    start = identity(size).reshape(-1, 3).astype(np.float64)
    sums = _Sums(size)
    for source, result in pictures:
        for top in range(0, len(source), _BAND):
            places, weights = _corners(_colours(source[top : top + _BAND]), size)
            change = _colours(result[top : top + _BAND]) - _look_up(start, places, weights)
            sums.add(places, weights, change)
    smoothness = _SMOOTHNESS * sums.pixels / size**3 + 1e-6

    def normal(table: Floats) -> Floats:
        return sums.normal(table) + smoothness * _bend(table, size)

    table = start + _conjugate_gradients(normal, sums.change)
    return np.clip(table, 0, 1).reshape(size, size, size, 3).astype(np.float32)


class _Sums:
    """AᵀA and Aᵀy of the least squares, A the interpolation, of any number of pixels.

    AᵀA connects a grid point only with its neighbours. It is stored as bands: for each distance
    along the table, the product with the point at that distance.
    """

    def __init__(self, size: int) -> None:
        self.pixels = 0
        self.change = np.zeros((size**3, 3))
        self._bands: dict[int, Floats] = {}

    def add(self, places: NDArray[np.int64], weights: Floats, change: Floats) -> None:
        """Add N pixels.

        Args:
            places: (N, 8), the grid points around each; see ``_corners``.
            weights: (N, 8), their weights.
            change: (N, 3), by how much each colour is to change, −1..1, RGB.
        """
        count = len(self.change)
        self.pixels += len(places)
        for i, j in combinations_with_replacement(range(8), 2):  # later corners lie further on
            far = int(places[0, j] - places[0, i])
            band = self._bands.setdefault(far, np.zeros(count))
            band += np.bincount(places[:, i], weights[:, i] * weights[:, j], count)
        for i, c in product(range(8), range(3)):
            self.change[:, c] += np.bincount(places[:, i], weights[:, i] * change[:, c], count)

    def normal(self, table: Floats) -> Floats:
        """AᵀA · table, (size³, 3) both."""
        total = self._bands[0][:, None] * table
        for far, band in self._bands.items():
            if far:
                near = band[:-far, None]
                total[:-far] += near * table[far:]
                total[far:] += near * table[:-far]
        return total


def apply_table(table: Table, rgb: Rgb) -> Rgb:
    """Grade a picture by a table, trilinearly; ``LutStyle`` is faster for many pictures.

    Args:
        table: (size, size, size, 3) float32, 0..1, RGB.
        rgb: (H, W, 3) uint8, 0–255, RGB.

    Returns:
        (H, W, 3) uint8, 0–255, RGB.
    """
    size = len(table)
    flat = table.reshape(-1, 3)
    graded = np.empty_like(rgb)
    for top in range(0, len(rgb), _BAND):
        band = rgb[top : top + _BAND]
        values = _look_up(flat, *_corners(_colours(band), size))
        graded[top : top + _BAND] = np.clip(np.rint(values * 255), 0, 255).reshape(band.shape)
    return graded


def _colours(rgb: Rgb) -> Floats:
    """(H, W, 3) uint8 → (H · W, 3), 0..1."""
    return rgb.reshape(-1, 3) / 255.0


def _look_up(table: NDArray[np.floating], places: NDArray[np.int64], weights: Floats) -> Floats:
    """The colours of a table (size³, 3) at corners (N, 8) with weights (N, 8): (N, 3)."""
    return np.einsum("pk,pkc->pc", weights, table[places])


def _corners(colours: Floats, size: int) -> tuple[NDArray[np.int64], Floats]:
    """The eight grid points around each colour (N, 3), and their weights: (N, 8) both."""
    at = colours * (size - 1)
    low = np.minimum(at.astype(np.int64), size - 2)
    part = at - low
    places, weights = list[NDArray[np.int64]](), list[Floats]()
    for b, g, r in product((0, 1), repeat=3):
        places.append(((low[:, 2] + b) * size + low[:, 1] + g) * size + low[:, 0] + r)
        along = (part[:, c] if up else 1 - part[:, c] for c, up in enumerate((r, g, b)))
        weights.append(np.prod(list(along), axis=0))
    return np.stack(places, axis=1), np.stack(weights, axis=1)


def _bend(table: Floats, size: int) -> Floats:
    """DᵀD of a table (size³, 3), D its second differences along each colour."""
    cube = table.reshape(size, size, size, 3)
    total = np.zeros_like(cube)
    for axis in range(3):
        along = np.moveaxis(cube, axis, 0)
        bend = along[:-2] - 2 * along[1:-1] + along[2:]
        into = np.moveaxis(total, axis, 0)
        into[:-2] += bend
        into[1:-1] -= 2 * bend
        into[2:] += bend
    return total.reshape(-1, 3)


def _conjugate_gradients(normal: Callable[[Floats], Floats], target: Floats) -> Floats:
    """The x for which normal(x) ≈ target."""
    x = np.zeros_like(target)
    rest = target.copy()
    step = rest.copy()
    energy = float((rest * rest).sum())
    start = energy
    for _ in range(_STEPS):
        if energy <= 1e-12 * start:
            break
        pushed = normal(step)
        length = energy / float((step * pushed).sum())
        x += length * step
        rest -= length * pushed
        now = float((rest * rest).sum())
        step = rest + now / energy * step
        energy = now
    return x


def write_cube(table: Table, path: Path, title: str) -> None:
    """Write a ``.cube`` file as in Adobe's specification 1.0, completely or not at all.

    Args:
        table: (size, size, size, 3) float32, 0..1, RGB.
        path: the file; replaced if it exists.
        title: a line of text for the file's head.

    Raises:
        SinkError: the file can't be written.
    """
    title = " ".join(title.replace('"', "'").split())
    head = [f'TITLE "{title}"', f"LUT_3D_SIZE {len(table)}", "DOMAIN_MIN 0.0 0.0 0.0"]
    head.append("DOMAIN_MAX 1.0 1.0 1.0")
    rows = [f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table.reshape(-1, 3)]
    with atomic_write(path) as part:
        part.write_text("\n".join([*head, *rows]) + "\n", "ascii", "replace")
