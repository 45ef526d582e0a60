"""The script of the matrix in docs/streams.md: some of its cells."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from ...helpers.architecture import ROOT


@pytest.fixture(scope="module")
def script() -> Any:
    path = ROOT / "benchmarks/join_matrix.py"
    spec = importlib.util.spec_from_file_location("join_matrix", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["join_matrix"] = module
    spec.loader.exec_module(module)
    return module


def test_cells_of_the_matrix_are_right(script: Any, tmp_path: Path):
    cells = [
        *script.matrix(tmp_path, ["vorbis"], ["ass", "mov_text"], [".mp4", ".gif"]),
        *script.matrix(tmp_path, ["AVI: pcm, 6 unnamed"], ["none", "srt"], [".ts"]),
    ]
    assert all(cell.is_right for cell in cells)
    found = [(c.words, c.ending, c.kept_sound, c.kept_words) for c in cells]
    assert found == [
        ("ass", ".mp4", "aac", "mov_text"),
        ("ass", ".gif", "left out", "left out"),
        ("mov_text", ".mp4", "aac", "copied"),
        ("mov_text", ".gif", "left out", "left out"),
        ("none", ".ts", "aac", "–"),  # an AVI holds no such subtitles
    ]
    lines = script.table(cells, "sound", "kept_sound")
    assert lines[2].startswith("| vorbis | aac, +0 ms | left out |")
