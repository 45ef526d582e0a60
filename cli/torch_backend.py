"""What the commands that need PyTorch share: the check for it, and how they are stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
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


@contextmanager
def sigterm_as_ctrl_c() -> Generator[None]:
    """SIGTERM raises ``KeyboardInterrupt`` within the block, so that a checkpoint is saved.

    Serves as a decorator too. Python handles signals in the main thread only; elsewhere the block
    changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
