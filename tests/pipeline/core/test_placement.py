"""Finished work gets to its place where it can't be renamed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from stylize_video.pipeline.core.placement import put_in_place, real_path, work_parent


@pytest.fixture
def other_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be renamed, as between two disks, or onto what is mounted."""

    def refuse(self: Path, place: Path) -> Path:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(Path, "rename", refuse)


@pytest.mark.usefixtures("other_disk")
@pytest.mark.parametrize("existing", [False, True])
def test_a_file_is_copied_where_it_can_not_be_renamed(tmp_path: Path, existing: bool):
    result, place = tmp_path / "result", tmp_path / "place"
    result.write_bytes(b"new")
    if existing:
        place.write_bytes(b"an older one")
    put_in_place(result, place)
    assert place.read_bytes() == b"new"
    assert not result.exists()


@pytest.mark.usefixtures("other_disk")
@pytest.mark.parametrize("existing", [False, True])
def test_a_folder_is_filled(tmp_path: Path, existing: bool):
    result, place = tmp_path / "result", tmp_path / "place"
    result.mkdir()
    (result / "000001.png").write_bytes(b"new")
    if existing:
        place.mkdir()
        for name in ("000001.png", "000002.png"):
            (place / name).write_bytes(b"old")
    put_in_place(result, place)
    assert {p.name: p.read_bytes() for p in place.iterdir()} == {"000001.png": b"new"}


def test_an_older_folder_is_given_back_if_the_new_one_can_not_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    result, place = tmp_path / "result", tmp_path / "place"
    for folder, text in ((result, b"new"), (place, b"old")):
        folder.mkdir()
        (folder / "000001.png").write_bytes(text)

    def refuse(self: Path, there: Path) -> Path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        put_in_place(result, place)
    assert (place / "000001.png").read_bytes() == b"old"
    assert (result / "000001.png").read_bytes() == b"new"


def test_a_copy_that_fails_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    result, place = tmp_path / "result", tmp_path / "place"
    result.write_bytes(b"new")

    def refuse(*given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr("shutil.copyfileobj", refuse)
    with pytest.raises(OSError, match="No space"):
        put_in_place(result, place)
    assert not place.exists() and result.read_bytes() == b"new"


def test_work_is_done_on_the_disk_of_the_real_file(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "link").symlink_to(disk / "film.mp4")
    assert real_path(tmp_path / "link") == disk / "film.mp4"
    assert work_parent(tmp_path / "link") == disk


def test_work_on_a_mounted_folder_is_done_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Path, "is_mount", lambda self: self == tmp_path / "frames")
    assert work_parent(tmp_path / "frames") == tmp_path  # there is none yet
    (tmp_path / "frames").mkdir()
    assert work_parent(tmp_path / "frames") == tmp_path / "frames"
