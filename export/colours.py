"""Bring a trained net's colours to its painting's, in its last layer: painting takes no longer.

The losses leave colours a little pale. So after the last step the net paints some photographs, and
the linear map from the colours of these paintings to the painting's own becomes part of the last
convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..models.data import read_rgb, resized, to_rgb, to_tensor
from ..models.nets.canvas import CELL, canvas_tensor
from ..models.nets.feedforward import FastNet
from ..models.training.state import Training
from ..pipeline.core.frame import Rgb
from ..pipeline.imaging.palette import ColorMap, Palette
from ..pipeline.temporal.canvas import canvas_bytes, still_canvas

_PHOTOS = 24
_SIDE = 480  # their short side, px


def match_colours(training: Training, photos: Sequence[Path]) -> None:
    """Change the colours of a training's averaged net as far as its recipe says.

    Nets that end in no plain convolution stay as they are, and so does a base, which has no
    painting.

    Args:
        training: its ``average`` is changed; a checkpoint saved before has it unchanged.
        photos: files of photographs.
    """
    net, amount = training.average, training.recipe.colour_match
    if not (training.palette and amount and isinstance(net, FastNet)):
        return
    chosen = photos[:: -(-len(photos) // _PHOTOS)]
    painted = Palette.of([_painted(net, rgb) for rgb in map(read_rgb, chosen) if rgb is not None])
    whole = ColorMap.between(painted, Palette.from_json(training.palette))
    matrix = (1 - amount) * np.eye(3) + amount * whole.matrix
    net.map_colours(
        torch.tensor(matrix, dtype=torch.float32),
        torch.tensor(amount * whole.offset / 255, dtype=torch.float32),
    )


@torch.no_grad()
def _painted(net: FastNet, rgb: Rgb) -> Rgb:
    """A photograph with the canvas that it has when it is played."""
    photo = resized(rgb, _SIDE)
    cells = -(-photo.shape[0] // CELL), -(-photo.shape[1] // CELL)
    noise = canvas_bytes(still_canvas(photo), cells)[..., : net.canvas]
    where = next(net.parameters()).device
    return to_rgb(net(to_tensor(photo).to(where), canvas=canvas_tensor(noise[None]).to(where)))
