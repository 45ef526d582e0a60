"""The source's other streams: what is kept, what is made of it, what is left out and said."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SettingsError, SourceError
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.timecode import advanced
from stylize_video.pipeline.planning import make_plan

from ..helpers.odd_clips import joined, offsets, steps, write_film
from ..helpers.video import moving_scene, packets, read_video

COUNT = 25


def settings(identity: Path, **values: Any) -> Settings:
    return checked(
        Settings, {"style": str(identity), "device": "cpu", "steady": "off", **values}, "test"
    )


def jpeg() -> bytes:
    return cv2.imencode(".jpg", np.full((32, 32, 3), 120, np.uint8))[1].tobytes()


def with_extras(path: Path, add: Callable[[Any], list[Any]], still_first: bool = False) -> Path:
    """A film with a tone in German for the hard of hearing, and what ``add`` adds.

    Args:
        path: its ending names the container.
        add: adds streams to an output and returns their packets.
        still_first: they come before the film.
    """
    with av.open(path, "w") as out:
        made = add(out) if still_first else []
        video: Any = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.disposition = 0 if still_first else Disposition.default
        sound: Any = out.add_stream("aac", rate=48000)
        sound.codec_context.open(strict=False)
        sound.metadata.update(language="deu", title="Ton")
        sound.disposition = Disposition.forced | Disposition.hearing_impaired
        made += [] if still_first else add(out)
        for number, rgb in enumerate(moving_scene(COUNT)):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts = number
            made += video.encode(frame)
        made += video.encode(None)
        for number in range(COUNT * 2):
            tone = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            tone.rate, tone.pts = 48000, number * 1024
            made += sound.encode(tone)
        made += sound.encode(None)
        for packet in sorted(made, key=lambda p: (p.dts or 0) * p.time_base):
            out.mux(packet)
    return path


def still(out: Any, disposition: Disposition) -> list[Any]:
    """Add a picture as a video stream of one frame."""
    stream = out.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
    stream.disposition = disposition
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), "rgb24")
    frame = frame.reformat(format="yuvj420p")
    frame.pts = 0
    return [*stream.encode(frame), *stream.encode(None)]


def second_film(out: Any) -> list[Any]:
    stream = out.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
    stream.disposition = 0
    made: list[Any] = []
    for number in range(COUNT):
        frame = av.VideoFrame.from_ndarray(np.full((24, 32, 3), 99, np.uint8), "rgb24")
        frame.pts = number
        made += stream.encode(frame)
    return made + stream.encode(None)


def kinds(path: Path) -> list[str]:
    with av.open(path) as container:
        return [stream.type for stream in container.streams]


# ---- text that is not UTF-8 ----

TEXTS = {
    b"XXCaf\xe9X": "XXCaféX",
    b"\x83\x65\x83\x58\x83\x67X": "テストX",
    b"\xcf\xf0\xe8\xe2\xe5\xf2X": "ПриветX",
}


@pytest.mark.parametrize("raw", TEXTS)
@pytest.mark.parametrize("name", ["in.avi", "in.mkv", "in.mp4", "in.flv"])
def test_a_title_of_before_utf_8_is_read(identity: Path, tmp_path: Path, name: str, raw: bytes):
    codec, sound = {"in.avi": ("mpeg4", "libmp3lame"), "in.flv": ("flv1", "aac")}.get(
        name, ("libx264", "aac")
    )
    film = tmp_path / name
    write_film(
        film, steps(10), codec.replace("flv1", "flv"), sound, rate=44100, tags={"title": "XXCafXX"},
        clock=Fraction(1, 25),
    )  # fmt: skip
    film.write_bytes(film.read_bytes().replace(b"XXCafXX", raw))
    for ending in (".mkv", ".mp4"):
        out = tmp_path / f"out{ending}"
        assert stylize(film, out, settings(identity)).losses == ()
        with av.open(out) as container:
            assert container.metadata["title"] == TEXTS[raw]


def test_the_names_of_tracks_and_chapters_may_be_in_any_encoding(identity: Path, tmp_path: Path):
    film = tmp_path / "in.mkv"
    with_extras(film, lambda out: [])
    film.write_bytes(film.read_bytes().replace(b"Ton", b"T\xf6n"))
    stylize(film, tmp_path / "out.mkv", settings(identity))
    with av.open(tmp_path / "out.mkv") as container:
        assert container.streams.audio[0].metadata["title"] == "Tön"


@pytest.mark.parametrize("words", ["srt", "ass", "webvtt"])
def test_lines_that_are_not_utf_8_are_shown(identity: Path, tmp_path: Path, words: str):
    film = write_film(tmp_path / "in.mkv", steps(COUNT), words=words)
    data = film.read_bytes()
    assert b"Hello" in data
    film.write_bytes(data.replace(b"Hello", b"H\xe9llo"))
    result = stylize(film, tmp_path / "out.mp4", settings(identity))
    assert result.losses == ()
    assert any("Héllo".encode() in data for _, data in packets(result.output, "subtitle"))


# ---- pictures beside the film ----


def test_a_cover_is_kept_where_the_container_can(identity: Path, tmp_path: Path):
    film = with_extras(tmp_path / "in.mp4", lambda out: still(out, Disposition.attached_pic))
    for ending, kept in {".mp4": True, ".mkv": True, ".webm": False, ".ts": False}.items():
        out = tmp_path / f"out{ending}"
        plan = make_plan(film, out, settings(identity))
        assert plan.streams[-1].line.startswith(
            "cover stream 2 (mjpeg) is " + ("copied" if kept else "left out")
        )
        result = stylize(film, out, settings(identity))
        assert (result.frames, result.losses) == (COUNT, ())
        with av.open(out) as container:
            covers = [s for s in container.streams if s.disposition & Disposition.attached_pic]
            assert len(covers) == kept
            assert container.streams.video[0].width == 64


def test_fonts_are_kept_in_matroska_and_an_attached_cover_reaches_mp4(
    identity: Path, tmp_path: Path
):
    def add(out: Any) -> list[Any]:
        out.add_attachment("cover.jpg", "image/jpeg", jpeg())
        out.add_attachment("font.ttf", "font/ttf", b"a font")
        out.add_attachment("data.json", "application/json", b"{}")
        return []

    film = with_extras(tmp_path / "in.mkv", add)
    stylize(film, tmp_path / "out.mkv", settings(identity))
    with av.open(tmp_path / "out.mkv") as container:
        names = {s.metadata.get("filename"): s.type for s in container.streams}
        assert set(names) == {None, "cover.jpg", "font.ttf", "data.json"}
    assert stylize(film, tmp_path / "out.mp4", settings(identity)).losses == ()
    assert kinds(tmp_path / "out.mp4") == ["video", "audio", "video"]


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_a_still_picture_that_is_flagged_default_is_not_the_film(
    identity: Path, tmp_path: Path, name: str
):
    film = with_extras(tmp_path / name, lambda out: still(out, Disposition.default), True)
    result = stylize(film, tmp_path / "out.mp4", settings(identity))
    assert result.frames == COUNT


def test_the_user_chooses_among_several_films(identity: Path, tmp_path: Path):
    film = with_extras(tmp_path / "in.mkv", second_film)
    stylize(film, tmp_path / "first.mp4", settings(identity))
    assert read_video(tmp_path / "first.mp4")[0][0].shape == (48, 64, 3)
    plan = make_plan(film, tmp_path / "second.mp4", settings(identity, video_stream=2))
    assert plan.streams[0].line == "video stream 0 (mpeg4) is left out: one picture is painted"
    stylize(film, tmp_path / "second.mp4", settings(identity, video_stream=2))
    assert read_video(tmp_path / "second.mp4")[0][0].shape == (24, 32, 3)
    assert len(packets(tmp_path / "second.mp4", "audio")) == len(packets(film, "audio"))
    with pytest.raises(
        SourceError, match=r"no video stream 1; .* can be 0 \(mpeg4, 64x48\) or 2 \(mpeg4, 32x24\)"
    ):
        make_plan(film, tmp_path / "third.mp4", settings(identity, video_stream=1))


def test_a_picture_that_changes_its_shape_is_fitted_with_bars(
    identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A portrait that is cut into landscape half-way."""
    whole = [Fraction(1, 2) + time / 10 for time in steps(COUNT)]  # all of it flashes
    parts = [
        write_film(tmp_path / "a.ts", whole, size=(64, 48), sound=None),
        write_film(tmp_path / "b.ts", whole, size=(48, 64), sound=None),
    ]
    film = joined(tmp_path / "in.ts", *parts)
    stylize(film, tmp_path / "out.mp4", settings(identity))
    frames, _ = read_video(tmp_path / "out.mp4")
    assert len(frames) == 2 * COUNT
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    columns = frames[-1].mean(axis=(0, 2))  # 36 px of 64 are picture
    assert columns[:12].max() < 20 and columns[-12:].max() < 20
    assert columns[18:46].min() > 200
    assert "the picture changes from 64x48 to 48x64" in caplog.text


# ---- tracks ----


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
def test_language_title_and_dispositions_are_kept(identity: Path, tmp_path: Path, ending: str):
    film = with_extras(tmp_path / "in.mkv", lambda out: [])
    stylize(film, tmp_path / f"out{ending}", settings(identity))
    with av.open(tmp_path / f"out{ending}") as container:
        sound = container.streams.audio[0]
        assert sound.metadata["language"] == "deu"
        assert sound.metadata["handler_name" if ending == ".mp4" else "title"] == "Ton"
        assert sound.disposition & Disposition.forced


def test_quicktime_gets_the_language_by_its_older_name(identity: Path, tmp_path: Path):
    film = with_extras(tmp_path / "in.mkv", lambda out: [])
    stylize(film, tmp_path / "out.mov", settings(identity))
    with av.open(tmp_path / "out.mov") as container:
        assert container.streams.audio[0].metadata["language"] == "ger"


@pytest.mark.parametrize("ending", [".mkv", ".mp4", ".webm", ".ts", ".mov", ".gif"])
def test_a_track_of_an_unknown_codec_is_left_out_and_said(
    identity: Path, tmp_path: Path, ending: str
):
    film = write_film(tmp_path / "in.mkv", steps(10), sound="flac")
    film.write_bytes(film.read_bytes().replace(b"A_FLAC", b"A_FLXX"))
    out = tmp_path / f"out{ending}"
    (plan,) = make_plan(film, out, settings(identity)).streams
    assert plan.action == "leave out" and "there is no decoder for it" in plan.line
    result = stylize(film, out, settings(identity))
    assert (result.frames, result.losses) == (10, ())


def test_two_sound_packets_of_one_time_are_both_kept(identity: Path, tmp_path: Path):
    film = tmp_path / "in.mkv"
    whole = write_film(tmp_path / "whole.mkv", steps(10))
    with av.open(whole) as source, av.open(film, "w") as out:
        streams = [out.add_stream_from_template(s) for s in source.streams]
        for packet in source.demux():
            if not packet.size:
                continue
            packet.stream = streams[packet.stream.index]
            if packet.stream.type == "audio":
                packet.pts = packet.dts = (packet.pts or 0) // 50 * 50
            out.mux(packet)
    times = [time for time, _ in packets(film, "audio")]
    assert any(a == b for a, b in pairwise(times))
    for ending in (".mp4", ".mkv", ".mov", ".ts"):
        result = stylize(film, tmp_path / f"out{ending}", settings(identity))
        assert result.losses == ()
        assert len(packets(result.output, "audio")) == len(times)


def test_a_gif_says_in_one_line_what_it_lacks(
    identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    film = write_film(tmp_path / "in.mkv", steps(10), words="srt")
    stylize(film, tmp_path / "out.gif", settings(identity))
    (line,) = [record.message for record in caplog.records if "left out" in record.message]
    assert line.startswith("a GIF holds the picture alone; left out: audio stream 1 (aac), subt")


# ---- time code and data ----


@pytest.mark.parametrize(
    ("code", "seconds", "rate", "expected"),
    [
        ("01:00:00:00", Fraction(1), Fraction(25), "01:00:01:00"),
        ("23:59:59:24", Fraction(1, 25), Fraction(25), "00:00:00:00"),
        ("00:00:59;28", Fraction(2002, 30000), Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;28", Fraction(2002, 30000), Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", Fraction(3600), Fraction(30000, 1001), "01:00:00;00"),
        ("reel 5", Fraction(1), Fraction(25), "reel 5"),
    ],
)
def test_a_time_code_goes_on_with_the_cut(
    code: str, seconds: Fraction, rate: Fraction, expected: str
):
    assert advanced(code, seconds, rate) == expected


@pytest.mark.parametrize("ending", [".mov", ".mp4", ".mkv"])
def test_the_time_code_is_kept(identity: Path, tmp_path: Path, ending: str):
    film = tmp_path / "in.mov"
    write_film(film, steps(50), sound=None, tags={"timecode": "01:00:00:00"})
    assert kinds(film) == ["video", "data"]
    for start, expected in ((None, "01:00:00:00"), ("1", "01:00:01:00")):
        out = tmp_path / f"out{start}{ending}"
        (plan,) = make_plan(film, out, settings(identity, start=start)).streams
        assert plan.line == "timecode stream 1 is copied"
        stylize(film, out, settings(identity, start=start))
        with av.open(out) as container:
            tags = {k.lower(): v for k, v in container.streams.video[0].metadata.items()}
            assert tags["timecode"] == expected


@pytest.mark.parametrize("codec", ["klv", "timed_id3"])
def test_data_is_kept_in_a_transport_stream_and_said_elsewhere(
    identity: Path, tmp_path: Path, codec: str
):
    def add(out: Any) -> list[Any]:
        stream = out.add_data_stream(codec)
        stream.time_base = Fraction(1, 90000)
        made: list[Any] = []
        for number in range(3):
            packet = av.Packet(bytes.fromhex("060e2b34") + b"data %d" % number)
            packet.stream, packet.time_base = stream, Fraction(1, 90000)
            packet.pts = packet.dts = number * 20000
            made.append(packet)
        return made

    film = with_extras(tmp_path / "in.ts", add)
    stylize(film, tmp_path / "out.ts", settings(identity))
    assert [data for _, data in packets(tmp_path / "out.ts", "data")] == [
        data for _, data in packets(film, "data")
    ]
    plans = make_plan(film, tmp_path / "out.mp4", settings(identity)).streams
    assert plans[-1].line == f"data stream 2 ({codec}) is left out: mp4 can't hold it"


# ---- --cfr ----


def duration_of(film: Path) -> Fraction:
    return open_source(str(film)).info.duration or Fraction(0)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".webm"])
@pytest.mark.parametrize(
    ("rate", "exact"), [("25", Fraction(25)), ("29.97", Fraction(30000, 1001))]
)
def test_a_constant_rate_repeats_and_drops_frames(
    identity: Path, tmp_path: Path, ending: str, rate: str, exact: Fraction
):
    ticks = np.cumsum([0, *[3600, 1800, 7200, 9000, 3000, 200] * 16])
    film = write_film(tmp_path / "in.mp4", [Fraction(int(t), 90000) for t in ticks])
    out = tmp_path / f"out{ending}"
    result = stylize(film, out, settings(identity, cfr=rate))
    times = read_video(out)[1]
    coarse = Fraction(1, 1000) if ending in (".mkv", ".webm") else Fraction(1, 80000)
    assert all(abs(b - a - 1 / exact) <= coarse for a, b in pairwise(times))
    assert result.frames == len(times) == round(float(result.end - result.start) * exact)
    assert float(result.end) == pytest.approx(float(duration_of(film)), abs=0.03)
    assert offsets(out) == pytest.approx(offsets(film), abs=0.5 / float(exact) + 0.001)
    with av.open(out) as container:
        assert container.streams.video[0].average_rate == exact
    if ending == ".mp4":
        assert packets(out, "audio") == packets(film, "audio")


def test_nothing_is_painted_twice_and_the_plan_says_the_rate(identity: Path, tmp_path: Path):
    film = write_film(tmp_path / "in.mp4", steps(10))
    plan = make_plan(film, tmp_path / "out.mp4", settings(identity, cfr="50"))
    assert plan.frames == 20
    assert any("a constant 50 frames/s" in line for line in plan.lines())
    seen: list[Any] = []
    stylize(film, tmp_path / "out.mp4", settings(identity, cfr="50"), on_frame=seen.append)
    assert len(seen) == 20
    assert all(a.painted is b.painted for a, b in zip(seen[::2], seen[1::2], strict=True))


@pytest.mark.parametrize(
    ("name", "rate", "why"),
    [
        ("out.gif", "30", "a GIF counts hundredths of a second; type --cfr 10, 20, 25 or 50"),
        ("frames", "25", "only a video has a frame rate"),
    ],
)
def test_a_constant_rate_that_can_not_be_is_refused(
    identity: Path, tmp_path: Path, name: str, rate: str, why: str
):
    film = write_film(tmp_path / "in.mp4", steps(10))
    with pytest.raises(SettingsError, match=why):
        make_plan(film, tmp_path / name, settings(identity, cfr=rate))
    with pytest.raises(SettingsError, match="is not a frame rate"):
        settings(identity, cfr="fast")


# ---- side data ----


def with_exif(picture: bytes, orientation: int) -> bytes:
    """A JPEG that says how it is turned."""
    entry = bytes.fromhex("1201 0300 01000000") + orientation.to_bytes(4, "little")
    body = b"Exif\0\0II*\0" + bytes.fromhex("08000000 0100") + entry + bytes(4)
    return picture[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + picture[2:]


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (6, lambda x: np.rot90(x, -1)),
        (5, lambda x: x.transpose(1, 0, 2)),
    ],
)
def test_side_data_that_pyav_does_not_know_is_passed_over(
    identity: Path,
    tmp_path: Path,
    orientation: int,
    upright: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]],
):
    """A film of JPEGs with EXIF, as cameras write them: it is read, and upright."""
    scene = moving_scene(3)
    film = tmp_path / "in.mkv"
    with av.open(film, "w") as out:
        stream = out.add_mux_stream("mjpeg", rate=25, width=64, height=48)
        stream.time_base = Fraction(1, 25)
        for number, rgb in enumerate(scene):
            encoded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            packet = av.Packet(with_exif(encoded.tobytes(), orientation))
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, True
            out.mux(packet)
    stylize(film, tmp_path / "out.mp4", settings(identity))
    frames, _ = read_video(tmp_path / "out.mp4")
    wanted = upright(scene[0])
    assert frames[0].shape == wanted.shape
    assert np.abs(frames[0].astype(float) - wanted).mean() < 12
