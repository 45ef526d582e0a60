"""Published weights: a file that the user names, or torchvision's, downloaded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ...pipeline.core.errors import reason


class Published(Protocol):
    """A member of one of torchvision's enums of weights."""

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Download the weights, once, into torch's cache: name → (…, …) float32, of any shape."""
        ...


def read_weights(
    path: Path | None,
    published: Callable[[], Published],
    expected: dict[str, Tensor],
    name: str,
    prefix: str = "",
) -> dict[str, Tensor]:
    """The tensors that ``expected`` names, in float32. The file is data: nothing in it is run.

    Args:
        path: a ``.safetensors`` or ``.pth`` file; ``None`` downloads the published weights.
        published: imports torchvision and names its weights; called only for a download.
        expected: key → a tensor of the right shape; its values are not read.
        name: of the net, for messages.
        prefix: removed from the file's keys.

    Returns:
        Key → weights of the shape in ``expected``, such as (c_out, c_in, k, k), float32.

    Raises:
        OSError: there is no such file, no download or no torchvision.
        ValueError: the file does not hold the net. Each format has its own errors for a broken
            file.
    """
    if path is None:
        state = _download(published)
    elif path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    state = {key.removeprefix(prefix): value for key, value in state.items()}
    for key, tensor in expected.items():
        if key not in state or state[key].shape != tensor.shape:
            raise ValueError(f"{path or 'the download'} does not hold {name}: no fitting '{key}'")
    return {key: state[key].float() for key in expected}


def _download(published: Callable[[], Published]) -> dict[str, Tensor]:
    try:
        weights = published()
    except (ImportError, RuntimeError) as error:  # missing, or built for another PyTorch
        raise OSError(f"torchvision can't be imported: {reason(error)}") from error
    return weights.get_state_dict(
        map_location="cpu", progress=True, check_hash=True, weights_only=True
    )


def is_cached(pattern: str) -> bool:
    """Whether a file that matches ``pattern`` lies in the cache for torch's downloads."""
    return any((Path(torch.hub.get_dir()) / "checkpoints").glob(pattern))
