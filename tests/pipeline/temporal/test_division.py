"""Where a film is divided, and that the end of a chunk agrees with the beginning of the next."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.temporal.canvas import canvas_bytes, travel
from stylize_video.pipeline.temporal.division import Chunk, Division, FilmReader
from stylize_video.pipeline.temporal.flow import open_flow
from stylize_video.pipeline.temporal.motion import attach_motion
from stylize_video.pipeline.temporal.shots import mark_cuts

RATE = 12
DIVISION = Division(Fraction(4), Fraction(2), True, Fraction(5, 2), Fraction(2), Fraction(1, 2))
WHOLE = Division(None)


def shot(seed: int, count: int) -> list[Rgb]:
    """A camera that pans over coarse noise, with some grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 40, 3), dtype=np.uint8)
    ground = cv2.resize(coarse, (160 + count, 96), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    grain = (rng.integers(-3, 4, (96, 160, 3)) for _ in range(count))
    views = (ground[:, i : i + 160] + g for i, g in enumerate(grain))
    return [np.clip(view, 0, 255).astype(np.uint8) for view in views]


class Film:
    """Frames that are read from any time on, as a source's are."""

    def __init__(self, *lengths: int) -> None:
        pictures = [rgb for seed, count in enumerate(lengths) for rgb in shot(seed, count)]
        self.frames = [Frame(rgb, i, Fraction(1, RATE), 1) for i, rgb in enumerate(pictures)]
        self.opened: list[Fraction | None] = []

    def open_at(self, chunk: Chunk) -> Generator[Frame]:
        self.opened.append(chunk.read)
        begin = (
            0
            if chunk.read is None
            else next(i for i, frame in enumerate(self.frames) if frame.time >= chunk.read)
        )
        yield from mark_cuts(iter(self.frames[begin:]), inside=chunk.begins_inside)

    def chunks(self, division: Division) -> list[tuple[Chunk, list[Frame], list[Fraction]]]:
        """All chunks, with what is read of each, and their cuts."""
        reader, chunk = FilmReader(self.open_at, division), Chunk()
        found: list[tuple[Chunk, list[Frame], list[Fraction]]] = []
        while chunk is not None:
            frames = list(reader.read(chunk))
            found.append((chunk, frames, reader.cuts))
            chunk = reader.next
        return found


def own(chunk: Chunk, frames: Iterable[Frame]) -> list[int]:
    """The numbers of a chunk's own frames."""
    return [f.pts for f in frames if chunk.start is None or f.time >= chunk.start]


@pytest.mark.parametrize("lengths", [(20, 30, 25, 12, 40), (150,), (10, 130), (8, 8, 8, 8)])
def test_every_frame_is_in_one_chunk(lengths: tuple[int, ...]):
    film = Film(*lengths)
    chunks = film.chunks(DIVISION)
    numbers = [n for chunk, frames, _ in chunks for n in own(chunk, frames)]
    assert numbers == list(range(sum(lengths)))
    assert [chunk.first for chunk, _, _ in chunks] == [own(c, f)[0] for c, f, _ in chunks]
    begins = [sum(lengths[:i]) for i in range(len(lengths))]
    cuts = [cut * RATE for _, _, cuts in chunks for cut in cuts]
    assert cuts == begins


def test_a_chunk_ends_at_a_cut_after_its_least_length_and_inside_a_long_shot():
    chunks = Film(20, 30, 110).chunks(DIVISION)
    assert [own(chunk, frames)[0] for chunk, frames, _ in chunks] == [0, 50, 98, 146]
    assert [chunk.begins_inside for chunk, _, _ in chunks] == [False, False, True, True]
    assert chunks[2][0].read == Fraction(98, RATE) - Fraction(5, 2)
    assert chunks[2][0].since == Fraction(98, RATE) - Fraction(1, 2)


def test_where_a_chunk_ends_does_not_depend_on_where_reading_began():
    film = Film(20, 30, 110, 33)
    for chunk, frames, cuts in film.chunks(DIVISION):
        reader = FilmReader(film.open_at, DIVISION)
        again = list(reader.read(chunk))
        assert own(chunk, again) == own(chunk, frames)
        assert [f.cut for f in again] == [f.cut for f in frames]
        assert reader.cuts == cuts


def test_at_a_cut_the_film_is_read_on():
    film = Film(30, 30, 30, 60)
    chunks = film.chunks(DIVISION)
    inside = [chunk.read for chunk, _, _ in chunks if chunk.begins_inside]
    assert film.opened == [None, *inside]


def test_a_film_that_is_not_divided_is_one_chunk():
    ((chunk, frames, _),) = Film(30, 200).chunks(WHOLE)
    assert chunk == Chunk() and len(frames) == 230


def test_shots_are_whole_where_a_film_can_not_be_read_from_its_middle():
    chunks = Film(30, 200).chunks(replace(DIVISION, inside=False))
    assert [own(chunk, frames)[0] for chunk, frames, _ in chunks] == [0, 30]


def test_after_a_run_up_the_canvas_is_the_same_to_the_bit():
    """So nobody sees where a chunk begins."""
    film, flow = Film(160), open_flow("dis")

    def drawn(chunk: Chunk, frames: Iterable[Frame]) -> dict[int, bytes]:
        begin = chunk.shot if chunk.begins_inside else None
        moved = travel(attach_motion(iter(frames), flow), 1.0, begin)
        return {
            f.pts: canvas_bytes(f.canvas, (24, 40)).tobytes() for f in moved if f.canvas is not None
        }

    chunks = film.chunks(DIVISION)
    everything = [f for chunk, frames, _ in chunks for f in frames if f.pts in own(chunk, frames)]
    straight = drawn(chunks[0][0], everything)
    for chunk, frames, _ in chunks[1:]:
        mine = drawn(chunk, frames)
        assert all(mine[number] == straight[number] for number in own(chunk, frames))


def test_the_texture_moves_on_across_a_border():
    """In a pan the canvas goes on moving: it does not jump back to where it began."""
    film, flow = Film(160), open_flow("dis")
    chunks = film.chunks(DIVISION)
    everything = [f for chunk, frames, _ in chunks for f in frames if f.pts in own(chunk, frames)]
    cells = [
        canvas_bytes(f.canvas, (24, 40)).astype(int)
        for f in travel(attach_motion(iter(everything), flow))
        if f.canvas is not None
    ]
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(cells)]
    borders = [own(chunk, frames)[0] - 1 for chunk, frames, _ in chunks[1:]]
    assert max(changes[n] for n in borders) < 1.2 * float(np.percentile(changes, 90))
