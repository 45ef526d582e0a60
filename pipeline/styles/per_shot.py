"""Paint frames shot by shot: measure the first frames, then follow slow changes of light.

A shot's first frames wait until they have been measured; after that, each frame passes straight
on. Where the light of a long shot really changes, the style's statistics follow it slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, takewhile
from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source, ordered_map, then_none
from ..core.errors import SourceError
from ..core.frame import Frame, Picture, Rgb, as_rgb, coding_of, resized
from ..temporal.canvas import unmoved
from ..temporal.consistency import TemporalBlend
from ..temporal.light import HANDED_OVER, brightest, levelled, steady_light, unfaded, visible
from .repaint import Repaint, opacity_of, repaint_frames
from .style import ShotStyle, Style

# Frames of a shot that wait, and those of them that are measured: what enters within half a second
# is included, and memory stays bounded.
_AHEAD = 12
_MEASURED = (0, _AHEAD - 1)

LOOK_EVERY = 4
"""Frames between two looks at a shot's light."""

# Grey levels that are a change of light; how far the statistics follow at a time.
_CHANGE = 10.0
_STEP = 0.25
_RESTS = 2.0  # grey levels in ``LOOK_EVERY`` frames; light that changes by less is at rest

_TOGETHER = 4  # pictures of a set that are measured


@dataclass(frozen=True, eq=False)
class CompiledShot:
    """A style compiled for a shot, and the light in which it was measured."""

    style: ShotStyle
    light: NDArray[np.float64]
    """(18, 32, 3), 0..255: the shot's frames, reduced."""
    kind: Any
    """Size and layout of the frames that it paints."""
    seen: NDArray[np.float64]
    """The light at the last look."""
    fades_in: bool = False
    """It began in black, and its light has not come to rest since."""
    age: int = 0
    """Frames since the light was looked at."""

    @classmethod
    def of(
        cls, style: Style, frames: Sequence[Frame], strength: float = 1.0, is_film: bool = True
    ) -> CompiledShot:
        """Measure a shot's frames, all of one size and layout, and compile the style for it.

        A film's shot that begins in black fades in; a dark picture is dark.
        """
        lights = [light_of(frame.source) for frame in frames]
        measured, light = [levelled(frame) for frame in frames], np.mean(lights, axis=0)
        fades_in = is_film and _is_faded(lights[0])
        if fades_in:  # the last one displays most
            measured = [unfaded(frames[-1], _brightest(lights[-1]))]
            light = light_of(measured[0].source)
        kind = kind_of(frames[0].source)
        return cls(style.compile(measured, strength), light, kind, lights[-1], fades_in)

    def fits(self, frame: Frame) -> bool:
        """Whether a frame has the size and layout that it paints."""
        return kind_of(frame.source) == self.kind

    def follow(self, frame: Frame) -> CompiledShot:
        """The same for the next frame: every ``LOOK_EVERY`` frames the light is compared."""
        if (self.age + 1) % LOOK_EVERY:
            return replace(self, age=self.age + 1)
        return self.look(frame)

    def look(self, frame: Frame) -> CompiledShot:
        """The same, a step nearer to the frame's light where that has changed."""
        light = light_of(frame.source)
        if self.fades_in:
            goes_on = _is_faded(light) or change_of_light(light, self.seen) > _RESTS
            full = unfaded(frame, _brightest(light))
            style = self.style.adapt(_alone(full), 1.0)
            return CompiledShot(style, light_of(full.source), self.kind, light, goes_on)
        fades_out = _is_faded(light) or float(np.median(self.seen - light)) > _RESTS
        if fades_out or change_of_light(light, self.light) < _CHANGE:
            return replace(self, age=self.age + 1, seen=light)
        nearer = self.light + _STEP * (light - self.light)
        return CompiledShot(self.style.adapt(_alone(frame), _STEP), nearer, self.kind, light)


@dataclass
class _FollowedShot:
    """The style of a shot in the light of its frames.

    The next chunk of a film that begins inside the shot knows the shot's first frames, and some
    before its own. Over those, the style goes over to the one that it will have.
    """

    first: CompiledShot
    """As the shot began."""
    now: CompiledShot
    coming: CompiledShot | None = None
    """What the next chunk begins with."""
    mixed: ShotStyle | None = None

    @classmethod
    def of(cls, shot: CompiledShot) -> _FollowedShot:
        return cls(shot, shot)

    def follow(self, frame: Frame) -> ShotStyle:
        """The style for the next frame."""
        self.now = self.now.follow(frame)
        if frame.handover is None:
            self.coming = None
            return self.now.style
        self.coming = (self.coming or self.first).follow(frame)
        weight = frame.handover / HANDED_OVER
        if weight >= 1 or self.coming.style is self.now.style:
            return self.coming.style
        if self.mixed is None or self.coming.age == 0:
            self.mixed = self.now.style.mixed(self.coming.style, weight, frame)
        return self.mixed


def _alone(frame: Frame) -> Frame:
    """A frame less what depends on those before it, which the next chunk of a film may not know."""
    canvas = None if frame.canvas is None else unmoved(frame.canvas)
    return replace(frame, levels=None, canvas=canvas)


Direct = Callable[[Iterable[tuple[Frame, ShotStyle]]], Generator[tuple[Frame, ShotStyle]]]
"""The style of a shot → what paints each of its frames."""


def paint_shots(
    frames: Iterable[Frame],
    style: Style,
    strength: float = 1.0,
    blend: TemporalBlend | None = None,
    since: Fraction | None = None,
    is_film: bool = True,
    repaint: Repaint = "all",
    begun: CompiledShot | None = None,
    direct: Direct | None = None,
) -> Generator[Frame]:
    """The stage: every frame with ``painted`` and ``opacity``, in order.

    Args:
        frames: in order; the first of each shot has ``cut``.
        style: what paints.
        strength: 0..1.
        blend: given for a recurrent net: it takes the previous output, so painting and blending
            go frame by frame (Ruder 2018), and the frames come out blended.
        since: frames before this time are measured where they begin a shot, but not painted, and
            don't come out.
        is_film: shots that begin in black fade in; pictures are dark.
        repaint: what of a frame is painted again, by a style that can paint a part of it.
        begun: the style for the shot in which the frames begin, if they begin inside one.
        direct: finds what paints each frame, where that changes inside a shot.

    Raises:
        StylizeError: the source or the style failed; what came before it is painted.
    """
    compiled = _since(compile_shots(frames, style, strength, is_film, begun), since)
    if direct is not None:
        compiled = direct(compiled)
    if blend is None:
        yield from repaint_frames(compiled, style.info.max_workers, repaint)
        return
    with closing_source(compiled):
        for frame, shot in compiled:
            blend.advance(frame)
            painted = shot.paint(levelled(frame), blend.state(frame.source))
            yield replace(frame, painted=blend.mix(painted), opacity=opacity_of(frame, shot))


def _since(
    compiled: Generator[tuple[Frame, ShotStyle]], since: Fraction | None
) -> Generator[tuple[Frame, ShotStyle]]:
    with closing_source(compiled):
        for frame, shot in compiled:
            if since is None or frame.time >= since:
                yield frame, shot


def compile_beginning(
    frames: Iterable[Frame],
    style: Style,
    strength: float = 1.0,
    is_film: bool = True,
    inside: bool = False,
) -> CompiledShot:
    """The style for a shot, of its first frames: for who begins to paint further on in it.

    Args:
        frames: of the shot, from its first one on.
        style: what paints.
        strength: see ``paint_shots``.
        is_film: see ``paint_shots``.
        inside: the first frame is not the shot's, but the one from which on the style paints.

    Raises:
        SourceError: there is no frame any more.
    """
    with closing_source(steady_light(frames)) as levelled_frames:
        first = list(islice(levelled_frames, _AHEAD))
    if not first:
        raise SourceError("the source has changed: the beginning of a shot is gone")
    first = [replace(first[0], cut=not inside, restyled=inside), *first[1:]]
    first = [first[0], *takewhile(lambda frame: not frame.restyled, first[1:])]
    return _compile(style, first, strength, is_film)


def compile_shots(
    frames: Iterable[Frame],
    style: Style,
    strength: float = 1.0,
    is_film: bool = True,
    shot: CompiledShot | None = None,
) -> Generator[tuple[Frame, ShotStyle]]:
    """Every frame with the style of its shot. Runs up to ``_AHEAD`` frames behind its source."""
    ahead = _AHEAD if style.info.per_shot else 1
    if style.info.per_shot:
        frames = steady_light(frames)
    followed = None if shot is None else _FollowedShot.of(shot)
    waiting: list[Frame] = []
    with closing_source(then_none(frames, 1)) as coming:
        for frame in coming:
            if frame is None:  # the end, or a break: what came before it is painted
                yield from _begin(style, waiting, strength, is_film)
                continue
            begins = frame.cut or frame.restyled
            if followed is not None and not begins and followed.now.fits(frame):
                # Without statistics, none could follow the light.
                yield frame, followed.follow(frame) if style.info.per_shot else followed.now.style
                continue
            if waiting and (begins or kind_of(frame.source) != kind_of(waiting[0].source)):
                yield from _begin(style, waiting, strength, is_film)
                waiting = []
            followed = None
            waiting.append(frame)
            if len(waiting) == ahead:
                followed = _FollowedShot.of(_compile(style, waiting, strength, is_film))
                yield from ((one, followed.now.style) for one in waiting)
                waiting = []


def _begin(
    style: Style, waiting: Sequence[Frame], strength: float, is_film: bool
) -> Generator[tuple[Frame, ShotStyle]]:
    """The frames of a shot that is shorter than what is measured."""
    if waiting:
        shot = _compile(style, waiting, strength, is_film)
        yield from ((frame, shot.style) for frame in waiting)


def _compile(
    style: Style, waiting: Sequence[Frame], strength: float, is_film: bool
) -> CompiledShot:
    frames = [waiting[min(i, len(waiting) - 1)] for i in _MEASURED[: len(waiting)]]
    if waiting[0].restyled and not waiting[0].cut:
        frames = [_alone(frame) for frame in frames]
    return CompiledShot.of(style, frames, strength, is_film and len(waiting) > 1)


def paint_pictures(style: Style, pictures: Sequence[Rgb], strength: float = 1.0) -> list[Rgb]:
    """Pictures as frames of one shot, measured together.

    Args:
        style: what paints.
        pictures: (H, W, 3) uint8, 0–255, RGB; all of one size.
        strength: 0..1, as far as the style takes it on itself.

    Returns:
        The painted pictures, the same shapes.
    """
    frames = [Frame(rgb, number, Fraction(1)) for number, rgb in enumerate(pictures)]
    shot = style.compile(frames[:: ceil(len(frames) / _TOGETHER)], strength)
    painted = ordered_map(shot.paint, frames, style.info.max_workers)
    return [as_rgb(picture) for picture in painted]


def paint_picture(style: Style, rgb: Rgb, strength: float = 1.0) -> Rgb:
    """One picture, (H, W, 3) uint8, 0–255, RGB, as a shot of its own; see ``paint_pictures``."""
    return paint_pictures(style, [rgb], strength)[0]


def kind_of(picture: Picture) -> Any:
    """What a style is compiled for: another size or another layout is another shot."""
    return picture.shape, coding_of(picture)


def change_of_light(now: NDArray[np.float64], before: NDArray[np.float64]) -> float:
    """Grey levels by which the light changed: two results of ``light_of``, (18, 32, 3), 0..255.

    The median counts: light changes everywhere, a person who walks in changes less than half.
    """
    return float(np.abs(np.median(now - before, axis=(0, 1))).max())


def _is_faded(light: NDArray[np.float64]) -> bool:
    """Whether a picture is black, or fades from it or to it, by its ``light_of``."""
    return visible(_brightest(light)) < 1


def _brightest(light: NDArray[np.float64]) -> float:
    return brightest(light.mean(axis=-1))


def light_of(picture: Picture) -> NDArray[np.float64]:
    """A picture reduced to (18, 32, 3), RGB, 0..255."""
    return resized(picture, (32, 18), cv2.INTER_AREA).astype(np.float64)
