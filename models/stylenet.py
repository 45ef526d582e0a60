"""The feed-forward style nets: slim (``fast``), wide (``quality``), and told the frame before.

They map a picture (N, 3, H, W), float, RGB, 0..1, to a picture of the same size. Any size ≥ 1 × 1
works: a net pads its input to its multiple and crops the result.

``StyleNet`` splits the work so that the export can move pixels as bytes: ``core`` sees the picture
*packed* (cells of r × r pixels folded into channels, see ``pack``) and answers packed.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

GREY = 128 / 255
"""Where a fresh net's answers begin."""


class StyleNet(nn.Module):
    """A picture-to-picture net with a packed core."""

    name: str
    multiple: int
    """Height and width that ``core`` sees are multiples of this."""
    margin: int
    """Pixels of reflection around the picture, which keep the net's own zero padding off it."""
    pack_in: int
    pack_out: int
    recurrent: bool = False
    """It takes the memory of the frame before."""

    @abstractmethod
    def core(self, packed: Tensor, memory: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """(N, r²·3, H/r, W/r) in −1..1 → (N, q²·3, H/q, W/q); r, q: ``pack_in, out``.

        The answer's 0..1 are shown; what lies beyond is clamped, here as in the exported graph.

        A recurrent net takes, packed too, the picture before in −1..1 and its mask in 0..1.
        """

    def forward(self, rgb: Tensor, memory: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Stylise ``rgb`` (N, 3, H, W), 0..1; the result has the same shape and range.

        Args:
            rgb: the pictures.
            memory: for a recurrent net the results before, warped (N, 3, H, W), 0..1, and how far
                they can be trusted (N, 1, H, W), 0..1. Nothing is known where it is left out.
        """
        packed = self._packed(self._signed(rgb))
        told = None
        if memory is not None:
            told = (self._packed(self._signed(memory[0])), self._packed(memory[1]))
        elif self.recurrent:
            told = (torch.zeros_like(packed), torch.zeros_like(packed[:, ::3]))
        y = unpack(_Bounded.apply(self.core(packed, told)), self.pack_out)  # pyright: ignore[reportArgumentType]
        (height, width), m = rgb.shape[2:], self.margin
        return y[:, :, m : m + height, m : m + width]

    @staticmethod
    def _signed(rgb: Tensor) -> Tensor:
        """0..1 → −1..1; zero is the byte 128, as it is where bytes are dequantised."""
        return rgb * 2 - 256 / 255

    def _packed(self, x: Tensor) -> Tensor:
        """Padded, then packed."""
        height, width = x.shape[2:]
        rows = padded_index(torch.arange(height, device=x.device), self.margin, self.multiple)
        columns = padded_index(torch.arange(width, device=x.device), self.margin, self.multiple)
        return pack(x.index_select(2, rows).index_select(3, columns), self.pack_in)

    @abstractmethod
    def macs_per_pixel(self) -> float:
        """Multiply-accumulates per pixel of the (padded) picture."""


class _Bounded(torch.autograd.Function):
    """Clamped to 0..1. Beyond, only a gradient that leads back in is passed on.

    A plain clamp has none there: what is once too bright would stay so.
    """

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(y)
        return y.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        (y,) = ctx.saved_tensors
        lost = ((y > 1) & (grad < 0)) | ((y < 0) & (grad > 0))
        return grad.masked_fill(lost, 0)


def pack(rgb: Tensor, r: int) -> Tensor:
    """(N, C, H, W) → (N, r·r·C, H/r, W/r), channels in the order (row, column, colour).

    ``pixel_unshuffle`` puts the colour first; with it last, bytes stored as H × W × 3 are packed by
    moving whole runs of them, which made the exported graph's packing seven times faster.
    """
    n, c, h, w = rgb.shape
    cells = rgb.reshape(n, c, h // r, r, w // r, r).permute(0, 3, 5, 1, 2, 4)
    return cells.reshape(n, r * r * c, h // r, w // r)


def unpack(packed: Tensor, r: int) -> Tensor:
    """The inverse of ``pack``, as two moves of one axis each: ONNX Runtime is quick at those."""
    n, c, h, w = packed.shape
    rows = packed.reshape(n, r, c // r, h, w).permute(0, 2, 3, 1, 4)
    columns = rows.reshape(n, r, c // (r * r), h * r, w).permute(0, 2, 3, 4, 1)
    return columns.reshape(n, c // (r * r), h * r, w * r)


def padded_index(positions: Tensor, margin: int, multiple: int) -> Tensor:
    """Which row (or column) each padded row repeats: a margin of reflection, up to a multiple.

    Args:
        positions: 0 … size − 1.
        margin: rows added before, and at least as many after.
        multiple: the padded size is a multiple of this.

    Reflection runs as far as the picture goes and then holds the last row, so that even a picture
    of one row can be padded.
    """
    last = positions.shape[0] - 1
    total = (last + 2 * margin + multiple) // multiple * multiple
    i = torch.arange(total, device=positions.device) - margin
    return (last - (last - i.abs()).abs()).clamp(0, last)


def normed(conv: nn.Module, channels: int) -> list[nn.Module]:
    """A convolution of so many answers, their instance norm (Ulyanov 2016), ReLU."""
    return [conv, nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]


class ResidualBlock(nn.Module):
    """Residual block of Johnson 2016 (after Gross & Wilber): no ReLU after the addition.

    Args:
        first: a convolution of as many answers as it reads.
        second: likewise.
        channels: so many.
    """

    def __init__(self, first: nn.Module, second: nn.Module, channels: int) -> None:
        super().__init__()
        norm = nn.InstanceNorm2d(channels, affine=True)
        self.body = nn.Sequential(*normed(first, channels), second, norm)

    def forward(self, x: Tensor) -> Tensor:
        """The input plus its residual."""
        return x + self.body(x)


class Analysis(nn.Module):
    """An anti-aliased convolution of stride r, as a 3×3 convolution on packed pixels.

    Its 3r × 3r kernels are a free (r+2)×(r+2) kernel convolved with the triangle filter of width
    2r − 1, which is zero at every frequency that stride r would fold onto the mean: fine texture
    that moves by a pixel does not beat with the stride. It costs nothing at run time: the product
    of both is the exported kernel.
    """

    lowpass: Tensor

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.free = nn.Conv2d(c_in, c_out, stride + 2)
        self.register_buffer("lowpass", _square(_triangle(stride)), persistent=False)

    def kernel(self) -> Tensor:
        """The 3×3 kernel over packed channels, (c_out, r²·c_in, 3, 3)."""
        c_out, c_in = self.free.weight.shape[:2]
        r = self.stride
        full = _spread(self.free.weight, self.lowpass)  # c_out, c_in, 3r, 3r
        cells = full.reshape(c_out, c_in, 3, r, 3, r).permute(0, 3, 5, 1, 2, 4)
        return cells.reshape(c_out, r * r * c_in, 3, 3)

    def bias(self) -> Tensor:
        """(c_out)."""
        assert self.free.bias is not None
        return self.free.bias

    def forward(self, packed: Tensor) -> Tensor:
        """(N, r²·c_in, h, w) → (N, c_out, h, w)."""
        return F.conv2d(packed, self.kernel(), self.bias(), padding=1)


class Synthesis(nn.Module):
    """The transpose: up-sampling by a as a 3×3 convolution whose answer is packed.

    Its 3a × 3a kernels are a free (a+2)×(a+2) kernel convolved with the triangle filter of width
    2a − 1. Shifted copies of such a kernel add up to a constant, and to a ramp: a flat or slowly
    changing field of features gives a picture without a grid, whatever was learned. (The box of
    width a, nearest up-sampling before a convolution as in Odena 2016, does that for flat fields
    alone: around edges dots were left.)

    Args:
        c_in: features.
        c_out: features of the answer.
        factor: a.
        packed: the features come packed by this already, and stay so: places after the feature.
        pixels: the answer is a picture: its places come first, as in ``pack``, and not last.
    """

    lowpass: Tensor

    def __init__(
        self, c_in: int, c_out: int, factor: int, packed: int = 1, pixels: bool = False
    ) -> None:
        super().__init__()
        self.factor = factor
        self.packed = packed
        self.pixels = pixels
        self.free = nn.Conv2d(c_in, c_out, factor + 2)
        # Features of spread 1 give features of about that spread; a picture begins with less.
        nn.init.normal_(self.free.weight, std=(0.3 if pixels else 1.0) / c_in**0.5)
        nn.init.zeros_(self.free.bias)  # pyright: ignore[reportArgumentType] - made with a bias
        self.register_buffer("lowpass", _square(_triangle(factor)), persistent=False)

    def kernel(self) -> Tensor:
        """The 3×3 kernel over packed channels, (c_out·(r·a)², c_in·r², 3, 3), r: ``packed``."""
        c_out, c_in = self.free.weight.shape[:2]
        a, r = self.factor, self.packed
        full = _spread(self.free.weight, self.lowpass)  # c_out, c_in, 3a, 3a
        cells = full.reshape(c_out, c_in, 3, a, 3, a).flip(2, 4)
        places = _on_packed(cells.permute(3, 5, 0, 1, 2, 4), r)
        order = (0, 1, 2, 3, 4, 5) if self.pixels else (2, 0, 1, 3, 4, 5)
        return places.permute(order).reshape(c_out * (r * a) ** 2, c_in * r * r, 3, 3)

    def bias(self) -> Tensor:
        """Of every packed channel."""
        assert self.free.bias is not None
        places = (self.factor * self.packed) ** 2
        if self.pixels:
            return self.free.bias.repeat(places)
        return self.free.bias.repeat_interleave(places)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in·r², h, w) → (N, c_out·(r·a)², h, w)."""
        return F.conv2d(x, self.kernel(), self.bias(), padding=1)


@torch.no_grad()
def written_out(net: StyleNet) -> StyleNet:
    """A copy of ``net`` whose composed kernels are plain 3×3 convolutions; it answers the same."""
    net = copy.deepcopy(net)
    for parent in list(net.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, (Analysis, Synthesis)):
                kernel = layer.kernel()
                plain = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
                plain.weight.copy_(kernel)
                assert plain.bias is not None
                plain.bias.copy_(layer.bias())
                setattr(parent, name, plain)
    return net


def read_back(net: StyleNet, written: Mapping[str, Tensor]) -> None:
    """Give ``net`` the weights whose ``written_out`` net has these: its inverse.

    Raises:
        KeyError: a weight is missing.
    """
    free: dict[str, Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, (Analysis, Synthesis)):
            exact = copy.deepcopy(layer).double()
            assert exact.free.bias is not None
            _make(exact.kernel, exact.free.weight, written[f"{name}.weight"].double())
            _make(exact.bias, exact.free.bias, written[f"{name}.bias"].double())
            free |= {f"{name}.free.{key}": x for key, x in exact.free.state_dict().items()}
    net.load_state_dict(
        {key: free[key] if key in free else written[key] for key in net.state_dict()}
    )


def _make(answer: Callable[[], Tensor], of: nn.Parameter, wanted: Tensor) -> None:
    """Set a parameter so that an answer which is linear in it is what is wanted.

    By conjugate gradients on the squared difference: the layers need not know their own inverse.
    """

    def back(rest: Tensor) -> Tensor:
        return torch.autograd.grad(answer(), of, rest)[0]

    found = torch.zeros_like(of.data)
    way = slope = back(wanted)
    rest, steep = wanted, slope.square().sum()
    for _ in range(100):
        if not float(steep) > 1e-24:
            break
        of.data = way
        moved = answer().detach()
        step = steep / moved.square().sum()
        found, rest = found + step * way, rest - step * moved
        slope, before = back(rest), steep
        steep = slope.square().sum()
        way = slope + steep / before * way
    of.data = found


def _on_packed(kernel: Tensor, r: int) -> Tensor:
    """A convolution of features, as one of the same features packed by r.

    Args:
        kernel: (a, a, c_out, c_in, 3, 3); first the row and column in the answer's cell.
        r: channels of what it reads are (feature, row, column).

    Returns:
        (r·a, r·a, c_out, c_in·r·r, 3, 3), likewise.
    """
    a, _, c_out, c_in = kernel.shape[:4]
    packed = kernel.new_zeros(r, a, r, a, c_out, c_in, r, r, 3, 3)
    # Row p of a cell reads, at tap d, row (p + d − 1) mod r of the cell before, this or the next.
    reads = [(p, d, (p + d - 1) % r, (p + d - 1) // r + 1) for p in range(r) for d in range(3)]
    for (p, d, q, cell), (p2, d2, q2, cell2) in product(reads, reads):
        packed[p, :, p2, :, :, :, q, q2, cell, cell2] += kernel[..., d, d2]
    return packed.reshape(r * a, r * a, c_out, c_in * r * r, 3, 3)


def _triangle(width: int) -> Tensor:
    """box(width) * box(width), 2·width − 1 taps, sum 1."""
    rise = torch.arange(1, width + 1, dtype=torch.float32)
    return torch.cat([rise, rise[:-1].flip(0)]) / width**2


def _square(taps: Tensor) -> Tensor:
    return torch.outer(taps, taps)[None, None]


def _spread(kernel: Tensor, taps: Tensor) -> Tensor:
    """Full convolution of every kernel (O, I, k, k) with (1, 1, m, m) taps: k+m−1 wide."""
    o, i, k, _ = kernel.shape
    reach = taps.shape[-1] - 1
    wide = F.conv2d(kernel.reshape(o * i, 1, k, k), taps.flip(2, 3), padding=reach)
    return wide.reshape(o, i, k + reach, k + reach)


def _fast_block(channels: int) -> ResidualBlock:
    """Zero padding: the net's margin keeps the rim off the picture."""
    first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
    return ResidualBlock(first, second, channels)


class FastNet(StyleNet):
    """The slim net: a stack of 3×3 convolutions at a quarter of the size, and nothing else.

    Up-sampling goes by two and two, with a norm and a ReLU between, but all of it stays packed: to
    the runtime it is two convolutions more, without a move of features. What it answers is bounded
    by clamping, so that it ends in a convolution: bytes are what an 8-bit convolution answers, and
    another colour space is another last kernel.

    Args:
        channels: width at a quarter of the size.
        blocks: residual blocks there.
    """

    name = "fast"
    multiple = 4
    margin = 16
    pack_in = 4
    pack_out = 4

    def __init__(self, channels: int = 32, blocks: int = 3) -> None:
        super().__init__()
        self.channels = channels
        self.blocks = blocks
        half = channels // 2
        self.head = nn.Sequential(*normed(Analysis(3, channels, self.pack_in), channels))
        self.body = nn.Sequential(*(_fast_block(channels) for _ in range(blocks)))
        self.up = Synthesis(channels, half, 2)
        self.up_norm = nn.InstanceNorm2d(half, affine=True)
        self.tail = Synthesis(half, 3, 2, packed=2, pixels=True)
        nn.init.constant_(self.tail.free.bias, GREY)  # pyright: ignore[reportArgumentType]

    def core(self, packed: Tensor, memory: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """See ``StyleNet.core``."""
        return self._painted(self.head(packed))

    def _painted(self, features: Tensor) -> Tensor:
        """What the head found → the packed picture."""
        up = self.up(self.body(features))
        n, c, h, w = up.shape
        # The places of a feature share its statistics; they lie one after the other.
        shared = up.reshape(n, self.channels // 2, -1, w)
        return self.tail(self.up_norm(shared).reshape(n, c, h, w).relu())

    def macs_per_pixel(self) -> float:
        """See ``StyleNet.macs_per_pixel``."""
        c = self.channels
        return 9 * (48 * c + self.blocks * 2 * c * c + 2 * c * c + 2 * c * 48) / 16


class QualityNet(FastNet):
    """``FastNet`` with more of everything: four and a half times the work, for finer painting."""

    name = "quality"

    def __init__(self, channels: int = 64, blocks: int = 5) -> None:
        super().__init__(channels, blocks)


@torch.no_grad()
def widen(narrow: FastNet, wide: FastNet) -> None:
    """Give ``wide`` the weights of a net of fewer channels and blocks; it then answers the same.

    What is known is read from known channels alone, what is added begins as it was made, and added
    blocks begin as identities (Net2Net: Chen, Goodfellow, Shlens 2015).
    """
    known = narrow.state_dict()
    for name, weights in wide.state_dict().items():
        if name in known:
            given = known[name]
            weights[: len(given)] = 0
            weights[tuple(slice(size) for size in given.shape)] = given
    for block in list(wide.body)[narrow.blocks :]:
        assert isinstance(block, ResidualBlock)
        nn.init.zeros_(block.body[-1].weight)  # pyright: ignore[reportArgumentType]


class RecurrentNet(FastNet):
    """``FastNet`` that is told what it showed before (Ruder 2018, section 5).

    The frame, the warped result before and its mask are analysed each by a convolution of stride 4,
    and added: one convolution of seven channels, written so that bytes can be packed one by one.
    """

    name = "recurrent"
    recurrent = True

    def __init__(self, channels: int = 32, blocks: int = 3) -> None:
        super().__init__(channels, blocks)
        self.before = Analysis(3, channels, self.pack_in)
        self.trust = Analysis(1, channels, self.pack_in)

    def core(self, packed: Tensor, memory: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """See ``StyleNet.core``."""
        assert memory is not None  # forward makes an empty one
        before, mask = memory
        before = before * mask.repeat_interleave(3, dim=1)  # what is not trusted is not seen
        analysis, *rest = self.head
        found = analysis(packed) + self.before(before) + self.trust(mask)
        return self._painted(nn.Sequential(*rest)(found))

    def macs_per_pixel(self) -> float:
        """See ``StyleNet.macs_per_pixel``."""
        return super().macs_per_pixel() + 9 * 64 * self.channels / 16
