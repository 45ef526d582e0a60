"""What attackers, and clients that stall, get from a studio: over real sockets."""

from __future__ import annotations

import socket
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from stylize_video.pipeline.media.images import write_picture
from stylize_video.pipeline.studio import connections, guard, uploads

from ...helpers.studio import Visitor, running_studio
from ...helpers.video import moving_scene, write_clip


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the studio must not reach."""
    folder = tmp_path_factory.mktemp("outside")
    write_picture(folder / "secret.png", moving_scene(1)[0])
    write_clip(folder / "secret.mp4")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    folder = tmp_path_factory.mktemp("studio") / "films"
    folder.mkdir()
    write_clip(folder / "film.mp4")
    (folder / "link.mp4").symlink_to(outside / "secret.mp4")
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    return folder


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Visitor]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "SILENCE", 0.6)
        patch.setattr(connections, "SILENCE", 0.6)
        patch.setattr(guard, "STALLED", 1.0)
        with running_studio(folder) as visitor:
            yield visitor


@pytest.fixture(scope="module")
def clip(studio: Visitor) -> str:
    return studio.get("/api/clips").json[0]["id"]


@pytest.fixture(autouse=True)
def nothing_is_left(folder: Path, studio: Visitor) -> Iterator[None]:
    """No attack leaves a file, and the page answers afterwards."""
    before = {path.name for path in folder.iterdir()}
    yield
    assert studio.get("/api/state").status == 200
    assert {path.name for path in folder.iterdir()} == before
    hidden = folder / ".stylize-studio" / "uploads"
    assert not hidden.exists() or not list(hidden.iterdir())


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_site_gets_nothing_even_with_the_token(studio: Visitor, headers: dict[str, str]):
    for method, path in (("GET", "/api/state"), ("POST", "/api/jobs")):
        answer = studio.ask(method, path, headers=headers)
        assert answer.status == 403
        assert b"film" not in answer.body
        assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}


def test_without_the_right_token_nothing_is_answered(studio: Visitor):
    for path in ("/", "/api/state", "/api/events", "/api/clips", "/none", "/studio.js"):
        for token in ("", "guess", studio.token[:-1], studio.token + "x"):
            assert studio.ask("GET", path, token=token).status == 403
    big = b"x" * 100_000
    assert studio.ask("POST", "/api/clips", big, token="guess", name="a.mp4").status == 403


OUT = (
    "../secret.png",
    "../../etc/passwd",
    "/etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/secret",
    "..\\secret",
    "a\0b",
    "~/secret",
    "file:///etc/passwd",
    "link.png",
    ".stylize-studio/jobs.json",
)


@pytest.mark.parametrize("bad", OUT)
def test_no_parameter_leads_out_of_the_folder(studio: Visitor, clip: str, bad: str):
    from urllib.parse import quote

    for path in (
        f"/{quote(bad, safe='')}",
        f"/{bad if bad.isprintable() else quote(bad)}",
        f"/api/clips/{quote(bad, safe='')}/file",
        f"/api/paintings/{quote(bad, safe='')}/picture",
        f"/api/jobs/{quote(bad, safe='')}/result",
    ):
        assert studio.get(path).status in (400, 404), path
    for where in ("/api/clips", "/api/paintings"):
        answer = studio.ask("POST", where, b"x", name=bad)
        assert answer.status in (400, 415), answer
    painted = f"/api/clips/{clip}/painted"
    for setting in ("style", "mask", "keyframes", "config", "save_style", "output"):
        answer = studio.get(painted, **{"style": "udnie", setting: bad})
        assert answer.status in (400, 403, 404), (setting, answer)
        asked = {"clip": clip, "kind": "render", "settings": {"style": "udnie", setting: bad}}
        for request in ("/api/jobs", "/api/command"):
            answer = studio.ask("POST", request, asked)
            assert answer.status in (400, 403, 404), (setting, answer)
    for name in ("clip", "output", "kind"):
        asked = {"clip": clip, "kind": "render", "settings": {}, name: bad}
        assert studio.ask("POST", "/api/jobs", asked).status in (400, 404)
    text = f'- at: 0\n  style: "{bad}"\n'.encode()
    answer = studio.ask("PUT", f"/api/clips/{clip}/timeline", text)
    assert answer.status in (400, 403) or bad.startswith(("..%", "%2e")), answer


def test_links_that_lead_out_are_not_in_the_folder(studio: Visitor):
    assert [one["name"] for one in studio.get("/api/clips").json] == ["film.mp4"]
    assert studio.get("/api/paintings").json == []


@pytest.mark.parametrize(
    "name",
    ["", ".mp4", ".hidden.mp4", "a.exe", "a", "con.mp4", "a\nb.mp4", "x" * 3000 + ".mp4", "a.mp4."],
)
def test_odd_names_of_files_are_refused(studio: Visitor, name: str):
    assert studio.ask("POST", "/api/clips", b"x", name=name).status in (400, 415)


def test_what_is_no_film_is_refused_whatever_its_name(studio: Visitor, tmp_path: Path):
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a.txt", "x" * 5000)
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n"
    concat = b"ffconcat version 1.0\nfile /etc/passwd\n"
    for data in (packed.read_bytes(), playlist, concat, b"", b"<html>"):
        answer = studio.ask("POST", "/api/clips", data, name="film.mp4")
        assert answer.status == 415, answer
        assert "film.mp4" in answer.json["error"] and "uploads" not in answer.json["error"]
    answer = studio.ask("POST", "/api/paintings", packed.read_bytes(), name="a.png")
    assert answer.status == 415


def test_an_upload_that_is_too_large_is_refused_before_it_comes(studio: Visitor):
    head = f"POST /api/clips?name=a.mp4&token={studio.token} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    said = studio.raw(f"{head}Content-Length: 10000000000\r\n\r\n".encode())
    assert said.startswith((b"HTTP/1.1 413", b"HTTP/1.1 507"))


def test_one_that_does_not_say_its_length_is_refused_when_it_is_too_large(
    studio: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uploads, "LARGEST", 3_000_000)
    pieces = (b"x" * 100_000 for _ in range(60))
    try:
        answer = studio.ask("POST", "/api/clips", pieces, name="a.mp4")
    except (BrokenPipeError, ConnectionResetError):  # it was closed while we were sending
        return
    assert answer.status == 413


def test_a_disk_that_is_full_is_said(studio: Visitor, monkeypatch: pytest.MonkeyPatch):
    from stylize_video.pipeline.studio.folder import StudioFolder

    monkeypatch.setattr(StudioFolder, "room", lambda self: 1_000)
    answer = studio.ask("POST", "/api/clips", b"x" * 2_000, name="a.mp4")
    assert (answer.status, "room" in answer.json["error"]) == (507, True)


def test_an_upload_that_stalls_is_dropped(studio: Visitor):
    head = f"POST /api/clips?name=a.mp4&token={studio.token} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    begun = time.monotonic()
    said = studio.raw(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
    assert said.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begun < 5


def test_two_hundred_slow_connections_keep_nobody_out(studio: Visitor):
    with ExitStack() as block:
        lines = [
            block.enter_context(socket.create_connection(("127.0.0.1", studio.port), 5))
            for _ in range(200)
        ]
        for line in lines:
            try:
                line.sendall(b"GET / HTTP/1.1\r\nHost: 127")
            except OSError:
                continue
        begun = time.monotonic()
        assert studio.get("/api/state").status == 200
        assert time.monotonic() - begun < 1
        for line in lines:
            line.settimeout(5)
            try:
                while line.recv(100):
                    pass
            except ConnectionResetError:
                pass
        assert time.monotonic() - begun < 5


def test_a_client_that_reads_nothing_is_dropped(studio: Visitor, folder: Path, clip: str):
    data = folder / ".big.mp4"
    with socket.create_connection(("127.0.0.1", studio.port), 10) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = f"GET /api/clips/{clip}/file?token={studio.token} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        for _ in range(50):
            line.sendall(f"{request}\r\n".encode())
        time.sleep(0.2)
        assert studio.get("/api/state").status == 200
    assert not data.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["headers", "line", "hosts", "no host", "smuggled", "tls", "http2"],
)
def test_what_is_no_request_is_refused(studio: Visitor, data: bytes):
    try:
        said = studio.raw(data)
    except ConnectionResetError:  # closed while we were sending
        return
    assert said == b"" or said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403")), said[:100]


def test_requests_that_are_nested_or_long_are_refused(studio: Visitor):
    deep: Any = "x"
    for _ in range(100):
        deep = {"a": deep}
    assert studio.ask("POST", "/api/jobs", deep).status == 400
    assert studio.ask("POST", "/api/jobs", {"a": "x" * 70_000}).status == 413
    assert studio.ask("POST", "/api/jobs", b"[" * 60_000).status == 400


def test_every_answer_has_the_headers(studio: Visitor):
    for answer in (studio.get("/api/state"), studio.get("/none"), studio.ask("GET", "/", token="")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
