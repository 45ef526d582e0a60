"""Snapshots and recordings of a live run, by a key or a button."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..core.concurrency import thread_name
from ..core.errors import SinkError
from ..core.files import unfinished_path
from ..core.frame import Frame
from ..media.images import write_picture
from .controls import Controls, State
from .outputs.output import Outputs, OutputThread

log = logging.getLogger(__name__)


class Recorder:
    """Saves snapshots and recordings; the picture does not wait for it.

    Args:
        folder: the folder in which they are saved.
        outputs: the outputs of the run; a recording is one of them while it runs.
        open_recording: opens a recording at a path, for frames like one.
        controls: a recording that has failed is switched off there.
    """

    def __init__(
        self,
        folder: Path,
        outputs: Outputs,
        open_recording: Callable[[Path, Frame], OutputThread],
        controls: Controls,
    ) -> None:
        self._folder = folder
        self._outputs = outputs
        self._open_recording = open_recording
        self._controls = controls
        self._snapshots = 0
        self._recording: OutputThread | None = None
        self._pool = ThreadPoolExecutor(1, thread_name("recorder"))

    def update(self, state: State, frame: Frame) -> None:
        """Do what the controls have requested since the last frame.

        Args:
            state: the state of the controls.
            frame: the painted frame, which a snapshot saves.
        """
        if state.snapshots > self._snapshots:
            self._snapshots = state.snapshots
            self._pool.submit(self._save_snapshot, frame)
        if state.recording and self._recording is None:
            path = self._new_path(".mkv")
            self._recording = self._open_recording(path, frame)
            self._outputs.add(self._recording)
            log.warning("recording to %s", path)
        elif self._recording is not None and self._recording.failed is not None:
            self._outputs.remove(self._recording)
            self._recording = None
            if state.recording:
                self._controls.do("record")
        elif not state.recording and self._recording is not None:
            self._pool.submit(self._finish, self._recording)
            self._recording = None

    def close(self) -> None:
        """Wait until everything is saved."""
        self._pool.shutdown()

    def _finish(self, recording: OutputThread) -> None:
        self._outputs.remove(recording)
        if recording.failed is None:
            log.warning("recorded %s", recording.name)

    def _save_snapshot(self, frame: Frame) -> None:
        path = self._new_path(".png")
        try:
            write_picture(path, frame.rgb)
        except SinkError as error:
            log.warning("%s", error)
        else:
            log.warning("saved %s", path)

    def _new_path(self, suffix: str) -> Path:
        """An unused path in the folder, named by the time."""
        moment, number = time.strftime("%Y%m%d-%H%M%S"), 1
        path = self._folder / f"stylized-{moment}{suffix}"
        while path.exists() or unfinished_path(path).exists():
            number += 1
            path = self._folder / f"stylized-{moment}-{number}{suffix}"
        return path
