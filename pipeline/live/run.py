"""A live run: a picture is painted as it arrives, and displayed and sent at once.

Three threads and one for each output: one reads the source and never waits; one paints; the main
one has the window, the keys and the signals. Between them are queues of one frame, where a newer
frame replaces an older one.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2  # noqa: F401  # pyright: ignore[reportUnusedImport] - before PyAV; see window.py

from ..core.concurrency import prefetch, thread_name
from ..core.config import Settings
from ..core.frame import Frame, coding_of
from .audio import AudioTimeline
from .controls import Controls, State
from .loader import StyleLoader, StyleRequest
from .names import CAMERA, WINDOW
from .open import LivePlan, make_live_plan, open_or_stop
from .outputs.encoder import EncodedOutput
from .outputs.output import LiveOutput, OutputFrame, Outputs, OutputThread
from .outputs.process import ProcessOutput
from .outputs.target import StreamFormat, Target, target_of
from .outputs.virtualcam import VirtualCamera
from .outputs.web import Page, is_page
from .outputs.window import Window
from .recorder import Recorder
from .sources.reconnect import ReconnectingSource, SourceLost
from .sources.source import LiveSource
from .stats import LiveStats

log = logging.getLogger(__name__)

_COLLECT_EVERY = 10.0  # seconds
_DEPTH = 8  # frames that may wait for an encoder


@dataclass(frozen=True)
class LiveStart:
    """What is known when a live run has opened everything."""

    width: int
    height: int
    rate: float
    """Frames per second that the source says it has; a camera's is measured."""
    has_audio: bool
    style: str
    """What paints first."""
    device: str
    """What really runs it."""
    pages: tuple[str, ...]
    """Addresses to type into a browser."""


def play_live(
    source: str,
    outputs: Iterable[str],
    settings: Settings,
    stop: threading.Event,
    on_start: Callable[[LiveStart], None] = lambda start: None,
    on_tick: Callable[[LiveStats], None] = lambda stats: None,
) -> dict[str, float]:
    """Paint ``source`` as it arrives, and display it, until it ends or ``stop`` is set.

    Args:
        source: see ``make_live_plan``.
        outputs: see ``make_live_plan``.
        settings: see ``Settings``.
        stop: an event; when set, everything is finished and closed.
        on_start: called once, when the first frame is painted.
        on_tick: called about every second.

    Returns:
        What ``LiveStats.summary`` says.

    Raises:
        StylizeError: see ``errors``; what breaks later is reported, and comes back.
    """
    plan = make_live_plan(source, outputs, settings)
    # A camera is opened in the main thread, where macOS asks whether it may be.
    opened = open_or_stop(stop, plan.open_source) if plan.is_stream else plan.open_source()
    if opened is None:
        return LiveStats().summary()
    try:
        run = _Run(plan, opened, stop, on_start)
    except BaseException:
        opened.close()
        raise
    try:
        run.play(on_tick)
    finally:
        run.close()
    return run.stats.summary()


class _OutputOpener:
    """Opens outputs by their names, each in a thread of its own.

    Args:
        plan: the plan of the run.
        source: the source that is read.
        controls: the controls that pages change.
        stats: the statistics; the delay of the picture is recorded there.
    """

    def __init__(
        self, plan: LivePlan, source: LiveSource, controls: Controls, stats: LiveStats
    ) -> None:
        self.pages: list[str] = []
        """Addresses of the pages that were opened."""
        self._plan, self._source = plan, source
        self._controls, self._stats = controls, stats

    def all(self, first: Frame) -> list[OutputThread]:
        """Open every output of the plan but the window, for frames like the first one."""
        measured = WINDOW in self._plan.outputs
        opened: list[OutputThread] = []
        for name in self._plan.outputs:
            if name != WINDOW:
                # The first output measures how late the picture is.
                on_output = None if measured else self._stats.count_output
                opened.append(self._output(name, first, on_output))
                measured = True
        return opened

    def recording(self, path: Path, frame: Frame) -> OutputThread:
        """Open a file for frames like this one."""
        target = target_of(str(path))
        assert target is not None  # a file
        return self._encoded(target, self._shape(frame))

    def _shape(self, frame: Frame) -> StreamFormat:
        height, width = frame.picture.shape[:2]
        rate, has_audio = self._source.info.rate, self._source.has_audio
        return StreamFormat(width, height, rate, coding_of(frame.picture), has_audio)

    def _output(
        self, name: str, first: Frame, on_output: Callable[[float], None] | None
    ) -> OutputThread:
        shape = self._shape(first)
        if is_page(name):
            page = Page(name, self._controls, self._stats)
            self.pages.append(page.url)
            return OutputThread(name, lambda: page, on_output=on_output)
        if name.startswith(CAMERA):
            return OutputThread(name, lambda: VirtualCamera(name, shape), on_output=on_output)
        target = target_of(name)
        assert target is not None  # checked in the plan
        return self._encoded(target, shape, on_output)

    def _encoded(
        self, target: Target, shape: StreamFormat, on_output: Callable[[float], None] | None = None
    ) -> OutputThread:
        make = partial(EncodedOutput, target, shape, self._plan.settings)

        def opens() -> LiveOutput:
            return ProcessOutput(target.name, make) if target.remote else make()

        waits = self._plan.settings.policy == "sync" and not target.reconnects
        return OutputThread(target.name, opens, target.reconnects, _DEPTH, on_output, waits)


class _Run:
    """One live run.

    Args:
        plan: the plan of the run.
        source: the opened source.
        stop: an event that ends the run when set.
        on_start: see ``play_live``.
    """

    def __init__(
        self,
        plan: LivePlan,
        source: LiveSource,
        stop: threading.Event,
        on_start: Callable[[LiveStart], None],
    ) -> None:
        self.stats = LiveStats()
        self._plan = plan
        self._info, self._has_audio = source.info, source.has_audio
        self._stop = stop
        self._on_start = on_start
        self._last: OutputFrame | None = None
        self._controls = controls = Controls(plan.labels, plan.state)
        self._outputs = Outputs()
        self._opener = _OutputOpener(plan, source, controls, self.stats)
        self._recorder = Recorder(
            plan.settings.save_to or Path(), self._outputs, self._opener.recording, controls
        )
        self._window: Window | None = None
        if WINDOW in plan.outputs:
            self._window = Window(f"stylize-video: {source.info.name}", controls, self.stats)
        self._loader = StyleLoader(
            plan.open_style, StyleRequest(0, controls.state.strength), plan.settings.canvas
        )
        self._painter = plan.open_painter(self._loader, source.info)
        self._painter.on_scale = self._report_scale
        sound = AudioTimeline(self._outputs.write_audio) if source.has_audio else None
        loop = plan.settings.loop
        self._source = ReconnectingSource(source, plan.open_source, self.stats, sound, stop, loop)

    def play(self, on_tick: Callable[[LiveStats], None]) -> None:
        """Until it is over. The caller's thread has the window."""
        due = time.monotonic()
        with ThreadPoolExecutor(1, thread_name("painter")) as pool:
            painting = pool.submit(self._paint)

            def over() -> bool:
                nonlocal due
                if time.monotonic() >= due:
                    due += 1
                    on_tick(self.stats)
                return painting.done()

            try:
                if self._window is not None:
                    self._window.run(over)
                while not over():
                    wait([painting], 0.5)
                painting.result()
            finally:
                self._controls.do("quit")

    def close(self) -> None:
        """Finish all outputs, and the threads.

        Raises:
            SinkError: a file could not be finished.
        """
        with ExitStack() as last:
            last.callback(self._painter.close)
            last.callback(self._loader.close)  # it may be opening a style; files come first
            last.callback(self._recorder.close)
            self._outputs.close()
        lost = next((o.failed for o in self._outputs.threads if o.failed is not None), None)
        if lost is not None:
            raise lost

    def _paint(self) -> None:
        """Every frame that arrives, until the end."""
        policy = self._plan.settings.policy
        depth = max(1, round(self._info.rate)) if policy == "buffer" else 1

        def over() -> bool:
            return self._controls.state.quit or self._stop.is_set()

        items = prefetch(
            self._source.items(),
            depth,
            latest=policy != "sync",
            dropped=self.stats.count_dropped,
            over=over,
        )
        with closing(items), _no_collections() as collect:
            for item in items:
                if over():
                    return
                state = self._controls.state
                output = self._output_for(item, state)
                if output is not None:
                    self._display(output)
                    self._recorder.update(state, output.frame)
                collect()

    def _output_for(self, item: Frame | SourceLost, state: State) -> OutputFrame | None:
        """The frame painted, or the last picture and why it stands still."""
        if isinstance(item, Frame) and not (state.paused and self._last is not None):
            return OutputFrame(self._painter.paint(item, state))
        if self._last is None:
            return None
        if isinstance(item, SourceLost):
            notice = f"{item.reason}; again in {item.again_in:.0f} s"
            return OutputFrame(replace(self._last.frame, pts=item.pts, captured=0.0), notice)
        frame = replace(self._last.frame, pts=item.pts, captured=item.captured)
        return OutputFrame(frame, "paused")

    def _display(self, output: OutputFrame) -> None:
        if self._last is None:
            self._open_outputs(output.frame)
        self._last = output
        loaded = self._painter.loaded
        if loaded is not None:
            self.stats.scale, self.stats.device = loaded.request.scale, loaded.info.device
        if self._window is not None:
            self._window.queue.put(output)
        self._outputs.write_frame(output)
        if self._window is None:
            self._outputs.check()

    def _open_outputs(self, first: Frame) -> None:
        """Now that it is known what frames look like."""
        for output in self._opener.all(first):
            self._outputs.add(output)
        height, width = first.picture.shape[:2]
        loaded = self._painter.loaded
        assert loaded is not None  # it has painted the first frame
        start = LiveStart(
            width,
            height,
            float(self._info.rate),
            self._has_audio,
            loaded.info.name,
            loaded.info.device,
            tuple(self._opener.pages),
        )
        self._on_start(start)

    def _report_scale(self, scale: float, rate: float) -> None:
        log.warning("painting at %.0f %% of the size, to hold %g frames/s", 100 * scale, rate)


@contextmanager
def _no_collections() -> Generator[Callable[[], None]]:
    """Keep the garbage collector from pausing the picture.

    What exists already is frozen; the little that comes after is collected now and then, by the
    function that is yielded, just after a frame was displayed.
    """
    due = time.monotonic() + _COLLECT_EVERY

    def collect() -> None:
        nonlocal due
        if time.monotonic() >= due:
            gc.collect()
            due = time.monotonic() + _COLLECT_EVERY

    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield collect
    finally:
        gc.enable()
        gc.unfreeze()
