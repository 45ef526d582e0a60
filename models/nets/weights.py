"""Published weights: a file that the user names, or a download, checked and kept by torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor


def read_weights(
    path: Path | None, url: str, wanted: dict[str, Tensor], name: str, prefix: str = ""
) -> dict[str, Tensor]:
    """The tensors that ``wanted`` names, in float32. The file is data: nothing in it is run.

    Args:
        path: a ``.safetensors`` or ``.pth`` file; ``None`` downloads ``url``, once, into torch's
            cache.
        url: its name ends in the beginning of its hash.
        wanted: key → a tensor of the right shape.
        name: of the net, for messages.
        prefix: of the file's keys that ``wanted`` has not.

    Raises:
        OSError: there is no such file, or no download.
        ValueError: the file does not hold the net. Each format has errors of its own for a broken
            file, too.
    """
    if path is None:
        state = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=True, check_hash=True, weights_only=True
        )
    elif path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    state = {key.removeprefix(prefix): value for key, value in state.items()}
    missing = [key for key in wanted if key not in state or state[key].shape != wanted[key].shape]
    if missing:
        raise ValueError(f"{path or url} does not hold {name}: no fitting '{missing[0]}'")
    return {key: state[key].float() for key in wanted}
