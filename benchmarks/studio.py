"""Does the studio's page what a person would, in a real browser, and writes down what it saw.

A clip is dropped, a style chosen, compared, previewed; a painting is dropped and learned; points of
the timeline are set; the film is rendered; the server is killed in the middle, started again, and
the render goes on. After each step there are two screenshots, of a wide and of a narrow window, and
the rules of axe-core are checked. Printed as JSON: findings, lines of the console, and the times
from choosing a style, and from a step of the playhead, to the painted frame.

    python benchmarks/studio.py CLIP PAINTING OUT --axe axe.min.js --choices 40 --learn-steps 20

Needs Playwright and a Chromium (``--browser``).
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, sync_playwright

SIZES = {"wide": (1440, 900), "phone": (390, 844)}
_PATIENCE = 600_000  # ms: machines that do other things as well are slow
_DONE = "document.querySelector('.job .hint')?.textContent == 'done'"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


class Studio:
    """The command, in a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        self._port = 0
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it, at the port of the time before."""
        command = [sys.executable, "-m", "stylize_video", "studio", str(self._folder)]
        command += ["--no-browser", "--port", str(self._port)]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found is not None, self._log.read_text()
        self.url = found[0]
        self._port = int(self.url.split(":")[2].split("/")[0])

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Visitor:
    """A person at the page: what is done, and what is noticed."""

    def __init__(self, page: Page, out: Path, axe: Path | None) -> None:
        self.page = page
        self._out = out
        self._axe = None if axe is None else axe.read_text(encoding="utf-8")
        self.console: list[str] = []
        self.findings: dict[str, list[str]] = {}
        page.set_default_timeout(_PATIENCE)
        page.on("console", self._hears)
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

    def _hears(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text}")

    def look(self, step: str) -> None:
        """Take screenshots at both sizes, and check the rules of axe-core."""
        for name, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(700)
            self.page.screenshot(path=self._out / f"{step}-{name}.png")
            self._audit(f"{step}, {name}")
        self.page.set_viewport_size({"width": 1440, "height": 900})

    def _audit(self, step: str) -> None:
        if self._axe is None:
            return
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate(self._axe)  # not as a script element: the page allows none
        options = {"runOnly": {"type": "tag", "values": _TAGS}, "resultTypes": ["violations"]}
        found = self.page.evaluate("options => axe.run(document, options)", options)
        for one in found["violations"]:
            places = "; ".join(" ".join(map(str, node["target"])) for node in one["nodes"][:4])
            line = f"{one['impact']}: {one['id']} at {places}"
            self.findings.setdefault(line, []).append(step)

    def rest(self) -> None:
        """Wait until the frame at the playhead is painted as in the film."""
        self.page.wait_for_selector("#stage:not(.busy) #state:text('As in the film')")

    def painted(self) -> None:
        """Wait until the frame at the playhead is painted, at least quickly."""
        self.page.wait_for_selector("#after:not([hidden])")


def _dropped(page: Page, path: Path, kind: str) -> None:
    """Let a file fall on the page: the events of a drop, with the file's bytes."""
    data = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(
        """async ([data, name, type]) => {
          const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
          const carried = new DataTransfer();
          carried.items.add(new File([bytes], name, { type }));
          const options = { dataTransfer: carried, bubbles: true, cancelable: true };
          for (const kind of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(kind, options));
        }""",
        [data, path.name, kind],
    )


def _until(page: Page, expression: str) -> None:
    """Wait until JavaScript is true. The page forbids Playwright's own way, a text that runs."""
    end = time.monotonic() + _PATIENCE / 1000
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(f"never true: {expression}")
        page.wait_for_timeout(20)


def _times(page: Page, choices: int) -> list[float]:
    """Milliseconds from choosing a style to its painted frame, on frames all over the clip."""
    page.evaluate("""() => {
      window.shown = 0;
      new MutationObserver(() => { window.shown = performance.now(); })
        .observe(document.getElementById("after"), { attributeFilter: ["src"] });
    }""")
    tiles = page.locator("#wall .tile")
    count = tiles.count()
    took: list[float] = []
    for number in range(choices):
        if number % 5 == 0:
            page.locator("#scrubber").click(position={"x": 40 + 37 * number % 800, "y": 30})
            page.wait_for_selector("#stage:not(.busy)")
        begun = page.evaluate(
            "i => { window.shown = 0; const now = performance.now();"
            " document.querySelectorAll('#wall .tile')[i].click(); return now; }",
            (number * 3 + 1) % count,
        )
        _until(page, "window.shown > 0")
        took.append(page.evaluate("window.shown") - begun)
        page.wait_for_timeout(100)
    return took


def _scrubs(page: Page, count: int) -> list[float]:
    """Milliseconds from a step of the playhead to its painted frame."""
    page.locator("#scrubber").focus()
    took: list[float] = []
    for _ in range(count):
        page.wait_for_selector("#stage:not(.busy)")
        begun = page.evaluate("() => { window.shown = 0; return performance.now(); }")
        page.keyboard.press("ArrowRight")
        _until(page, "window.shown > 0")
        took.append(page.evaluate("window.shown") - begun)
    return took


def _summary(took: list[float]) -> dict[str, float]:
    ordered = sorted(took)
    return {
        "count": len(took),
        "median_ms": round(statistics.median(took)),
        "p95_ms": round(ordered[min(len(took) - 1, int(0.95 * len(took)))]),
    }


@contextmanager
def _browser(program: str, dark: bool) -> Generator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": 1440, "height": 900},
            color_scheme="dark" if dark else "light",
            bypass_csp=False,
        )
        yield context.new_page()
        browser.close()


def _journey(visitor: Visitor, studio: Studio, options: argparse.Namespace) -> dict[str, Any]:
    page = visitor.page
    measured: dict[str, Any] = {}
    page.goto(studio.url)
    page.wait_for_selector("#welcome")
    visitor.look("01-empty")
    _dropped(page, options.clip, "video/mp4")
    page.wait_for_selector("body:not(.empty)")
    visitor.rest()
    _until(page, "document.querySelectorAll('#wall img.waits').length == 0")
    visitor.look("02-clip")
    parts: dict[str, Callable[[], dict[str, Any] | None]] = {
        "compare": lambda: _compare(visitor, options.picture),
        "preview": lambda: _preview(visitor),
        "times": lambda: _measure(page, options.choices),
        "adjust": lambda: _adjust(visitor),
        "painting": lambda: _painting(visitor, options.painting),
        "learn": lambda: _learn(visitor, options.learn_steps),
        "timeline": lambda: _timeline(visitor),
        "render": lambda: _render(visitor, studio),
        "keyframes": lambda: _keyframes(visitor),
    }
    for name, part in parts.items():
        if not options.only or name in options.only:
            measured |= part() or {}
    return measured


def _compare(visitor: Visitor, picture: Path | None) -> None:
    page = visitor.page
    page.locator("#wall .tile", has_text="The Great Wave").click()
    page.locator("#scrubber").click(position={"x": 400, "y": 30})
    visitor.rest()
    page.keyboard.press("c")
    if picture is not None:
        page.screenshot(path=picture, type="jpeg", quality=78)
    visitor.look("03-compare")
    page.keyboard.press("c")


def _preview(visitor: Visitor) -> dict[str, Any]:
    page = visitor.page
    page.locator("#preview").click()
    _until(page, "!document.getElementById('after-video').hidden")
    _until(page, "document.getElementById('after-video').currentTime > 0.5")
    apart = _apart(page)
    page.keyboard.press("c")
    visitor.look("04-preview")
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    return {"preview_apart_ms": apart}


def _measure(page: Page, choices: int) -> dict[str, Any]:
    return {
        "choose_a_style": _summary(_times(page, choices)),
        "step_a_frame": _summary(_scrubs(page, choices)),
    }


def _adjust(visitor: Visitor) -> None:
    page = visitor.page
    page.locator("#tab-adjust").click()
    page.locator("#adjust-strength").fill("0.7")
    visitor.rest()
    page.select_option("#mask", "brush")
    box = page.locator("#brush").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.8, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    visitor.rest()
    visitor.look("05-adjust")
    page.locator("#reset").click()
    page.locator("#tab-style").click()


def _painting(visitor: Visitor, painting: Path) -> None:
    page = visitor.page
    _dropped(page, painting, "image/jpeg")
    page.wait_for_selector("#painting-choice:not([hidden])")
    visitor.rest()
    visitor.look("06-painting")


def _timeline(visitor: Visitor) -> None:
    page = visitor.page
    page.locator("#wall .tile").first.click()
    page.locator("#tab-timeline").click()
    page.locator("#scrubber").click(position={"x": 3, "y": 30})
    page.locator("#add-point").click()
    page.locator("#scrubber").click(position={"x": 500, "y": 30})
    page.locator("#add-point").click()
    page.locator("#tab-style").click()
    page.locator("#wall .tile", has_text="The Scream").click()
    page.locator("#tab-timeline").click()
    visitor.rest()
    visitor.look("08-timeline")


def _render(visitor: Visitor, studio: Studio) -> None:
    """Render; kill the server in the middle; start it again, and go on."""
    page = visitor.page
    page.locator("#render").click()
    _until(page, "document.querySelector('.job progress')?.value > 0.1")
    visitor.look("09-render")
    studio.kill()
    _until(page, "document.getElementById('note').textContent.includes('does not answer')")
    visitor.look("10-killed")
    studio.start()
    page.goto(studio.url)
    page.wait_for_selector("body:not(.empty)")
    page.locator("#queue-button").click()
    page.wait_for_selector(".job button:text('Resume')")
    visitor.look("11-started-again")
    page.locator(".job button:text('Resume')").first.click()
    _until(page, _DONE)
    visitor.look("12-done")
    page.locator("#queue-close").click()


def _keyframes(visitor: Visitor) -> None:
    visitor.page.locator("#tab-keyframes").click()
    visitor.look("13-keyframes")


def _apart(page: Page) -> float:
    """By how many milliseconds the two films of the preview are apart at most, over a second."""
    most: float = page.evaluate("""async () => {
      const [a, b] = ["before-video", "after-video"].map(id => document.getElementById(id));
      let most = 0, first = null;
      for (let i = 0; i < 20; i++) {
        await new Promise(done => setTimeout(done, 50));
        if (b.currentTime < 0.3 || b.currentTime > b.duration - 0.3) continue;
        const apart = a.currentTime - b.currentTime;
        first ??= apart;
        most = Math.max(most, Math.abs(apart - first));
      }
      return most * 1000;
    }""")
    return round(most)


def _learn(visitor: Visitor, steps: int) -> None:
    page = visitor.page

    def shorten(route: Route) -> None:
        asked = json.loads(route.request.post_data or "{}")
        asked["settings"]["learn_steps"] = steps
        route.continue_(post_data=json.dumps(asked))

    page.route("**/api/jobs", shorten)
    page.locator("#learn").click()
    page.wait_for_selector(".job")
    page.unroute("**/api/jobs")
    _until(page, "document.querySelector('.job img')?.src.includes('/picture')")
    visitor.look("07-learning")
    _until(page, "[...document.querySelectorAll('.job .hint')].some(e => e.textContent == 'done')")
    visitor.look("07-learned")
    page.locator("#queue-close").click()


def main() -> None:
    """Run the journey, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--axe", type=Path, help="axe.min.js of axe-core")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--only", nargs="*", help="parts of the journey, by the names in _journey")
    parser.add_argument("--choices", type=int, default=40, help="styles to choose, for the times")
    parser.add_argument("--learn-steps", type=int, default=20)
    parser.add_argument("--picture", type=Path, help="the picture of docs/studio.md, to be written")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    studio = Studio(options.out / "room", options.out / "server.txt")
    seen: dict[str, Any] = {}
    try:
        with _browser(options.browser, options.dark) as page:
            visitor = Visitor(page, options.out, options.axe)
            try:
                seen |= _journey(visitor, studio, options)
            finally:
                seen |= {"console": visitor.console, "axe": visitor.findings}
                page.screenshot(path=options.out / "last.png")
    finally:
        studio.close()
        print(json.dumps(seen, indent=1))


if __name__ == "__main__":
    main()
