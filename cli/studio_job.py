"""A job of the studio: the command, which stops as by Ctrl-C when the studio ends.

``python -m stylize_video.cli.studio_job FOLDER WORD…``: the folder is locked while it runs, so that
a studio that is started again waits for it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from ..pipeline.core.locks import LockedError, folder_lock

_PATIENCE = 60.0  # seconds for the process of a studio that was killed to finish what it has
_POLL = 0.1


def main() -> None:
    """Run the command, with the rest of the words."""
    from .main import main as command

    folder = Path(sys.argv.pop(1))
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with folder_lock(folder, "lock"):
                command()
            return
        except LockedError as error:
            if time.monotonic() > end:
                sys.exit(f"stylize-video: this job still runs in {error}; end that first")
            time.sleep(_POLL)


def _stop_at_end_of_input() -> None:
    """The studio holds the other end; whatever ends it closes that."""
    descriptor = sys.stdin.fileno()
    while os.read(descriptor, 4096):  # no stream of Python's, which may not be read at the end
        pass
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
