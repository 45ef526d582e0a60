"""Muon, an optimiser for kernels: momentum whose matrix is made orthogonal (Jordan 2024)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_MOMENTUM = 0.95
_ITERATIONS = 5
# Of Jordan's quintic Newton–Schulz iteration.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
# An orthogonal step of this size, times √(longer side), has about Adam's root mean square.
_SIZE = 0.2


class Muon(torch.optim.Optimizer):
    """Steps along the nearest orthogonal matrix of each kernel's momentum.

    All directions of a kernel learn equally fast, the rare ones too. Kernels
    (c_out, c_in, k, k) count as matrices (c_out, c_in·k·k).

    Args:
        kernels: parameters of two or more dimensions.
        lr: the rate.
    """

    def __init__(self, kernels: Iterable[Tensor], lr: float) -> None:
        super().__init__(kernels, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update every parameter that has a gradient; ``closure`` has no effect."""
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is None:
                    continue
                state = self.state[kernel]
                momentum = state.setdefault("momentum", torch.zeros_like(kernel))
                momentum.lerp_(kernel.grad, 1 - _MOMENTUM)
                ahead = kernel.grad.lerp(momentum, _MOMENTUM)  # Nesterov's
                matrix = orthogonal(ahead.reshape(len(kernel), -1))
                scale = _SIZE * max(matrix.shape) ** 0.5
                kernel.add_(matrix.reshape(kernel.shape), alpha=-group["lr"] * scale)


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix (m, n) float32 with its singular values brought near 1, by Newton–Schulz steps."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
