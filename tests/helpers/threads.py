"""The threads of this program that run now."""

from __future__ import annotations

import threading
import time

from stylize_video.pipeline.core.concurrency import thread_name


def threads_of(role: str = "") -> set[threading.Thread]:
    """Our threads of a role, or all of them."""
    return {t for t in threading.enumerate() if t.name.startswith(thread_name(role))}


def assert_ended(threads: set[threading.Thread], grace: float = 20.0) -> None:
    """Wait for threads to end, at most ``grace`` seconds together."""
    end = time.monotonic() + grace
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    left = sorted(thread.name for thread in threads if thread.is_alive())
    assert not left, f"still running: {', '.join(left)}"
