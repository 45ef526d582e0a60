"""3D look-up tables: a photographic result as a ``.cube`` file, and such files as styles.

A table holds the answer to a grid of colours; between them one interpolates. It knows nothing of
places, so it is what of a style is grading. Resolve, OBS and FFmpeg read it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .frame import Rgb
from .sink import whole_or_not

SIZE = 33
"""Grid points along each colour: what graders expect."""

_SMOOTH = 0.05  # weight of the table's bending, against one sample per grid point
_SAMPLES = 200_000
_STEPS = 120

Table = NDArray[np.float32]
"""(size, size, size, 3), 0..1; indexed by blue, green, red, so that red runs fastest."""


def identity(size: int = SIZE) -> Table:
    """The table that changes nothing."""
    line = np.linspace(0, 1, size, dtype=np.float32)
    blue, green, red = np.meshgrid(line, line, line, indexing="ij")
    return np.stack([red, green, blue], axis=-1)


def fitted(source: Rgb, result: Rgb, size: int = SIZE) -> Table:
    """The smooth table that comes nearest to a result.

    min Σ ‖T(source) − result‖² + μ ‖∇²(T − identity)‖², T trilinear, by conjugate gradients.
    Colours that the source does not have are continued smoothly from those that it has.

    Args:
        source: (H, W, 3).
        result: what a style made of it, of the same size.
        size: grid points along each colour.
    """
    x, y = source.reshape(-1, 3), result.reshape(-1, 3)
    picked = np.random.default_rng(0).permutation(len(x))[:_SAMPLES]
    places, shares = _corners(x[picked].astype(np.float64) / 255, size)
    own = identity(size).reshape(-1, 3).astype(np.float64)
    weight = _SMOOTH * len(picked) / size**3 + 1e-6

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The transpose of interpolation."""
        parts = (shares[..., None] * values[:, None]).reshape(-1, 3)
        flat = places.ravel()
        sums = [np.bincount(flat, parts[:, c], minlength=size**3) for c in range(3)]
        return np.stack(sums, axis=-1).astype(np.float64)

    def normal(table: NDArray[np.float64]) -> NDArray[np.float64]:
        shown = (shares[..., None] * table[places]).sum(axis=1)
        return spread(shown) + weight * _bent(table, size)

    off = y[picked].astype(np.float64) / 255 - (shares[..., None] * own[places]).sum(axis=1)
    found = own + _conjugate_gradients(normal, spread(off))
    return np.clip(found, 0, 1).reshape(size, size, size, 3).astype(np.float32)


def applied(table: Table, rgb: Rgb) -> Rgb:
    """The picture by the table, trilinearly."""
    size = len(table)
    flat = table.reshape(-1, 3)
    shown = np.empty_like(rgb)
    for top in range(0, len(rgb), 64):  # eight corners a pixel: by bands
        band = rgb[top : top + 64]
        places, shares = _corners(band.reshape(-1, 3).astype(np.float32) / 255, size)
        values = np.einsum("pk,pkc->pc", shares.astype(np.float32), flat[places])
        shown[top : top + 64] = np.clip(np.rint(values * 255), 0, 255).reshape(band.shape)
    return shown


def _corners(
    colours: NDArray[np.floating], size: int
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The eight grid points around each colour (N, 3), and their shares: (N, 8) both."""
    at = colours * (size - 1)
    low = np.minimum(at.astype(np.int64), size - 2)
    part = at - low
    places, shares = list[NDArray[np.int64]](), list[NDArray[np.floating]]()
    for r, g, b in product((0, 1), repeat=3):
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
    lines = [f'TITLE "{title}"', f"LUT_3D_SIZE {size}", "DOMAIN_MIN 0.0 0.0 0.0"]
    lines.append("DOMAIN_MAX 1.0 1.0 1.0")
    lines += [f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table.reshape(-1, 3)]
    with whole_or_not(path) as aside:
        aside.write_text("\n".join(lines) + "\n", "ascii")


def read_cube(path: Path) -> Table:
    """A ``.cube`` file.

    Raises:
        ModelError: it is none, or one of another kind.
    """
    try:
        lines = [line.split("#")[0].split() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} can't be read: {error}") from error
    words = {line[0]: line[1:] for line in lines if line and line[0][0].isalpha()}
    rows = [line for line in lines if line and not line[0][0].isalpha()]
    try:
        size = int(words["LUT_3D_SIZE"][0])
        low, high = (
            np.array(words.get(name, [default] * 3), np.float32)
            for name, default in (("DOMAIN_MIN", 0), ("DOMAIN_MAX", 1))
        )
        table = np.array(rows, np.float32).reshape(size, size, size, 3)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(f"{path} is no 3D .cube file") from error
    if low.any() or (high != 1).any():
        raise ModelError(f"{path} has the domain {low} to {high}; 0 to 1 is played")
    return table
