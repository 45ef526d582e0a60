"""RAFT-small: which way every pixel of a picture moves to the next (Teed & Deng 2020).

The layers bear the names of torchvision's ``raft_small()``, so its weight file and a file of this
project's setting load alike. The sums are the paper's too; their order is one in which a CPU does
little but convolve. Nothing here is ever trained.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ...pipeline.core.errors import TrainingError, reason
from .weights import Published, read_weights

CELL = 8
"""The net reckons in cells of 8 × 8 pixels; height and width are multiples of it."""

_FEATURES = 128
_HIDDEN = 96
_CONTEXT = 64
_MOTION = 80 + 2  # the last two are the flow itself
_SCALES = 4
_RADIUS = 3
_LIKENESSES = _SCALES * (2 * _RADIUS + 1) ** 2


class RaftSmall(nn.Module):
    """Optical flow by repeated correction of an estimate.

    Every cell is compared with every cell, so memory grows with the square of the picture's area:
    75 MB at 640 × 360, 6 GB at 1920 × 1080. Make large pictures smaller first.

    Args:
        updates: number of corrections of the flow.
    """

    def __init__(self, updates: int = 12) -> None:
        super().__init__()
        self.updates = updates
        self.feature_encoder = _Encoder(_FEATURES, norm=True)
        self.context_encoder = _Encoder(_HIDDEN + _CONTEXT, norm=False)
        self.update_block = _UpdateBlock()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Flow from ``first`` to ``second``.

        Args:
            first: (N, 3, H, W) float32, −1..1, RGB; H and W are multiples of ``CELL``, at least 64.
            second: of the same shape and range.

        Returns:
            (N, 2, H, W) float32, px: x to the right and y downwards.
        """
        here, there = self.feature_encoder(torch.cat([first, second])).chunk(2)
        correlation = _Correlation(here, there)
        hidden, context = self.context_encoder(first).split([_HIDDEN, _CONTEXT], dim=1)
        hidden, still = hidden.tanh(), self.update_block.still(context.relu())
        home = _positions(here)
        flow = torch.zeros_like(home).expand(len(first), -1, -1, -1)
        for _ in range(self.updates):
            likeness = correlation.look_up(home + flow)
            hidden, change = self.update_block(hidden, still, likeness, flow)
            flow = flow + change
        size = first.shape[2:]
        return F.interpolate(flow * CELL, size=size, mode="bilinear", align_corners=True)


def load_raft_small(weights: Path | None = None, updates: int = 12) -> RaftSmall:
    """RAFT-small with its weights, ready to use.

    Args:
        weights: a ``.safetensors`` or ``.pth`` file with torchvision's keys; ``None`` downloads
            torchvision's ``Raft_Small_Weights.C_T_V2`` (4 MB, once) into torch's cache.
        updates: see ``RaftSmall``.

    Raises:
        TrainingError: the file is not there, can't be downloaded or does not hold RAFT-small.
    """
    net = RaftSmall(updates)
    try:
        net.load_state_dict(read_weights(weights, _published, net.state_dict(), "RAFT-small"))
    except FileNotFoundError as error:
        raise TrainingError(f"RAFT-small's weights {weights} do not exist") from error
    except OSError as error:
        raise TrainingError(
            f"RAFT-small's weights could not be read ({error}); give a file of them"
        ) from error
    # Each format of weights has its own errors for a broken file.
    except Exception as error:
        raise TrainingError(f"{weights or 'RAFT-small'} can't be used: {reason(error)}") from error
    return net.eval().requires_grad_(False)


def _published() -> Published:
    from torchvision.models.optical_flow import Raft_Small_Weights

    return Raft_Small_Weights.C_T_V2


# ---- features ----


class _ConvNorm(nn.Sequential):
    """A convolution of the same size (but for its stride), a norm and a ReLU where wanted."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, stride: int = 1, *, norm: bool, relu: bool = True
    ) -> None:
        super().__init__(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2))
        if norm:
            self.append(nn.InstanceNorm2d(c_out))
        if relu:
            self.append(nn.ReLU())


class _Bottleneck(nn.Module):
    """Residual block: 1×1 to a quarter of the width, 3×3 there, and 1×1 to the full width."""

    def __init__(self, c_in: int, c_out: int, stride: int, *, norm: bool) -> None:
        super().__init__()
        narrow = c_out // 4
        self.convnormrelu1 = _ConvNorm(c_in, narrow, 1, norm=norm)
        self.convnormrelu2 = _ConvNorm(narrow, narrow, 3, stride, norm=norm)
        self.convnormrelu3 = _ConvNorm(narrow, c_out, 1, norm=norm)
        self.downsample = (
            _ConvNorm(c_in, c_out, 1, stride, norm=norm, relu=False)
            if stride > 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """The input plus its residual, rectified."""
        residual = self.convnormrelu3(self.convnormrelu2(self.convnormrelu1(x)))
        return (self.downsample(x) + residual).relu()


class _Encoder(nn.Module):
    """A picture → features of each of its cells, (N, features, H/8, W/8)."""

    def __init__(self, features: int, *, norm: bool) -> None:
        super().__init__()
        self.convnormrelu = _ConvNorm(3, 32, 7, 2, norm=norm)
        self.layer1 = self._stage(32, 32, 1, norm)
        self.layer2 = self._stage(32, 64, 2, norm)
        self.layer3 = self._stage(64, 96, 2, norm)
        self.conv = nn.Conv2d(96, features, 1)

    @staticmethod
    def _stage(c_in: int, c_out: int, stride: int, norm: bool) -> nn.Sequential:
        first = _Bottleneck(c_in, c_out, stride, norm=norm)
        return nn.Sequential(first, _Bottleneck(c_out, c_out, 1, norm=norm))

    def forward(self, rgb: Tensor) -> Tensor:
        """(N, 3, H, W), −1..1 → (N, features, H/8, W/8)."""
        x = self.layer1(self.convnormrelu(rgb))
        return self.conv(self.layer3(self.layer2(x)))


# ---- where a cell may have gone ----


def _positions(like: Tensor) -> Tensor:
    """(1, 2, h, w): x and y of every cell of ``like``."""
    height, width = like.shape[2:]
    y = torch.arange(height, device=like.device)[:, None].expand(height, width)
    x = torch.arange(width, device=like.device).expand(height, width)
    return torch.stack([x, y])[None].to(like.dtype)


class _Correlation:
    """How alike every cell of a picture is to every cell of the next, at four scales.

    The next picture's features are pooled, not the correlations: the result is the same, because
    both steps are linear, at a thirtieth of the work. All correlations of a cell are one row, each
    scale with a rim of zeros around it; a place outside the picture reads the rim.
    """

    def __init__(self, here: Tensor, there: Tensor) -> None:
        scales = [there, *(F.avg_pool2d(there, 2**scale) for scale in range(1, _SCALES))]
        places = torch.cat([F.pad(scale, (1, 1, 1, 1)).flatten(2) for scale in scales], dim=2)
        self.rows = (here.flatten(2) / here.shape[1] ** 0.5).transpose(1, 2) @ places
        halvings = 2 ** torch.arange(_SCALES, device=here.device)
        width, height = (torch.full_like(halvings, there.shape[i]) // halvings for i in (3, 2))
        area = (width + 2) * (height + 2)
        self.shrink = 1 / halvings
        self.last = torch.stack([width, height]).to(here.dtype)[:, None, :, None]  # x and y
        self.wide = (width + 2)[:, None]
        self.start = (area.cumsum(0) - area)[:, None]

    def look_up(self, position: Tensor) -> Tensor:
        """The correlations around each position: (N, 2, h, w) float32, cells → (N, h·w, 4 · 7 · 7).

        All 7 × 7 samples of a window lie equally far past a whole step, so 8 × 8 places are read
        once and blended along y, then along x. With ``grid_sample`` the exported net took a third
        longer.
        """
        position = position.flatten(2)[..., None] * self.shrink  # n, x y, cells, scales
        whole = position.floor()
        around = torch.arange(-_RADIUS, _RADIUS + 2, device=position.device)
        steps = (whole[..., None] + around).clamp(min=-1).minimum(self.last)
        x, y = (steps + 1).long().unbind(1)  # n, cells, scales, 8; counted from the rim
        places = x[..., :, None] + (y * self.wide + self.start)[..., None, :]
        samples = self.rows.gather(2, places.flatten(2)).reshape(places.shape)
        dx, dy = (position - whole)[..., None, None].unbind(1)
        samples = samples[..., :-1] + (samples[..., 1:] - samples[..., :-1]) * dy
        samples = samples[..., :-1, :] + (samples[..., 1:, :] - samples[..., :-1, :]) * dx
        return samples.flatten(2)


# ---- correcting the flow ----


class _RowConv(nn.Conv2d):
    """A 1 × 1 convolution of rows, (N, h·w, c_in) → (N, h·w, c_out)."""

    def forward(self, input: Tensor) -> Tensor:
        """See the class."""
        return F.linear(input, self.weight.flatten(1), self.bias)


class _MotionEncoder(nn.Module):
    """Correlations and the flow so far → features of the motion."""

    def __init__(self) -> None:
        super().__init__()
        self.convcorr1 = nn.Sequential(_RowConv(_LIKENESSES, 96, 1), nn.ReLU())
        self.convflow1 = _ConvNorm(2, 64, 7, norm=False)
        self.convflow2 = _ConvNorm(64, 32, 3, norm=False)
        self.conv = _ConvNorm(96 + 32, _MOTION - 2, 3, norm=False)

    def forward(self, likeness: Tensor, flow: Tensor) -> Tensor:
        """(N, h·w, 196), (N, 2, h, w) → (N, 82, h, w)."""
        seen = self.convcorr1(likeness).transpose(1, 2).unflatten(2, flow.shape[2:])
        moved = self.convflow2(self.convflow1(flow))
        return torch.cat([self.conv(torch.cat([seen, moved], dim=1)), flow], dim=1)


class _ConvGru(nn.Module):
    """Gated recurrent unit whose gates are 3 × 3 convolutions of (hidden, context, motion).

    The convolution of joined inputs is the sum of one for each. That of the context, which never
    changes, is computed once, and that of the motion once for all gates: a quarter less work.
    """

    def __init__(self) -> None:
        super().__init__()
        c_in = _HIDDEN + _CONTEXT + _MOTION
        self.convz = nn.Conv2d(c_in, _HIDDEN, 3, padding=1)
        self.convr = nn.Conv2d(c_in, _HIDDEN, 3, padding=1)
        self.convq = nn.Conv2d(c_in, _HIDDEN, 3, padding=1)

    def still(self, context: Tensor) -> Tensor:
        """(N, 64, h, w) → what never changes of z, r and q, (N, 3 · 96, h, w)."""
        gates = (self.convz, self.convr, self.convq)
        bias = torch.cat([gate.bias for gate in gates if gate.bias is not None])
        return _contribution(context, _HIDDEN, *gates) + bias[:, None, None]

    def forward(self, hidden: Tensor, still: Tensor, motion: Tensor) -> Tensor:
        """The next hidden state, (N, 96, h, w)."""
        z, r, q = self.convz, self.convr, self.convq
        given = still + _contribution(motion, _HIDDEN + _CONTEXT, z, r, q)
        given_zr, given_q = given.split([2 * _HIDDEN, _HIDDEN], dim=1)
        keep, reset = (given_zr + _contribution(hidden, 0, z, r)).sigmoid().chunk(2, dim=1)
        new = (given_q + _contribution(reset * hidden, 0, q)).tanh()
        return hidden + keep * (new - hidden)


def _contribution(x: Tensor, start: int, *gates: nn.Conv2d) -> Tensor:
    """The part of the gates' convolutions that reads ``x``, their input from ``start`` on."""
    part = slice(start, start + x.shape[1])
    return F.conv2d(x, torch.cat([gate.weight[:, part] for gate in gates]), padding=1)


class _RecurrentBlock(nn.Module):
    """Has the unit under torchvision's name for it; the large RAFT has two."""

    def __init__(self) -> None:
        super().__init__()
        self.convgru1 = _ConvGru()

    def forward(self, hidden: Tensor, still: Tensor, motion: Tensor) -> Tensor:
        """See ``_ConvGru``."""
        return self.convgru1(hidden, still, motion)


class _FlowHead(nn.Module):
    """The hidden state → how the flow changes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_HIDDEN, 128, 3, padding=1)
        self.conv2 = nn.Conv2d(128, 2, 3, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        """(N, 96, h, w) → (N, 2, h, w)."""
        return self.conv2(self.conv1(hidden).relu())


class _UpdateBlock(nn.Module):
    """One correction of the flow by the correlations."""

    def __init__(self) -> None:
        super().__init__()
        self.motion_encoder = _MotionEncoder()
        self.recurrent_block = _RecurrentBlock()
        self.flow_head = _FlowHead()

    def still(self, context: Tensor) -> Tensor:
        """See ``_ConvGru.still``."""
        return self.recurrent_block.convgru1.still(context)

    def forward(
        self, hidden: Tensor, still: Tensor, likeness: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The next hidden state, and how the flow changes."""
        hidden = self.recurrent_block(hidden, still, self.motion_encoder(likeness, flow))
        return hidden, self.flow_head(hidden)
