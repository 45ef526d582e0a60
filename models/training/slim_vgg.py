"""Distil ``SlimVGG`` from VGG-19: how the file that ships was made.

``python -m stylize_video.models.training.slim_vgg PHOTOS PAINTINGS VGG19 OUT`` refines the one that
ships, which began as the encoder of Collaborative-Distillation (MIT licence). It learns on crops of
photographs and of paintings, and on mixtures of both, which look like unfinished paintings. The
slim net and its maps to VGG-19's features learn together (collaborative distillation, Wang et al.
2020, section 3.2).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..data import list_photos, read_rgb, resized
from ..device import mixed_precision
from ..nets.slim_vgg import LAYERS, SlimVGG
from ..nets.vgg19 import VGG19, open_vgg19
from .feedforward import one_cycle
from .paint_loss import WholeVGG

CROP = 192
BATCH = 4
RATE = 1.5e-3
_SIZES = (400, 768, 1200)
"""Short sides at which a painting is cropped, px."""


class Student(nn.Module):
    """``SlimVGG`` in training: float32, with maps to all of VGG-19's channels.

    Args:
        vgg: gives the numbers of channels.
    """

    def __init__(self, vgg: VGG19) -> None:
        super().__init__()
        self.slim = SlimVGG().float().requires_grad_(True).train()
        widths = {name: vgg.features[vgg.places[name.replace("relu", "conv")]] for name in LAYERS}
        self.maps = nn.ModuleDict()
        for name in LAYERS:
            own, wide = self.slim.convs[name], widths[name]
            assert isinstance(own, nn.Conv2d)
            assert isinstance(wide, nn.Conv2d)
            self.maps[name] = nn.Conv2d(own.out_channels, wide.out_channels, 1)

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        """Estimates of VGG-19's features: (N, 3, H, W) → layer → (N, C_l, H_l, W_l) float32."""
        features = self.slim.describe(rgb, LAYERS)
        return {name: self.maps[name](x) for name, x in features.items()}

    def state(self) -> dict[str, Tensor]:
        """The state of ``SlimVGG``, with rotated maps, float16."""
        state = {k: v for k, v in self.slim.state_dict().items() if not k.startswith("maps.")}
        for name, conv in self.maps.items():
            matrix, shift = rotated(conv.weight[:, :, 0, 0], conv.bias)  # pyright: ignore
            state |= {f"maps.{name}.weight": matrix, f"maps.{name}.bias": shift}
        return {k: v.detach().half().contiguous() for k, v in state.items()}


def rotated(matrix: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """An affine map whose values have the same lengths and angles, with as few rows as needed.

    Args:
        matrix: (C', C) float32, C' > C.
        shift: (C',) float32.

    Returns:
        (C + 1, C) and (C + 1,) float32: the triangle of [matrix, shift]'s QR decomposition.
    """
    triangle = torch.linalg.qr(torch.cat([matrix, shift[:, None]], dim=1).double())[1].float()
    return triangle[:, :-1], triangle[:, -1]


class Views:
    """Random crops of photographs and paintings, some of them mixed, noisy or of other contrast.

    Args:
        photos: (H, W, 3) uint8, 0–255, RGB.
        paintings: likewise, in several sizes.
        seed: of the random choices.
    """

    def __init__(
        self,
        photos: Sequence[NDArray[np.uint8]],
        paintings: Sequence[NDArray[np.uint8]],
        seed: int,
    ) -> None:
        self._photos = photos
        self._paintings = paintings
        self._random = np.random.default_rng(seed)

    def batch(self) -> Tensor:
        """(N, 3, S, S) float32, 0..1, RGB."""
        views = np.stack([self._view() for _ in range(BATCH)])
        tensor = torch.from_numpy(views.clip(0, 255) / 255).float().permute(0, 3, 1, 2)
        return tensor.contiguous(memory_format=torch.channels_last)

    def _view(self) -> NDArray[np.float64]:
        random = self._random
        view = self._crop(self._paintings if random.random() < 0.4 else self._photos)
        if random.random() < 0.25:
            view += random.uniform(0.2, 0.8) * (self._crop(self._paintings) - view)
        if random.random() < 0.3:
            view += random.normal(size=view.shape) * random.uniform(0, 12)
        if random.random() < 0.3:
            view = (view - 128) * random.uniform(0.5, 1.6) + 128 + random.uniform(-40, 40, 3)
        return view

    def _crop(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        random = self._random
        rgb = pictures[int(random.integers(len(pictures)))]
        short = min(rgb.shape[:2])
        # Of a small picture between half and all; of a large one about as many pixels as are seen.
        low, high = (0.5 * short, short) if short <= 1.5 * CROP else (0.7 * CROP, 1.3 * CROP)
        side = round(random.uniform(low, high))
        top, left = (int(random.integers(n - side + 1)) for n in rgb.shape[:2])
        crop = resized(rgb[top : top + side, left : left + side], CROP)
        return (crop[:, ::-1] if random.random() < 0.5 else crop).astype(np.float64)


def distil(student: Student, vgg: VGG19, views: Views, steps: int) -> Iterator[float]:
    """Train ``student``; each step yields its loss, a sum of relative errors of the layers."""
    teacher = WholeVGG(vgg)
    adam = torch.optim.Adam(student.parameters(), RATE, betas=(0.9, 0.98))
    variances: dict[str, float] = {}
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = one_cycle(step, steps, RATE, warmup=0.05)
        rgb = views.batch()
        with torch.no_grad():
            wanted = {name: x.float() for name, x in teacher(rgb, LAYERS).items()}
        if not step:
            variances = {k: float(x.var(dim=(0, 2, 3)).sum()) for k, x in wanted.items()}
        with mixed_precision(rgb.device):
            found = student(rgb)
        loss = rgb.new_zeros(())
        for name, x in wanted.items():
            error = F.mse_loss(found[name].float(), x) * x.shape[1]
            loss = loss + error / variances[name]
        adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        adam.step()
        yield float(loss.detach())


def main(photos: str, paintings: str, vgg19: str, out: str, steps: int = 1000) -> None:
    """Train the net on two folders of pictures, and write the file that ships."""
    torch.manual_seed(0)
    read = [rgb for rgb in map(read_rgb, list_photos(Path(photos))[:-20]) if rgb is not None]
    painted = [rgb for rgb in map(read_rgb, list_photos(Path(paintings))) if rgb is not None]
    views = Views(read, [resized(rgb, size) for rgb in painted for size in _SIZES], seed=0)
    vgg = open_vgg19(Path(vgg19))
    student = Student(vgg)
    for step, loss in enumerate(distil(student, vgg, views, steps), start=1):
        if step % 50 == 0:
            print(f"step {step}: loss {loss:.3f}", flush=True)  # noqa: T201
    save_file(student.state(), out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4])
