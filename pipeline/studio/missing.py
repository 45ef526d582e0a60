"""What is not installed, and the line that installs it."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from ..nets.runtime import onnxruntime


def missing() -> list[dict[str, str]]:
    """What could be installed, and the line that does it."""
    absent: list[dict[str, str]] = []
    if find_spec("torch") is None:
        what = "PyTorch, which learns a painting and paints key frames"
        absent.append({"what": what, "line": _line("'stylize-video[torch]'", "torch")})
    has_card = shutil.which("nvidia-smi") is not None
    if has_card and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        what = "the library that paints on your NVIDIA card"
        absent.append({"what": what, "line": _line("onnxruntime-gpu", "")})
    return absent


def _line(packages: str, extra: str) -> str:
    """The line that installs packages beside this program, wherever it is installed."""
    if "pipx" in Path(sys.prefix).parts:
        return f"pipx runpip stylize-video install {packages}"
    if "archive-v0" in Path(sys.prefix).parts and extra:  # uvx: nothing can be added to that
        return f"your uvx line again, with [studio,{extra}] in place of [studio]"
    if "uv" in Path(sys.prefix).parts:
        return f"uv pip install --python {shlex.quote(sys.prefix)} {packages}"
    return f"{shlex.quote(sys.executable)} -m pip install {packages}"
