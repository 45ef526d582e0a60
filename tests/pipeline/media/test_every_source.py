"""What every ``Source`` promises, whatever it reads: one suite over all of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Span, Yuv, as_rgb
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.source import Source

from ...helpers.interfaces import implementations
from ...helpers.video import moving_scene, write_clip


def _pictures(folder: Path, count: int = 6) -> Path:
    for number, rgb in enumerate(moving_scene(count)):
        cv2.imwrite(str(folder / f"{number + 1:03d}.png"), rgb[..., ::-1])
    return folder


def _variable_rate(folder: Path) -> Source:
    pts = [0, 40, 41, 300, 333, 1000]
    clip = write_clip(
        folder / "in.mkv", moving_scene(6), pts, time_base=Fraction(1, 1000), step=33, audio=False
    )
    return open_source(str(clip))


def _animation(folder: Path) -> Source:
    """An animated WebP; its pictures last 40 ms, the last one 500."""
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA) for rgb in moving_scene(6)]
    animation.durations = [40] * 5 + [500]
    assert cv2.imwriteanimation(str(folder / "in.webp"), animation, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return open_source(str(folder / "in.webp"))


SOURCES: dict[str, Callable[[Path], Source]] = {
    "video": lambda folder: open_source(str(write_clip(folder / "in.mp4", moving_scene(6)))),
    "video, resized": lambda folder: open_source(
        str(write_clip(folder / "in.mp4", moving_scene(6))), "32x24"
    ),
    "video, variable rate": _variable_rate,
    "picture": lambda folder: open_source(str(_pictures(folder, 1) / "001.png")),
    "folder": lambda folder: open_source(str(_pictures(folder))),
    "pattern": lambda folder: open_source(str(_pictures(folder) / "%03d.png")),
    "animation": _animation,
    "folder, resized": lambda folder: open_source(str(_pictures(folder)), "32x24"),
}
"""A new kind of source has its line here."""


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    return SOURCES[request.param](tmp_path)


def same(a: Frame, b: Frame) -> bool:
    return (a.pts, a.time_base) == (b.pts, b.time_base) and np.array_equal(a.rgb, b.rgb)


def test_every_class_of_sources_is_in_the_list(tmp_path: Path):
    opened: set[str] = set()
    for number, make in enumerate(SOURCES.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        opened.add(type(make(folder)).__name__)
    assert opened == implementations("pipeline.media.source", "Source")


def test_frames_are_as_the_source_says_before_the_first_is_read(source: Source):
    info = source.info
    frames = list(source.frames())
    assert frames
    assert all(f.source.shape == (info.height, info.width, 3) for f in frames)
    assert all(f.time_base == info.time_base for f in frames)
    assert frames[0].time == info.start
    assert info.frames is None or info.frames >= 1  # a guess, where the rate varies
    assert info.files and all(path.is_file() for path in info.files)
    assert info.container is None or Path(info.container.name).is_file()


def test_times_rise_and_nothing_is_painted_yet(source: Source):
    frames = list(source.frames())
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))
    assert all(f.painted is None and f.picture is f.source for f in frames)


def test_frames_can_be_read_again(source: Source):
    once, again = list(source.frames()), list(source.frames())
    assert len(once) == len(again)
    assert all(map(same, once, again))


def test_a_span_is_half_open(source: Source):
    whole = list(source.frames())
    for begin in range(len(whole)):
        for end in range(begin + 1, len(whole)):
            part = list(source.frames(Span(whole[begin].time, whole[end].time)))
            assert len(part) == end - begin
            assert all(map(same, part, whole[begin:end]))
    assert all(map(same, source.frames(Span(whole[-1].time, None)), whole[-1:]))


def test_a_reader_may_stop_early(source: Source):
    reading = source.frames()
    first = next(reading)
    reading.close()
    assert same(next(source.frames()), first)


def test_planes_are_the_same_pictures(source: Source):
    """Where a source gives planes; else it gives RGB again."""
    for rgb, planes in zip(source.frames(), source.frames(layout="planes"), strict=True):
        assert planes.source.shape == rgb.source.shape
        assert isinstance(rgb.source, np.ndarray)
        difference = np.abs(as_rgb(planes.source).astype(int) - rgb.rgb).max()
        assert difference <= (3 if isinstance(planes.source, Yuv) else 0)
