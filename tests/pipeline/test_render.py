from __future__ import annotations

import json
import signal
import sys
import threading
import time
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.chunks.renderer import render_segment
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SinkError, SourceError, StylizeError
from stylize_video.pipeline.core.frame import Span
from stylize_video.pipeline.media.encoding import choose_encoding
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.mux import WHOLE, join
from stylize_video.pipeline.media.source_file import SourceFile
from stylize_video.pipeline.media.streams import plan_streams
from stylize_video.pipeline.media.writers import VideoWriter
from stylize_video.pipeline.styles.per_shot import paint_shots

from ..helpers.command import start_process
from ..helpers.open_styles import open_file
from ..helpers.pictures import psnr
from ..helpers.video import MakeClip, moving_scene, packets, read_video


def settings(identity: Path, **values: Any) -> Settings:
    return checked(
        Settings, {"style": str(identity), "device": "cpu", "steady": "off", **values}, "test"
    )


def left_behind(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


LOSSLESS: dict[str, Any] = {"crf": 0, "encoder_option": {"pix_fmt": "yuv444p"}}


def test_pictures_times_sound_words_chapters_and_title_survive(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip(subtitles=True, chapters=True)
    out = tmp_path / "out.mp4"
    result = stylize(clip, out, settings(identity, **LOSSLESS))
    before, times = read_video(clip)
    after, new_times = read_video(out)
    assert result.frames == len(after) == 30
    assert new_times == times
    assert min(psnr(a, b) for a, b in zip(after, before, strict=True)) > 45
    assert packets(out, "audio") == packets(clip, "audio")
    # MP4 fills the pauses between words with empty packets of its own.
    said = [[p for p in packets(f, "subtitle") if len(p[1]) > 2] for f in (out, clip)]
    assert said[0] == said[1] == [(Fraction(1, 5), b"\x00\x0bHello there")]
    with av.open(clip) as a, av.open(out) as b:
        assert [c["metadata"] for c in b.chapters()] == [{"title": "one"}, {"title": "two"}]
        assert b.metadata["title"] == "A test"
        assert b.duration == a.duration
    assert left_behind(tmp_path) == []


def test_a_variable_rate_stays_variable(make_clip: MakeClip, identity: Path, tmp_path: Path):
    pts = [0, 40, 41, 300, 333, 1000, 1001, 1500]
    clip = make_clip(
        frames=moving_scene(8), pts=pts, time_base=Fraction(1, 1000), step=33, audio=False
    )
    stylize(clip, tmp_path / "out.mp4", settings(identity))
    assert read_video(tmp_path / "out.mp4")[1] == [Fraction(p, 1000) for p in pts]


@pytest.mark.parametrize(
    "tags", [(1, 1, 1, 1), (6, 1, 6, 6), (9, 1, 1, 9), (2, 0, 2, 2), (1, 2, 1, 1)]
)
def test_colours_look_the_same_and_are_tagged_as_written(
    make_clip: MakeClip, identity: Path, tmp_path: Path, tags: tuple[int, int, int, int]
):
    clip = make_clip(frames=moving_scene(3), tags=tags, audio=False)
    stylize(clip, tmp_path / "out.mp4", settings(identity, **LOSSLESS))
    with av.open(tmp_path / "out.mp4") as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == tags[:2]
        assert (frame.color_trc, frame.color_primaries) == tags[2:]
    assert psnr(read_video(tmp_path / "out.mp4")[0][0], read_video(clip)[0][0]) > 45


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("o.mp4", "h264", "yuv420p"),
        ("o.mov", "h264", "yuv420p"),
        ("o.mkv", "h264", "yuv420p"),
        ("o.webm", "vp9", "yuv420p"),
        ("o.gif", "gif", "bgra"),
        ("o.ts", "h264", "yuv420p"),
    ],
)
def test_every_container_has_its_codec_and_all_frames(
    make_clip: MakeClip, identity: Path, tmp_path: Path, name: str, codec: str, pixel_format: str
):
    clip = make_clip()
    stylize(clip, tmp_path / name, settings(identity))
    with av.open(tmp_path / name) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.codec.canonical_name == codec
        assert frames[0].format.name == pixel_format
    times = [float(f.pts * f.time_base) for f in frames if f.pts is not None]
    tick = 0.0006 if name != "o.gif" else 0.0051
    wanted = [i * 1001 / 30000 for i in range(30)]
    start = times[0] if name == "o.ts" else 0.0
    assert max(abs(t - start - w) for t, w in zip(times, wanted, strict=True)) <= tick


def test_mp4_starts_fast(make_clip: MakeClip, identity: Path, tmp_path: Path):
    stylize(make_clip(), tmp_path / "out.mp4", settings(identity))
    written = (tmp_path / "out.mp4").read_bytes()
    assert 0 < written.find(b"moov") < written.find(b"mdat")


def test_sound_that_the_container_refuses_is_transcoded_with_a_note(
    make_clip: MakeClip, identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clip = make_clip(subtitles=True)
    stylize(clip, tmp_path / "out.webm", settings(identity))
    assert "audio stream 1 (aac) is encoded as libopus" in caplog.text
    assert "is encoded as webvtt" in caplog.text
    with av.open(tmp_path / "out.webm") as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "opus"
        samples = sum(f.samples for f in container.decode(sound))
    assert abs(samples / 48000 - 30 * 1001 / 30000) < 0.05
    (words,) = packets(tmp_path / "out.webm", "subtitle")
    assert words == (Fraction(1, 5), b"Hello there")


def test_odd_sizes_come_out_at_their_size_with_a_note(
    make_clip: MakeClip, identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clip = make_clip(frames=moving_scene(3, width=65, height=47))
    stylize(clip, tmp_path / "out.mp4", settings(identity))
    frames, _ = read_video(tmp_path / "out.mp4")
    assert frames[0].shape == (47, 65, 3)
    assert "65x47 is odd" in caplog.text


def test_a_folder_of_pngs(make_clip: MakeClip, identity: Path, tmp_path: Path):
    clip = make_clip(frames=moving_scene(4))
    stylize(clip, tmp_path / "frames", settings(identity))
    written = sorted((tmp_path / "frames").iterdir())
    assert [p.name for p in written] == [f"{i:06d}.png" for i in range(1, 5)]
    first = cv2.imread(str(written[0]), cv2.IMREAD_COLOR_RGB)
    assert first is not None
    assert np.array_equal(first, read_video(clip)[0][0])


def test_a_folder_that_holds_other_things_is_never_replaced(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip(frames=moving_scene(2))
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "beach.jpg").write_bytes(b"precious")
    with pytest.raises(SinkError, match=r"holds other things \(beach\.jpg\)"):
        stylize(clip, folder, settings(identity, overwrite=True))
    assert (folder / "beach.jpg").read_bytes() == b"precious"

    ours = tmp_path / "ours"
    stylize(clip, ours, settings(identity))
    with pytest.raises(SinkError, match="add --overwrite"):
        stylize(clip, ours, settings(identity))
    stylize(clip, ours, settings(identity, overwrite=True, end="0.01"))
    assert [p.name for p in ours.iterdir()] == ["000001.png"]


def test_pictures_in_pictures_out_without_loss(identity: Path, tmp_path: Path):
    picture = np.random.default_rng(0).integers(0, 256, (21, 33, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), picture)
    stylize(tmp_path / "in.png", tmp_path / "out.png", settings(identity))
    assert np.array_equal(cv2.imread(str(tmp_path / "out.png")), picture)


def test_a_video_does_not_fit_in_a_picture(make_clip: MakeClip, identity: Path, tmp_path: Path):
    with pytest.raises(SinkError, match=r"is one picture, but .* has 30"):
        stylize(make_clip(), tmp_path / "out.png", settings(identity))


def test_trimming_moves_picture_and_sound_together(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip(frames=moving_scene(60))
    out = tmp_path / "out.mp4"
    result = stylize(clip, out, settings(identity, start="0.5", end="1.5", **LOSSLESS))
    frames, times = read_video(out)
    whole, whole_times = read_video(clip)
    first = next(i for i, t in enumerate(whole_times) if t >= Fraction(1, 2))
    assert times[0] == 0
    assert result.frames == len(frames) == sum(Fraction(1, 2) <= t < 1.5 for t in whole_times)
    assert psnr(frames[0], whole[first]) > 45
    sound = packets(out, "audio")
    source = {data: time for time, data in packets(clip, "audio")}
    shifts = {round(float(source[data] - time), 3) for time, data in sound}
    assert shifts == {round(float(whole_times[first]), 3)}
    assert 0.95 < float(sound[-1][0] - sound[0][0]) < 1.1


def test_ranges_rendered_apart_join_to_the_whole(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip()
    source = open_source(str(clip))
    stage = partial(paint_shots, style=open_file(identity))
    encoding = choose_encoding(Path("o.mp4"), settings(identity, **LOSSLESS), source.info)
    bounds = [None, Fraction(10 * 1001, 30000), Fraction(17 * 1001, 30000), None]
    pieces = []
    for number, (start, end) in enumerate(pairwise(bounds)):
        path = tmp_path / f"piece{number}"
        writer = VideoWriter(path, path, source.info, encoding)
        frames = stage(source.frames(Span(start, end)))
        piece, broken = render_segment(source.info, frames, path, writer)
        assert broken is None
        assert len(read_video(path)[0]) == piece.frames
        pieces.append(piece)
    original = SourceFile(clip)
    plans = plan_streams(original, "mp4")
    assert join(pieces, original, tmp_path / "joined.mp4", "mp4", WHOLE, plans) == []
    frames, times = read_video(tmp_path / "joined.mp4")
    whole, whole_times = read_video(clip)
    assert times == whole_times
    assert min(psnr(a, b) for a, b in zip(frames, whole, strict=True)) > 45
    assert packets(tmp_path / "joined.mp4", "audio") == packets(clip, "audio")


def test_asked_to_stop_it_finishes_the_file(make_clip: MakeClip, identity: Path, tmp_path: Path):
    clip = make_clip(frames=moving_scene(60))
    stop = threading.Event()
    seen: list[int] = []

    def count(frame: object) -> None:
        seen.append(1)
        if len(seen) == 10:
            stop.set()

    result = stylize(clip, tmp_path / "out.mp4", settings(identity), on_frame=count, stop=stop)
    assert result.stopped
    assert result.frames == len(read_video(tmp_path / "out.mp4")[0]) == 10
    last = packets(tmp_path / "out.mp4", "audio")[-1][0]
    assert float(last) < 10 * 1001 / 30000


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent another way there")
def test_ctrl_c_leaves_a_file_that_plays_and_says_what_it_holds(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip(frames=moving_scene(1500, 320, 240), audio=True)
    out = tmp_path / "out.mp4"
    words = [clip, out, "--style", identity, "--json-progress", "--encoder-option"]
    process = start_process(*words, "preset=slower")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "progress":
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    last = json.loads(told.splitlines()[-1])
    assert last["event"] == "stopped"
    assert 0 < len(read_video(out)[0]) == last["frames"] < 1500
    assert left_behind(tmp_path) == [".out.mp4.work"]  # it says that the film may be gone on with


def test_a_clip_that_breaks_half_way_keeps_what_came_before(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    whole = tmp_path / "whole.mp4"
    stylize(make_clip(frames=moving_scene(120)), whole, settings(identity))
    broken = tmp_path / "broken.mp4"
    data = whole.read_bytes()
    broken.write_bytes(data[: len(data) * 6 // 10])
    out = tmp_path / "out.mp4"
    with pytest.raises(SourceError, match=r"breaks off at .* the (\d+) frames before that are in"):
        stylize(broken, out, settings(identity))
    assert 20 < len(read_video(out)[0]) < 120
    assert left_behind(tmp_path) == []


def test_an_existing_file_is_kept_unless_told(make_clip: MakeClip, identity: Path, tmp_path: Path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(SinkError, match="add --overwrite"):
        stylize(make_clip(), out, settings(identity))
    assert out.read_bytes() == b"precious"
    stylize(tmp_path / "in.mp4", out, settings(identity, overwrite=True))
    assert len(read_video(out)[0]) == 30


def test_a_failed_run_leaves_the_old_file_and_nothing_else(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(StylizeError, match="no option 'prset'"):
        stylize(
            make_clip(), out,
            settings(identity, overwrite=True, encoder_option={"prset": "slow"}),
        )  # fmt: skip
    assert out.read_bytes() == b"precious"
    assert left_behind(tmp_path) == []


def test_output_equal_to_input_is_refused(make_clip: MakeClip, identity: Path, tmp_path: Path):
    clip = make_clip()
    before = clip.read_bytes()
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    for target in (clip, link):
        with pytest.raises(SinkError, match="is the input itself"):
            stylize(clip, target, settings(identity, overwrite=True))
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("codec", "options", "told"),
    [
        ("x264", {}, "is no encoder here; did you mean 'libx264'"),
        ("aac", {}, "encodes audio"),
        ("libx264", {"encoder_option": {"prset": "slow"}}, "did you mean 'preset'"),
        ("ffv1", {"crf": 20}, "--crf is not known for ffv1"),
    ],
)
def test_a_wrong_encoder_setting_is_named(
    make_clip: MakeClip, identity: Path, tmp_path: Path, codec: str, options: Any, told: str
):
    with pytest.raises(SinkError, match=told):
        stylize(make_clip(), tmp_path / "o.mkv", settings(identity, codec=codec, **options))
    assert not (tmp_path / "o.mkv").exists()


def test_crf_changes_the_size(make_clip: MakeClip, identity: Path, tmp_path: Path):
    clip = make_clip(frames=moving_scene(10, 320, 240), audio=False)
    sizes = []
    for crf in (5, 45):
        stylize(clip, tmp_path / f"{crf}.mp4", settings(identity, crf=crf))
        sizes.append((tmp_path / f"{crf}.mp4").stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]


def test_what_appears_at_the_target_during_the_run_is_kept_and_so_is_the_work(
    make_clip: MakeClip, identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clip = make_clip(frames=moving_scene(5))
    for name in ("out.mp4", "frames"):
        target = tmp_path / name

        def intrude(frame: object, target: Path = target) -> None:
            if target.suffix:
                target.write_bytes(b"precious")
            else:
                target.mkdir(exist_ok=True)
                (target / "thesis.txt").write_bytes(b"precious")

        result = stylize(clip, target, settings(identity), on_frame=intrude)
        kept = target if target.suffix else target / "thesis.txt"
        assert kept.read_bytes() == b"precious"
        assert result.output.name == f"{target.stem}-2{target.suffix}"
        assert result.output.exists()
        assert "appeared during the run" in caplog.text
    assert left_behind(tmp_path) == []


def test_pictures_are_never_written_among_their_sources(identity: Path, tmp_path: Path):
    folder = tmp_path / "fr"
    folder.mkdir()
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / f"{number:06d}.png"), np.full((8, 8, 3), number, np.uint8))
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    for source in (folder, f"{folder}/%06d.png", f"{folder}/*.png", folder / "000002.png"):
        with pytest.raises(SinkError, match="is the input itself"):
            stylize(source, folder, settings(identity, overwrite=True))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_sound_that_outlasts_the_picture_is_kept(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip(frames=moving_scene(60))
    longer = tmp_path / "longer.mkv"
    stylize(clip, longer, settings(identity))
    short = tmp_path / "short.mkv"
    with av.open(longer) as source, av.open(short, "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size and (packet.stream.type == "audio" or (packet.pts or 0) < 700):
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    result = stylize(short, tmp_path / "out.mkv", settings(identity))
    assert 18 <= result.frames <= 24
    heard = packets(tmp_path / "out.mkv", "audio")
    assert [data for _, data in heard] == [data for _, data in packets(short, "audio")]


@pytest.mark.parametrize(
    ("name", "codec"), [("o.webm", "libx264"), ("o.gif", "libx264"), ("o.ts", "prores_ks")]
)
def test_a_codec_that_the_container_refuses_is_said_before_the_work(
    make_clip: MakeClip, identity: Path, tmp_path: Path, name: str, codec: str
):
    seen: list[object] = []
    with pytest.raises(SinkError, match=f"can't hold {codec}"):
        stylize(make_clip(), tmp_path / name, settings(identity, codec=codec), on_frame=seen.append)
    assert not seen


def test_a_wrong_pixel_format_is_named(make_clip: MakeClip, identity: Path, tmp_path: Path):
    wrong = settings(identity, encoder_option={"pix_fmt": "yuv420"})
    with pytest.raises(SinkError, match="no pixel format yuv420; did you mean"):
        stylize(make_clip(), tmp_path / "o.mp4", wrong)


def test_a_gif_of_a_fast_clip_drops_frames_and_says_so(
    make_clip: MakeClip, identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clip = make_clip(frames=moving_scene(48), time_base=Fraction(1, 240), step=1, audio=False)
    stylize(clip, tmp_path / "o.gif", settings(identity))
    frames, times = read_video(tmp_path / "o.gif")
    assert 19 <= len(frames) <= 21
    assert times[-1] < 0.21
    assert "frames were dropped" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_odd_names_are_only_names(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_clip("12:30 [1] 100% é.mp4", frames=moving_scene(3))
    monkeypatch.chdir(tmp_path)
    stylize("12:30 [1] 100% é.mp4", "a:b.mp4", settings(identity))
    assert len(read_video(tmp_path / "a:b.mp4")[0]) == 3


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "start"), [("sample_h264.ts", "0.2"), ("sample.avi", "0.5"), ("01_dog.mp4", "3.3")]
)
def test_a_start_is_exact_in_any_container(
    clips: Path, identity: Path, tmp_path: Path, name: str, start: str
):
    source = open_source(str(clips / name), "64x36")
    wanted = [f for f in source.frames() if f.time >= source.info.start + Fraction(start)]
    result = stylize(
        clips / name, tmp_path / "o.mp4", settings(identity, start=start, size="64x36")
    )
    assert result.frames == len(wanted)
    assert result.start == wanted[0].time


def test_av1_is_written(make_clip: MakeClip, identity: Path, tmp_path: Path):
    stylize(
        make_clip(frames=moving_scene(5)), tmp_path / "o.mp4", settings(identity, codec="libsvtav1")
    )
    assert len(read_video(tmp_path / "o.mp4")[0]) == 5


REAL = [
    "01_dog.mp4", "bigbuckbunny.mp4", "car-detection.mp4", "timelapse1_orig.mp4", "bbb_2500ms.ts",
    "sample_fragmented.mp4", "sample_with_chapters.mp4", "sample_shorter_audio.mp4", "sample.flv",
    "sample_edit_list.mp4", "mv_with_2_top_shots.mp4", "nasa_13013.mp4", "hdr10-av1.mp4",
    "bear-vp9-odd-dimensions.webm", "sample_with_srt.mkv", "sample.avi", "h264_10bits.mp4",
]  # fmt: skip


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_real_clips_keep_every_frame_time_and_sound_packet(
    clips: Path, identity: Path, tmp_path: Path, name: str
):
    out = tmp_path / "out.mp4"
    stylize(clips / name, out, settings(identity, size="64x36"))
    with av.open(clips / name) as container:
        stream = container.streams.best("video")
        assert stream is not None
        wanted = [f.pts * stream.time_base for f in container.decode(stream)]
    assert read_video(out)[1] == wanted
    with av.open(clips / name) as a, av.open(out) as b:
        assert len(a.streams.audio) == len(b.streams.audio)
        assert len(a.streams.subtitles) == len(b.streams.subtitles)
        has_sound = bool(a.streams.audio)
        assert [c["metadata"] for c in a.chapters()] == [c["metadata"] for c in b.chapters()]
    if has_sound:
        heard, kept = packets(clips / name, "audio"), packets(out, "audio")
        assert [data for _, data in kept] == [data for _, data in heard]
        assert max(abs(x[0] - y[0]) for x, y in zip(heard, kept, strict=True)) < 0.001
