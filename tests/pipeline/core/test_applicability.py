from __future__ import annotations

from pathlib import Path

import pytest
from stylize_video.pipeline.core.applicability import ALWAYS, RULES, as_typed
from stylize_video.pipeline.core.config import Settings

from ...helpers.option_table import JOBS, OPTIONS, Typed, label, refusal, table

RULED = [name for rule in RULES for name in rule.fields.split()]


def test_every_setting_has_a_row():
    assert set(RULED) | set(ALWAYS) == set(Settings.model_fields)
    assert not set(RULED) & set(ALWAYS)
    assert {name for typed in OPTIONS for name in typed} == set(Settings.model_fields)


def test_every_option_with_every_job():
    written = Path(__file__).with_name("option_table.txt").read_text(encoding="utf-8")
    assert table() == written, "python -m tests.helpers.option_table"


@pytest.mark.parametrize("typed", OPTIONS, ids=label)
def test_a_refusal_is_one_line_that_says_what_was_typed_and_what_to_type(typed: Typed):
    for title in JOBS:
        line = refusal(title, typed)
        if line is not None:
            assert "\n" not in line
            assert line.startswith("--")
            assert ": " in line and "; " in line


@pytest.mark.parametrize("title", JOBS)
def test_defaults_are_never_refused(title: str):
    assert refusal(title, {}) is None


def test_a_value_that_is_the_default_counts_as_typed():
    assert refusal("trained style, film", {"policy": "latest"})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("key_every", 2.0, "--key-every 2"),
        ("mask_invert", True, "--mask-invert"),
        ("loop", False, "--no-loop"),
        ("paint_option", {"a": "1", "b": "2"}, "--paint-option a=1 b=2"),
        ("styles", ("a", "b"), "--styles a b"),
    ],
)
def test_a_setting_is_said_as_it_is_typed(name: str, value: object, text: str):
    assert as_typed(name, value) == text
