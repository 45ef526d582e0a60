"""Mark where shots begin: detected by PySceneDetect's adaptive rule, or read from a list."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source, then_none
from ..core.frame import Frame, Picture, resized
from ..imaging.resize import brightness, reduced_of, resize_area

THRESHOLD = 2.5
"""A cut changes the picture this many times more than the frames around it do. On real clips hard
cuts reach 3.4 and more, everything else 2.0 and less."""

_AHEAD = 2  # frames before and after with which the detector compares a frame
_LEAST = 8.0  # grey levels that a cut changes the mean pixel by; below it, both shots look alike

# A quarter of a second at 24 a second, the shortest that editors cut. It must exceed the detector's
# window. Then a frame's result never depends on frames before the last cut, and a clip that
# begins at a cut has the same later cuts as the whole.
_SHORTEST = 6

# Longer side of the pictures that are compared, px. With many more pixels every twig counts, and a
# moving camera looks almost like a cut; it is slower as well.
_SIDE = 96
_STILL = 1.0  # grey levels; less is the same picture, encoded again


_Planes = NDArray[np.uint8]
_Judge = Callable[[Frame | None], bool]


def mark_cuts(
    frames: Iterable[Frame], threshold: float = THRESHOLD, inside: bool = False
) -> Generator[Frame]:
    """Stage: set ``cut`` on the first frame of the stream and of every shot after a hard cut.

    It runs two frames behind its source. A flash of one or two frames is not a cut, nor is a fade.
    A shot has at least six frames, and a cut in the last two frames is not detected.

    Args:
        frames: the source's frames, in order.
        threshold: a cut changes this many times more than its neighbours do; lower finds more.
        inside: the stream begins inside a shot: its first frame is no cut.
    """
    yield from _mark(_reduced(frames), _AHEAD, _Detected(threshold), inside)


def _reduced(frames: Iterable[Frame]) -> Generator[Frame]:
    """Every frame with ``reduced``: cuts are judged by what motion is measured on later."""
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, reduced=reduced_of(frame))


def mark_listed(
    frames: Iterable[Frame], times: Iterable[Fraction], start: Fraction, inside: bool = False
) -> Generator[Frame]:
    """Stage: set ``cut`` on the first frame of the stream and on those nearest to ``times``.

    It runs one frame behind its source. Times after the last frame are ignored.

    Args:
        frames: the source's frames, in order.
        times: the times of the cuts, seconds after ``start``, in any order.
        start: the time of the source's first frame, on the frames' clock.
        inside: the stream begins inside a shot: its first frame is no cut.
    """
    yield from _mark(frames, 1, _Listed(times, start), inside)


def _mark(
    frames: Iterable[Frame], ahead: int, judge: _Judge, inside: bool = False
) -> Generator[Frame]:
    """Delay frames by ``ahead``; mark the first, and each at which ``judge`` returns true.

    ``judge`` receives every frame, and at the end ``None``, ``ahead`` times. Its result is for the
    frame that it received ``ahead`` calls before.
    """
    delayed: deque[Frame] = deque()
    with closing_source(then_none(frames, ahead)) as items:
        for number, item in enumerate(items):
            if item is not None:
                delayed.append(item)
            begins = judge(item)
            if number >= ahead:
                frame = delayed.popleft()
                begins = not inside if number == ahead else begins
                yield replace(frame, cut=True) if begins else frame


class _Detected:
    """Judges by the pictures: PySceneDetect's adaptive rule, less flashes and repeated frames.

    The rule is three lines, and the library takes longer to load than to paint a frame. Memory does
    not grow, and nothing depends on frames before the last cut.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._size: tuple[int, int] | None = None
        # The judged frame, three before it and two after: enough for a flash of two frames.
        self._pictures: deque[_Planes] = deque(maxlen=2 * _AHEAD + 2)
        # Change from the frame before: of the judged frame, of five before it and of two after.
        self._changes: deque[float] = deque(maxlen=_SHORTEST + _AHEAD)
        self._count = 0
        self._last = 0

    def __call__(self, frame: Frame | None) -> bool:
        if frame is None:  # the last two have no neighbours to compare with
            return False
        assert frame.reduced is not None
        self._look(frame.reduced)
        judged = self._count - 1 - _AHEAD
        if judged - self._last < _SHORTEST or not self._stands_out():
            return False
        if self._is_flash() or self._is_step():
            return False
        self._last = judged
        return True

    def _look(self, picture: Picture) -> None:
        """Add the next picture."""
        self._size = self._size or _small_size(picture)
        planes = _planes(picture, self._size)
        if self._pictures:
            self._changes.append(_difference(self._pictures[-1], planes))
        self._pictures.append(planes)
        self._count += 1

    def _stands_out(self) -> bool:
        """Whether the change at the judged frame is many times that of the four around it."""
        *_, two_before, before, change, after, two_after = self._changes
        usual = (two_before + before + after + two_after) / 4
        return change >= max(_LEAST, self._threshold * usual)

    def _is_flash(self) -> bool:
        """Whether a picture from before the change returns soon after it."""
        change = self._changes[-1 - _AHEAD]
        pictures = list(self._pictures)
        before, after = pictures[: -1 - _AHEAD], pictures[-1 - _AHEAD :]
        return any(_difference(a, b) < change / 2 for a in before for b in after)

    def _is_step(self) -> bool:
        """Whether the clip repeats each picture (10 a second in a clip of 30).

        Such a clip changes in single steps, as at cuts. Only a step that is much larger than those
        before is a cut.
        """
        *earlier, before, change, after, _ = self._changes
        return max(before, after) < _STILL and change < self._threshold * max(earlier)


def _small_size(picture: Picture) -> tuple[int, int]:
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _planes(picture: Picture, size: tuple[int, int]) -> _Planes:
    """The picture, reduced; its red, green and blue below each other as one grey picture.

    So the detector's brightness includes every change of colour. Its own measure of colour, hue and
    saturation, is noise where the picture is dark: a fade from black looked like a cut.

    Returns:
        (3 · h, w) uint8, 0–255.
    """
    small = resized(picture, size, cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1)).reshape(-1, size[0])


def _difference(a: _Planes, b: _Planes) -> float:
    """Mean over the pixels, grey levels."""
    return cv2.norm(a, b, cv2.NORM_L1) / a.size


class _Listed:
    """Judges by a list: each time belongs to the frame nearest to it.

    So neither rounding nor a list with two decimals moves a cut by a frame, and nothing is assumed
    about the duration of a frame at a variable rate.
    """

    def __init__(self, times: Iterable[Fraction], start: Fraction) -> None:
        self._times = deque(sorted(times))
        self._start = start
        self._before: Frame | None = None
        self._gap = Fraction(0)

    def __call__(self, frame: Frame | None) -> bool:
        before, self._before = self._before, frame
        if before is None:
            return False
        if frame is not None:
            self._gap = frame.time - before.time
        return self._remove(before.time - self._start + self._gap / 2)

    def _remove(self, limit: Fraction) -> bool:
        """Remove the times before ``limit``; returns whether there were any."""
        count = len(self._times)
        while self._times and self._times[0] < limit:
            self._times.popleft()
        return len(self._times) < count


class CutDetector:
    """Detects cuts as frames arrive, from the past alone: for live pictures, which can't wait.

    A frame begins a shot if it changes the picture ``THRESHOLD`` times more than the frames before
    it did. A flash counts as two cuts.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=_SHORTEST)

    def __call__(self, picture: Picture) -> bool:
        """Whether a frame, (H, W, 3) uint8, 0–255, RGB, or planes, begins a shot."""
        grey = resize_area(brightness(picture), (_SIDE * 9 // 16, _SIDE))
        now = np.asarray(grey, np.float32)
        before, self._before = self._before, now
        if before is None:
            return False
        change = float(np.abs(now - before).mean())
        known = len(self._changes) >= _AHEAD
        usual = float(np.mean(self._changes)) if known else 0.0
        if known and change >= _LEAST and change > THRESHOLD * usual:
            self._changes.clear()
            return True
        self._changes.append(change)
        return False
