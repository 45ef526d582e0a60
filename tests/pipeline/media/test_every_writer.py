"""What every ``Writer`` promises, whatever it writes: one suite over all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline.core.config import EncodingSettings
from stylize_video.pipeline.core.frame import Frame, YuvMatrix
from stylize_video.pipeline.media.color import BT709
from stylize_video.pipeline.media.encoding import choose_encoding
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.outputs import CONTAINERS
from stylize_video.pipeline.media.source import SourceInfo
from stylize_video.pipeline.media.writers import PictureWriter, VideoWriter, Writer

from ...helpers.interfaces import implementations
from ...helpers.pictures import psnr
from ...helpers.video import moving_scene
from ...helpers.yuv import to_yuv420

RATE = 25
SCENE = moving_scene(5, 96, 64)
INFO = SourceInfo(
    "in.mp4", 96, 64, Fraction(1, 12800), Fraction(RATE), 5, Fraction(0), Fraction(1, 5),
    BT709, Fraction(1), (), None,
)  # fmt: skip


@dataclass(frozen=True)
class Output:
    writer: Writer
    path: Path
    """What the writer makes: a file, or a folder of pictures."""


def _video(name: str) -> Callable[[Path], Output]:
    def make(folder: Path) -> Output:
        target, path = folder / f"out{name}", folder / f"part{name}"
        encoding = choose_encoding(target, EncodingSettings(), INFO)
        return Output(VideoWriter(path, target, INFO, encoding), path)

    return make


def _pictures(name: str) -> Callable[[Path], Output]:
    def make(folder: Path) -> Output:
        path = folder / "pictures"
        path.mkdir()
        return Output(PictureWriter(path, folder / name, name), path)

    return make


WRITERS: dict[str, Callable[[Path], Output]] = {
    **{suffix: _video(suffix) for suffix in CONTAINERS},
    "out.webp": _video(".webp"),
    "folder": _pictures("%06d.png"),
    "out.png": _pictures("out.png"),
    "out.jpg": _pictures("out.jpg"),
}
"""A new kind of writer has its line here; a container gets one from ``CONTAINERS``."""


@pytest.fixture(params=WRITERS)
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Output:
    return WRITERS[request.param](tmp_path)


def frames(planar: bool = False) -> list[Frame]:
    pictures = [to_yuv420(rgb, YuvMatrix(1, 1)) if planar else rgb for rgb in SCENE]
    return [Frame(p, i * 512, Fraction(1, 12800), 512) for i, p in enumerate(pictures)]


def written(output: Output, given: list[Frame]) -> list[Frame]:
    """The frames, written and read back; of a writer of one picture, the last one."""
    is_one = output.path.is_dir() and "out." in str(vars(output.writer))
    for frame in given[-1:] if is_one else given:
        output.writer.write(frame)
    output.writer.close()
    name = next(output.path.iterdir()) if is_one else output.path
    return list(open_source(str(name), fps=Fraction(RATE)).frames())


def test_every_class_of_writers_is_in_the_list(tmp_path: Path):
    made: set[str] = set()
    for number, make in enumerate(WRITERS.values()):
        (tmp_path / str(number)).mkdir()
        output = make(tmp_path / str(number))
        made.add(type(output.writer).__name__)
        output.writer.close()
    # What is written to standard output can't be read back here: tests/cli/test_pipes.py does.
    assert made == implementations("pipeline.media.writers", "Writer") - {"PipeWriter"}


@pytest.mark.parametrize("planar", [False, True])
def test_what_is_written_can_be_read(output: Output, planar: bool):
    back = written(output, frames(planar))
    given = frames()[-len(back) :]
    assert len(back) in (1, len(SCENE))
    for frame, was in zip(back, given, strict=True):
        assert frame.source.shape == (64, 96, 3)
        assert psnr(frame.rgb, was.rgb) > 20


def test_frames_keep_their_distance_in_time(output: Output):
    times = [frame.time for frame in written(output, frames())]
    assert [t - times[0] for t in times] == [Fraction(i, RATE) for i in range(len(times))]


def test_it_may_be_closed_twice_and_stays_as_it_is(output: Output):
    back = written(output, frames())
    output.writer.close()
    files = [output.path] if output.path.is_file() else sorted(output.path.iterdir())
    assert len(files) in (1, len(back)) and all(file.stat().st_size for file in files)


def test_the_frames_that_it_is_given_are_not_changed(output: Output):
    given = frames()
    written(output, given)
    assert all(np.array_equal(f.rgb, rgb) for f, rgb in zip(given, SCENE, strict=True))


@pytest.mark.parametrize("seconds", [7, 70])
@pytest.mark.parametrize("suffix", [".webp", ".apng"])
def test_the_last_picture_of_an_animation_keeps_its_duration(
    suffix: str, seconds: int, tmp_path: Path
):
    output = _video(suffix)(tmp_path)
    given = frames()
    back = written(output, [*given[:-1], replace(given[-1], duration=12800 * seconds)])
    assert len(back) == len(given)
    assert back[-1].duration * back[-1].time_base == pytest.approx(seconds, abs=0.01)
