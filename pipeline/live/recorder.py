"""Pictures and recordings that are taken from a live run by a key."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..core.concurrency import thread_name
from ..core.errors import SinkError
from ..core.frame import Frame
from ..media.images import write_picture
from .controls import Controls, State
from .outputs.output import Outputs, OutputThread

log = logging.getLogger(__name__)


class Recorder:
    """Takes what the controls ask for; the picture does not wait for it.

    Args:
        folder: where it goes.
        hub: the outputs of the run.
        record: opens a recording of frames like one.
        controls: hear of a recording that has failed.
    """

    def __init__(
        self,
        folder: Path,
        hub: Outputs,
        record: Callable[[Path, Frame], OutputThread],
        controls: Controls,
    ) -> None:
        self._controls = controls
        self._folder = folder
        self._hub = hub
        self._record = record
        self._pictures = 0
        self._recorder: OutputThread | None = None
        self._aside = ThreadPoolExecutor(1, thread_name("recorder"))

    def update(self, state: State, frame: Frame) -> None:
        """Do what was asked for since the last frame."""
        if state.snapshots > self._pictures:
            self._pictures = state.snapshots
            self._aside.submit(self._keep, frame)
        if state.recording and self._recorder is None:
            path = self._free_name(".mkv")
            self._recorder = self._record(path, frame)
            self._hub.add(self._recorder)
            log.warning("recording to %s", path)
        elif self._recorder is not None and self._recorder.failed is not None:
            self._hub.remove(self._recorder)
            self._recorder = None
            if state.recording:
                self._controls.do("record")
        elif not state.recording and self._recorder is not None:
            self._aside.submit(self._finish, self._recorder)
            self._recorder = None

    def _finish(self, recorder: OutputThread) -> None:
        self._hub.remove(recorder)
        if recorder.failed is None:
            log.warning("recorded %s", recorder.name)

    def close(self) -> None:
        """Finish what is being written."""
        self._aside.shutdown()

    def _keep(self, frame: Frame) -> None:
        path = self._free_name(".png")
        try:
            write_picture(path, frame.rgb)
        except SinkError as error:
            log.warning("%s", error)
        else:
            log.warning("took %s", path)

    def _free_name(self, suffix: str) -> Path:
        moment, number = time.strftime("%Y%m%d-%H%M%S"), 1
        path = self._folder / f"stylized-{moment}{suffix}"
        while path.exists() or path.with_name(f".{path.name}.part").exists():
            number += 1
            path = self._folder / f"stylized-{moment}-{number}{suffix}"
        return path
