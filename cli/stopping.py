"""How a command is stopped: by Ctrl-C, by SIGTERM, or because its terminal was closed."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
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
def second_signal_ends() -> Generator[None]:
    """The second signal ends the program soon, whatever it does; the first is left to the command.

    Python handles a signal when the main thread is back from what it computes, and from a net that
    never ends it does not come back. A thread that reads the signals' numbers as they come does
    not need it. Elsewhere than in the main thread the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers, wakes = socket.socketpair()
    wakes.setblocking(False)
    second = threading.Event()
    watch = threading.Thread(
        target=_end_at_second, args=(numbers, second), name="signals", daemon=True
    )
    before = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        wakes.close()
        if not second.is_set():  # else threads that hang are not waited for at the end either
            watch.join()
            numbers.close()


def _end_at_second(numbers: socket.socket, second: threading.Event) -> None:
    """Read signals until the other end is closed; some time after the second, end the program."""
    ending = {int(number) for number in _signals()}
    count = 0
    while count < 2:
        coming = numbers.recv(16)
        if not coming:
            return
        count += sum(number in ending for number in coming)
    second.set()
    time.sleep(_PATIENCE)
    os._exit(STOPPED)


@contextmanager
def stop_on_signal(report: Report, message: str) -> Generator[threading.Event]:
    """The first signal asks a run to finish what it has; the second ends it.

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
