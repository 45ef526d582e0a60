"""The audio track of an encoded live output."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from ..audio import RATE, AudioBlock, Samples


class AudioTrack:
    """Encodes blocks of audio as AAC or Opus, in frames of the size that the encoder needs.

    Args:
        container: receives the audio stream.
        form: FFmpeg's name of the container; WebRTC and WebM take Opus.
    """

    def __init__(self, container: OutputContainer, form: str) -> None:
        opus = form in ("whip", "webm")
        stream = container.add_stream("libopus" if opus else "aac", rate=RATE)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        context = stream.codec_context
        context.layout = "stereo"
        context.format = "flt" if opus else "fltp"
        context.bit_rate = 128_000 if opus else 160_000
        context.time_base = Fraction(1, RATE)
        context.open(strict=False)
        self._interleaved = opus
        self._waiting: Samples = np.zeros((2, 0), np.float32)
        self._next: int | None = None

    def encode(self, block: AudioBlock, zero: int) -> list[Packet]:
        """Encode a block; what fills no whole frame waits for the next one.

        Args:
            block: the next audio.
            zero: the sample at which the picture began; audio before it is left out.
        """
        samples, start = block.samples, block.start - zero
        if start < 0:
            samples, start = samples[:, -start:], 0
        if not samples.shape[1]:
            return []
        if self._next is None or self._next + self._waiting.shape[1] != start:
            self._waiting, self._next = samples, start  # some was lost: go on from here
        else:
            self._waiting = np.concatenate([self._waiting, samples], axis=1)
        size = self._stream.codec_context.frame_size or 1024
        packets: list[Packet] = []
        while self._waiting.shape[1] >= size:
            packets += self._encode(self._waiting[:, :size])
            self._waiting = self._waiting[:, size:]
        return packets

    def _encode(self, samples: Samples) -> list[Packet]:
        assert self._next is not None
        values = samples.T.reshape(1, -1) if self._interleaved else samples
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(values), "flt" if self._interleaved else "fltp", "stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._next, Fraction(1, RATE)
        self._next += samples.shape[1]
        return self._stream.encode(frame)

    def flush(self) -> list[Packet]:
        """Return the packets that the encoder still holds."""
        return self._stream.encode(None)
