"""``stylize-video swap``: one picture in the patches of another; nothing trained but VGG-19."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..pipeline.core.errors import SourceError
from .checks import refuse_picture
from .options import Overwrite, Quiet, TorchDevice, Vgg
from .progress import Report
from .torch_backend import need_torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def swap(
    photo: Annotated[Path, typer.Argument(help="The picture to repaint.")],
    style: Annotated[Path, typer.Argument(help="The picture whose patches it is made of.")],
    out: Annotated[Path, typer.Argument(help="The picture to write.")],
    iterations: Annotated[int, typer.Option(help="Of L-BFGS.", min=1)] = 100,
    tv: Annotated[
        float, typer.Option(help="Weight of total variation: smoother, less grain.", min=0)
    ] = 20.0,
    size: Annotated[
        int, typer.Option(help="Short side of the result and of the style, px.", min=16)
    ] = 512,
    patch: Annotated[
        int, typer.Option(help="Side of a patch; 1 is four pixels.", min=1, max=31)
    ] = 3,
    stride: Annotated[
        int, typer.Option(help="Between the style's patches: 2 takes every other one.", min=1)
    ] = 1,
    start: Annotated[
        Literal["content", "noise"], typer.Option(help="Begin with the picture, or with noise.")
    ] = "content",
    seed: Annotated[int, typer.Option(help="Of the noise.", min=0)] = 0,
    device: TorchDevice = "auto",
    vgg: Vgg = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Repaint a picture with the patches of another (Style-Swap, Chen & Schmidt 2016).

    By optimisation: slow, and for single pictures. A video is painted by --method styleswap.
    """
    need_torch("swap")
    from ..models.data import to_rgb, to_tensor
    from ..models.device import torch_device
    from ..models.nets.autoencoder import vgg_encoder
    from ..models.nets.vgg19 import open_vgg19
    from ..models.universal.styleswap import LEVEL, swapped_by_optimisation
    from ..pipeline.core.files import atomic_write
    from ..pipeline.media.images import picture_bytes

    refuse_picture(out, overwrite)
    content, other = _picture(photo, size), _picture(style, size)
    where, report = torch_device(device), Report(quiet)
    encoder = vgg_encoder(open_vgg19(vgg), LEVEL).to(where)
    with report.progress("swapping", iterations, "iterations") as bar:
        painted = swapped_by_optimisation(
            encoder,
            to_tensor(content).to(where),
            to_tensor(other).to(where),
            iterations=iterations,
            tv=tv,
            size=patch,
            stride=stride,
            noise=seed if start == "noise" else None,
            heard=lambda loss: bar.advance(f"loss {loss:.4f}"),
        )
    with atomic_write(out) as aside:
        aside.write_bytes(picture_bytes(to_rgb(painted), out.name))
    report.say(f"wrote {out}: {content.shape[1]}x{content.shape[0]}")


def _picture(path: Path, size: int) -> NDArray[np.uint8]:
    from ..models.data import read_rgb, resized

    rgb = read_rgb(path)
    if rgb is None:
        raise SourceError(f"the picture {path} can't be read; give a JPEG, PNG or WebP")
    return resized(rgb, size)
