"""The net of Johnson, Alahi, Fei-Fei 2016 as published: what other projects run."""

from __future__ import annotations

from torch import Tensor, nn

from .feedforward import GREY, ResidualBlock, StyleNet, normed


class _ReflectConv(nn.Sequential):
    """Reflection padding, then a convolution: no dark rim at the picture's border."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(c_in, c_out, kernel, stride))


class JohnsonNet(StyleNet):
    """Johnson 2016, table 1: 9×9, two strided 3×3, five residual blocks, two up, 9×9.

    Up-sampling is nearest then 3×3 instead of the paper's fractional stride: the same cost, no
    checkerboard. Instance norm instead of batch norm, after Ulyanov 2016.
    """

    name = "johnson"
    multiple = 4
    margin = 16
    pack_in = 1
    pack_out = 1

    def __init__(self) -> None:
        super().__init__()
        last = nn.Conv2d(32, 3, 9)
        nn.init.constant_(last.bias, GREY)  # pyright: ignore[reportArgumentType]
        self.body = nn.Sequential(
            *normed(_ReflectConv(3, 32, 9), 32),
            *normed(_ReflectConv(32, 64, 3, stride=2), 64),
            *normed(_ReflectConv(64, 128, 3, stride=2), 128),
            *(
                ResidualBlock(_ReflectConv(128, 128, 3), _ReflectConv(128, 128, 3), 128)
                for _ in range(5)
            ),
            nn.Upsample(scale_factor=2, mode="nearest"),
            *normed(_ReflectConv(128, 64, 3), 64),
            nn.Upsample(scale_factor=2, mode="nearest"),
            *normed(_ReflectConv(64, 32, 3), 32),
            nn.Sequential(nn.ReflectionPad2d(4), last),
        )

    def core(self, packed: Tensor, memory: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """See ``StyleNet.core``."""
        return self.body(packed)

    def macs_per_pixel(self) -> float:
        """See ``StyleNet.macs_per_pixel``."""
        outer = 2 * 81 * 3 * 32
        down = 9 * 32 * 64 / 4 + 9 * 64 * 128 / 16
        blocks = 5 * 2 * 9 * 128 * 128 / 16
        up = 9 * 128 * 64 / 4 + 9 * 64 * 32
        return outer + down + blocks + up
