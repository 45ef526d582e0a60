"""The live page in a real browser: what a user sees of it and does with it."""

from __future__ import annotations

import http.server
import threading
import time
import urllib.parse
from collections.abc import Callable, Generator
from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.controls import Controls
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.outputs.web import Page
from stylize_video.pipeline.live.stats import LiveStats

from ....helpers.browser import Tab, chromium

pytestmark = pytest.mark.browser

LIVE = "document.getElementById('live')"
STRENGTH = "document.getElementById('strength')"
LEFT, RIGHT = (200, 40, 30), (30, 90, 220)


@pytest.fixture(scope="module")
def tab(browser: str) -> Generator[Tab]:
    with chromium(browser) as made:
        yield made


@pytest.fixture
def page(tab: Tab) -> Generator[Page]:
    """The page, open in the browser with a picture, red on the left and blue on the right."""
    made = Page("http://127.0.0.1:0", Controls(["night", "wave"]), LiveStats())
    made.write_frame(picture(LEFT, RIGHT))
    tab.open(made.url)
    tab.until(f"{LIVE}.naturalWidth == 64 && document.querySelectorAll('#styles button').length")
    yield made
    tab.open("about:blank")
    made.close()


def picture(left: tuple[int, int, int], right: tuple[int, int, int]) -> OutputFrame:
    painted = np.zeros((48, 64, 3), np.uint8)
    painted[:, :32], painted[:, 32:] = left, right
    return OutputFrame(Frame(np.zeros_like(painted), 0, Fraction(1), painted=painted))


def style_button(name: str) -> str:
    return f"[...document.querySelectorAll('button')].find(b => b.textContent == '{name}')"


def wait_for(condition: Callable[[], bool]) -> None:
    """Until the server has what the browser sent."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def sees(tab: Tab, left: tuple[int, int, int], right: tuple[int, int, int]) -> bool:
    """Whether a screenshot has these colours in the halves of the picture, up to JPEG's loss."""
    places = [tab.place(LIVE, across) for across in (0.25, 0.75)]
    shot = tab.screenshot()
    pixels = [shot[int(y), int(x)] for x, y in places]
    return bool(np.abs(np.array(pixels, int) - (left, right)).max() <= 6)


def test_the_page_shows_the_picture_and_then_the_next_one(page: Page, tab: Tab):
    wait_for(lambda: sees(tab, LEFT, RIGHT))
    page.write_frame(picture(RIGHT, LEFT))
    wait_for(lambda: sees(tab, RIGHT, LEFT))


def test_the_page_gets_as_many_pixels_as_it_displays_and_more_when_it_grows(tab: Tab):
    made = Page("http://127.0.0.1:0", Controls(["night"]), LiveStats())
    one = np.zeros((1000, 2000, 3), np.uint8)
    large = OutputFrame(Frame(one, 0, Fraction(1), painted=one))
    try:
        made.write_frame(large)
        tab.open(made.url)
        tab.until(f"{LIVE}.naturalWidth")
        made.write_frame(large)
        shown = tab.evaluate(f"{LIVE}.clientWidth")
        assert 500 < shown < 800  # the window's
        tab.until(f"Math.abs({LIVE}.naturalWidth - {shown}) <= 2")
        tab.evaluate("document.querySelector('main').style.minWidth = '1200px'")
        tab.evaluate("dispatchEvent(new Event('resize'))")
        wait_for(lambda: made.feed.width > 1000)
        made.write_frame(large)
        tab.until(f"Math.abs({LIVE}.naturalWidth - {LIVE}.clientWidth) <= 2")
    finally:
        tab.open("about:blank")
        made.close()


def test_a_style_button_changes_the_style_and_lights_up(page: Page, tab: Tab):
    assert page.controls.state.style == 0
    tab.click(style_button("wave"))
    wait_for(lambda: page.controls.state.style == 1)
    tab.until(f"({style_button('wave')}).getAttribute('aria-pressed') == 'true'")
    assert tab.evaluate(f"({style_button('night')}).getAttribute('aria-pressed')") == "false"


def test_the_strength_slider_changes_the_strength(page: Page, tab: Tab):
    tab.until(f"{STRENGTH}.value == 1")
    tab.click(STRENGTH, across=0.25)
    wait_for(lambda: page.controls.state.strength < 1)
    assert page.controls.state.strength == pytest.approx(0.25, abs=0.051)  # one step


def test_a_change_from_elsewhere_reaches_the_page(page: Page, tab: Tab):
    page.controls.do("strength", 0.4)
    page.controls.do("style", 1)
    tab.until(f"{STRENGTH}.value == 0.4")
    tab.until(f"({style_button('wave')}).getAttribute('aria-pressed') == 'true'")


@pytest.fixture
def elsewhere() -> Generator[str]:
    """The address of a server on another port, whose page is the text in ``elsewhere_text``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another site: frames the page, shows its picture, and presses its button."""

    def do_GET(self) -> None:
        theirs = urllib.parse.unquote(self.path.partition("?")[2])
        text = f"""<iframe src="{theirs}"></iframe><img id="theirs" src="{theirs}live.mjpg">
        <script>document.title = ""; fetch("{theirs}do", {{ method: "POST", mode: "no-cors",
        body: JSON.stringify({{ action: "record" }}) }}).then(() => document.title = "sent")
        .catch(() => document.title = "sent");</script>"""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def test_another_site_can_neither_frame_nor_show_nor_press(tab: Tab, elsewhere: str):
    made = Page("http://127.0.0.1:0", Controls(["night"]), LiveStats())
    made.write_frame(picture(LEFT, RIGHT))
    try:
        tab.open(f"{elsewhere}?{urllib.parse.quote(made.url, safe='')}")
        tab.until("document.title == 'sent'")
        tab.until("document.getElementById('theirs').complete")
        assert tab.evaluate("document.getElementById('theirs').naturalWidth") == 0
        assert not made.controls.state.recording
        seen = tab.screenshot()
        assert not ((np.abs(seen.astype(int) - LEFT).max(axis=-1)) < 20).any()
    finally:
        tab.open("about:blank")
        made.close()


def test_the_ninth_viewer_reads_why(tab: Tab):
    made = Page("http://127.0.0.1:0", Controls(["night"]), LiveStats())
    made.write_frame(picture(LEFT, RIGHT))
    watching = [iter(made.feed.jpegs()) for _ in range(8)]
    try:
        for feed in watching:
            next(feed)
        tab.open(made.url)
        tab.until("document.getElementById('notice').textContent.startsWith('8 browsers')")
        watching.pop().close()
        tab.until(f"{LIVE}.naturalWidth == 64")
        tab.until("document.getElementById('notice').textContent == ''")
    finally:
        for feed in watching:
            feed.close()
        tab.open("about:blank")
        made.close()
