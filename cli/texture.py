"""``stylize-video texture``: a picture of any size that looks like a sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..models.recipe import PaintRecipe
from ..pipeline.core.config import checked
from ..pipeline.core.errors import SettingsError
from ..pipeline.core.units import parse_size
from .checks import refuse_picture, refuse_same
from .options import Overwrite, Quiet, Restart, TorchDevice, Vgg, with_options
from .progress import Report
from .stopping import signals_as_ctrl_c
from .torch_backend import need_torch

_UNUSED = {
    "ratio": "a texture has no content to weigh against it",
    "content_layers": "a texture has no content",
    "palette": "a texture has the colours of SAMPLE",
    "temporal_weight": "it is for the key frames of a video",
    "photo_weight": "it is for paint --method deepphoto",
}
"""Setting that a texture has no use for → why."""


@with_options(PaintRecipe, hidden=_UNUSED)
@signals_as_ctrl_c()
def texture(
    sample: Annotated[Path, typer.Argument(help="The picture with the texture.")],
    out: Annotated[Path, typer.Argument(help="The picture to write.")],
    typed: dict[str, Any],
    size: Annotated[str, typer.Option(help="Size of the texture, WxH.")] = "512x512",
    device: TorchDevice = "auto",
    vgg: Vgg = None,
    restart: Restart = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Make more of a texture, in any size.

    It begins with noise and gets the look of SAMPLE without its objects (Gatys 2015).
    Defaults here: --style-layers conv1_1 and pool1 … pool4, --tv-weight 0, --start noise.
    --start noise:7 is another texture than noise:8.
    """
    need_torch("texture")
    from ..export.painting import CheckpointedPainting, cached_describer, digest, read_picture
    from ..models.device import torch_device
    from ..models.optimize.run import check_size, to_tensor
    from ..models.optimize.texture import LAYERS, Texture
    from ..models.training.state import fingerprint
    from ..pipeline.media.images import write_picture

    _refuse_unused(typed)
    recipe = checked(PaintRecipe, {"style_layers": LAYERS, "tv_weight": 0.0} | typed, "texture")
    try:
        width, height = parse_size(size)
    except ValueError as error:
        raise SettingsError(f"--size {size}: {error}") from error
    if width is None:
        raise SettingsError(f"--size {size}: a texture has a width and a height, as in 512x512")
    refuse_picture(out, overwrite)
    refuse_same(sample, out)
    where, report = torch_device(device), Report(quiet)
    check_size(height, width, where)
    picture = read_picture(sample, "SAMPLE")
    check_size(picture.shape[0], picture.shape[1], where, "cut a smaller SAMPLE out of it")
    describe = cached_describer(vgg, recipe.pooling, recipe.margin, where)
    descent = Texture(describe, recipe, to_tensor(picture, where), (height, width))
    parts = (str(width), str(height), recipe.model_dump_json(), fingerprint(describe.vgg))
    painting = CheckpointedPainting(digest(*parts, picture), out, report)
    result = painting.run(descent, where, picture.dtype, restart)
    write_picture(out, result)
    report.say(f"wrote {out}: {width}x{height}")


def _refuse_unused(typed: dict[str, Any]) -> None:
    for name, why in _UNUSED.items():
        if name in typed:
            option = "--" + name.replace("_", "-")
            raise SettingsError(
                f"{option} does not apply to texture: {why}; leave it out, or type "
                "stylize-video paint PHOTO OUT --style SAMPLE to repaint a photo"
            )
    start = str(typed.get("start", "noise"))
    if not start.startswith("noise"):
        raise SettingsError(
            f"--start {start} does not apply to texture, which begins with noise; leave it out, "
            "or type --start noise:7"
        )
