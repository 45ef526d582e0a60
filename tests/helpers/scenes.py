"""Moving scenes of which everything is known: flow, what is hidden, and what it would look like.

A scene is made from a photograph. Each of its surfaces (the ground, and in one scene an object
above it) has an affine pose per frame that takes a pixel of the frame to a place on the surface. So
the flow from any frame to any other is one matrix product and exact, at any distance. A pixel's
place is its centre's, as everywhere in this project: (x, y), px, the first pixel at (0, 0).

A surface is drawn at twice the frame's resolution, band-limited well below the frame's own limit,
and sampled with Lanczos-4, so that frames hold no aliasing: two frames differ by motion alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from stylize_video.pipeline.core.frame import Frame, Rgb, SourcePicture, as_rgb

Pose = NDArray[np.float64]  # (3, 3): frame (x, y, 1) → place on the surface, in frame pixels
Vectors = NDArray[np.float32]  # (H, W, 2), px, (x, y)
Mask = NDArray[np.bool_]  # (H, W)

_FINE = 2  # texture pixels per frame pixel
_MARGIN = 8  # frame pixels around what is seen, for the resampler
_SOFT = 0.7  # σ of the lens, frame pixels: with it, no frame holds what linear sampling destroys


# ---- photographs ----


def photographs(folder: Path | None, count: int) -> list[Rgb]:
    """``count`` photographs, spread over ``folder``; generated textures where it is absent."""
    paths = sorted(folder.glob("*.webp")) if folder is not None and folder.is_dir() else []
    if not paths:
        return [texture(seed) for seed in range(count)]
    chosen = paths[:: max(1, len(paths) // count)][:count]
    return [np.asarray(cv2.imread(str(p), cv2.IMREAD_COLOR_RGB), np.uint8) for p in chosen]


def texture(seed: int, width: int = 400, height: int = 300) -> Rgb:
    """A stand-in for a photograph: 1/f noise as of foliage, and shapes with sharp edges."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 8):
        shape = (2**octave * 3 // 4, 2**octave, 3)
        grey, warm, cold = [1, 1, 1], [0.4, 0, -0.4], [-0.2, 0.4, -0.2]
        coarse = (rng.normal(0, 1, shape) @ [grey, warm, cold]).astype(np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / octave
    picture = 128 + 40 * picture / picture.std()
    for _ in range(12):
        corners = rng.uniform(-0.1, 0.25, (4, 2)) + rng.uniform(0, 1, 2)
        points = np.round(corners * (width, height)).astype(np.int32)
        colour = tuple(float(c) for c in rng.uniform(20, 235, 3))
        shape_of_it = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(shape_of_it, cv2.convexHull(points), 1)
        picture[shape_of_it > 0] = 0.3 * picture[shape_of_it > 0] + 0.7 * np.array(colour)
    return np.clip(picture, 0, 255).round().astype(np.uint8)


# ---- surfaces ----


@dataclass(frozen=True)
class Surface:
    """A flat picture that moves.

    ``covers``, given places on the surface (…, 2), says where there is something of it; ``None`` is
    everywhere.
    """

    photo: Rgb
    pose: Callable[[int], Pose]
    covers: Callable[[NDArray[np.float64]], Mask] | None = None


@dataclass(frozen=True)
class Scene:
    """Frames 0 … count−1 of surfaces, the first at the bottom; see the module."""

    name: str
    surfaces: tuple[Surface, ...]
    count: int
    width: int
    height: int
    gain: Callable[[int], float] = lambda t: 1.0
    noise: float = 0.0
    """Standard deviation, of 0..255, new in every frame, pixel and channel."""
    seed: int = 0
    _drawn: dict[int, tuple[NDArray[np.float32], Pose]] = field(default_factory=dict, repr=False)

    def rgb(self, t: int) -> Rgb:
        """Frame ``t`` as a camera sees it."""
        light = self._light(t, range(len(self.surfaces)))
        if self.noise:
            rng = np.random.default_rng((self.seed, t))
            light = light + rng.normal(0, self.noise, light.shape).astype(np.float32)
        return _as_rgb(light)

    def clean(self, t: int) -> Rgb:
        """Frame ``t`` without noise and without any object: the ground alone, in the same light."""
        return _as_rgb(self._light(t, range(1)))

    def frames(self) -> Iterator[Frame]:
        """All of them, 25 per second."""
        for t in range(self.count):
            yield Frame(self.rgb(t), t, Fraction(1, 25), 1, cut=t == 0)

    def flow(self, t: int, k: int = 1) -> Vectors:
        """Where each pixel of frame ``t`` goes until frame ``t + k`` (k may be negative), exact."""
        return (self._places(t, k) - self._grid).astype(np.float32)

    def visible(self, t: int, k: int = 1) -> Mask:
        """Which pixels of frame ``t`` are seen in frame ``t + k``.

        That is: the place lies in the frame, and the four pixels around it, those from which linear
        sampling reads, show the same surface.
        """
        return self._inside(t, k) & self._agreeing(t, k)

    def disoccluded(self, t: int) -> Mask:
        """The ground that an object covered or touched in frame ``t − 1`` and no more in ``t``."""
        if t == 0:
            return np.zeros((self.height, self.width), bool)
        return (self.shown(t) == 0) & self._inside(t, -1) & ~self._agreeing(t, -1)

    def shown(self, t: int) -> NDArray[np.intp]:
        """Number of the surface that each pixel of frame ``t`` shows, (H, W); 0 is the ground."""
        top = np.zeros((self.height, self.width), np.intp)
        for number, surface in enumerate(self.surfaces):
            if surface.covers is not None:
                top[surface.covers(_moved(surface.pose(t), self._grid))] = number
        return top

    @cached_property
    def _grid(self) -> NDArray[np.float64]:
        x, y = np.meshgrid(np.arange(self.width), np.arange(self.height))
        return np.stack([x, y], axis=-1).astype(np.float64)

    def _places(self, t: int, k: int) -> NDArray[np.float64]:
        """Where in frame ``t + k`` each pixel of frame ``t`` is, (H, W, 2)."""
        shown = self.shown(t)
        places = np.empty_like(self._grid)
        for number, surface in enumerate(self.surfaces):
            there = np.linalg.inv(surface.pose(t + k)) @ surface.pose(t)
            places[shown == number] = _moved(there, self._grid[shown == number])
        return places.round(9)  # an integer pan is integer, whatever the inverse's last bit

    def _inside(self, t: int, k: int) -> Mask:
        places = self._places(t, k)
        return np.all((places >= 0) & (places <= (self.width - 1, self.height - 1)), axis=-1)

    def _agreeing(self, t: int, k: int) -> Mask:
        here, there = self.shown(t), self.shown(t + k)
        places = np.clip(self._places(t, k), 0, (self.width - 1, self.height - 1))
        agreeing = np.ones(here.shape, bool)
        for round_x in (np.floor, np.ceil):
            for round_y in (np.floor, np.ceil):
                x, y = round_x(places[..., 0]).astype(int), round_y(places[..., 1]).astype(int)
                agreeing &= there[y, x] == here
        return agreeing

    def _light(self, t: int, numbers: range) -> NDArray[np.float32]:
        """What the surfaces with these numbers show, (H, W, 3), 0..255, before noise."""
        shown = self.shown(t)
        seen = np.zeros((self.height, self.width, 3), np.float32)
        for number in numbers:
            where = (shown == number) if len(numbers) > 1 else np.ones(shown.shape, bool)
            seen[where] = self._sampled(number, t)[where]
        return seen * np.float32(self.gain(t))

    def _sampled(self, number: int, t: int) -> NDArray[np.float32]:
        drawn, to_drawn = self._drawing(number)
        matrix = (to_drawn @ self.surfaces[number].pose(t))[:2].round(9)
        how = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(
                drawn, matrix, (self.width, self.height), flags=how, borderMode=cv2.BORDER_REFLECT
            ),
            np.float32,
        )

    def _drawing(self, number: int) -> tuple[NDArray[np.float32], Pose]:
        """A surface's texture and the pose's continuation into its pixels, drawn once."""
        if number not in self._drawn:
            self._drawn[number] = self._draw(self.surfaces[number])
        return self._drawn[number]

    def _draw(self, surface: Surface) -> tuple[NDArray[np.float32], Pose]:
        """The photograph laid over all that any frame sees of the surface."""
        corners = self._grid[:: self.height - 1, :: self.width - 1].reshape(4, 2)
        seen = np.concatenate([_moved(surface.pose(t), corners) for t in range(self.count)])
        if surface.covers is not None:  # an object's places count from its middle
            seen = np.array([[-1, -1], [1, 1]]) * max(self.width, self.height) / 4
        first = np.floor(seen.min(axis=0)) - _MARGIN
        size = np.ceil(seen.max(axis=0)) + _MARGIN - first + 1
        drawn = _covering(surface.photo, (int(size[0]) * _FINE, int(size[1]) * _FINE))
        drawn = cv2.GaussianBlur(drawn, (0, 0), _SOFT * _FINE)
        to_drawn = np.diag([_FINE, _FINE, 1.0]) @ _shift(-first[0], -first[1])
        return np.asarray(drawn, np.float32), to_drawn


class ExactFlow:
    """A ``FlowEstimator`` that knows the answer: it recognises a scene's frames, at their size."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._numbers = {scene.rgb(t).tobytes(): t for t in range(scene.count)}

    def between(self, first: SourcePicture, second: SourcePicture) -> Vectors:
        one, other = (self._numbers[as_rgb(rgb).tobytes()] for rgb in (first, second))
        # Where nothing moves and nothing is noisy, frames are equal, and any number is right.
        return self._scene.flow(one, other - one)


def _moved(pose: Pose, places: NDArray[np.float64]) -> NDArray[np.float64]:
    return places @ pose[:2, :2].T + pose[:2, 2]


def _as_rgb(light: NDArray[np.float32]) -> Rgb:
    return np.clip(light, 0, 255).round().astype(np.uint8)


def _covering(photo: Rgb, size: tuple[int, int]) -> NDArray[np.float32]:
    """The middle of the photograph, resized to cover (width, height), its shape kept."""
    height, width = photo.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    how = cv2.INTER_LANCZOS4 if scale > 1 else cv2.INTER_AREA
    whole = (max(size[0], round(width * scale)), max(size[1], round(height * scale)))
    large = cv2.resize(photo.astype(np.float32), whole, interpolation=how)
    left, top = (whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2
    return np.asarray(large[top : top + size[1], left : left + size[0]], np.float32)


# ---- poses ----


def _shift(x: float, y: float) -> Pose:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def _turn(degrees: float, scale: float = 1.0) -> Pose:
    c, s = np.cos(np.radians(degrees)) * scale, np.sin(np.radians(degrees)) * scale
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _about(pose: Pose, x: float, y: float) -> Pose:
    return _shift(x, y) @ pose @ _shift(-x, -y)


# ---- the scenes ----


def pan(
    photo: Rgb,
    count: int = 40,
    width: int = 320,
    height: int = 240,
    seed: int = 0,
    velocity: tuple[float, float] = (1.37, 0.61),
) -> Scene:
    """The camera moves by ``velocity`` px a frame, right and down: the picture goes the other way.

    Whole numbers make frames that are exact shifts of each other.
    """
    vx, vy = velocity
    ground = Surface(photo, lambda t: _shift(vx * t, vy * t))
    return Scene("pan", (ground,), count, width, height, seed=seed)


def zoom(photo: Rgb, count: int = 40, width: int = 320, height: int = 240, seed: int = 0) -> Scene:
    """The camera goes nearer, 0.5 % a frame, to a place left of the middle."""
    x, y = 0.4 * width, 0.55 * height
    ground = Surface(photo, lambda t: _about(_turn(0, 1.005**-t), x, y))
    return Scene("zoom", (ground,), count, width, height, seed=seed)


def rotate(
    photo: Rgb, count: int = 40, width: int = 320, height: int = 240, seed: int = 0
) -> Scene:
    """The camera turns by 0.4° a frame about a place near the middle."""
    x, y = 0.55 * width, 0.45 * height
    ground = Surface(photo, lambda t: _about(_turn(0.4 * t), x, y))
    return Scene("rotate", (ground,), count, width, height, seed=seed)


def layers(
    photo: Rgb,
    count: int = 40,
    width: int = 320,
    height: int = 240,
    seed: int = 0,
    thing: Rgb | None = None,
) -> Scene:
    """An object with a hard edge wanders, up to 9 px a frame, over ground that pans slowly.

    ``thing`` is the object's picture; without it, the photograph, mirrored, in other colours.
    """
    thing = np.ascontiguousarray(photo[:, ::-1, ::-1]) if thing is None else thing
    size = min(width, height) / 5

    def wander(t: int) -> Pose:
        x = width * (0.5 + 0.28 * np.sin(2 * np.pi * t / 60 + 0.4))
        y = height * (0.5 + 0.2 * np.sin(2 * np.pi * t / 47))
        return _turn(0.7 * t) @ _shift(-x, -y)

    def blob(places: NDArray[np.float64]) -> Mask:
        angle = np.arctan2(places[..., 1], places[..., 0])
        edge = size * (1 + 0.2 * np.cos(3 * angle) + 0.1 * np.sin(5 * angle))
        return np.hypot(places[..., 0], places[..., 1]) <= edge

    ground = Surface(photo, lambda t: _shift(0.83 * t, 0.29 * t))
    return Scene("layers", (ground, Surface(thing, wander, blob)), count, width, height, seed=seed)


def light_noise(
    photo: Rgb,
    count: int = 40,
    width: int = 320,
    height: int = 240,
    seed: int = 0,
    noise: float = 2.5,
) -> Scene:
    """A slow pan under light that swells and fades by 10 %, seen by a noisy sensor."""
    ground = Surface(photo, lambda t: _shift(0.71 * t, 0.37 * t))
    return Scene(
        "light_noise", (ground,), count, width, height,
        gain=lambda t: 1 + 0.1 * float(np.sin(2 * np.pi * t / 30)), noise=noise, seed=seed,
    )  # fmt: skip


def static(
    photo: Rgb,
    count: int = 40,
    width: int = 320,
    height: int = 240,
    seed: int = 0,
    noise: float = 2.0,
) -> Scene:
    """A still shot, seen by a noisy sensor."""
    ground = Surface(photo, lambda t: _shift(0, 0))
    return Scene("static", (ground,), count, width, height, noise=noise, seed=seed)


SCENES: dict[str, Callable[..., Scene]] = {
    scene.__name__: scene for scene in (pan, zoom, rotate, layers, light_noise)
}
"""The named five: ``SCENES[name](photo, count, width, height, seed)``."""
