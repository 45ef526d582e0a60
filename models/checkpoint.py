"""Checkpoints: written whole or not at all, read as data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

log = logging.getLogger(__name__)

Made = TypeVar("Made")


def write(state: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values to ``path``, whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    torch.save(dict(state), temporary)
    temporary.replace(path)


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """What ``write`` wrote. The file is data: nothing in it is run."""
    return torch.load(path, map_location=device, weights_only=True)


def resumed(
    path: Path, device: torch.device, made: Callable[[dict[str, Any]], Made], fallback: str
) -> Made | None:
    """What ``made`` returns for a checkpoint; ``None`` where there is none, or a broken one.

    Args:
        path: a file that ``write`` wrote.
        device: where its tensors go.
        made: turns the checkpoint's values into an object; may fail in any way.
        fallback: what happens instead of resuming, for the warning about a broken file.
    """
    try:
        return made(read(path, device))
    except FileNotFoundError:
        return None
    # weights_only refuses what is more than data, and a broken file fails in many ways.
    except Exception:  # noqa: BLE001 - they share no other base
        log.warning("%s can't be read; %s", path, fallback)
        return None
