"""Audio of a live picture: on one clock, without gaps, ready to be encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
"""Samples per second of all live audio."""

_TOLERANCE = RATE // 50  # samples that a block may be early or late: time stamps are rounded
_LONGEST_GAP = 10 * RATE  # samples of silence that are filled in at once

Samples = NDArray[np.float32]
"""(2, N) float32: left and right, −1..1."""


@dataclass(frozen=True)
class AudioBlock:
    """A block of audio."""

    samples: Samples
    start: int
    """The number of its first sample since the clock's zero."""

    @property
    def end(self) -> int:
        """The number of the sample after its last."""
        return self.start + self.samples.shape[1]


class AudioTimeline:
    """Makes one continuous stream of blocks from audio of any rate and layout, with gaps or not.

    Args:
        write: receives every block; each begins where the one before ended.
    """

    def __init__(self, write: Callable[[AudioBlock], None]) -> None:
        self._write = write
        self._end: int | None = None
        self.reset()

    def reset(self) -> None:
        """Begin another source stream: nothing of the last one is left in the resampler."""
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        self._kind: tuple[str, str, int] | None = None

    def put(self, frame: av.AudioFrame, time: Fraction) -> None:
        """Add audio.

        Args:
            frame: the audio, of any rate and layout.
            time: the time at which it begins, seconds on the clock of the outputs.
        """
        start = round(time * RATE)
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        if self._kind is not None and kind != self._kind:  # as from stereo to 5.1 in a broadcast
            self.reset()
        self._kind = kind
        frame.pts = None  # else the resampler would fill gaps by its own rule
        for resampled in self._resampler.resample(frame):
            samples = np.asarray(resampled.to_ndarray(), np.float32)
            self._append(samples, start)
            start += samples.shape[1]

    def silence_until(self, time: Fraction) -> None:
        """Add silence up to ``time``, seconds; none before the first audio."""
        if self._end is not None:
            self._fill(round(time * RATE))

    def _append(self, samples: Samples, start: int) -> None:
        if self._end is None:
            self._end = start
        if start > self._end + _TOLERANCE:
            self._fill(start)
        elif start < self._end - _TOLERANCE:  # that time has audio, or silence, already
            samples = samples[:, self._end - start :]
        self._write_block(samples)

    def _fill(self, until: int) -> None:
        assert self._end is not None
        if until - self._end > _LONGEST_GAP:
            self._end = until - _LONGEST_GAP
        self._write_block(np.zeros((2, max(0, until - self._end)), np.float32))

    def _write_block(self, samples: Samples) -> None:
        assert self._end is not None
        if samples.shape[1]:
            block = AudioBlock(np.ascontiguousarray(samples), self._end)
            self._end = block.end
            self._write(block)
