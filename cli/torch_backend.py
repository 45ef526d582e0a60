"""What the commands that need PyTorch share: the check for it."""

from __future__ import annotations

from importlib.util import find_spec

from ..pipeline.core.errors import StylizeError


def need_torch(command: str) -> None:
    """Refuse a command that needs PyTorch where it is not installed.

    Raises:
        StylizeError: a package of the extra ``[torch]`` is missing.
    """
    missing = [
        name for name in ("torch", "onnx", "onnxscript", "matplotlib") if not find_spec(name)
    ]
    if missing:
        raise StylizeError(
            f"{command} needs {missing[0]}, which is not installed; "
            "type: pip install 'stylize-video[torch]'"
        )
