"""3D look-up tables: a photographic result as a ``.cube`` file, and such files as styles.

A table holds the answer to a grid of colours; between them one interpolates. It knows nothing of
places, so it is what of a style is grading. Resolve, OBS and FFmpeg read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ModelError, reason
from ..core.files import atomic_write
from ..core.frame import Rgb

SIZE = 33
"""Grid points along each colour: what graders expect."""

# Weight of the table's bending, against one sample per grid point. A hundredth of it is nearer to a
# painting by ΔE 0.3, and draws its strokes into a sky as contours.
_SMOOTH = 10.0
_STEPS = 120
_BAND = 64  # lines that are worked on at once: eight corners a pixel take memory

Table = NDArray[np.float32]
"""(size, size, size, 3), 0..1; indexed by blue, green, red, so that red runs fastest."""


def identity(size: int = SIZE) -> Table:
    """The table that changes nothing."""
    line = np.linspace(0, 1, size, dtype=np.float32)
    blue, green, red = np.meshgrid(line, line, line, indexing="ij")
    return np.stack([red, green, blue], axis=-1)


def fit_table(pictures: Iterable[tuple[Rgb, Rgb]], size: int = SIZE) -> Table:
    """The smooth table that comes nearest to a style.

    min Σ ‖T(source) − result‖² + μ ‖∇²(T − identity)‖², T trilinear, by conjugate gradients.
    Colours that the sources do not have are continued smoothly from those that they have.

    Args:
        pictures: (H, W, 3), each with what the style made of it. Their sums alone are kept.
        size: grid points along each colour.
    """
    own = identity(size).reshape(-1, 3).astype(np.float64)
    sums = _Sums(size)
    for source, result in pictures:
        for top in range(0, len(source), _BAND):
            places, shares = _corners(_colours(source[top : top + _BAND]), size)
            moved = _colours(result[top : top + _BAND]) - _mixed(own, places, shares)
            sums.add(places, shares, moved)
    weight = _SMOOTH * sums.pixels / size**3 + 1e-6

    def normal(table: NDArray[np.float64]) -> NDArray[np.float64]:
        return sums.normal(table) + weight * _bent(table, size)

    found = own + _conjugate_gradients(normal, sums.moved)
    return np.clip(found, 0, 1).reshape(size, size, size, 3).astype(np.float32)


class _Sums:
    """AᵀA and Aᵀy of the least squares, A the interpolation: as many pixels as there are.

    AᵀA ties a grid point to its neighbours alone. It is kept as bands: for each distance along the
    table, the product with the point so far on.
    """

    def __init__(self, size: int) -> None:
        self.pixels = 0
        self.moved = np.zeros((size**3, 3))
        self._bands: dict[int, NDArray[np.float64]] = {}

    def add(
        self, places: NDArray[np.int64], shares: NDArray[np.float64], moved: NDArray[np.float64]
    ) -> None:
        """Pixels: their corners, see ``_corners``, and what they are to be moved by (N, 3)."""
        count = len(self.moved)
        self.pixels += len(places)
        for i, j in combinations_with_replacement(range(8), 2):  # a corner's place grows with it
            far = int(places[0, j] - places[0, i])
            band = self._bands.setdefault(far, np.zeros(count))
            band += np.bincount(places[:, i], shares[:, i] * shares[:, j], count)
        for i, c in product(range(8), range(3)):
            self.moved[:, c] += np.bincount(places[:, i], shares[:, i] * moved[:, c], count)

    def normal(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """AᵀA · table, (size³, 3) both."""
        total = self._bands[0][:, None] * table
        for far, band in self._bands.items():
            if far:
                tied = band[:-far, None]
                total[:-far] += tied * table[far:]
                total[far:] += tied * table[:-far]
        return total


def apply_table(table: Table, rgb: Rgb) -> Rgb:
    """The picture by the table, trilinearly; ``grade`` is quicker for many."""
    size = len(table)
    flat = table.reshape(-1, 3)
    shown = np.empty_like(rgb)
    for top in range(0, len(rgb), _BAND):
        band = rgb[top : top + _BAND]
        values = _mixed(flat, *_corners(_colours(band), size))
        shown[top : top + _BAND] = np.clip(np.rint(values * 255), 0, 255).reshape(band.shape)
    return shown


def _colours(rgb: Rgb) -> NDArray[np.float64]:
    """(H, W, 3) → (H · W, 3), 0..1."""
    return rgb.reshape(-1, 3) / 255.0


def _mixed(
    table: NDArray[np.floating], places: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What the table (size³, 3) says at the corners, by their shares: (N, 3)."""
    return np.einsum("pk,pkc->pc", shares, table[places])


def _corners(
    colours: NDArray[np.float64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The eight grid points around each colour (N, 3), and their shares: (N, 8) both."""
    at = colours * (size - 1)
    low = np.minimum(at.astype(np.int64), size - 2)
    part = at - low
    places, shares = list[NDArray[np.int64]](), list[NDArray[np.float64]]()
    for b, g, r in product((0, 1), repeat=3):
        places.append(((low[:, 2] + b) * size + low[:, 1] + g) * size + low[:, 0] + r)
        along = (part[:, c] if up else 1 - part[:, c] for c, up in enumerate((r, g, b)))
        shares.append(np.prod(list(along), axis=0))
    return np.stack(places, axis=1), np.stack(shares, axis=1)


def _bent(table: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """DᵀD of the table, D its second differences along each colour."""
    cube = table.reshape(size, size, size, 3)
    total = np.zeros_like(cube)
    for axis in range(3):
        moved = np.moveaxis(cube, axis, 0)
        bend = moved[:-2] - 2 * moved[1:-1] + moved[2:]
        into = np.moveaxis(total, axis, 0)
        into[:-2] += bend
        into[1:-1] -= 2 * bend
        into[2:] += bend
    return total.reshape(-1, 3)


def _conjugate_gradients(
    normal: Callable[[NDArray[np.float64]], NDArray[np.float64]], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The x with normal(x) = wanted, nearly."""
    found = np.zeros_like(wanted)
    rest = wanted.copy()
    step = rest.copy()
    energy = float((rest * rest).sum())
    start = energy
    for _ in range(_STEPS):
        if energy <= 1e-12 * start:
            break
        pushed = normal(step)
        length = energy / float((step * pushed).sum())
        found += length * step
        rest -= length * pushed
        now = float((rest * rest).sum())
        step = rest + now / energy * step
        energy = now
    return found


def write_cube(table: Table, path: Path, title: str) -> None:
    """A ``.cube`` file, as Adobe's specification 1.0 has it; whole or not at all."""
    size = len(table)
    title = " ".join(title.replace('"', "'").split())
    lines = [f'TITLE "{title}"', f"LUT_3D_SIZE {size}", "DOMAIN_MIN 0.0 0.0 0.0"]
    lines.append("DOMAIN_MAX 1.0 1.0 1.0")
    lines += [f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table.reshape(-1, 3)]
    with atomic_write(path) as aside:
        aside.write_text("\n".join(lines) + "\n", "ascii", "replace")


def read_cube(path: Path) -> Table:
    """A ``.cube`` file.

    Raises:
        ModelError: it is none, or one of another kind.
    """
    try:
        text = path.read_text("utf-8-sig", "replace")  # a comment may be in any encoding
    except OSError as error:
        raise ModelError(f"{path} can't be read: {reason(error)}") from error
    lines = [words for line in text.splitlines() if (words := line.split("#")[0].split())]
    said = {words[0]: words[1:] for words in lines if words[0][0].isalpha()}
    try:
        size = int(said["LUT_3D_SIZE"][0])
        rows = [words for words in lines if not words[0][0].isalpha()]
        table = np.array(rows, np.float32).reshape(size, size, size, 3)
        domain = [*said.get("DOMAIN_MIN", "000"), *said.get("DOMAIN_MAX", "111")]
        domain += said.get("LUT_3D_INPUT_RANGE", "01")  # Resolve's word for it
        plain = [float(word) for word in domain] == [0, 0, 0, 1, 1, 1, 0, 1]
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(f"{path} is no 3D .cube file") from error
    if size < 2 or not np.isfinite(table).all():
        raise ModelError(f"{path} is no 3D .cube file")
    if not plain:
        raise ModelError(f"{path} has the domain {' '.join(domain)}; 0 to 1 is played")
    return table
