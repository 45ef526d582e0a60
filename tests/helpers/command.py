"""``stylize-video`` as a user types it: in this process, or in one of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from stylize_video.cli.main import main

Done = subprocess.CompletedProcess[str]
"""How a command ended: ``returncode``, ``stdout``, ``stderr``."""

_RUN = "from stylize_video.cli.main import main; main()"


def run_command(
    *words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Done:
    """Run the command in this process, which saves the seconds of a start.

    What libraries write to the file descriptors is captured too, as a user's terminal shows it.

    Args:
        words: what is typed after ``stylize-video``.
        cwd: the current directory.
        env: the whole environment.
    """
    typed = ["stylize-video", *map(str, words)]
    threads = torch.get_num_threads()
    before = Path.cwd()
    with (
        mock.patch.object(sys, "argv", typed),
        mock.patch.dict(os.environ, env or {}, clear=env is not None),
        _captured("stdout") as out,
        _captured("stderr") as errors,
    ):
        os.chdir(cwd or before)
        try:
            code = _exit_code()
        finally:
            os.chdir(before)
            torch.set_num_threads(threads)
    return Done(typed, code, "".join(out), "".join(errors))


def run_process(*words: object, **options: Any) -> Done:
    """Run the command in a process of its own: where limits or a fresh interpreter matter.

    Args:
        words: what is typed after ``stylize-video``.
        options: of ``subprocess.run``.
    """
    command = [sys.executable, "-c", _RUN, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def start_process(*words: object, code: str = _RUN, **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process of its own: where signals matter.

    Args:
        words: what is typed after ``stylize-video``.
        code: what Python runs.
        options: of ``subprocess.Popen``.
    """
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def one_line(done: Done) -> str:
    """The only line of a refusal, after whatever started."""
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("stylize-video:")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def plain_environment() -> dict[str, str]:
    """This environment, with a terminal of 120 columns and no colours."""
    return {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}


def _exit_code() -> int:
    """What the interpreter would exit with."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - the interpreter shows it too
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _captured(name: str) -> Generator[list[str]]:
    """What is written to ``sys.stdout`` or ``sys.stderr`` and its descriptor, after the block."""
    number = {"stdout": 1, "stderr": 2}[name]
    text: list[str] = []
    with tempfile.TemporaryFile() as file:
        before = os.dup(number)
        os.dup2(file.fileno(), number)
        stream = io.TextIOWrapper(
            io.FileIO(number, "w", closefd=False), "utf-8", line_buffering=True
        )
        try:
            with mock.patch.object(sys, name, stream):
                yield text
        finally:
            stream.close()
            os.dup2(before, number)
            os.close(before)
            file.seek(0)
            text.append(file.read().decode())
