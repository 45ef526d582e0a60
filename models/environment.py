"""The environment variables that name files of published weights; read without PyTorch."""

from __future__ import annotations

VGG_SETTING = "STYLIZE_VGG19"
"""VGG-19: a ``.safetensors`` or ``.pth`` file with torchvision's keys."""

RAFT_SETTING = "STYLIZE_RAFT"
"""RAFT-small: a ``.safetensors`` or ``.pth`` file with torchvision's keys."""

LPIPS_SETTING = "STYLIZE_LPIPS_BACKBONE"
"""AlexNet, for LPIPS: a ``.safetensors`` or ``.pth`` file with torchvision's keys."""
