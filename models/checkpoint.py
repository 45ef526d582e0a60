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
    aside = path.with_name(path.name + ".part")
    torch.save(dict(state), aside)
    aside.replace(path)


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """What ``write`` wrote. The file is data: nothing in it is run."""
    return torch.load(path, map_location=device, weights_only=True)


def resumed(
    path: Path, device: torch.device, made: Callable[[dict[str, Any]], Made], anew: str
) -> Made | None:
    """What ``made`` makes of a checkpoint; ``None`` where none is, or a broken one.

    Args:
        path: what ``write`` wrote.
        device: where its tensors go.
        made: may fail in any way.
        anew: what is said to happen instead of a broken one.
    """
    try:
        return made(read(path, device))
    except FileNotFoundError:
        return None
    # weights_only refuses what is more than data, and a broken file fails in many ways.
    except Exception:  # noqa: BLE001 - they share no other base
        log.warning("%s can't be read; %s", path, anew)
        return None
