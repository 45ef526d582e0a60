from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SinkError
from stylize_video.pipeline.core.frame import Frame, Yuv
from stylize_video.pipeline.live.controls import Controls
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.outputs.web import Page
from stylize_video.pipeline.live.stats import LiveStats
from stylize_video.pipeline.web import address

OWN = {"X-Stylize-Video": "1"}


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page("http://127.0.0.1:0", Controls(["night", "wave"]), LiveStats())
    yield made
    made.close()


def ask(page: Page, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{page.port}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def output_frame(level: int) -> OutputFrame:
    painted, source = np.full((20, 30, 3), level, np.uint8), np.zeros((20, 30, 3), np.uint8)
    return OutputFrame(Frame(source, 0, Fraction(1), painted=painted))


def test_the_page_has_a_picture_and_names_no_other_site(page: Page):
    status, text = ask(page, "/")
    assert status == 200
    assert b'id="live"' in text
    assert b"http://" not in text and b"https://" not in text
    assert ask(page, "/nothing")[0] == 404


def test_buttons_and_sliders_change_the_state(page: Page):
    assert ask(page, "/do", {"action": "next"}, **OWN)[0] == 200
    status, answer = ask(page, "/do", {"action": "strength", "value": 0.25}, **OWN)
    assert status == 200
    assert json.loads(answer)["style"] == 1
    state = json.loads(ask(page, "/state")[1])
    assert (state["styles"], state["strength"]) == (["night", "wave"], 0.25)
    assert page.controls.state.style == 1


@pytest.mark.parametrize(
    "body", [{"action": "explode"}, {"action": "strength", "value": "x"}, {}, [1], "x"]
)
def test_nonsense_is_refused_and_changes_nothing(page: Page, body: Any):
    before = page.controls.state
    assert ask(page, "/do", body, **OWN)[0] == 400
    assert page.controls.state == before


def test_another_site_can_press_no_button_and_read_nothing(page: Page):
    assert ask(page, "/do", {"action": "next"})[0] == 403
    assert ask(page, "/state", Host="evil.example")[0] == 403
    assert page.controls.state.style == 0


def test_the_picture_moves(page: Page):
    seen: list[int] = []
    page.write_frame(output_frame(50))
    stream = page.feed.jpegs()
    for level in (50, 150, 250):
        page.write_frame(output_frame(level))
        decoded = cv2.imdecode(np.frombuffer(next(stream), np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        seen.append(int(decoded[0, 0, 0]))
    stream.close()
    assert seen == pytest.approx([50, 150, 250], abs=3)


def test_the_stream_is_what_browsers_read(page: Page):
    page.write_frame(output_frame(9))
    request = f"http://127.0.0.1:{page.port}/live.mjpg"
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        assert read_head(answer) == NEXT_PART
        assert answer.read(2) == b"\xff\xd8"


NEXT_PART = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"


def read_head(feed: Any) -> bytes:
    return b"".join(feed.readline() for _ in range(3))


def test_a_picture_is_complete_when_it_is_sent_not_when_the_next_one_comes(page: Page):
    """Browsers display a picture when they have the headers of the part after it."""
    page.write_frame(output_frame(9))
    with (
        closing(page.feed.jpegs()) as feed,
        urllib.request.urlopen(f"http://127.0.0.1:{page.port}/live.mjpg", timeout=0.5) as answer,
    ):
        rest = next(feed) + b"\r\n" + NEXT_PART
        assert read_head(answer) == NEXT_PART
        assert answer.read(len(rest)) == rest  # before it is sent again, after a second


def sent_size(page: Page, query: str) -> tuple[int, int]:
    """Width and height of a picture that the page sends."""
    request = f"http://127.0.0.1:{page.port}/live.mjpg{query}"
    with urllib.request.urlopen(request, timeout=5) as answer:
        read_head(answer)
        read_part(answer)  # of before it was known who watches
        page.write_frame(large_frame())
        part = read_part(answer)
    decoded = cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.shape[1], decoded.shape[0]


def read_part(feed: Any) -> bytes:
    data = bytearray()
    while not data.endswith(NEXT_PART):
        data += feed.read(1)
    return bytes(data)


def large_frame() -> OutputFrame:
    planes = (np.full(s, 90, np.uint8) for s in ((180, 320), (90, 160), (90, 160)))
    painted = Yuv(*planes)
    return OutputFrame(Frame(painted, 0, Fraction(1), painted=painted))


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("?width=160", (160, 90)),
        ("?width=300", (320, 180)),  # so little less is not worth the work
        ("?width=4000", (320, 180)),
        *((f"?width={wrong}", (320, 180)) for wrong in ("0", "-5", "x", "1e9", "", "9" * 400)),
        ("", (320, 180)),
    ],
)
def test_the_picture_is_sent_at_the_size_at_which_it_is_displayed(
    page: Page, query: str, size: tuple[int, int]
):
    page.write_frame(large_frame())
    assert sent_size(page, query) == size


def test_the_largest_of_several_viewers_gets_all_its_pixels(page: Page):
    page.write_frame(large_frame())
    with closing(page.feed.jpegs(240)) as other:
        next(other)
        assert sent_size(page, "?width=100") == (240, 136)
    assert sent_size(page, "?width=100") == (100, 56)


def test_a_comparison_is_sent_at_that_size_as_well(page: Page):
    page.write_frame(large_frame())
    page.controls.do("compare")
    assert page.controls.state.compare == "side"
    assert sent_size(page, "?width=320") == (320, 90)


def test_only_so_many_may_look_at_once(page: Page):
    page.write_frame(output_frame(1))
    looking = [page.feed.jpegs() for _ in range(9)]
    assert [next(one, None) is not None for one in looking] == [True] * 8 + [False]
    for one in looking:
        one.close()


def test_any_other_address_needs_a_token():
    page = Page("http://0.0.0.0:0", Controls(["a"]), LiveStats())
    assert len(page.token) > 16
    assert page.url.endswith(f"/?token={page.token}")
    assert ask(page, "/state")[0] == 403
    assert ask(page, "/state?token=guess")[0] == 403
    assert ask(page, "/do?token=guess", {"action": "quit"}, **OWN)[0] == 403
    assert ask(page, f"/state?token={page.token}")[0] == 200
    assert not page.controls.state.quit
    page.close()


def opens(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_page_for_this_machine_prints_its_own_address(host: str):
    page = Page(f"http://{host}:0", Controls(["a"]), LiveStats())
    try:
        assert page.url == f"http://{host}:{page.port}/"
        assert opens(page.url) == 200
    finally:
        page.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_a_page_for_the_network_prints_an_address_that_opens(host: str):
    page = Page(f"http://{host}:0", Controls(["a"]), LiveStats())
    try:
        assert host not in page.url
        assert page.url.startswith(f"http://{address.lan_address()}:{page.port}/?token=")
        assert opens(page.url) == 200
    finally:
        page.close()


def test_an_address_that_is_taken_or_none_is_one_line(page: Page):
    with pytest.raises(SinkError, match="can't be served"):
        Page(f"http://127.0.0.1:{page.port}", Controls(["a"]), LiveStats())
    with pytest.raises(SinkError, match="is no address; write http://127"):
        Page("http://somewhere:99999", Controls(["a"]), LiveStats())


def test_what_is_refused_is_not_read_on_as_another_request(page: Page):
    """Another site's page can send any body: in it, a request with our header."""
    hidden = (
        b"POST /do HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Stylize-Video: 1\r\n"
        b'Content-Length: 17\r\n\r\n{"action":"quit"}'
    )
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(hidden)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", page.port), 5) as line:
        line.sendall(head.encode() + hidden)
        answered = b""
        while more := line.recv(4096):
            answered += more
    assert answered.count(b"HTTP/1.1") == 1
    assert answered.startswith(b"HTTP/1.1 403")
    assert not page.controls.state.quit


def answered(page: Page, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    line.request(method, path, b'{"action": "record"}' if method == "POST" else None, named)
    answer = line.getresponse()
    line.close()
    return answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/state", 200),
        ("GET", "/favicon.ico", 200),
        ("GET", "/nothing", 404),
        ("POST", "/do", 403),
        ("PUT", "/do", 501),
    ],
)
def test_every_answer_keeps_other_sites_out(page: Page, method: str, path: str, status: int):
    answer = answered(page, method, path)
    assert answer.status == status
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in answer.headers["Server"]


FOREIGN = [
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Host": "evil.example"},
    {"Host": "evil.example", "Origin": "http://evil.example", "Sec_Fetch_Site": "same-origin"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/state"), ("GET", "/live.mjpg"), ("POST", "/do")]
)
def test_a_request_of_another_site_is_refused(
    page: Page, method: str, path: str, headers: dict[str, str]
):
    answer = answered(page, method, path, X_Stylize_Video="1", **headers)
    assert answer.status == 403
    assert not page.controls.state.recording


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_the_page_itself_is_answered(page: Page, site: str):
    own = {"Origin": f"http://127.0.0.1:{page.port}", "Sec_Fetch_Site": site}
    assert answered(page, "GET", "/", **own).status == 200
    assert answered(page, "POST", "/do", X_Stylize_Video="1", **own).status == 200
    assert page.controls.state.recording


def test_a_link_from_elsewhere_opens_the_page_and_no_more(page: Page):
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    link["Sec_Fetch_Dest"] = "document"
    assert answered(page, "GET", "/", **link).status == 200
    assert answered(page, "GET", "/state", **link).status == 403


def test_the_ninth_viewer_is_told(page: Page):
    page.write_frame(output_frame(9))
    watching: list[http.client.HTTPConnection] = []
    for _ in range(8):
        line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
        line.request("GET", "/live.mjpg")
        answer = line.getresponse()
        assert answer.status == 200
        answer.read(20)
        watching.append(line)
    assert ask(page, "/live.mjpg") == (
        503,
        b"8 browsers show the picture already; close one of them\n",
    )
    for line in watching:
        line.close()


def test_the_icon_needs_no_token():
    other = Page("http://0.0.0.0:0", Controls(["a"]), LiveStats())
    try:
        assert ask(other, "/favicon.ico")[0] == 200
        assert ask(other, "/state")[0] == 403
    finally:
        other.close()


@pytest.mark.parametrize("address", ["http://[::1]:0", "http://[::]:0"])
def test_ipv6(address: str):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    other = Page(address, Controls(["a"]), LiveStats())
    try:
        line = http.client.HTTPConnection("::1", other.port, timeout=5)
        line.request("GET", f"/state?token={other.token}")
        assert line.getresponse().status == 200
        line.close()
        assert f":{other.port}/" in other.url
    finally:
        other.close()


def test_port_0_is_any_free_port(page: Page):
    other = Page("http://127.0.0.1:0", Controls(["a"]), LiveStats())
    assert page.port != other.port
    other.close()


def test_a_closed_page_answers_no_more_on_a_connection_that_stayed_open():
    page = Page("http://127.0.0.1:0", Controls(["a"]), LiveStats())
    request = f"GET /state HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", page.port), 5) as line:
        line.sendall(request)
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
        page.close()
        with suppress(OSError):
            line.sendall(request)
            while more := line.recv(4096):
                assert b"HTTP/1.1" not in more


@pytest.mark.parametrize("length", ["-1", "100000000"])
def test_a_request_says_its_length(page: Page, length: str):
    assert ask(page, "/do", {"action": "next"}, **OWN, **{"Content-Length": length})[0] == 400
    assert page.controls.state.style == 0
