"""A source's file that is deleted, replaced, cut short, overwritten or unplugged during the run."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Span
from stylize_video.pipeline.media import source_file
from stylize_video.pipeline.media.source_file import SourceFile
from stylize_video.pipeline.media.video import VideoSource
from stylize_video.pipeline.planning import make_plan
from stylize_video.pipeline.render import render

from ...helpers.pictures import psnr
from ...helpers.video import MakeClip, Pictures, packets, read_video, write_clip

# Windows lets nobody delete or replace a file that is open: there is nothing to survive.
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="open files stay in place there")

COUNT = 60
LOSSLESS: dict[str, Any] = {"crf": 0, "encoder_option": {"pix_fmt": "yuv444p"}}


def settings(identity: Path, **values: Any) -> Settings:
    return checked(
        Settings, {"style": str(identity), "device": "cpu", "steady": "off", **values}, "test"
    )


def noise(count: int = COUNT) -> Pictures:
    """Frames that no encoder makes small: most of the file is not yet read when the first is."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


def delete(clip: Path, other: Path) -> None:
    clip.unlink()


def replace(clip: Path, other: Path) -> None:
    other.replace(clip)


def truncate(clip: Path, other: Path) -> None:
    os.truncate(clip, clip.stat().st_size * 8 // 10)


def overwrite(clip: Path, other: Path) -> None:
    shutil.copyfile(other, clip)  # into the same file


def at_frame(number: int, change: Callable[[], None]) -> Callable[[object], None]:
    """A callback that changes something once, after so many frames."""
    seen: list[object] = []

    def count(frame: object) -> None:
        seen.append(frame)
        if len(seen) == number:
            change()

    return count


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "other.mkv", noise(120)[60:], subtitles=False)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("change", [delete, replace])
def test_what_is_deleted_or_replaced_is_painted_to_its_end(
    identity: Path, tmp_path: Path, other: Path, ending: str, change: Callable[[Path, Path], None]
):
    clip = write_clip(tmp_path / f"in{ending}", noise())
    heard = packets(clip, "audio")
    out = tmp_path / "out.mkv"
    change_it = at_frame(3, lambda: change(clip, other))
    result = stylize(clip, out, settings(identity), on_frame=change_it)
    assert result.losses == ()
    assert result.frames == len(read_video(out)[0]) == COUNT
    kept = packets(out, "audio")
    # A transport stream's packets have a header of their own.
    assert all(a.endswith(b) for (_, a), (_, b) in zip(heard, kept, strict=True))


@pytest.mark.parametrize("change", [delete, replace])
def test_between_the_plan_and_the_first_frame_too(
    identity: Path, tmp_path: Path, other: Path, change: Callable[[Path, Path], None]
):
    """A part of it, which is sought; key frames and cuts read the file several times."""
    clip = write_clip(tmp_path / "in.mp4", noise())
    wanted, _ = read_video(clip)
    plan = make_plan(clip, tmp_path / "out.mp4", settings(identity, start="1", **LOSSLESS))
    change(clip, other)
    result = render(plan)
    assert result.losses == ()
    frames, _ = read_video(tmp_path / "out.mp4")
    assert psnr(frames[0], wanted[30]) > 45
    assert plan.source.count_before(Fraction(1)) == 30


def test_what_is_cut_short_keeps_what_was_decoded(identity: Path, tmp_path: Path, other: Path):
    for ending in (".mp4", ".mkv", ".ts"):
        clip = write_clip(tmp_path / f"in{ending}", noise())
        out = tmp_path / f"out-of-{ending[1:]}.mp4"
        cut = at_frame(3, lambda clip=clip: truncate(clip, other))
        said = rf"in\{ending} breaks off.*; the (\d+) frames before that are in .*out"
        with pytest.raises(SourceError, match=said) as error:
            stylize(clip, out, settings(identity), on_frame=cut)
        count = re.search(said, str(error.value))
        assert count is not None and len(read_video(out)[0]) == int(count[1])
        assert 20 < int(count[1]) < COUNT


def test_what_is_overwritten_gives_no_other_films_sound(
    identity: Path, tmp_path: Path, other: Path
):
    clip = write_clip(tmp_path / "in.mkv", noise())
    heard = {data for _, data in packets(other, "audio")}
    out = tmp_path / "out.mkv"
    try:
        result = stylize(
            clip, out, settings(identity), on_frame=at_frame(COUNT, lambda: overwrite(clip, other))
        )
    except SourceError as error:
        assert "in.mkv breaks off" in str(error)
    else:
        assert any("in.mkv was overwritten during the run" in line for line in result.losses)
    with av.open(out) as container:
        sound = [bytes(p) for p in container.demux(audio=0)] if container.streams.audio else []
    assert not heard & {*sound} - {b""}


def test_what_is_still_recorded_is_not_overwritten(tmp_path: Path):
    """A recorder appends, and rewrites the header at the end."""
    clip = write_clip(tmp_path / "in.mkv", noise())
    file = SourceFile(clip)
    with clip.open("r+b") as recorder:
        recorder.write(b"\0" * 500)
        recorder.seek(0, os.SEEK_END)
        recorder.write(b"more" * 10000)
    assert not file.is_overwritten
    assert not file.is_truncated


def test_a_source_that_is_emptied_meanwhile_costs_its_sound(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip()
    result = stylize(
        clip,
        tmp_path / "out.mp4",
        settings(identity),
        on_frame=lambda frame: clip.write_bytes(b"") and None,
    )
    assert result.frames == len(read_video(tmp_path / "out.mp4")[0]) == 30
    (line,) = result.losses
    assert line.startswith("audio stream 1 (aac): the source can't be read any more")


def test_an_unplugged_disk_costs_what_was_not_read(
    identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clip = write_clip(tmp_path / "in.mp4", noise())
    plan = make_plan(clip, tmp_path / "out.mp4", settings(identity))
    clip.unlink()  # from now on it is read through the descriptor
    read, limit = SourceFile.read_at, SourceFile(write_clip(tmp_path / "a.mp4", noise())).size

    def failing(self: SourceFile, offset: int, count: int) -> bytes:
        if limit * 6 // 10 < offset < limit * 9 // 10:  # the index at the end is in the memory
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, offset, count)

    monkeypatch.setattr(source_file.SourceFile, "read_at", failing)
    said = r"in.mp4 breaks off: Input/output error; the \d+ frames before that are in .*out.mp4"
    with pytest.raises(SourceError, match=said):
        render(plan)
    assert 20 < len(read_video(tmp_path / "out.mp4")[0]) < COUNT


def test_pictures_that_vanish_cost_the_rest(identity: Path, tmp_path: Path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(80):  # more than are read ahead
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.full((16, 16, 3), number, np.uint8))
    out = tmp_path / "out.mp4"
    gone = at_frame(3, lambda: (folder / "072.png").unlink())
    said = r"072.png can't be read.*; the 72 frames before that are in .*out.mp4"
    with pytest.raises(SourceError, match=said):
        stylize(folder, out, settings(identity), on_frame=gone)
    assert len(read_video(out)[0]) == 72


def test_every_reader_has_its_own_position(tmp_path: Path):
    clip = write_clip(tmp_path / "in.mp4", noise(10))
    source = VideoSource(clip)
    clip.unlink()
    first, second = source.frames(), source.frames(Span(Fraction(1, 10), None))
    times = [(next(first).pts, next(second).pts) for _ in range(5)]
    assert times == [(1001 * n, 1001 * (n + 3)) for n in range(5)]
