from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest
from stylize_video.pipeline.core.errors import SinkError
from stylize_video.pipeline.core.files import atomic_write, digest, neighbour, unused_path


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ValueError, match="half"), atomic_write(path) as part:
        part.write_text("new, but not all of it")
        raise ValueError("half")
    assert path.read_text() == "old"
    with atomic_write(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_names_is_written_and_the_link_stays(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(disk / "real.txt")
    with atomic_write(link) as part:
        assert part.parent == disk
        part.write_text("new")
    assert link.is_symlink() and (disk / "real.txt").read_text() == "new"
    assert [p.name for p in disk.iterdir()] == ["real.txt"]


def test_what_is_finished_and_can_not_be_put_there_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.onnx"
    path.write_text("old")
    move = Path.replace

    def refuse(self: Path, place: Path) -> Path:
        if place == path:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return move(self, place)

    monkeypatch.setattr(Path, "replace", refuse)
    said = r"a.onnx can't be written: Operation not permitted; what was made is in .*a-2.onnx"
    with pytest.raises(SinkError, match=said), atomic_write(path) as part:
        part.write_text("hours of training")
    assert path.read_text() == "old"
    assert (tmp_path / "a-2.onnx").read_text() == "hours of training"


def test_what_a_dead_process_left_is_written_over(tmp_path: Path):
    (tmp_path / ".a.txt.part").write_text("half of a long text")
    with atomic_write(tmp_path / "a.txt") as part:
        part.write_text("new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "new")]


def test_a_folder_that_is_not_there_is_an_error_of_one_line(tmp_path: Path):
    with pytest.raises(SinkError, match="can't be written"), atomic_write(tmp_path / "no" / "a"):
        (tmp_path / "no" / "a").write_text("")


def test_an_unused_name_gets_the_first_free_number(tmp_path: Path):
    path = tmp_path / "a.png"
    assert unused_path(path) == path
    path.touch()
    (tmp_path / "a-2.png").touch()
    assert unused_path(path).name == "a-3.png"


def test_a_digest_is_of_all_bytes_however_they_are_divided():
    assert digest([b"ab", b"", b"c"]) == digest([b"abc"]) == hashlib.sha256(b"abc").hexdigest()


LONG = "ü" * 125 + "x" * 1  # 251 bytes, and an ending of four


def test_names_beside_the_longest_fit_on_the_disk(tmp_path: Path):
    path = tmp_path / f"{LONG}.png"
    path.touch()
    second = unused_path(path)
    second.touch()
    third = unused_path(path)
    third.touch()
    assert (second.name[-6:], third.name[-6:]) == ("-2.png", "-3.png")
    assert second.name.startswith("üüü")
    with atomic_write(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 3


def test_shortened_names_differ_where_the_names_do(tmp_path: Path):
    names = {neighbour(tmp_path / "x", LONG + last, ".keyframes").name for last in "abc"}
    assert len(names) == 3
    assert all(len(name.encode()) == 255 or len(name.encode()) == 254 for name in names)


def test_a_name_that_fits_stays(tmp_path: Path):
    assert neighbour(tmp_path / "x", "a" * 250, ".part") == tmp_path / ("a" * 250 + ".part")
    assert neighbour(tmp_path / "x", "caf\udce9", ".part").name == "caf\udce9.part"
