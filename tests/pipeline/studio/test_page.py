"""The studio's page in a real browser: what a user sees of it and does with it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ...helpers.browser import Tab, chromium
from ...helpers.studio import running_studio
from ...helpers.video import moving_scene, write_clip

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tab(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Tab]:
    """The page of a folder with one clip of two seconds, open in the browser."""
    folder = tmp_path_factory.mktemp("page")
    write_clip(folder / "clip.mp4", moving_scene(60), audio=False)
    with running_studio(folder) as visitor, chromium(browser) as made:
        made.open(f"http://127.0.0.1:{visitor.port}/?token={visitor.token}")
        made.until("!document.body.classList.contains('empty')")
        made.until("!document.getElementById('after').hidden")
        yield made


def _press(tab: Tab, key: str, element: str = "document.body") -> None:
    tab.evaluate(
        f"{element}.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
    )


def _text(tab: Tab, name: str) -> str:
    return tab.evaluate(f"document.getElementById('{name}').textContent")


def test_the_only_clip_is_on_the_page_with_its_styles(tab: Tab) -> None:
    assert tab.evaluate("document.getElementById('clip').selectedOptions[0].text") == "clip.mp4"
    names = tab.evaluate("[...document.querySelectorAll('#wall .name')].map(e => e.textContent)")
    assert {"Udnie", "The Starry Night"} <= set(names)
    assert not [name for name in names if "quality" in name]


def test_arrow_keys_go_from_frame_to_frame(tab: Tab) -> None:
    _press(tab, "Home")
    assert _text(tab, "clock").startswith("0:00.00 ")
    _press(tab, "ArrowRight")
    assert _text(tab, "clock").startswith("0:00.03 ")
    _press(tab, "ArrowLeft")
    assert _text(tab, "clock").startswith("0:00.00 ")


def test_a_style_is_chosen_by_a_click_and_by_keys(tab: Tab) -> None:
    scream = "document.querySelector('[data-style=the-scream]')"
    tab.click(scream)
    assert tab.evaluate(f"{scream}.getAttribute('aria-checked')") == "true"
    _press(tab, "ArrowRight", scream)
    checked = "document.querySelector('#wall [aria-checked=true]').dataset.style"
    assert tab.evaluate(checked) == "udnie"


def test_the_line_of_the_comparison_moves_by_keys(tab: Tab) -> None:
    _press(tab, "c")
    wipe = "document.getElementById('wipe')"
    assert tab.evaluate(f"getComputedStyle({wipe}).display") == "block"
    _press(tab, "End", wipe)
    assert tab.evaluate(f"{wipe}.getAttribute('aria-valuenow')") == "100"
    _press(tab, "c")
    assert tab.evaluate(f"getComputedStyle({wipe}).display") == "none"


def test_the_state_of_the_page_is_copied_as_a_command(tab: Tab) -> None:
    tab.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
    tab.click("document.querySelector('[data-style=mondrian]')")
    tab.click("document.getElementById('copy-command')")
    command = tab.until("window.copied")
    assert command.startswith("stylize-video")
    assert "--style mondrian" in command


def test_tabs_are_chosen_by_keys(tab: Tab) -> None:
    first = "document.getElementById('tab-style')"
    tab.evaluate(f"{first}.focus()")
    _press(tab, "ArrowRight", first)
    assert not tab.evaluate("document.getElementById('adjust').hidden")
    assert tab.evaluate("document.getElementById('style').hidden")
    tab.click(first)
