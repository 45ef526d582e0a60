"""Pictures packed by cells, and the convolutions that read and answer packed ones.

*Packed* by r: each cell of r × r pixels is folded into channels (see ``pack``). A strided
convolution, and an up-sampling one, is then a plain 3×3 convolution. ``Analysis`` and ``Synthesis``
compose its kernel from a free kernel and a fixed low-pass filter; ``written_out`` makes plain
convolutions of them for the export, and ``read_back`` is its inverse.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from itertools import product
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

Net = TypeVar("Net", bound=nn.Module)

_GROUND = 0.3
"""Standard deviation of a fresh net's kernels for the canvas."""


def pack(rgb: Tensor, r: int) -> Tensor:
    """Fold cells of r × r pixels into channels, in the order (row, column, colour).

    ``pixel_unshuffle`` puts the colour first; with it last, bytes stored as H × W × 3 are packed by
    moving whole runs of them, which made the exported graph's packing seven times faster.

    Args:
        rgb: (N, C, H, W), any type, any range, RGB where C is 3; H and W are multiples of r.
        r: rows and columns of a cell.

    Returns:
        (N, r²·C, H/r, W/r), of the same type and range.
    """
    n, c, h, w = rgb.shape
    cells = rgb.reshape(n, c, h // r, r, w // r, r).permute(0, 3, 5, 1, 2, 4)
    return cells.reshape(n, r * r * c, h // r, w // r)


def unpack(packed: Tensor, r: int) -> Tensor:
    """Undo ``pack``, as two moves of one axis each: ONNX Runtime is quick at those.

    Args:
        packed: (N, r²·C, h, w), any type, any range.
        r: rows and columns of a cell.

    Returns:
        (N, C, h·r, w·r), of the same type and range.
    """
    n, c, h, w = packed.shape
    rows = packed.reshape(n, r, c // r, h, w).permute(0, 2, 3, 1, 4)
    columns = rows.reshape(n, r, c // (r * r), h * r, w).permute(0, 2, 3, 4, 1)
    return columns.reshape(n, c // (r * r), h * r, w * r)


def padded_index(positions: Tensor, margin: int, multiple: int) -> Tensor:
    """Which row (or column) each padded row repeats: a margin of reflection, up to a multiple.

    Reflection runs as far as the picture goes and then repeats the last row, so that even a picture
    of one row can be padded.

    Args:
        positions: (size,) int64, 0 … size − 1.
        margin: rows added before, and at least as many after.
        multiple: the padded size is a multiple of this.

    Returns:
        (padded size,) int64, 0 … size − 1.
    """
    last = positions.shape[0] - 1
    total = (last + 2 * margin + multiple) // multiple * multiple
    i = torch.arange(total, device=positions.device) - margin
    return (last - (last - i.abs()).abs()).clamp(0, last)


def padded_cells(positions: Tensor, margin: int, total: int) -> Tensor:
    """Which row (or column) of the canvas each row of the padded and packed picture reads.

    Outside, each row reads two rows further inside. Not a mirror: a net sees where a canvas is
    mirrored, and paints a frame there. A small canvas is read to and fro.

    Args:
        positions: (size,) int64, 0 … size − 1: the canvas's rows.
        margin: rows added before.
        total: rows of the padded and packed picture.

    Returns:
        (total,) int64, 0 … size − 1.
    """
    last = positions[-1:]  # a tensor: the exporter knows no remainder by a symbol
    i = torch.arange(total, device=positions.device) - margin
    i = (i + 3 * ((-i).clamp(min=0) - (i - last).clamp(min=0))).abs()
    return last - (last - i % (2 * last).clamp(min=1)).abs()


class Analysis(nn.Module):
    """An anti-aliased convolution of stride r, as a 3×3 convolution on packed pixels.

    Its 3r × 3r kernels are a free (r+2)×(r+2) kernel convolved with the triangle filter of width
    2r − 1, which is zero at every frequency that stride r would fold onto the mean: fine texture
    that moves by a pixel does not beat with the stride. It costs nothing at run time: the product
    of both is the exported kernel.

    Args:
        c_in: channels of a pixel.
        c_out: features.
        stride: r.
        canvas: channels that follow the packed ones and have a 3×3 kernel of their own; 0: none.
    """

    lowpass: Tensor

    def __init__(self, c_in: int, c_out: int, stride: int, canvas: int = 0) -> None:
        super().__init__()
        self.stride = stride
        self.free = nn.Conv2d(c_in, c_out, stride + 2)
        self.ground = nn.Conv2d(canvas, c_out, 3, bias=False) if canvas else None
        if self.ground is not None:
            nn.init.normal_(self.ground.weight, std=_GROUND)
        self.register_buffer("lowpass", _square(_triangle(stride)), persistent=False)

    def kernel(self) -> Tensor:
        """The 3×3 kernel over all channels, (c_out, r²·c_in + canvas, 3, 3) float32."""
        pixels = self.pixel_kernel()
        return pixels if self.ground is None else torch.cat([pixels, self.ground.weight], dim=1)

    def pixel_kernel(self) -> Tensor:
        """The 3×3 kernel over packed pixels, (c_out, r²·c_in, 3, 3) float32."""
        c_out, c_in = self.free.weight.shape[:2]
        r = self.stride
        full = _convolve_kernels(self.free.weight, self.lowpass)  # c_out, c_in, 3r, 3r
        cells = full.reshape(c_out, c_in, 3, r, 3, r).permute(0, 3, 5, 1, 2, 4)
        return cells.reshape(c_out, r * r * c_in, 3, 3)

    def bias(self) -> Tensor:
        """The bias of every feature, (c_out,) float32."""
        assert self.free.bias is not None
        return self.free.bias

    def forward(self, packed: Tensor) -> Tensor:
        """The features of packed pixels.

        Args:
            packed: (N, r²·c_in + canvas, h, w) float32, packed by r, then the canvas; −1..1 in the
                style nets.

        Returns:
            (N, c_out, h, w) float32.
        """
        return F.conv2d(packed, self.kernel(), self.bias(), padding=1)


class Synthesis(nn.Module):
    """The transpose of ``Analysis``: up-sampling by a as a 3×3 convolution with a packed result.

    Its 3a × 3a kernels are a free (a+2)×(a+2) kernel convolved with the triangle filter of width
    2a − 1. Shifted copies of such a kernel add up to a constant, and to a ramp: a flat or slowly
    changing field of features gives a picture without a grid, whatever was learned. (The box of
    width a, nearest up-sampling before a convolution as in Odena 2016, does that for flat fields
    alone: around edges dots were left.)

    Args:
        c_in: features.
        c_out: features of the result.
        factor: a.
        packed: r. The input is packed by r, with the places after the feature, and stays so.
        pixels: the result is a picture: its places come first, as in ``pack``, and not last.
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
        """The 3×3 kernel over packed channels, (c_out·s², c_in·r², 3, 3) float32, s = r·a."""
        c_out, c_in = self.free.weight.shape[:2]
        a, r = self.factor, self.packed
        full = _convolve_kernels(self.free.weight, self.lowpass)  # c_out, c_in, 3a, 3a
        cells = full.reshape(c_out, c_in, 3, a, 3, a).flip(2, 4)
        places = _on_packed(cells.permute(3, 5, 0, 1, 2, 4), r)
        order = (0, 1, 2, 3, 4, 5) if self.pixels else (2, 0, 1, 3, 4, 5)
        return places.permute(order).reshape(c_out * (r * a) ** 2, c_in * r * r, 3, 3)

    def bias(self) -> Tensor:
        """The bias of every packed channel, (c_out·s²,) float32, s = r·a."""
        assert self.free.bias is not None
        places = (self.factor * self.packed) ** 2
        if self.pixels:
            return self.free.bias.repeat(places)
        return self.free.bias.repeat_interleave(places)

    def forward(self, x: Tensor) -> Tensor:
        """The up-sampled features, packed.

        Args:
            x: (N, c_in·r², h, w) float32.

        Returns:
            (N, c_out·s², h, w) float32, s = r·a; for ``pixels`` about 0..1, RGB, not clamped.
        """
        return F.conv2d(x, self.kernel(), self.bias(), padding=1)


@torch.no_grad()
def written_out(net: Net) -> Net:
    """A copy of ``net`` with plain 3×3 convolutions of composed kernels; its results are equal."""
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


def read_back(net: nn.Module, written: Mapping[str, Tensor]) -> None:
    """Give ``net`` the weights whose ``written_out`` net has these: the inverse of that function.

    Args:
        net: takes the weights.
        written: name → weights of the written-out net, float32: kernels (c_out, c_in, 3, 3),
            biases and norms (c_out,).

    Raises:
        KeyError: a weight is missing.
    """
    free: dict[str, Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, (Analysis, Synthesis)):
            exact = copy.deepcopy(layer).double()
            assert exact.free.bias is not None
            answer, kernel = exact.kernel, written[f"{name}.weight"]
            if isinstance(exact, Analysis) and exact.ground is not None:
                answer = exact.pixel_kernel
                kernel, ground = kernel.tensor_split([answer().shape[1]], dim=1)
                free[f"{name}.ground.weight"] = ground
            _make(answer, exact.free.weight, kernel.double())
            _make(exact.bias, exact.free.bias, written[f"{name}.bias"].double())
            free |= {f"{name}.free.{key}": x for key, x in exact.free.state_dict().items()}
    net.load_state_dict(
        {key: free[key] if key in free else written[key] for key in net.state_dict()}
    )


def _make(answer: Callable[[], Tensor], of: Tensor, target: Tensor) -> None:
    """Set a parameter so that a result that is linear in it equals a target.

    Conjugate gradients minimise the squared difference, so no layer needs an inverse of its own.

    Args:
        answer: computes the result, of the shape of ``target``, float64.
        of: the parameter, float64.
        target: what the result must be, float64.
    """

    def back(rest: Tensor) -> Tensor:
        return torch.autograd.grad(answer(), of, rest)[0]

    solution = torch.zeros_like(of.data)
    direction = slope = back(target)
    rest, steep = target, slope.square().sum()
    for _ in range(100):
        if not float(steep) > 1e-24:
            break
        of.data = direction
        moved = answer().detach()
        step = steep / moved.square().sum()
        solution, rest = solution + step * direction, rest - step * moved
        slope, before = back(rest), steep
        steep = slope.square().sum()
        direction = slope + steep / before * direction
    of.data = solution


def _on_packed(kernel: Tensor, r: int) -> Tensor:
    """The kernel for features that are packed by r, of one for the same features unpacked.

    Args:
        kernel: (a, a, c_out, c_in, 3, 3) float32; first the row and column in the result's cell.
        r: the packed input has channels in the order (feature, row, column).

    Returns:
        (r·a, r·a, c_out, c_in·r·r, 3, 3) float32; first the row and column in the result's cell.
    """
    a, _, c_out, c_in = kernel.shape[:4]
    packed = kernel.new_zeros(r, a, r, a, c_out, c_in, r, r, 3, 3)
    # Row p of a cell reads, at tap d, row (p + d − 1) mod r of the cell before, this or the next.
    reads = [(p, d, (p + d - 1) % r, (p + d - 1) // r + 1) for p in range(r) for d in range(3)]
    for (p, d, q, cell), (p2, d2, q2, cell2) in product(reads, reads):
        packed[p, :, p2, :, :, :, q, q2, cell, cell2] += kernel[..., d, d2]
    return packed.reshape(r * a, r * a, c_out, c_in * r * r, 3, 3)


def _triangle(width: int) -> Tensor:
    """The triangle filter, box(width) * box(width): (2·width − 1,) float32, sum 1."""
    rise = torch.arange(1, width + 1, dtype=torch.float32)
    return torch.cat([rise, rise[:-1].flip(0)]) / width**2


def _square(taps: Tensor) -> Tensor:
    """Taps (m,) as a separable filter of two dimensions, (1, 1, m, m)."""
    return torch.outer(taps, taps)[None, None]


def _convolve_kernels(kernel: Tensor, taps: Tensor) -> Tensor:
    """Full convolution of every kernel (O, I, k, k) with (1, 1, m, m) taps: k+m−1 wide."""
    o, i, k, _ = kernel.shape
    reach = taps.shape[-1] - 1
    wide = F.conv2d(kernel.reshape(o * i, 1, k, k), taps.flip(2, 3), padding=reach)
    return wide.reshape(o, i, k + reach, k + reach)
