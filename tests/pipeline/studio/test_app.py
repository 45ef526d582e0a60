"""What the page asks of a studio, over a real socket."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from stylize_video.pipeline.media.images import write_picture

from ...helpers.studio import Visitor, running_studio
from ...helpers.video import Pictures, moving_scene, write_clip


def two_shots() -> Pictures:
    return [*moving_scene(12), *(255 - frame for frame in moving_scene(12))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studio") / "films"
    folder.mkdir()
    write_clip(folder / "two shots.mp4", two_shots(), pts=list(range(0, 24000, 1000)))
    write_picture(folder / "painting.png", moving_scene(1)[0])
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Visitor]:
    with running_studio(folder) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def clip(studio: Visitor) -> dict[str, Any]:
    return next(c for c in studio.get("/api/clips").json if c["name"] == "two shots.mp4")


def decoded(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_the_state_says_what_is_in_the_folder(studio: Visitor, folder: Path):
    state = studio.get("/api/state").json
    assert state["folder"] == str(folder.resolve())
    clip = next(c for c in state["clips"] if c["name"] == "two shots.mp4")
    assert (clip["width"], clip["height"], clip["sound"], clip["uploaded"]) == (64, 48, True, False)
    assert clip["seconds"] == pytest.approx(0.8, abs=0.1)
    assert [one["name"] for one in state["paintings"]] == ["painting.png"]
    assert {"udnie", "starry-night"} <= {style["name"] for style in state["styles"]}
    assert [kind["id"] for kind in state["outputs"]] == ["h264", "prores", "gif", "frames", "zip"]


def test_a_first_visit_sets_a_cookie_that_opens_the_rest(studio: Visitor):
    answer = studio.get("/api/state")
    assert "set-cookie" not in {name.lower() for name in answer.headers}
    cookie = studio.get("/").headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    held = {"Cookie": cookie.partition(";")[0]}
    assert studio.ask("GET", "/api/styles", headers=held, token="").status == 200
    assert studio.ask("GET", "/api/styles", token="").status == 403


def test_shots_are_those_of_the_film(studio: Visitor, clip: dict[str, Any]):
    found = studio.until(f"/api/clips/{clip['id']}/shots", lambda shots: shots["done"], 20)
    assert [shot["number"] for shot in found["shots"]] == [1, 2]
    assert found["shots"][1]["start"] == pytest.approx(0.4, abs=0.001)
    assert found["shots"][1]["end"] == pytest.approx(0.8, abs=0.05)


def test_a_frame_is_the_one_of_its_time(studio: Visitor, clip: dict[str, Any]):
    frames = two_shots()
    for number in (0, 5, 13, 23):
        time = number / 30 + 0.001
        picture = decoded(studio.get(f"/api/clips/{clip['id']}/frame", t=time).body)
        error = np.abs(picture[..., ::-1].astype(int) - frames[number]).mean()
        assert error < 6, number
    late = decoded(studio.get(f"/api/clips/{clip['id']}/frame", t=99, height=24).body)
    assert late.shape == (24, 32, 3)


def test_the_film_itself_comes_in_ranges(studio: Visitor, clip: dict[str, Any], folder: Path):
    data = (folder / "two shots.mp4").read_bytes()
    whole = studio.get(f"/api/clips/{clip['id']}/file")
    assert (whole.status, whole.body) == (200, data)
    part = studio.ask("GET", f"/api/clips/{clip['id']}/file", headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert whole.headers["content-type"] == "video/mp4"


def test_a_painted_frame_says_that_it_is_a_preview(studio: Visitor, clip: dict[str, Any]):
    path = f"/api/clips/{clip['id']}/painted"
    answer = studio.get(path, t=0.2, style="udnie", strength=0.5, height=48)
    assert (answer.status, answer.headers["x-preview"]) == (200, "1")
    assert decoded(answer.body).shape == (48, 64, 3)
    for wrong in ({"style": "udni"}, {"strength": 2}, {"colour": "red"}, {"t": "nan"}):
        answer = studio.get(path, **{"style": "udnie", **wrong})
        assert answer.status in (400, 404) and "\n" not in answer.json["error"], wrong


def test_an_upload_is_kept_under_an_unused_name_and_can_be_removed(
    studio: Visitor, folder: Path, clip: dict[str, Any]
):
    data = (folder / "two shots.mp4").read_bytes()
    first = studio.ask("POST", "/api/clips", data, name="two shots.mp4")
    assert (first.status, first.json["name"]) == (201, "two shots-2.mp4")
    assert (folder / "two shots-2.mp4").read_bytes() == data
    assert studio.ask("DELETE", f"/api/clips/{first.json['id']}").status == 204
    assert not (folder / "two shots-2.mp4").exists()
    kept = studio.ask("DELETE", f"/api/clips/{clip['id']}")
    assert kept.status == 403 and (folder / "two shots.mp4").exists()


def test_an_upload_without_a_length_is_taken_too(studio: Visitor, folder: Path):
    data = (folder / "painting.png").read_bytes()
    pieces = (data[i : i + 100] for i in range(0, len(data), 100))
    answer = studio.ask("POST", "/api/paintings", pieces, name="gemälde.png")
    assert (answer.status, answer.json["name"]) == (201, "gemälde.png")
    shown = studio.get(f"/api/paintings/{answer.json['id']}/picture", height=20)
    assert decoded(shown.body).shape[0] == 20
    assert studio.ask("DELETE", f"/api/paintings/{answer.json['id']}").status == 204


def test_a_state_of_the_page_is_a_command_line_and_yaml(
    studio: Visitor, clip: dict[str, Any], folder: Path
):
    painting = studio.get("/api/paintings").json[0]["id"]
    settings = {
        "style": [f"painting:{painting}"],
        "strength": 1.0,  # the default
        "style_scale": 2,
        "mirror": True,
        "palette": "source",
        "encoder_option": {"preset": "fast"},
    }
    asked = {"clip": clip["id"], "settings": settings, "output": "prores"}
    answer = studio.ask("POST", "/api/command", asked).json
    words = shlex.split(answer["command"])
    root = folder.resolve()
    assert words[:3] == ["stylize-video", "run", str(root / "two shots.mp4")]
    assert words[3] == str(root / "results" / "two shots-painting.mov")
    options = " ".join(words[4:])
    assert f"--style {root / 'painting.png'}" in options
    assert "--style-scale 2" in options and "--mirror" in options and "--strength" not in options
    assert "--encoder-option preset=fast" in options and "--codec prores_ks" in options
    assert yaml.safe_load(answer["yaml"])["style"] == str(root / "painting.png")


def test_every_look_can_be_chosen(studio: Visitor, clip: dict[str, Any]):
    looks = studio.get("/api/state").json["presets"]
    assert len(looks) > 4
    for look in looks:
        asked = {"clip": clip["id"], "settings": look["settings"], "output": "h264"}
        command = studio.ask("POST", "/api/command", asked).json["command"]
        assert f"--style {look['settings']['style']}" in command, look["name"]


def test_a_mask_and_a_timeline_are_kept(studio: Visitor, clip: dict[str, Any], folder: Path):
    path = f"/api/clips/{clip['id']}"
    assert studio.get(f"{path}/mask").status == 404
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    png = cv2.imencode(".png", mask)[1].tobytes()
    assert studio.ask("PUT", f"{path}/mask", png, t=0.2).status == 204
    assert (decoded(studio.get(f"{path}/mask", t=0.3).body)[..., 0] == mask).all()
    asked = {"clip": clip["id"], "settings": {"style": "udnie", "mask": "brush"}}
    words = shlex.split(studio.ask("POST", "/api/command", asked).json["command"])
    kept = cv2.imread(words[words.index("--mask") + 1], cv2.IMREAD_GRAYSCALE)
    assert kept is not None and (kept == mask).all()
    other = cv2.imencode(".png", np.zeros((48, 64, 4), np.uint8))[1].tobytes()
    for time, data in ((0.1, other), (0.2, png), (0.1, b"")):  # the last one that is there counts
        assert studio.ask("PUT", f"{path}/mask", data, t=time).status == 204
    assert shlex.split(studio.ask("POST", "/api/command", asked).json["command"]) == words
    assert studio.ask("PUT", f"{path}/mask", b"", t=0.2).status == 204
    assert studio.get(f"{path}/mask").status == 404
    text = "- at: 0\n  style: udnie\n- at: 0.4 # the second shot\n  style: great-wave\n"
    assert studio.ask("PUT", f"{path}/timeline", text.encode()).status == 204
    assert studio.get(f"{path}/timeline").body.decode() == text


def test_events_tell_an_open_page_what_changes(studio: Visitor, folder: Path):
    import http.client
    from contextlib import closing

    line = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=10)
    with closing(line):
        line.request("GET", f"/api/events?token={studio.token}")
        answer = line.getresponse()
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        assert answer.readline() == b"retry: 1000\n"
        data = (folder / "painting.png").read_bytes()
        added = studio.ask("POST", "/api/paintings", io.BytesIO(data).read(), name="new.png").json
        told = [answer.readline() for _ in range(3)]
        assert told[1:] == [b"event: clips\n", b"data: {}\n"]
        assert json.dumps(added)
    studio.ask("DELETE", f"/api/paintings/{added['id']}")
