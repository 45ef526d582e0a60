"""What becomes of a run that dies, or whose disk fills up: what was painted is kept, and said."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import EncodingSettings, checked
from stylize_video.pipeline.core.errors import ModelError, SinkError, StylizeError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.media.color import BT709
from stylize_video.pipeline.media.encoding import choose_encoding
from stylize_video.pipeline.media.fragment import work_path
from stylize_video.pipeline.media.source import SourceInfo
from stylize_video.pipeline.media.unfinished import keep_unfinished, segments_in
from stylize_video.pipeline.media.work_folder import work_folder
from stylize_video.pipeline.media.writers import VideoWriter

from ...helpers.command import one_line, run_command
from ...helpers.video import MakeClip, moving_scene, packets, read_video, write_clip

DYING = """
import os, signal, sys
from pathlib import Path
from stylize_video.pipeline import stylize
from stylize_video.pipeline.chunks import assemble
from stylize_video.pipeline.core.config import Settings, checked

source, output, style, moment = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

seen = []
def count(frame):
    seen.append(1)
    if moment == str(len(seen)):
        die()

if moment == "join":
    assemble.join = die
if moment == "move":
    assemble.put_in_place = die
settings = {"style": style, "device": "cpu", "steady": "off", "overwrite": True}
start = die if moment == "start" else None
stylize(source, output, checked(Settings, settings, ""), on_start=start, on_frame=count)
"""
"""A run that is killed: when it starts, after so many frames, as it joins or moves its file."""

no_kill = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


def settings(identity: Path, **values: Any) -> Settings:
    return checked(
        Settings, {"style": str(identity), "device": "cpu", "steady": "off", **values}, "test"
    )


def killed(clip: Path, out: Path, identity: Path, moment: str) -> None:
    command = [sys.executable, "-c", DYING, str(clip), str(out), str(identity), moment]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def times_of(torn: Path) -> list[Fraction]:
    """Times of the frames that a player finds in a file that ends in the middle of one."""
    times: list[Fraction] = []
    with av.open(torn) as container:
        for packet in container.demux(video=0):
            with suppress(av.InvalidDataError, av.EOFError):
                times += [frame.pts * frame.time_base for frame in packet.decode()]
    return times


def assert_begins(found: list[Fraction], wanted: list[Fraction]) -> None:
    """The times are right; of the last ones some may be missing, as frames are not in order."""
    assert len(found) > 40
    assert found[:-8] == wanted[: len(found) - 8]
    assert {*found} <= {*wanted}


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def after(number: int, act: Callable[[], None]) -> Callable[[object], None]:
    """A callback that acts once, after so many frames."""
    seen: list[object] = []

    def count(frame: object) -> None:
        seen.append(frame)
        if len(seen) == number:
            act()

    return count


# ---- killed ----


@no_kill
@pytest.mark.parametrize("moment", ["80", "join", "move"])
def test_what_a_killed_run_leaves_can_be_played_and_the_next_run_goes_on(
    identity: Path, tmp_path: Path, moment: str
):
    clip = write_clip(tmp_path / "in.mp4", moving_scene(90), audio=False)
    out = tmp_path / "out.mp4"
    killed(clip, out, identity, moment)
    assert hidden(tmp_path) == [".out.mp4.work"]
    (piece,) = segments_in(work_path(out))
    playable = len(times_of(piece))  # as it is, with any player
    assert playable == 90 or (moment == "80" and playable >= 50)
    done = run_command(clip, out, "--style", identity, "--steady", "off", "--overwrite")
    assert done.returncode == 0
    assert ("90 frames are painted already" in done.stderr) == (moment != "80")
    assert read_video(out)[1] == read_video(clip)[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@no_kill
@pytest.mark.parametrize("ending", [".mkv", ".gif", ".webp", ".apng", ""])
def test_in_every_kind_of_output(identity: Path, tmp_path: Path, ending: str):
    clip = write_clip(tmp_path / "in.mp4", moving_scene(60), audio=False, step=2500)
    out, again = tmp_path / f"out{ending}", tmp_path / f"again{ending}"
    values = {"chunk_seconds": 4} if ending != ".mkv" else {}
    killed(clip, out, identity, "55")
    stylize(clip, out, settings(identity, overwrite=True, **values))
    stylize(clip, again, settings(identity, **values))
    files = [[path] if path.is_file() else sorted(path.iterdir()) for path in (out, again)]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    assert hidden(tmp_path) == []


@no_kill
def test_a_run_that_died_before_its_first_frame_is_cleared(
    identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clip = write_clip(tmp_path / "in.mp4", moving_scene(5), audio=False)
    killed(clip, tmp_path / "out.mp4", identity, "1")
    assert hidden(tmp_path)
    stylize(clip, tmp_path / "out.mp4", settings(identity))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert caplog.text == ""


def test_the_folder_of_a_run_that_lives_is_left_alone(tmp_path: Path):
    target = tmp_path / "out.mp4"
    with work_folder(target) as folder:
        (folder.path / "000000").write_bytes(b"precious")
        said = pytest.raises(SinkError, match=r"another run is writing .*out.mp4")
        with said, work_folder(target):
            pass
        assert (folder.path / "000000").exists()
    assert list(tmp_path.iterdir()) == []


def test_nobody_elses_folder_is_touched(identity: Path, tmp_path: Path):
    for name in (".out.mp4.backup", ".other.mp4.work", ".out.mp4.abcdefgh"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "000000").write_bytes(b"precious")
    before = hidden(tmp_path)
    clip = write_clip(tmp_path / "in.mp4", moving_scene(5), audio=False)
    stylize(clip, tmp_path / "out.mp4", settings(identity))
    assert hidden(tmp_path) == before
    assert all((tmp_path / name / "000000").read_bytes() == b"precious" for name in before)


INFO = SourceInfo(
    "in.mp4", 64, 48, Fraction(1, 30000), Fraction(30000, 1001), None, Fraction(0), None,
    BT709, Fraction(1), (), None,
)  # fmt: skip

ENCODERS = {
    "libx264": "o.mp4",
    "libx265": "o.mp4",
    "libvpx-vp9": "o.webm",
    "prores_ks": "o.mov",
    "ffv1": "o.mkv",
    "mpeg4": "o.mp4",
    "gif": "o.gif",
}


@pytest.mark.parametrize("codec", ENCODERS)
def test_a_piece_plays_while_it_is_written(tmp_path: Path, codec: str):
    """Torn in the middle of a frame too; at most two seconds are missing."""
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    chosen = EncodingSettings(codec=codec, encoder_option=options)
    encoding = choose_encoding(Path(ENCODERS[codec]), chosen, INFO)
    piece = tmp_path / "piece"
    writer = VideoWriter(piece, tmp_path / ENCODERS[codec], INFO, encoding)
    steps = [1001 * (1 + number % 3) for number in range(120)]
    times = [sum(steps[:number]) for number in range(120)]
    scene = moving_scene(120)
    for number, (rgb, pts) in enumerate(zip(scene, times, strict=True)):
        writer.write(Frame(rgb, pts, INFO.time_base, steps[number]))
    written = piece.read_bytes()
    writer.close()
    assert len(read_video(piece)[0]) == 120
    clock = Fraction(1, 100) if codec == "gif" else INFO.time_base
    wanted = [round(pts * INFO.time_base / clock) * clock for pts in times]
    target = tmp_path / ("o.mov" if codec in ("prores_ks", "gif") else "o.mp4")
    for torn in (0, 8, 200, 300, 400):
        cut = tmp_path / "000000.part"
        cut.write_bytes(written[: len(written) - torn])
        if not torn:
            assert_begins(times_of(cut), wanted)
        kept = keep_unfinished(tmp_path, target)
        assert kept is not None
        found = read_video(kept.path)[1]
        assert_begins(found, wanted)
        assert len(found) == kept.frames
        assert wanted[-1] - found[-1] < 3


# ---- no space, and other failures in the middle ----


@contextmanager
def largest_file(size: int) -> Generator[None]:
    """Files may have so many bytes: to a writer it is as if the disk was full."""
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_what_is_painted(identity: Path, tmp_path: Path):
    clip = write_clip(tmp_path / "in.mp4", moving_scene(200))
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with largest_file(8_000):
        done = run_command(clip, out, "--style", identity, "--steady", "off", "--overwrite")
    line = one_line(done)
    kept = tmp_path / "out-unfinished.mp4"
    count = len(read_video(kept)[0])
    assert 20 < count < 200
    assert line == (
        f"stylize-video: no space left for {out}; free some, or write elsewhere; the {count} "
        f"frames that were painted are in {kept}"
    )
    assert out.read_bytes() == b"precious"
    assert hidden(tmp_path) == []


def test_a_full_disk_at_the_join_keeps_the_whole_picture(identity: Path, tmp_path: Path):
    """The piece fits, the second copy with its sound does not."""
    clip = write_clip(tmp_path / "in.mp4", moving_scene(60))
    silent = write_clip(tmp_path / "silent.mp4", moving_scene(60), audio=False)
    for source, out in ((clip, "a.mp4"), (silent, "b.mp4")):
        stylize(source, tmp_path / out, settings(identity))
    sizes = [(tmp_path / name).stat().st_size for name in ("a.mp4", "b.mp4")]
    said = r"no space left.*60 frames are painted: run the same command again to go on"
    with largest_file(sum(sizes) // 2), pytest.raises(SinkError, match=said):
        stylize(clip, tmp_path / "out.mp4", settings(identity))
    seen: list[object] = []
    stylize(clip, tmp_path / "out.mp4", settings(identity), on_frame=seen.append)
    assert not seen and len(read_video(tmp_path / "out.mp4")[0]) == 60
    assert hidden(tmp_path) == []


def test_pictures_on_a_full_disk_are_kept(
    identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clip = write_clip(tmp_path / "in.mp4", moving_scene(20), audio=False)
    write = Path.write_bytes

    def small(self: Path, data: Any) -> int:
        if self.name.startswith("12"):
            write(self, data[:20])
            raise OSError(28, os.strerror(28))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", small)
    with pytest.raises(SinkError, match=r"no space left.*the 11 pictures that were painted are in"):
        stylize(clip, tmp_path / "frames", settings(identity))
    assert len(list((tmp_path / "frames-unfinished").iterdir())) == 11
    assert hidden(tmp_path) == []


def test_a_style_that_fails_keeps_what_came_before_with_its_sound(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from stylize_video.pipeline.chunks import painter

    whole = painter.paint_shots

    def failing(*rest: Any) -> Any:
        for number, frame in enumerate(whole(*rest)):
            if number == 20:
                raise ModelError("the graphics card has no memory left")
            yield frame

    monkeypatch.setattr(painter, "paint_shots", failing)
    said = "no memory left; the 20 frames before that are in .*out.mp4"
    with pytest.raises(ModelError, match=said):
        stylize(make_clip(), tmp_path / "out.mp4", settings(identity))
    assert len(read_video(tmp_path / "out.mp4")[0]) == 20
    assert 0.5 < packets(tmp_path / "out.mp4", "audio")[-1][0] < 0.7


# ---- fragments beside whole files ----


@pytest.mark.parametrize("name", ["out.mkv", "out.gif", "frames"])
def test_a_fragment_is_put_beside_a_whole_output(
    make_clip: MakeClip, identity: Path, tmp_path: Path, name: str
):
    out, clip, stop = tmp_path / name, make_clip(), threading.Event()
    stylize(clip, out, settings(identity))
    told = {"on_frame": after(5, stop.set), "stop": stop}
    result = stylize(clip, out, settings(identity, overwrite=True), **told)
    assert result.stopped and result.output == out.with_name(f"{out.stem}-2{out.suffix}")
    counts = [
        len(list(path.iterdir())) if path.is_dir() else len(read_video(path)[0])
        for path in (out, result.output)
    ]
    assert counts == [30, result.frames]


# ---- folders that vanish, links, mounts ----


@pytest.mark.skipif(sys.platform == "win32", reason="an open folder can't be deleted there")
@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_a_folder_that_is_deleted_meanwhile_is_made_again(
    make_clip: MakeClip,
    identity: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
):
    folder = tmp_path / "results" / "today"
    folder.mkdir(parents=True)
    clip = make_clip()
    gone = after(10, lambda: shutil.rmtree(tmp_path / "results"))
    stylize(clip, folder / name, settings(identity), on_frame=gone)
    assert "was deleted during the run, and is made again" in caplog.text
    if name == "out.mp4":
        assert len(read_video(folder / name)[0]) == 30
        assert packets(folder / name, "audio") == packets(clip, "audio")
    else:
        assert 18 <= len(list((folder / name).iterdir())) <= 20
    assert hidden(folder) == []


def test_what_a_link_names_is_worked_on_beside_it(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    disk = tmp_path / "disk"
    disk.mkdir()
    link = tmp_path / "link.mp4"
    link.symlink_to(disk / "real.mp4")
    seen: list[str] = []
    stylize(
        make_clip(), link, settings(identity), on_frame=after(3, lambda: seen.extend(hidden(disk)))
    )
    assert len(seen) == 1
    assert link.is_symlink() and len(read_video(disk / "real.mp4")[0]) == 30


def test_a_link_into_nowhere_is_refused(make_clip: MakeClip, identity: Path, tmp_path: Path):
    link = tmp_path / "link.mp4"
    link.symlink_to(tmp_path / "nowhere" / "real.mp4")
    with pytest.raises(StylizeError, match=r"link.mp4 is a link into .*nowhere, which does not"):
        stylize(make_clip(), link, settings(identity))


def test_a_folder_that_can_not_be_written_is_refused_by_the_plan(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    seen: list[object] = []
    with pytest.raises(SinkError, match=f"output folder {tmp_path} can't be written"):
        stylize(make_clip(), tmp_path / "out.mp4", settings(identity), on_start=seen.append)
    assert not seen


def test_where_nothing_can_be_moved_the_finished_film_stays(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The folder was made read-only during the run."""
    from stylize_video.pipeline.chunks import assemble

    def refuse(result: Path, place: Path) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(assemble, "put_in_place", refuse)
    said = r"can't be written any more: Permission denied; the output is finished, and stays in "
    with pytest.raises(SinkError, match=said) as error:
        stylize(make_clip(), tmp_path / "out.mp4", settings(identity))
    stays = Path(str(error.value).rpartition(" in ")[2])
    assert len(read_video(stays)[0]) == 30
    monkeypatch.undo()
    seen: list[object] = []
    stylize(tmp_path / "in.mp4", tmp_path / "out.mp4", settings(identity), on_frame=seen.append)
    assert len(read_video(tmp_path / "out.mp4")[0]) == 30
    assert not seen and not stays.exists()  # it was only put in its place


def test_a_file_that_can_not_be_replaced_stays_and_so_does_the_new_one(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """An immutable file, or another user's in a shared folder."""
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    move = Path.replace

    def refuse(self: Path, place: Path) -> Path:
        if place == out:
            raise PermissionError(1, os.strerror(1))
        return move(self, place)

    monkeypatch.setattr(Path, "replace", refuse)
    result = stylize(make_clip(), out, settings(identity, overwrite=True))
    assert out.read_bytes() == b"precious"
    assert len(read_video(tmp_path / "out-2.mp4")[0]) == 30
    assert result.losses == (f"the name {out}, which can't be written (Operation not permitted)",)


def test_a_long_name_has_its_work_folder(tmp_path: Path):
    target = tmp_path / f"{'é' * 125}.mp4"
    with work_folder(target) as folder:
        assert folder.path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_run_looks_nothing_up_and_writes_beside_its_output_alone(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*given: object, **named: object) -> None:
        raise AssertionError(f"a look-up in a network: {given}")

    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    home, temporary, out = (tmp_path / name for name in ("home", "temporary", "out"))
    for folder in (home, temporary, out):
        folder.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(home)
    stylize(make_clip(), out / "film.mkv", settings(identity))
    assert [list(folder.iterdir()) for folder in (home, temporary)] == [[], []]
    assert [path.name for path in out.iterdir()] == ["film.mkv"]
