from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SettingsError, SinkError, SourceError
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.temporal.scenes import read_scenes, write_scenes
from stylize_video.pipeline.temporal.shots import CutDetector, mark_cuts, mark_listed

NTSC = Fraction(1001, 30000)


def shot(seed: int, count: int, speed: int = 2) -> list[Rgb]:
    """A camera that pans over coarse noise, and some grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 16 + speed * count // 20, 3), dtype=np.uint8)
    size = (320 + speed * count, 180)
    ground = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.int16)
    views = (ground[:, speed * i : speed * i + 320] for i in range(count))
    grain = (rng.integers(-4, 5, (180, 320, 3)) for _ in range(count))
    return [np.clip(v + g, 0, 255).astype(np.uint8) for v, g in zip(views, grain, strict=True)]


def plain(colour: tuple[int, int, int], count: int = 10) -> list[Rgb]:
    return [np.full((90, 160, 3), colour, np.uint8)] * count


def shown(pictures: Iterable[Rgb], step: Fraction = NTSC, begin: int = 0) -> list[Frame]:
    """The pictures as frames, one every ``step`` seconds from the ``begin``-th on."""
    return [
        Frame(rgb, (begin + i) * step.numerator, Fraction(1, step.denominator))
        for i, rgb in enumerate(pictures)
    ]


def cuts(frames: Iterable[Frame]) -> list[int]:
    return [i for i, frame in enumerate(frames) if frame.cut]


def found(pictures: Iterable[Rgb]) -> list[int]:
    return cuts(mark_cuts(iter(shown(pictures))))


# ---- found ----


def test_each_shot_begins_with_a_cut():
    lengths = [20, 6, 9, 30, 12]
    pictures = [rgb for seed, count in enumerate(lengths) for rgb in shot(seed, count)]
    assert found(pictures) == [0, 20, 26, 35, 65]


def test_a_change_of_colour_alone_is_a_cut():
    """Red, green and blue are equally bright to a measure that takes the largest of the three."""
    assert found(plain((250, 0, 0)) + plain((0, 250, 0)) + plain((0, 0, 250))) == [0, 10, 20]


def test_frames_are_passed_on_as_they_are():
    frames = shown(shot(0, 10) + shot(1, 10))
    given = list(mark_cuts(iter(frames)))
    assert [i for i, frame in enumerate(given) if frame.cut] == [0, 10]
    assert all(a.rgb is b.rgb and a.pts == b.pts for a, b in zip(given, frames, strict=True))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_a_stream_may_be_short(count: int):
    assert found(shot(0, count)) == [0][:count]


def test_only_the_frames_needed_are_held_back():
    pulled = 0

    def source() -> Generator[Frame]:
        nonlocal pulled
        for frame in shown(shot(0, 30)):
            pulled += 1
            yield frame

    for given, _ in enumerate(mark_cuts(source()), 1):
        assert pulled == min(given + 2, 30)


@pytest.mark.parametrize("listed", [False, True])
def test_a_source_that_breaks_gives_its_frames_first(listed: bool):
    def source() -> Generator[Frame]:
        yield from shown(shot(0, 10))
        raise SourceError("it broke")

    stage = mark_listed(source(), [], Fraction(0)) if listed else mark_cuts(source())
    given = list(islice(stage, 10))
    assert len(given) == 10
    with pytest.raises(SourceError, match="it broke"):
        next(stage)


@pytest.mark.parametrize("listed", [False, True])
def test_closing_the_stage_closes_its_source(listed: bool):
    closed = False

    def source() -> Generator[Frame]:
        nonlocal closed
        try:
            yield from shown(shot(0, 10))
        finally:
            closed = True

    stage = mark_listed(source(), [], Fraction(0)) if listed else mark_cuts(source())
    next(stage)
    stage.close()
    assert closed


def test_a_clip_that_begins_at_a_cut_has_the_same_later_cuts():
    pictures = [rgb for seed, n in enumerate([20, 6, 7, 6, 30, 8]) for rgb in shot(seed, n, seed)]
    whole = found(pictures)
    assert len(whole) == 6
    for begin in whole:
        assert [begin + i for i in found(pictures[begin:])] == [i for i in whole if i >= begin]


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("kind", ["white", "black", "bright", "another picture"])
def test_a_flash_is_no_cut(kind: str, length: int):
    pictures = shot(0, 30)
    for i in range(15, 15 + length):
        lit = np.minimum(pictures[i].astype(int) + 120, 255).astype(np.uint8)
        full = {"white": np.full_like(lit, 255), "black": np.zeros_like(lit), "bright": lit}
        pictures[i] = full.get(kind, shot(9, 1)[0])
    assert found(pictures) == [0]


def test_a_cut_just_after_a_flash_is_found():
    pictures = shot(0, 30) + shot(1, 20)
    pictures[26] = np.full_like(pictures[26], 255)
    assert found(pictures) == [0, 30]


@pytest.mark.parametrize("frames", [12, 25])
def test_fades_and_dissolves_are_no_cuts(frames: int):
    a, b = shot(0, 20 + frames), shot(1, 20 + frames)
    weights = np.linspace(0, 1, frames + 2)[1:-1]
    mixed = [
        cv2.addWeighted(p, 1 - w, q, float(w), 0)
        for p, q, w in zip(a[20:], b[:frames], weights, strict=True)
    ]
    dark = [(p * w).astype(np.uint8) for p, w in zip(b[:frames], weights, strict=True)]
    assert found([*a[:20], *(np.asarray(m, np.uint8) for m in mixed), *b[frames:]]) == [0]
    assert found([*[np.zeros_like(b[0])] * 8, *dark, *b[frames:]]) == [0]


@pytest.mark.parametrize("times", [2, 3, 4, 5])
def test_pictures_shown_several_times_are_no_cuts(times: int):
    """A film of 10 pictures a second in a clip of 30; its one cut is found."""
    pictures = shot(0, 20, speed=4) + shot(1, 20, speed=4)
    assert found([rgb for rgb in pictures for _ in range(times)]) == [0, 20 * times]


def test_what_stands_still_has_no_cut():
    assert found(plain((0, 0, 0), 40)) == [0]
    assert found(shot(0, 40, speed=0)) == [0]


def test_a_higher_threshold_finds_less():
    frames = shown(shot(0, 20) + shot(1, 20))
    assert cuts(mark_cuts(frames, 2.0)) == [0, 20]
    assert cuts(mark_cuts(frames, 256.0)) == [0]


@pytest.mark.parametrize("size", [(2, 2), (1, 400), (400, 1), (33, 97)])
def test_any_size_will_do(size: tuple[int, int]):
    dark, light = np.zeros((*size, 3), np.uint8), np.full((*size, 3), 200, np.uint8)
    assert found([dark] * 8 + [light] * 8) == [0, 8]


# ---- found in real clips ----


def real_frames(clips: Path, name: str, size: str = "320x180") -> Iterator[Frame]:
    return open_source(str(clips / name), size).frames()


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("bikes.mp4", [30, 76, 137, 187, 242]),
        ("scene_cuts.mp4", [30, 76, 137, 187, 242]),
        ("nasa_13013.mp4", [240]),  # and a dissolve
        ("roadtrip-vp92-10bit.webm", [42, 69]),
        ("bbb_800x640_768kbps_30fps_avc_pyramid_3b.mp4", [6]),
    ],
)
def test_the_cuts_of_real_clips(clips: Path, name: str, wanted: list[int]):
    assert cuts(mark_cuts(open_source(str(clips / name)).frames())) == [0, *wanted]


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "01_dog.mp4",
        "05_default_juggle.mp4",
        "bbb_2500ms.ts",  # a fade from black
        "bear-vp9-odd-dimensions.webm",
        "bigbuckbunny.mp4",
        "car-detection.mp4",
        "content.avi",
        "hdr10-av1.mp4",  # a fast pan
        "internal_emulator_transformer_output_270_rotated.mp4",  # a camera in the hand
        "mv_with_2_top_shots.mp4",
        "sample.avi",  # a fade from black
        "sample_h264.ts",  # a quick fade from black
        "silent-black-10s.mp4",
        "timelapse1_orig.mp4",
        "../sequences/mountain_2",
    ],
)
def test_real_clips_without_a_cut(clips: Path, name: str):
    assert cuts(mark_cuts(open_source(str(clips / name)).frames())) == [0]


PIECES = [  # clip, first frame, frames; some that follow each other are of one clip
    ("01_dog.mp4", 0, 24),
    ("05_default_juggle.mp4", 10, 20),
    ("bikes.mp4", 32, 10),
    ("bikes.mp4", 190, 18),
    ("bikes.mp4", 85, 10),
    ("car-detection.mp4", 205, 14),
    ("car-detection.mp4", 345, 12),
    ("bigbuckbunny.mp4", 5, 11),
    ("bigbuckbunny.mp4", 95, 15),
    ("nasa_13013.mp4", 250, 25),
    ("timelapse1_orig.mp4", 5, 40),
    ("hdr10-av1.mp4", 60, 13),
    ("content.avi", 20, 16),
]


@pytest.fixture(scope="module")
def joined(clips: Path) -> list[Rgb]:
    return [
        frame.rgb
        for name, first, count in PIECES
        for frame in islice(real_frames(clips, name, "640x360"), first, first + count)
    ]


@pytest.mark.real_data
def test_twelve_cuts_between_real_clips_are_all_found_and_no_other(joined: list[Rgb]):
    ends = np.cumsum([count for *_, count in PIECES])
    assert len(joined) == ends[-1]
    assert found(joined) == [0, *ends[:-1]]


@pytest.mark.real_data
def test_a_real_clip_that_begins_at_a_cut_has_the_same_later_cuts(joined: list[Rgb]):
    whole = found(joined)
    for begin in whole[1:]:
        assert [begin + i for i in found(joined[begin:])] == [i for i in whole if i >= begin]


# ---- listed ----


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scenes.txt"


def test_a_list_is_read_as_it_was_written(path: Path):
    times = [Fraction(0), Fraction(5005, 1000), 3600 + Fraction(1, 2)]
    write_scenes(path, times)
    lines = path.read_bytes().decode().split("\n")
    assert lines[0].startswith("# ")
    assert lines[1:] == ["0.000000", "5.005000", "3600.500000", ""]
    assert read_scenes(path) == times
    assert list(path.parent.iterdir()) == [path]


def test_a_list_may_be_edited_by_hand(path: Path):
    text = "\ufeff# mine\r\n\r\n 0:01:15.5 # the door\r\n3\r\n1:02.25\r\n3.0\r\n#9\r\n"
    path.write_bytes(text.encode())
    assert read_scenes(path) == [3, Fraction(249, 4), Fraction(151, 2)]


def test_an_empty_list_has_no_cut(path: Path):
    path.write_text("")
    assert read_scenes(path) == []


@pytest.mark.parametrize("line", ["five", "-1", "1,5", "1 2", "1:2:3:4", "1e3", "x" * 500])
def test_a_line_that_is_no_time_is_named(path: Path, line: str):
    path.write_text(f"# header\n1.5\n{line}\n2\n")
    with pytest.raises(SettingsError) as caught:
        read_scenes(path)
    told = str(caught.value)
    assert told.startswith(f"--scenes {path}, line 3: '{line[:39]}")
    assert "H:MM:SS.fff" in told and "\n" not in told and len(told) < 200 + len(str(path))


def test_a_list_that_can_not_be_read_is_refused(tmp_path: Path, path: Path):
    with pytest.raises(SettingsError, match=r"scenes\.txt can't be read: No such file"):
        read_scenes(path)
    with pytest.raises(SettingsError, match="can't be read"):
        read_scenes(tmp_path)
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(SettingsError, match="is no text"):
        read_scenes(path)


def test_a_list_that_can_not_be_written_leaves_the_one_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_scenes(path, [Fraction(1)])

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SinkError, match=r"No space left.*; what was made is in .*scenes-2\.txt"):
        write_scenes(path, [Fraction(2)])
    assert read_scenes(path) == [1]
    assert read_scenes(path.with_name("scenes-2.txt")) == [2]


@pytest.mark.parametrize("where", ["absent/s.txt", "file/s.txt", "folder"])
def test_a_list_that_has_no_place_is_refused(tmp_path: Path, where: str):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SinkError, match="can't be written"):
        write_scenes(tmp_path / where, [Fraction(1)])
    made = {"folder-2"} if where == "folder" else set[str]()  # what is finished is not lost
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder"} | made


@pytest.mark.parametrize("step", [NTSC, Fraction(1, 25), Fraction(1, 120), Fraction(1001, 120000)])
@pytest.mark.parametrize("begin", [0, 7, 100_001])
def test_a_list_marks_what_was_found(path: Path, step: Fraction, begin: int):
    pictures = [rgb for seed, n in enumerate([11, 6, 13, 8]) for rgb in shot(seed, n)]
    frames = shown(pictures, step, begin)
    start = frames[0].time
    wanted = cuts(mark_cuts(frames))
    assert wanted == [0, 11, 17, 30]
    write_scenes(path, [frames[i].time - start for i in wanted])
    assert cuts(mark_listed(iter(frames), read_scenes(path), start)) == wanted
    # A part of the source: its first frame is a cut too, and times are still the source's.
    assert cuts(mark_listed(iter(frames[12:]), read_scenes(path), start)) == [0, 5, 18]


def test_every_frame_can_be_listed_with_two_decimals():
    frames = shown([np.zeros((2, 2, 3), np.uint8)] * 500, NTSC)
    for wanted in range(1, 500, 7):
        time = Fraction(round(wanted * NTSC * 100), 100)
        assert cuts(mark_listed(iter(frames), [time], Fraction(0))) == [0, wanted]


def test_at_a_variable_rate_the_frame_of_that_very_time_is_marked():
    rgb = np.zeros((2, 2, 3), np.uint8)
    moments = [0, 1000, 1100, 1101, 4000, 4010]
    frames = [Frame(rgb, pts, Fraction(1, 1000), duration=900) for pts in moments]
    for wanted, pts in enumerate(moments):
        marked = cuts(mark_listed(iter(frames), [Fraction(pts, 1000)], Fraction(0)))
        assert marked == sorted({0, wanted})


def test_times_in_any_order_and_beyond_the_end():
    frames = shown([np.zeros((2, 2, 3), np.uint8)] * 10, Fraction(1, 10))
    times = [Fraction(9), Fraction(7, 10), Fraction(2, 10), Fraction(2, 10), Fraction(21, 100)]
    assert cuts(mark_listed(iter(frames), times, Fraction(0))) == [0, 2, 7]
    assert cuts(mark_listed(iter(frames[:1]), times, Fraction(0))) == [0]
    assert cuts(mark_listed(iter([]), times, Fraction(0))) == []


# ---- live: from the past alone ----


def live_cuts(pictures: Iterable[Rgb]) -> list[int]:
    detector = CutDetector()
    return [i for i, rgb in enumerate(pictures) if detector(rgb)]


def test_a_live_cut_is_detected_on_its_own_frame():
    lengths = [20, 8, 9, 30, 12]
    pictures = [rgb for seed, count in enumerate(lengths) for rgb in shot(seed, count)]
    assert live_cuts(pictures) == [20, 28, 37, 67]


def test_a_fast_pan_a_fade_and_noise_are_no_live_cuts():
    assert live_cuts(shot(3, 40, speed=12)) == []
    fade = [(rgb * (1 - i / 40)).astype(np.uint8) for i, rgb in enumerate(shot(4, 40))]
    assert live_cuts(fade) == []
    rng = np.random.default_rng(0)
    assert live_cuts(rng.integers(0, 256, (20, 90, 160, 3), dtype=np.uint8)) == []


@pytest.mark.real_data
def test_live_cuts_of_a_real_clip_are_those_of_the_file(clips: Path):
    frames = [frame.rgb for frame in open_source(str(clips / "scene_cuts.mp4")).frames()]
    assert live_cuts(frames) == [i for i in cuts(mark_cuts(iter(shown(frames)))) if i]
