"""The canvas: a texture that travels with the scene, so that a net can paint what is flat.

A net that takes a canvas receives four channels besides the picture, at a quarter of its size: fine
noise, and facets of three widths. Flat areas, such as walls and skies, get their strokes from them.
It moves along the scene's motion. Errors of the motion add up, so there are two layers, renewed in
turn: while one is renewed, the other one is displayed. Where the source has structure of its own,
the canvas is weaker.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import Canvas, CanvasLayer, Frame, Motion, Picture, Plane, Vectors, black_of
from ..imaging.resize import brightness, reduce_for_flow, reduced_of, resize_area, resize_linear
from ..imaging.warp import moving, resize_vectors
from .canvas_texture import SIDE, as_bytes, steps_at
from .light import brightest, visible

Floats = NDArray[np.float32]
CHANNELS = 4
"""Channels of the canvas: fine noise, and facets of three widths."""
CELL = 4
"""Side of a cell, px of the picture that is painted."""
PERIOD = Fraction(2)
"""Seconds of film after which a layer is renewed."""

# Distance, in cells, at which two places of each channel are alike by 1/e.
_WIDTHS = (1.6, 3.2, 5.5, 10.1)

# Squared gradient, grey levels per px of the reduced picture, at which structure halves the flat.
_STRUCTURE = 30.0
_LEAST = 0.15  # strength where there is structure
_DARK = 16.0  # grey levels above black at which the canvas is at full strength; black stays dark
_NOISE = 0.1  # of the strength
_SMOOTH = 2.0  # standard deviation of the strength's blur, px of half the reduced picture

# Displacements are this much smaller than the motion. On real clips, half its size was no steadier
# and stretched the texture by half in four times as many places.
_REDUCED = 4
# Flow needs something to hold on to. In flat areas, which get most of the canvas, it is a guess;
# there the motion of what lies around is better, near or, where nothing is near, further away.
# Along a straight edge it is a guess too: there one eigenvalue is far below the other.
_HOLD = 2e-5  # lower eigenvalue at which a place holds half; about a sensor's noise
_STRAIGHT = 0.1  # ratio of the eigenvalues at which an edge holds half
_CORNER = 5  # side of the area in which it is measured, px of half the reduced picture
_NEAR, _FAR = 2.0, 16.0  # standard deviations of what lies around, px of the displacements
_OF_FAR = 0.01  # weight of what is further away
_HELD = 0.1  # weight at which a place's own motion and that around count the same
_NOTHING = 1e-4  # least weight of a place

# Where a layer's texture is stretched or squeezed by this much, it begins to go; then it is gone.
# In its place lies the texture as the layer moves on the whole: no wall is bare behind what passes.
_STRETCHED, _TORN = 1.5, 3.0
_COMMON = 0.1  # px of the displacements by which a motion differs from most, and is another


def canvas_bytes(canvas: Canvas, cells: tuple[int, int]) -> NDArray[np.uint8]:
    """Sample a canvas for a net.

    Args:
        canvas: the frame's.
        cells: (rows, columns): the painted picture's (height, width) / ``CELL``, rounded up.

    Returns:
        (rows, columns, 4) uint8: 128 is 0, and 127 steps are 3 standard deviations.
    """
    if not canvas.layers:
        return as_bytes(np.zeros((*cells, CHANNELS), np.float32))
    layers = canvas.layers
    if all(np.array_equal(layer.displacement, layers[0].displacement) for layer in layers):
        layers = layers[:1]  # their sum is what one displays
    fits = [_fitness(layer.displacement) for layer in layers]
    noise, *others = (
        _steps(layer.displacement, fit, canvas.common, cells)
        for layer, fit in zip(layers, fits, strict=True)
    )
    strength = cv2.merge([resize_linear(canvas.strength, cells)] * CHANNELS)
    for other in others:  # where both are equal, the sum is exactly that, whatever the weights
        one, two = (layer.weight for layer in layers)
        noise = noise + np.float32(two / (one + two)) * (other - noise)
        strength = cv2.multiply(strength, resize_linear(_gain(layers, fits, cells), cells))
    return as_bytes(np.asarray(cv2.multiply(noise, strength), np.float32))


def _steps(
    displacement: Vectors, fitness: Floats, common: Floats, cells: tuple[int, int]
) -> Floats:
    """A layer's texture in steps from 0, (rows, columns, 4) float32.

    Where it is torn, the texture lies as the layer moves on the whole: behind what passed by. What
    still moves by itself has none there.
    """
    steps = steps_at(_texture_places(displacement, cells))
    fit = resize_linear(fitness, cells)
    rows, columns = (np.flatnonzero((fit < 1).any(axis)) for axis in (1, 0))
    if len(rows):
        torn = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        size = displacement.shape[:2]
        whole = steps_at(_texture_places(_on_the_whole(displacement), cells, size)[torn])
        whole *= resize_linear(common, cells)[torn][..., None]
        steps[torn] = whole + (steps[torn] - whole) * fit[torn][..., None]
    return steps


def _on_the_whole(displacement: Vectors) -> Vectors:
    """As most of a layer has moved: (1, 1, 2)."""
    every = max(1, min(displacement.shape[:2]) // 30)
    return np.median(displacement[::every, ::every], axis=(0, 1), keepdims=True)


def _texture_places(
    vectors: Vectors, cells: tuple[int, int], size: tuple[int, ...] | None = None
) -> Vectors:
    """The place in the texture of each cell, (rows, columns, 2) float32, cells, 0 and above.

    Args:
        vectors: displacements, (h, w, 2) float32, px of ``size``.
        cells: (rows, columns).
        size: (height, width); ``None``: that of ``vectors``.
    """
    height, width = size or vectors.shape[:2]
    scale = cells[1] / width, cells[0] / height
    moved = [plane * np.float32(by) for plane, by in zip(cv2.split(vectors), scale, strict=True)]
    # Whole textures are left out: OpenCV reads beyond the border slowly, and as 16-bit numbers.
    near = [plane - math.floor(plane.min() / SIDE) * np.float32(SIDE) for plane in moved]
    places = cv2.add(resize_linear(cv2.merge(near), cells), _places(cells))
    return np.asarray(places, np.float32)


def _gain(layers: Sequence[CanvasLayer], fits: Sequence[Floats], cells: tuple[int, int]) -> Floats:
    """By how much the mean of two layers must be multiplied to have the variance of one.

    Where both display the same place, they add up; where they are far apart, their squares do.

    Returns:
        (h, w, 4) float32, 1..1.4, of the displacements' size.
    """
    one, other = layers
    # Where a layer is torn, what it displays lies as it moves on the whole.
    a, b = (
        whole + f[..., None] * (x.displacement - whole)
        for f, x in zip(fits, layers, strict=True)
        for whole in (_on_the_whole(x.displacement),)
    )
    (height, width), (x, y) = a.shape[:2], cv2.split(a - b)
    square = np.square(x * np.float32(cells[1] / width)) + np.square(
        y * np.float32(cells[0] / height)
    )
    both = np.float32(2 * one.weight * other.weight)
    alike = (cv2.exp(square * np.float32(-1 / width**2)) for width in _WIDTHS)
    gains = [np.sqrt((1 + both) / (1 + both * share)) for share in alike]
    return np.asarray(cv2.merge(gains), np.float32)


class TravellingCanvas:
    """The canvas of a film: it moves along the motion, and begins anew at cuts.

    File and live use it. The period of renewal is counted from the shot's first frame, in the
    film's own time, so a frame's canvas depends on its shot alone.

    Args:
        strength: of the canvas, 0..2; it is multiplied by the source's ``flatness``.
        begin: the time at which the shot began of which the first frame is in the middle.
    """

    def __init__(self, strength: float = 1.0, begin: Fraction | None = None) -> None:
        self._strength = strength
        self._begin = begin
        self._renewals = (0, 0)
        self._phase = 0.0
        self._moved = _no_displacement(2)
        self._common = np.ones((1, 1), np.float32)
        self._flat = np.ones((1, 1), np.float32)

    @property
    def moves(self) -> bool:
        """Whether it needs the frames' motion: it is not off."""
        return self._strength > 0

    def step(self, frame: Frame) -> Frame:
        """Return the next frame with its canvas, from its ``motion`` and ``cut``.

        A canvas that is off tells only how far the frame is faded to black.
        """
        reduced = reduced_of(frame)
        grey, black = brightness(reduced), black_of(reduced)
        shown = visible(brightest(grey[::4, ::4], black))
        if not self.moves:
            return replace(frame, canvas=replace(still_canvas(frame.source, 0), visible=shown))
        self._advance(frame, grey)
        angle = math.pi * self._phase
        weights = abs(math.sin(angle)), abs(math.cos(angle))
        moved = (self._moved[..., :2], self._moved[..., 2:])
        layers = tuple(map(CanvasLayer, moved, weights))
        self._flat = _held(self._flat, flatness(grey, black), frame)
        return replace(
            frame, canvas=Canvas(layers, self._strength * self._flat, self._common, shown)
        )

    def _advance(self, frame: Frame, grey: Plane) -> None:
        """Move the layers to the next frame; where it has no motion, they begin anew."""
        if self._begin is None or frame.cut:
            self._begin = frame.time
        # Half a period late: a shot begins with the first layer alone.
        self._phase = float((frame.time - self._begin) / PERIOD) + 0.5
        renewals = math.floor(self._phase), math.floor(self._phase + 0.5)
        if frame.cut or frame.motion is None:
            self._lay_anew()
        else:
            back = _carrying(frame.motion, grey)
            self._moved = _move(self._moved, back)
            self._common = _common(back)
            for layer in (0, 1):
                if renewals[layer] != self._renewals[layer]:
                    self._renew(layer)
            if frame.canvas_anew:  # the layer that is not displayed now; the other follows it
                self._moved[..., 2:] = 0
        self._renewals = renewals

    def _renew(self, layer: int) -> None:
        """Remove a layer's errors: it moves as one piece, as most of the other layer has moved."""
        one, other = (self._moved[..., 2 * i : 2 * i + 2] for i in (layer, 1 - layer))
        one[:] = np.median(other, axis=(0, 1))

    def reset(self) -> None:
        """Forget the past: the next frame begins a shot."""
        self._begin = None
        self._lay_anew()

    def _lay_anew(self) -> None:
        self._moved = _no_displacement(2)
        self._common = np.ones((1, 1), np.float32)


def lay_still(frames: Iterable[Frame], strength: float = 1.0) -> Generator[Frame]:
    """Stage: give every frame a canvas that does not move: they are pictures, not a film.

    Args:
        frames: the source's frames.
        strength: see ``still_canvas``.
    """
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, canvas=still_canvas(frame.source, strength))


def travel(
    frames: Iterable[Frame], strength: float = 1.0, begin: Fraction | None = None
) -> Generator[Frame]:
    """Stage: give every frame its canvas.

    Args:
        frames: the source's frames with their ``motion``, in order.
        strength: see ``TravellingCanvas``.
        begin: see ``TravellingCanvas``.
    """
    canvas = TravellingCanvas(strength, begin)
    with closing_source(frames):
        for frame in frames:
            yield canvas.step(frame)


def _move(moved: NDArray[np.float32], back: Vectors) -> NDArray[np.float32]:
    """Displacements moved along the motion: d'(p) = b(p) + d(p + b(p)), b the backward motion.

    Args:
        moved: (h, w, 4): those of both layers.
        back: (h', w', 2): the backward motion; see ``_carrying``.

    Returns:
        (h', w', 4).
    """
    size = back.shape[:2]
    if moved.shape[:2] != size:  # the shot's second frame
        moved = np.zeros((*size, moved.shape[2]), np.float32)
    old = _sample(moved, back + _places(size), cv2.BORDER_REPLICATE)
    return old + np.concatenate([back, back], axis=-1)


def _held(before: Floats, now: Floats, frame: Frame) -> Floats:
    """The flatness of a frame; where it stands still, that of the frame before: noise is none."""
    begins = frame.cut or frame.canvas_anew or before.shape != now.shape
    if begins or frame.motion is None:
        return now
    moves = moving(frame.motion.vectors).astype(np.float32)
    near = resize_area(moves, (now.shape[0], now.shape[1])) > 0
    return np.where(near | (np.abs(now - before) > _NOISE), now, before)


def _common(back: Vectors) -> Floats:
    """How far each place moves as most of the picture does: (h, w) float32, 0..1."""
    apart = np.square(back - np.median(back[::2, ::2], axis=(0, 1))).sum(axis=-1)
    return np.exp(-apart / _COMMON**2)


def _carrying(motion: Motion, grey: Plane) -> Vectors:
    """The backward motion; where flow has nothing to hold on to, the motion of what lies around.

    The motion is smoothed, never the displacements: to smooth those pulls the texture of what
    stands still along with whatever passes by, more in every frame.

    Args:
        motion: of the frame.
        grey: its brightness, reduced.

    Returns:
        (h, w, 2), ``_REDUCED`` times smaller than the motion.
    """
    height, width = (max(1, n // _REDUCED) for n in motion.confidence.shape)
    size = height, width
    back = resize_vectors(motion.vectors, width, height)
    half = resize_area(grey, (max(1, grey.shape[0] // 2), max(1, grey.shape[1] // 2)))
    most, least = cv2.split(cv2.cornerEigenValsAndVecs(half, _CORNER, 3))[:2]
    holds = resize_area(least / (least + _STRAIGHT * most + _HOLD), size)
    trust = resize_area(motion.confidence, size) * holds + _NOTHING
    x, y = cv2.split(back)
    weighted = cv2.merge([trust * x, trust * y, trust])
    near = cv2.GaussianBlur(weighted, (0, 0), _NEAR)
    far = _blurred_far(weighted)
    around = (near[..., :2] + _OF_FAR * far[..., :2] / far[..., 2:]) / (near[..., 2:] + _OF_FAR)
    own = (trust / (trust + _HELD))[..., None]
    # What stands still is not pulled along, not by a thousandth of a pixel.
    moves = resize_area(moving(motion.vectors).astype(np.float32), size)[..., None]
    return np.asarray(moves * (around + own * (back - around)), np.float32)


def _blurred_far(values: Any) -> Any:
    """A wide blur, made at a quarter of the size."""
    height, width = values.shape[:2]
    small = resize_area(values, (max(1, height // 4), max(1, width // 4)))
    return resize_linear(cv2.GaussianBlur(small, (0, 0), _FAR / 4), (height, width))


def _fitness(displacement: Vectors) -> NDArray[np.float32]:
    """How well a layer's texture has kept its shape: 1 where it has, 0 where it is torn.

    At the edge of what moves by itself, the texture is drawn out into streaks.

    Args:
        displacement: (h, w, 2), px.

    Returns:
        (h, w) float32, 0..1: by the larger of the singular values of the places' Jacobian, and of
        their inverses.
    """
    edge = cv2.BORDER_REPLICATE
    across, down = (
        cv2.Sobel(displacement, cv2.CV_32F, x, 1 - x, ksize=1, scale=0.5, borderType=edge)
        for x in (1, 0)
    )
    a, b, c, d = 1 + across[..., 0], down[..., 0], across[..., 1], 1 + down[..., 1]
    half, area = (a * a + b * b + c * c + d * d) / 2, a * d - b * c
    largest = half + np.sqrt(np.maximum(half * half - area * area, 0))  # squared
    smallest = np.maximum(2 * half - largest, 1e-3)
    stretch = np.sqrt(np.maximum(largest, 1 / smallest))
    whole = np.clip((_TORN - stretch) / (_TORN - _STRETCHED), 0, 1)
    return np.asarray(cv2.blur(whole, (3, 3)), np.float32)


def still_canvas(picture: Picture, strength: float = 1.0) -> Canvas:
    """The canvas of a picture that has no past, its strength by flatness.

    Args:
        picture: what is painted, of any size.
        strength: of the canvas, 0..2.
    """
    if not strength:
        return Canvas((), np.zeros((1, 1), np.float32))
    flat = flatness(brightness(reduce_for_flow(picture)), black_of(picture))
    return Canvas((CanvasLayer(_no_displacement(1), 1.0),), strength * flat)


def unmoved(canvas: Canvas) -> Canvas:
    """A canvas of the same strength, whose texture has not moved yet."""
    if not canvas.layers:
        return canvas
    return Canvas((CanvasLayer(_no_displacement(1), 1.0),), canvas.strength, visible=canvas.visible)


def flatness(grey: Plane, black: int = 0) -> NDArray[np.float32]:
    """How flat a picture is around every pixel: ``_LEAST`` where it has structure, 1 where none.

    Black has none: letterbox bars and fades to black are no walls.

    Args:
        grey: its reduced brightness, (h, w) uint8; see ``reduce_for_flow``.
        black: the grey level of black.

    Returns:
        (h // 2, w // 2) float32, 0..1.
    """
    across, down = (cv2.Sobel(grey, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    energy = cv2.add(cv2.multiply(across, across), cv2.multiply(down, down))
    half = (max(1, grey.shape[0] // 2), max(1, grey.shape[1] // 2))
    energy = cv2.GaussianBlur(resize_area(energy, half), (0, 0), _SMOOTH)
    flat = _STRUCTURE / (energy + _STRUCTURE)
    light = cv2.GaussianBlur(resize_area(grey, half), (0, 0), _SMOOTH).astype(np.float32) - black
    shown = np.clip(light / _DARK, 0, 1)
    return np.asarray(shown * (_LEAST + (1 - _LEAST) * flat * flat), np.float32)


def _no_displacement(layers: int) -> Vectors:
    return np.zeros((1, 1, 2 * layers), np.float32)


def _sample(pixels: NDArray[Any], places: Vectors, border: int) -> NDArray[Any]:
    """Bilinear samples of pixels at places, (x, y), px."""
    return cv2.remap(pixels, places, None, cv2.INTER_LINEAR, borderMode=border)  # pyright: ignore[reportCallIssue, reportArgumentType]


@lru_cache(maxsize=4)
def _places(cells: tuple[int, int]) -> Vectors:
    """(rows, columns, 2) float32: the (x, y) of each cell."""
    rows, columns = (np.arange(n, dtype=np.float32) for n in cells)
    return np.stack(np.meshgrid(columns, rows), axis=-1)
