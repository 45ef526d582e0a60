"""A film in chunks: the same bytes however often it was killed, and whoever rendered it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.chunks import workers as workers_module
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SettingsError, SinkError, StylizeError
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.media.fragment import work_path
from stylize_video.pipeline.media.inputs import open_source

from ...helpers.command import one_line, run_command
from ...helpers.shots import STEP, die_after, scene
from ...helpers.video import packets, read_video, write_clip

no_kill = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds: a shot of nine, which is divided, and one of three."""
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    return write_clip(path, scene(108) + scene(36, 2), step=STEP)


def settings(**values: Any) -> Settings:
    return checked(Settings, {"style": "udnie", "device": "cpu", "chunk_seconds": 4} | values, "")


@pytest.fixture(scope="module")
def straight(film: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The film, painted in one go."""
    out = tmp_path_factory.mktemp("straight") / "out.mp4"
    stylize(film, out, settings())
    return out.read_bytes()


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def run_until(film: Path, out: Path, count: int, **values: Any) -> None:
    """See ``die_after``."""
    die_after(count, film, out, settings(**values))


def test_a_film_in_chunks_has_all_frames_times_and_its_sound(film: Path, tmp_path: Path):
    result = stylize(film, tmp_path / "out.mp4", settings())
    frames, times = read_video(tmp_path / "out.mp4")
    assert len(frames) == result.frames == 144
    assert times == read_video(film)[1]
    assert packets(tmp_path / "out.mp4", "audio") == packets(film, "audio")


def test_no_border_is_seen(film: Path, tmp_path: Path):
    """Across one, no more changes than between other frames."""
    lossless = {"encoder_option": {"preset": "ultrafast", "pix_fmt": "yuv444p"}, "crf": 0}
    stylize(film, tmp_path / "out.mp4", settings(**lossless))
    stylize(film, tmp_path / "whole.mp4", settings(chunk_seconds=100, **lossless))
    ours, whole = (read_video(tmp_path / name)[0] for name in ("out.mp4", "whole.mp4"))

    def changes(frames: list[Rgb]) -> list[float]:
        return [float(np.abs(b.astype(int) - a).mean()) for a, b in pairwise(frames)]

    for border in (47, 95):
        assert changes(ours)[border] < 1.1 * max(changes(whole)[border - 6 : border + 6])


@pytest.mark.parametrize("count", [20, 60, 100, 143])
def test_a_run_that_died_is_gone_on_with_and_writes_the_same_bytes(
    film: Path, straight: bytes, tmp_path: Path, count: int, caplog: pytest.LogCaptureFixture
):
    out = tmp_path / "out.mp4"
    run_until(film, out, count)
    seen: list[object] = []
    stylize(film, out, settings(), on_frame=seen.append)
    assert out.read_bytes() == straight
    done = {20: 0, 60: 48, 100: 96, 143: 108}[count]
    assert len(seen) == 144 - done
    assert (f"{done} frames are painted already" in caplog.text) == bool(done)
    assert left(tmp_path) == []


KILLED = """
import os, signal, sys
from stylize_video.pipeline import stylize
from stylize_video.pipeline.chunks import assemble
from stylize_video.pipeline.core.config import Settings, checked
film, out, moment, workers = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if moment == "join":
    assemble.join = die
if moment == "move":
    assemble.put_in_place = die
count = 0
def progress(frames):
    global count
    count += frames
    if moment.isdigit() and count >= int(moment):
        die()
if __name__ == "__main__":
    values = {"style": "udnie", "device": "cpu", "chunk_seconds": 4, "workers": int(workers)}
    stylize(film, out, checked(Settings, values, ""), on_progress=progress)
"""


def kill(film: Path, out: Path, moment: str, workers: int = 1) -> None:
    script = out.with_name("killed.py")
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(film), str(out), moment, str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    script.unlink()


@no_kill
@pytest.mark.parametrize("moment", ["70", "join", "move"])
def test_kill_9_loses_no_finished_chunk(
    film: Path, straight: bytes, tmp_path: Path, moment: str, caplog: pytest.LogCaptureFixture
):
    out = tmp_path / "out.mp4"
    kill(film, out, moment)
    assert not out.exists() and left(tmp_path) == [".out.mp4.work"]
    stylize(film, out, settings())
    assert out.read_bytes() == straight
    assert f"{48 if moment == '70' else 144} frames are painted already" in caplog.text
    assert left(tmp_path) == []


def test_several_workers_write_the_same_bytes(film: Path, straight: bytes, tmp_path: Path):
    told: list[int] = []
    result = stylize(film, tmp_path / "out.mp4", settings(workers=2), on_progress=told.append)
    assert (tmp_path / "out.mp4").read_bytes() == straight
    assert result.frames == sum(told) == 144
    assert left(tmp_path) == []


@no_kill
def test_one_process_goes_on_where_several_were_killed(film: Path, straight: bytes, tmp_path: Path):
    out = tmp_path / "out.mp4"
    kill(film, out, "80", workers=2)
    stylize(film, out, settings())
    assert out.read_bytes() == straight
    assert left(tmp_path) == []


@no_kill
def test_a_worker_that_dies_costs_only_its_chunk(
    film: Path, straight: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    import psutil

    killed: list[int] = []

    def kill_one(count: int) -> None:
        children = psutil.Process().children(recursive=True)
        workers = [c for c in children if "spawn_main" in " ".join(c.cmdline())]
        if workers and not killed:
            killed.append(workers[-1].pid)
            os.kill(workers[-1].pid, signal.SIGKILL)

    out = tmp_path / "out.mp4"
    stylize(film, out, settings(workers=2), on_progress=kill_one)
    assert killed and "a worker has died" in caplog.text and "1 go on" in caplog.text
    assert out.read_bytes() == straight


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"crf": 25}, "--crf was not given and is 25.0"),
        ({"style": "the-scream"}, "the style has changed"),
        ({"resume": False}, "--no-resume"),
    ],
)
def test_what_has_changed_is_said_and_what_was_painted_is_kept(
    film: Path, tmp_path: Path, changed: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
):
    out = tmp_path / "out.mp4"
    run_until(film, out, 100)
    seen: list[object] = []
    stylize(film, out, settings(**changed), on_frame=seen.append)
    assert f"this one begins again ({why}" in caplog.text
    kept = tmp_path / "out-unfinished.mp4"
    assert str(kept) in caplog.text and 96 <= len(read_video(kept)[0]) <= 100
    assert len(seen) == 144 and left(tmp_path) == []


def test_a_source_that_has_changed_begins_again(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clip, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    shutil.copy(film, clip)
    run_until(clip, out, 100)
    write_clip(clip, scene(108, 3) + scene(36, 2), step=STEP)
    stylize(clip, out, settings())
    assert "begins again (the source has changed)" in caplog.text


def test_a_torn_segment_is_painted_again(film: Path, straight: bytes, tmp_path: Path):
    out = tmp_path / "out.mp4"
    run_until(film, out, 100)
    segment = work_path(out) / "000001"
    segment.write_bytes(segment.read_bytes()[:-100])
    (work_path(out) / "000000.json").write_text("{")
    stylize(film, out, settings())
    assert out.read_bytes() == straight


def test_a_stopped_run_leaves_a_film_that_plays_and_the_next_one_goes_on(
    film: Path, straight: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    out, stop = tmp_path / "out.mp4", threading.Event()
    seen: list[object] = []

    def count(frame: object) -> None:
        seen.append(frame)
        if len(seen) == 70:
            stop.set()

    result = stylize(film, out, settings(), on_frame=count, stop=stop)
    assert result.stopped and len(read_video(out)[0]) == result.frames == 70
    done = stylize(film, out, settings())
    assert not done.stopped and out.read_bytes() == straight
    assert "48 frames are painted already" in caplog.text
    assert left(tmp_path) == []


def test_what_a_stopped_run_left_is_not_replaced_by_another_film(film: Path, tmp_path: Path):
    out, stop = tmp_path / "out.mp4", threading.Event()

    def at_once(count: int) -> None:
        if (work_path(out) / "000000.json").exists():
            stop.set()

    stylize(film, out, settings(), on_progress=at_once, stop=stop)
    before = out.read_bytes()
    with pytest.raises(SinkError, match=r"exists: it is the beginning of another run \(--crf"):
        stylize(film, out, settings(crf=30))
    assert out.read_bytes() == before
    out.write_bytes(b"precious")
    with pytest.raises(SinkError, match="exists; add --overwrite"):
        stylize(film, out, settings())


def test_two_runs_on_one_output_are_refused(film: Path, straight: bytes, tmp_path: Path):
    out = tmp_path / "out.mp4"
    refused: list[str] = []

    def second(frame: object) -> None:
        if not refused:
            done = run_command(film, out, "--style", "udnie", "--chunk-seconds", "4")
            refused.append(one_line(done))

    stylize(film, out, settings(), on_frame=second)
    assert f"another run is writing {out}" in refused[0]
    assert out.read_bytes() == straight


def test_a_lock_of_the_dead_holds_nobody_up(film: Path, straight: bytes, tmp_path: Path):
    out = tmp_path / "out.mp4"
    work_path(out).mkdir()
    (work_path(out) / "lock").write_text("4194304\n")
    stylize(film, out, settings())
    assert out.read_bytes() == straight


def test_pictures_are_numbered_through(film: Path, tmp_path: Path):
    out = tmp_path / "frames"
    run_until(film, out, 100)
    stylize(film, out, settings())
    assert sorted(p.name for p in out.iterdir()) == [f"{n:06d}.png" for n in range(1, 145)]
    assert left(tmp_path) == []
    stylize(film, tmp_path / "again", settings())
    for picture in out.iterdir():
        assert picture.read_bytes() == (tmp_path / "again" / picture.name).read_bytes()


@pytest.mark.parametrize("rate", ["10", "25", "0.5"])
def test_a_constant_rate_goes_on_across_chunks(film: Path, tmp_path: Path, rate: str):
    for name, seconds in (("chunks.mp4", 4), ("whole.mp4", 100)):
        stylize(film, tmp_path / name, settings(cfr=rate, chunk_seconds=seconds))
    assert read_video(tmp_path / "chunks.mp4")[1] == read_video(tmp_path / "whole.mp4")[1]


def test_a_mask_and_a_start_fit_in_every_chunk(film: Path, tmp_path: Path):
    """The mask's white half moves with the time; in the black half the source stays."""
    masks = []
    for number in range(144):
        mask = np.zeros((80, 128, 3), np.uint8)
        mask[:, : 128 * number // 144] = 255
        masks.append(mask)
    mask = write_clip(tmp_path / "mask.mp4", masks, step=STEP, audio=False)
    lossless = {"encoder_option": {"preset": "ultrafast", "pix_fmt": "yuv444p"}, "crf": 0}
    values = {"mask": str(mask), "mask_feather": 0, "start": "1", **lossless}
    out = tmp_path / "out.mp4"
    run_until(film, out, 100, **values)
    stylize(film, out, settings(**values))
    painted, source = read_video(out)[0], read_video(film)[0][12:]
    assert len(painted) == 132
    for number in range(0, 132, 6):
        edge = 128 * (number + 12) // 144
        same = np.abs(painted[number].astype(int) - source[number]).max(axis=(0, 2)) < 6
        assert same[edge + 3 :].all()
        assert not same[: max(0, edge - 3)].all() or edge < 8


def test_cuts_of_all_chunks_are_listed(film: Path, tmp_path: Path):
    cuts = tmp_path / "cuts.txt"
    run_until(film, tmp_path / "out.mp4", 60, scenes=str(cuts))
    stylize(film, tmp_path / "out.mp4", settings(scenes=str(cuts)))
    assert [float(line) for line in cuts.read_text().splitlines()[1:]] == [0, 9]


def test_a_disk_that_is_full_costs_no_finished_chunk(
    film: Path, straight: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from stylize_video.pipeline.media import piece_file

    out, full = tmp_path / "out.mp4", [False]

    class Full(piece_file.PieceFile):
        def write(self, data: Any) -> int:
            if full[0]:
                self._failure = OSError(28, os.strerror(28))
                raise self._failure
            return super().write(data)

    from stylize_video.pipeline.media import writers

    monkeypatch.setattr(writers, "PieceFile", Full)
    seen: list[object] = []

    def fill(frame: object) -> None:
        seen.append(frame)
        full[0] = len(seen) >= 60

    with pytest.raises(SinkError) as error:
        stylize(film, out, settings(), on_frame=fill)
    assert "no space left" in str(error.value)
    assert "48 frames are painted: run the same command again to go on" in str(error.value)
    full[0] = False
    stylize(film, out, settings())
    assert out.read_bytes() == straight


def test_the_journal_names_what_is_in_it(film: Path, tmp_path: Path):
    out = tmp_path / "out.mp4"
    run_until(film, out, 60)
    record = json.loads((work_path(out) / "000000.json").read_text())
    assert record["frames"] == 48 and Fraction(record["end"]) == 4
    facts = json.loads((work_path(out) / "facts.json").read_text())
    assert facts["--chunk-seconds"] == "4.0"
    assert {"the source", "the style", "the processor or graphics card"} <= facts.keys()


def test_a_source_is_read_the_same_from_any_time(film: Path):
    source = open_source(str(film))
    every = [(f.pts, f.rgb.tobytes()) for f in source.frames()]
    from stylize_video.pipeline.core.frame import Span

    for number in (1, 47, 48, 100, 143):
        since = Span(every[number][0] * source.info.time_base)
        assert [(f.pts, f.rgb.tobytes()) for f in source.frames(since)] == every[number:]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["window", "--workers", "2"], "can't be resumed"),
        (["out.png", "--workers", "2"], "one picture"),
    ],
)
def test_workers_are_refused_where_nothing_is_divided(
    tmp_path: Path, film: Path, typed: list[str], why: str
):
    cv2.imwrite(str(tmp_path / "in.png"), scene(1)[0])
    source = tmp_path / "in.png" if typed[0].endswith(".png") else film
    assert why in one_line(run_command(source, *typed, cwd=tmp_path))


def test_errors_of_a_run_reach_the_user_from_workers(film: Path, tmp_path: Path):
    with pytest.raises(StylizeError):
        stylize(film, tmp_path / "out.mp4", settings(workers=2, style="nothing.onnx"))
    assert workers_module.SideBySide and left(tmp_path) == []
    with pytest.raises(SettingsError):
        settings(workers=0)


def test_pictures_without_a_record_are_painted_again(film: Path, tmp_path: Path):
    """A run died after it had moved them to their place, before it wrote that down."""
    out = tmp_path / "frames"
    run_until(film, out, 100)
    (work_path(out) / "000001.json").unlink()
    stylize(film, out, settings())
    assert len(list(out.iterdir())) == 144 and left(tmp_path) == []
