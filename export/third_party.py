"""Universal styles from the checkpoints of other projects, by the names of their tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..models.nets.autoencoder import Conv, Decoder, Encoder, Widths
from ..models.recipe import Pooling
from ..models.universal.base import EVERYWHERE
from ..models.universal.wct import WCT, PhotoWCT
from ..models.universal.wct2 import WCT2
from ..pipeline.core.errors import ModelError, reason

State = Mapping[str, Tensor]
"""Name → weights: kernels (c_out, c_in, k, k) and biases (c_out,), float32."""

Pair = tuple[Encoder, Decoder]

_WCT2_BLOCKS = ((64, 64), (128, 128), (256,) * 4, (512,))


def read_state(path: Path) -> State:
    """The tensors of a ``.pth``. The file is data: nothing in it is run.

    Raises:
        ModelError: it is missing, or holds more than tensors.
    """
    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
        state = tensor.get("model", tensor.get("state_dict", tensor))
        return {key: tensor.float() for key, tensor in state.items() if torch.is_tensor(tensor)}
    except FileNotFoundError as error:
        raise ModelError(f"--from {path} does not exist") from error
    except Exception as error:
        raise ModelError(f"--from {path} can't be read as weights: {reason(error)}") from error


def compressed_wct(folder: Path, places: Collection[str] = EVERYWHERE) -> WCT:
    """Collaborative-Distillation's ``encoder1…5.pth`` and ``decoder1…5.pth`` (Wang et al. 2020).

    Raises:
        ModelError: a file is missing, or does not fit its name.
    """
    levels: dict[int, Pair] = {}
    for level in range(1, 6):
        coding, decoding = (read_state(folder / f"{kind}coder{level}.pth") for kind in ("en", "de"))
        widths = _widths(coding, level)
        pair = Encoder(widths, level), Decoder(widths, level)
        levels[level] = _filled(pair, coding, decoding, "conv{}{}")
    return WCT(levels, places).eval().requires_grad_(False)


def wct2(encoder_file: Path, decoder_file: Path, places: Collection[str] = EVERYWHERE) -> WCT2:
    """clovaai/WCT2's ``wave_encoder_{sum,cat5}_l4.pth`` and ``wave_decoder_…`` (Yoo et al. 2019).

    Args:
        encoder_file: the first of these.
        decoder_file: the second.
        places: layers to transform; see ``WCT2``.

    Raises:
        ModelError: a file is missing, or does not fit its name.
    """
    coding, decoding = read_state(encoder_file), read_state(decoder_file)
    pooling: Pooling = "cat5" if "conv3_4_2.weight" in decoding else "sum"
    last = "_2" if pooling == "cat5" else ""  # they name the convolution after a cat5 otherwise
    pair = Encoder(_WCT2_BLOCKS, 4, pooling), Decoder(_WCT2_BLOCKS, 4, pooling)
    _filled(pair, coding, decoding, "conv{}_{}", last)
    return WCT2(*pair, places).eval().requires_grad_(False)


def photowct(file: Path, places: Collection[str] = EVERYWHERE) -> PhotoWCT:
    """NVIDIA FastPhotoStyle's ``photo_wct.pth``: ``e1.conv1_1.weight`` … (Li et al. 2018).

    Raises:
        ModelError: it is missing, or does not fit its name.
    """
    state = read_state(file)
    levels: dict[int, Pair] = {}
    for level in range(1, 5):
        widths = _WCT2_BLOCKS[:level]
        pair = Encoder(widths, level, "unpool"), Decoder(widths, level, "unpool")
        coding, decoding = (
            {k.removeprefix(f"{side}{level}."): v for k, v in state.items()} for side in "ed"
        )
        levels[level] = _filled(pair, coding, decoding, "conv{}_{}")
    return PhotoWCT(levels, places).eval().requires_grad_(False)


def _widths(state: State, level: int) -> Widths:
    """Channels of each convolution, read from the shapes."""
    tensor: list[tuple[int, ...]] = []
    for block in range(1, level + 1):
        numbers = range(1, 5) if block < level else range(1, 2)
        keys = [f"conv{block}{n}.weight" for n in numbers]
        tensor.append(tuple(len(state[key]) for key in keys if key in state))
    return tuple(tensor)


Place = tuple[int, int]
"""Block and number of a convolution, as in conv3_2."""


def _encoder_places(encoder: Encoder) -> Iterator[tuple[str, Place]]:
    """Parameter prefix → the convolution that it is in VGG-19."""
    for block in range(1, encoder.level + 1):
        yield f"firsts.{block - 1}", (block, 1)
        if block < encoder.level:
            for number in range(len(encoder.widths[block - 1]) - 1):
                yield f"rests.{block}.{number}", (block, number + 2)


def _decoder_places(decoder: Decoder) -> Iterator[tuple[str, Place]]:
    """Parameter prefix → the convolution that it mirrors in VGG-19.

    conv3_4 … conv3_2 follow an unpooling, conv3_1 leads to the next one.
    """
    for block in range(1, decoder.level + 1):
        yield f"lasts.{block - 1}", (block, 1)
        rest = list(decoder.rests[block - 1].children())
        for number in range(len(rest)):
            yield f"rests.{block - 1}.{number}", (block - 1, len(rest) + 1 - number)


def _filled(pair: Pair, coding: State, decoding: State, called: str, unpooled: str = "") -> Pair:
    """Encoder and decoder with another project's tensors.

    Args:
        pair: of their widths.
        coding: their encoder's.
        decoding: their decoder's.
        called: their name of a convolution, given its block and number.
        unpooled: what they add to the name of a decoder's that follows an unpooling.
    """
    encoder, decoder = pair
    fill(encoder, {name: called.format(*at) for name, at in _encoder_places(encoder)}, coding)
    names: dict[str, str] = {}
    for name, at in _decoder_places(decoder):
        first = name.startswith("rests") and name.endswith(".0")
        names[name] = called.format(*at) + (unpooled if first else "")
    fill(decoder, names, decoding)
    _fold_colours(encoder, coding["conv0.weight"], coding["conv0.bias"])
    return pair


def fill(net: torch.nn.Module, names: Mapping[str, str], state: State) -> None:
    """Give a net the tensors that ``names`` maps its layers to.

    Args:
        net: takes the weights.
        names: layer of the net → layer in ``state``.
        state: layer and ``.weight`` or ``.bias`` → weights.

    Raises:
        ModelError: one is missing, or has another shape.
    """
    own = net.state_dict()
    for ours, theirs in names.items():
        for part in ("weight", "bias"):
            key, expected = f"{theirs}.{part}", own[f"{ours}.{part}"]
            tensor = state.get(key)
            if tensor is None or tensor.shape != expected.shape:
                shape = "nothing" if tensor is None else f"shape {tuple(tensor.shape)}"
                raise ModelError(f"{key}: expected shape {tuple(expected.shape)}, found {shape}")
            own[f"{ours}.{part}"] = tensor
    net.load_state_dict(own)


@torch.no_grad()
def _fold_colours(encoder: Encoder, weight: Tensor, bias: Tensor) -> None:
    """Make a 1×1 convolution before the first layer a part of that layer.

    Args:
        encoder: it is changed; its own normalisation is removed.
        weight: of the convolution, (3, 3, 1, 1) float32.
        bias: of the convolution, (3,) float32.
    """
    first = encoder.firsts[0]
    assert isinstance(first, Conv) and first.bias is not None
    first.bias += (first.weight.sum(dim=(2, 3)) @ bias).to(first.bias)
    first.weight.copy_(torch.einsum("oikl,ij->ojkl", first.weight, weight[:, :, 0, 0]))
    encoder.mean.zero_()
    encoder.std.fill_(1)
