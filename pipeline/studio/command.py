"""Settings as a user types them: a command line, and YAML."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

PROGRAM = "stylize-video"


def options(settings: Mapping[str, Any]) -> list[str]:
    """Return the options that say these settings.

    Args:
        settings: setting → value, checked.
    """
    words: list[str] = []
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, Mapping):
            for key, item in value.items():
                words += [flag, f"{key}={item}"]
        else:
            items = value if isinstance(value, (list, tuple)) else [value]
            for item in items:
                text = _text(item)
                words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return words


def command_line(words: Sequence[str]) -> str:
    """Return words as they are pasted into a terminal of this computer."""
    whole = [PROGRAM, *words]
    return subprocess.list2cmdline(whole) if sys.platform == "win32" else shlex.join(whole)


def yaml_text(settings: Mapping[str, Any]) -> str:
    """Return settings as a file for ``--config``."""
    if not settings:
        return ""
    return yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=1000)


def _text(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
