from __future__ import annotations

import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest
from stylize_video.pipeline.studio.folder import StudioFolder

from ..helpers.command import one_line, run_command
from ..helpers.studio import running_studio


def test_what_is_missing_is_one_line_that_says_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr("stylize_video.cli.studio.find_spec", lambda name: name != "uvicorn")
    line = one_line(run_command("studio"))
    assert "needs uvicorn" in line and "pip install 'stylize-video[studio]'" in line


def test_a_port_that_is_taken_and_a_folder_that_is_in_use_are_one_line(tmp_path: Path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        line = one_line(run_command("studio", tmp_path / "a", "--no-browser", "--port", port))
        assert f"port {port} can't be used" in line
    with running_studio(tmp_path / "b"):
        line = one_line(run_command("studio", tmp_path / "b", "--no-browser"))
        assert "another studio works in" in line
    (tmp_path / "file").write_text("")
    assert "can't be used" in one_line(run_command("studio", tmp_path / "file", "--no-browser"))


def test_the_folder_is_made_and_holds_itself_only(tmp_path: Path):
    folder = StudioFolder(tmp_path / "new" / "films")
    assert folder.holds(folder.root / "a" / ".." / "b.mp4")
    for path in (tmp_path, folder.root / ".." / "x", Path("/etc/passwd")):
        assert not folder.holds(path)
