"""Sound that goes along with a live picture: one clock, no gaps, ready to be encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
"""Samples per second, of all live sound."""

_TOLERATED = RATE // 50  # samples that a block may be early or late: clocks are read roughly
_LONGEST = 10 * RATE  # of a gap that is filled, samples

Samples = NDArray[np.float32]
"""(2, n): left and right, −1..1."""


@dataclass(frozen=True)
class AudioBlock:
    """A stretch of sound."""

    samples: Samples
    start: int
    """Samples since the clock's zero."""

    @property
    def end(self) -> int:
        """Of the sample after its last."""
        return self.start + self.samples.shape[1]


class AudioTimeline:
    """Makes one unbroken line of what is heard, whatever its rate, layout, gaps and beginnings.

    Args:
        hear: is given every block; each begins where the one before ended.
    """

    def __init__(self, write: Callable[[AudioBlock], None]) -> None:
        self._write = write
        self._end: int | None = None
        self.reset()

    def reset(self) -> None:
        """What comes next is of another stream."""
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        self._kind: tuple[str, str, int] | None = None

    def put(self, frame: av.AudioFrame, time: Fraction) -> None:
        """Hear a frame that begins at ``time``, seconds on the outputs' clock."""
        start = round(time * RATE)
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        if self._kind is not None and kind != self._kind:  # as from stereo to 5.1 in a broadcast
            self.reset()
        self._kind = kind
        frame.pts = None  # the resampler would pad by its own idea of a gap
        for piece in self._resampler.resample(frame):
            samples = np.asarray(piece.to_ndarray(), np.float32)
            self._continue(samples, start)
            start += samples.shape[1]

    def silence_until(self, time: Fraction) -> None:
        """Fill up to ``time``; nothing, before the first sound."""
        if self._end is not None:
            self._fill(round(time * RATE))

    def _continue(self, samples: Samples, start: int) -> None:
        if self._end is None:
            self._end = start
        if start > self._end + _TOLERATED:
            self._fill(start)
        elif start < self._end - _TOLERATED:  # it was heard, or filled, already
            samples = samples[:, self._end - start :]
        self._give(samples)

    def _fill(self, until: int) -> None:
        assert self._end is not None
        if until - self._end > _LONGEST:
            self._end = until - _LONGEST
        self._give(np.zeros((2, max(0, until - self._end)), np.float32))

    def _give(self, samples: Samples) -> None:
        assert self._end is not None
        if samples.shape[1]:
            block = AudioBlock(np.ascontiguousarray(samples), self._end)
            self._end = block.end
            self._write(block)
