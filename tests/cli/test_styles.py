"""``stylize-video styles``."""

from __future__ import annotations

import json

from stylize_video.pipeline.styles.zoo import zoo

from ..helpers.command import plain_environment, run_command


def test_styles_lists_the_zoo():
    listed = json.loads(run_command("styles", "--json").stdout)
    assert {style["name"] for style in listed} == set(zoo())
    assert len(listed) >= 2
    table = run_command("styles", env={**plain_environment(), "COLUMNS": "80"}).stdout
    assert all(style.name in table and style.words in table for style in zoo().values())
    assert max(map(len, table.splitlines())) <= 80
