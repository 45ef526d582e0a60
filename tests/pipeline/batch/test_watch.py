"""A watched folder gives each file when it is complete. A made-up clock saves the waiting."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stylize_video.pipeline.batch import watch
from stylize_video.pipeline.batch.watch import AT_REST, PATIENCE, POLL, WatchedFolder
from stylize_video.pipeline.core.errors import SettingsError

from ...helpers.pictures import write_photos
from ...helpers.video import moving_scene, write_clip


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.events: dict[float, Callable[[], object]] = {}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for time in [time for time in self.events if time <= self.now]:
            self.events.pop(time)()

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Have something happen after so many seconds."""
        self.events[100 + seconds] = act


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watch, "time", made)
    return made


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("a.mp4", "a.mkv"):
        write_clip(folder / name, moving_scene(30))
    write_photos(folder / "photos", 1)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def watched(folder: Path, clock: Clock, seconds: float) -> list[tuple[str, float]]:
    """Names and times of what was given within so many seconds."""
    files = WatchedFolder(folder, folder / "out").files()
    given: list[tuple[str, float]] = []
    while clock.now < 100 + seconds:
        one = next(files)
        if one is not None:
            assert one.source == folder / one.below
            given.append((str(one.below), clock.now - 100))
    return given


def test_a_file_that_is_renamed_into_place_is_given_soon(folder: Path, clips: Path, clock: Clock):
    shutil.copytree(clips, folder / "day")
    ((name, time), *others) = watched(folder, clock, 20)
    assert name == "day/a.mkv" and time <= AT_REST + POLL
    assert [name for name, _ in others] == ["day/a.mp4", "day/photos/000.png"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "photos/000.png"])
def test_a_file_that_grows_is_not_given(folder: Path, clips: Path, clock: Clock, name: str):
    data = (clips / name).read_bytes()
    target = folder / Path(name).name

    def grow(part: int) -> None:
        target.write_bytes(data[: len(data) * part // 6])

    for part in range(1, 7):
        clock.at(4 * part, lambda part=part: grow(part))
    ((_, time),) = watched(folder, clock, 60)
    assert 24 + AT_REST <= time <= 24 + AT_REST + 2 * POLL


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "photos/000.png"])
def test_copying_may_make_a_pause(folder: Path, clips: Path, clock: Clock, name: str):
    """Half of a file is seen to be half of one, even where nobody has it open."""
    data = (clips / name).read_bytes()
    target = folder / Path(name).name
    target.write_bytes(data[: len(data) // 2])
    clock.at(PATIENCE - 5, lambda: target.write_bytes(data))
    ((_, time),) = watched(folder, clock, 60)
    assert PATIENCE - 5 + AT_REST <= time <= PATIENCE + 2 * POLL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_a_file_that_is_open_to_be_written_waits_as_long_as_it_takes(
    folder: Path, clips: Path, clock: Clock
):
    shutil.copy(clips / "a.mp4", folder)  # whole, as far as can be seen
    writer = (folder / "a.mp4").open("ab")
    clock.at(100, writer.close)
    given = watched(folder, clock, 120)
    if given and given[0][1] < 100:
        pytest.skip("this disk has no leases")
    ((_, time),) = given
    assert 100 <= time <= 100 + 2 * POLL


def test_what_is_broken_is_given_in_the_end_so_that_somebody_hears_of_it(
    folder: Path, clock: Clock
):
    (folder / "a.mp4").write_bytes(b"no film at all")
    (folder / "empty.mp4").touch()
    ((name, time),) = watched(folder, clock, 60)
    assert name == "a.mp4"
    assert PATIENCE <= time <= PATIENCE + 2 * POLL


def test_a_file_is_given_once_and_again_when_it_has_changed(
    folder: Path, clips: Path, clock: Clock
):
    target = folder / "a.mp4"
    shutil.copy(clips / "a.mp4", target)
    clock.at(20, lambda: os.utime(target, (1, 1)))
    (_, first), (_, second) = watched(folder, clock, 60)
    assert first < 20 and second >= 20 + AT_REST


def test_what_is_no_input(folder: Path, clips: Path, clock: Clock):
    """Hidden files, unfinished downloads, other files, and results."""
    (folder / "out").mkdir()
    for name in (".a.mp4", "._a.mp4", "a.mp4.part", "a.mp4.crdownload", "notes.md", "out/a.mp4"):
        shutil.copy(clips / "a.mp4", folder / name)
    assert watched(folder, clock, 60) == []


def test_a_folder_that_can_not_be_watched_is_a_line(folder: Path):
    with pytest.raises(SettingsError, match="is no folder"):
        WatchedFolder(folder / "none", folder / "out")
    with pytest.raises(SettingsError, match="results would be taken for inputs"):
        WatchedFolder(folder, folder)
