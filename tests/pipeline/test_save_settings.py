"""``--save-settings``: beside the result and in its metadata, and used again."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from stylize_video.pipeline.core.config import load_config
from stylize_video.pipeline.media.images import write_picture
from stylize_video.pipeline.media.settings_tag import settings_in

from ..helpers.command import one_line, run_command
from ..helpers.video import MakeClip, moving_scene

LOOK = ("--style", "udnie", "--strength", "0.6", "--hold", "2", "--device", "cpu")


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_film_is_made_again_of_its_own_metadata(make_clip: MakeClip, tmp_path: Path, ending: str):
    clip, out = make_clip(frames=moving_scene(4)), tmp_path / f"a{ending}"
    done = run_command(clip, out, *LOOK, "--save-settings")
    assert done.returncode == 0
    assert f"its settings: {tmp_path / 'a.yaml'}" in done.stderr
    expected = {"style": ["udnie"], "strength": 0.6, "hold": 2, "device": "cpu"}
    assert load_config(tmp_path / "a.yaml") == settings_in(out) == expected
    for config in (out, tmp_path / "a.yaml"):
        again = tmp_path / f"b{ending}"
        words = ("--config", config, "--save-settings", "--overwrite")
        assert run_command(clip, again, *words).returncode == 0
        assert again.read_bytes() == out.read_bytes()


def test_the_films_own_comment_stays_and_another_runs_settings_do_not(
    make_clip: MakeClip, tmp_path: Path
):
    clip = make_clip(frames=moving_scene(3))
    with av.open(tmp_path / "in.mkv", "w") as out, av.open(clip) as source:
        out.metadata["comment"] = "Shot by me"
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    run_command(tmp_path / "in.mkv", tmp_path / "a.mp4", *LOOK, "--save-settings")
    run_command(tmp_path / "a.mp4", tmp_path / "b.mp4", *LOOK)
    with av.open(tmp_path / "a.mp4") as one, av.open(tmp_path / "b.mp4") as two:
        first, rest = one.metadata["comment"].split("\n")
        assert first == two.metadata["comment"] == "Shot by me"
        assert rest.startswith('{"stylize-video": ')


def test_no_path_is_in_the_metadata(make_clip: MakeClip, tmp_path: Path):
    (tmp_path / "secret").mkdir()
    mask = tmp_path / "secret" / "mask.png"
    clip = make_clip(frames=moving_scene(3))
    write_picture(mask, np.full((48, 64, 3), 255, np.uint8))
    done = run_command(clip, tmp_path / "o.mp4", *LOOK, "--mask", mask, "--save-settings")
    assert done.returncode == 0
    assert b"secret" not in (tmp_path / "o.mp4").read_bytes()
    assert settings_in(tmp_path / "o.mp4")["mask"] == "mask.png"
    assert load_config(tmp_path / "o.yaml")["mask"] == str(mask)


def test_a_picture_has_them_too_and_no_file_is_replaced(tmp_path: Path):
    picture = tmp_path / "in.png"
    write_picture(picture, moving_scene(1)[0])
    (tmp_path / "o.yaml").write_text("mine", encoding="utf-8")
    done = run_command(picture, tmp_path / "o.png", "--style", "udnie", "--save-settings")
    assert f"its settings: {tmp_path / 'o-2.yaml'}" in done.stderr
    assert (tmp_path / "o.yaml").read_text(encoding="utf-8") == "mine"
    assert settings_in(tmp_path / "o.png") == {"style": ["udnie"]}
    run_command(picture, tmp_path / "again.png", "--config", tmp_path / "o.png")
    assert (tmp_path / "again.png").stat().st_size < (tmp_path / "o.png").stat().st_size


def test_a_film_without_settings_is_one_line(make_clip: MakeClip, tmp_path: Path):
    clip = make_clip(frames=moving_scene(2))
    line = one_line(run_command(clip, tmp_path / "o.mp4", "--config", clip))
    assert "has no settings in its metadata: it was not made with --save-settings" in line
