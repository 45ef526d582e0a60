"""The device that PyTorch computes on."""

from __future__ import annotations

import ctypes
import os
import platform

import torch

from ..pipeline.core.errors import DeviceError


def torch_device(name: str) -> torch.device:
    """The device that a user names: ``auto``, ``cpu`` or ``cuda``; ``auto`` takes a GPU if any.

    Raises:
        DeviceError: PyTorch can't compute there.
    """
    keep_freed_memory()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise DeviceError(f"--device {name} can't train; it is auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "--device cuda: this PyTorch finds no GPU; leave --device out for the CPU"
        )
    return torch.device(name)


def quick_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes it quickly, else float32.

    Without its instructions (AVX-512 on x86-64) a CPU takes ten times as long for it.
    """
    if device.type == "cuda":
        quick = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        mkldnn = torch.backends.mkldnn.is_available()
        quick = mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if quick else torch.float32


def mixed_precision(device: torch.device) -> torch.autocast:
    """A context in which products are computed in ``quick_dtype``."""
    quick = quick_dtype(device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=quick)


def keep_freed_memory() -> None:
    """Let the process keep the memory that tensors free, for the next ones.

    glibc returns large blocks to the system at once. Each step of a training then asks for the same
    gigabyte again, page by page: 8 % of its time. Other C libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None) if os.name == "posix" else None, "mallopt", None)
    if mallopt is not None and platform.libc_ver()[0] == "glibc":
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)


_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # parameters of mallopt, by malloc.h
