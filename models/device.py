"""The device that PyTorch computes on."""

from __future__ import annotations

import torch

from ..pipeline.core.errors import DeviceError


def torch_device(name: str) -> torch.device:
    """The device that a user names: ``auto``, ``cpu`` or ``cuda``; ``auto`` takes a GPU if any.

    Raises:
        DeviceError: PyTorch can't compute there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise DeviceError(f"--device {name} can't train; it is auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "--device cuda: this PyTorch finds no GPU; leave --device out for the CPU"
        )
    return torch.device(name)
