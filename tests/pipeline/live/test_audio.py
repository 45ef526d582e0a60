from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
from stylize_video.pipeline.live.audio import RATE, AudioBlock, AudioTimeline


def blocks_of() -> tuple[list[AudioBlock], AudioTimeline]:
    blocks: list[AudioBlock] = []
    return blocks, AudioTimeline(blocks.append)


def tone(samples: int, rate: int = 44100, layout: str = "mono") -> av.AudioFrame:
    wave = (8000 * np.sin(np.arange(samples) * 440 * 2 * np.pi / rate)).astype(np.int16)
    channels = 1 if layout == "mono" else 2
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], "s16", layout)
    frame.sample_rate = rate
    return frame


def unbroken(blocks: list[AudioBlock]) -> bool:
    return all(a.end == b.start for a, b in pairwise(blocks))


def test_any_sound_becomes_one_line_at_one_rate():
    blocks, line = blocks_of()
    for number in range(43):
        line.put(tone(1024), Fraction(number * 1024, 44100))
    assert unbroken(blocks)
    assert all(b.samples.shape[0] == 2 for b in blocks)
    assert abs(blocks[-1].end - round(43 * 1024 / 44100 * RATE)) < 64
    assert np.abs(np.concatenate([b.samples for b in blocks], axis=1)).max() > 0.15


def test_a_gap_is_silence_and_what_comes_after_is_in_its_place():
    blocks, line = blocks_of()
    line.put(tone(4800, RATE, "stereo"), Fraction(0))
    line.reset()
    line.put(tone(4800, RATE, "stereo"), Fraction(1))
    assert unbroken(blocks)
    whole = np.concatenate([b.samples for b in blocks], axis=1)
    loud = np.flatnonzero(np.abs(whole[0]) > 0.05)
    gap = np.argmax(np.diff(loud))
    assert abs(loud[gap] - 4800) < 100
    assert abs(loud[gap + 1] - RATE) < 100


def test_silence_is_written_while_nothing_arrives_and_not_before():
    blocks, line = blocks_of()
    line.silence_until(Fraction(5))
    assert blocks == []
    line.put(tone(480, RATE, "stereo"), Fraction(6))
    line.silence_until(Fraction(7))
    assert blocks[0].start == 6 * RATE
    assert blocks[-1].end == 7 * RATE
    line.silence_until(Fraction(13, 2))
    assert blocks[-1].end == 7 * RATE


def test_audio_that_comes_twice_is_written_once():
    blocks, line = blocks_of()
    line.put(tone(9600, RATE, "stereo"), Fraction(0))
    line.put(tone(9600, RATE, "stereo"), Fraction(1, 10))
    assert unbroken(blocks)
    assert blocks[-1].end <= round(0.3 * RATE) + 64


def test_an_hour_away_is_no_hour_of_silence():
    blocks, line = blocks_of()
    line.put(tone(480, RATE, "stereo"), Fraction(0))
    line.silence_until(Fraction(3600))
    assert sum(b.samples.shape[1] for b in blocks) < 11 * RATE
    assert blocks[-1].end == 3600 * RATE


def test_another_layout_and_rate_in_the_middle():
    """A broadcast goes from stereo to 5.1 for the film."""
    blocks, line = blocks_of()
    line.put(tone(4800, RATE, "stereo"), Fraction(0))
    around = av.AudioFrame.from_ndarray(np.full((6, 4410), 0.3, np.float32), "fltp", "5.1")
    around.sample_rate = 44100
    line.put(around, Fraction(1, 10))
    line.put(tone(4800, RATE, "stereo"), Fraction(2, 10))
    assert unbroken(blocks)
    assert all(b.samples.shape[0] == 2 for b in blocks)
    assert abs(blocks[-1].end - 3 * 4800) < 100
