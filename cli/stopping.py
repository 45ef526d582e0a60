"""How a command is stopped: by Ctrl-C, by SIGTERM, or because its terminal was closed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from .progress import Report

STOPPED = 130
"""Exit code of a command that was stopped."""

_PATIENCE = 1.5  # s that threads have to end after the second signal


def _signals() -> list[int]:
    """Ctrl-C, and what ends a program like it: a closed terminal too, but not after nohup."""
    known: list[int] = [signal.SIGINT, signal.SIGTERM]
    hang_up: int | None = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) != signal.SIG_IGN:
        known.append(hang_up)
    return known


@contextmanager
def _handled(numbers: list[int], handler: Any) -> Generator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def stop_on_signal(report: Report, message: str) -> Generator[threading.Event]:
    """The first signal asks a run to finish what it has; the second ends it, whatever it does.

    Args:
        report: prints the message.
        message: printed at the first signal.
    """
    stop = threading.Event()

    def ask(signum: int, frame: object) -> None:
        if not stop.is_set():
            stop.set()
            report.say(message)
            return
        # A thread that never returns, in a net or in a decoder, would be waited for without end.
        ending = threading.Timer(_PATIENCE, os._exit, (STOPPED,))
        ending.daemon = True
        ending.start()
        raise KeyboardInterrupt

    with _handled(_signals(), ask):
        yield stop


@contextmanager
def signals_as_ctrl_c() -> Generator[None]:
    """Every such signal raises ``KeyboardInterrupt`` within the block: a checkpoint is saved.

    Serves as a decorator too. Python handles signals in the main thread only; elsewhere the block
    changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    others = [number for number in _signals() if number != signal.SIGINT]
    with _handled(others, signal.default_int_handler):
        yield
