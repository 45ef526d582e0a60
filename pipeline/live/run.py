"""The other main job: a live picture, painted as it comes, shown and sent at once.

Three threads and one for each output: the source is read in one, which never waits; frames are
painted in another; the main one has the window, the keys and the signals. Between them stand slots
of one frame, where a newer one takes the place of an older.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2  # noqa: F401  # pyright: ignore[reportUnusedImport] - before PyAV; see window.py

from ..core.concurrency import prefetch
from ..core.config import Settings
from ..core.frame import Frame, coding_of
from ..styles.open import open_stylizer
from ..styles.per_shot import Paints
from ..temporal.consistency import BLEND_WEIGHTS
from ..temporal.flow import open_flow
from .audio import AudioTimeline
from .controls import Controls, State
from .loader import StyleLoader, StyleRequest
from .open import (
    WINDOW,
    check_live,
    log,
    open_governor,
    open_live_source,
    open_mask,
    open_unless,
    playlist,
    style_label,
)
from .outputs.encoder import EncodedOutput
from .outputs.output import LiveOutput, OutputFrame, Outputs, OutputThread
from .outputs.process import ProcessOutput
from .outputs.target import StreamFormat, Target, target_of
from .outputs.virtualcam import PREFIX as VIRTUAL
from .outputs.virtualcam import VirtualCamera
from .outputs.web import Page, is_page
from .outputs.window import Window
from .painter import LivePainter
from .recorder import Recorder
from .sources.ffmpeg import LiveSource, is_address
from .sources.reconnect import ReconnectingSource, SourceLost
from .stats import LiveStats

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
    pages: tuple[str, ...]
    """Addresses to type into a browser."""


def play_live(
    source: str,
    outputs: Iterable[str],
    settings: Settings,
    stop: threading.Event,
    on_start: Callable[[LiveStart], None] = lambda start: None,
    on_tick: Callable[[LiveStats], None] = lambda meter: None,
) -> dict[str, float]:
    """Paint ``source`` as it comes, and show it, until it ends or ``stop`` is set.

    Args:
        source: a camera's index or ``camera:NAME``, a stream's address, ``screen:``, a video file.
        outputs: ``window``, ``camera:``, streams' addresses, a page's ``http://…``, files.
        settings: how.
        stop: when set, everything is finished and closed.
        on_start: called once, when the first frame is shown.
        on_tick: called about every second.

    Returns:
        What ``LiveStats.summary`` says.

    Raises:
        StylizeError: see ``errors``; what breaks later is noted, and comes back.
    """
    names = list(dict.fromkeys(outputs))
    check_live(names, settings)
    deck = playlist(settings)
    steady = settings.steady != "off"
    state = State(strength=settings.strength, steady=steady, mirror=settings.mirror)
    controls = Controls([" ".join(map(style_label, styles)) for styles in deck], state)
    reopen = partial(open_live_source, source, settings)
    # A camera is opened in the main thread, where macOS asks whether it may be.
    opened = open_unless(stop, reopen) if is_address(source) else reopen()
    if opened is None:
        return LiveStats().summary()
    try:
        run = _Run(opened, reopen, names, deck, settings, controls, stop, on_start)
    except BaseException:
        opened.close()
        raise
    try:
        run.play(on_tick)
    finally:
        run.close()
    return run.meter.summary()


class _Run:
    """One live run."""

    def __init__(
        self,
        opened: LiveSource,
        reopen: Callable[[], LiveSource],
        names: list[str],
        deck: list[tuple[str, ...]],
        settings: Settings,
        controls: Controls,
        stop: threading.Event,
        on_start: Callable[[LiveStart], None],
    ) -> None:
        self.meter = LiveStats()
        self._info, self._has_audio = opened.info, opened.has_audio
        self._names = names
        self._settings = settings
        self._controls = controls
        self._stop = stop
        self._on_start = on_start
        self._hub = Outputs()
        self._pages: list[str] = []
        self._last: OutputFrame | None = None
        self._takes = Recorder(settings.save_to or Path(), self._hub, self._recording, controls)
        self._window: Window | None = None
        if WINDOW in names:
            self._window = Window(f"stylize-video: {opened.info.name}", controls, self.meter)

        def open_style(number: int) -> Paints:
            changed = {"style": deck[number], "strength": 1.0}
            return open_stylizer(settings.model_copy(update=changed), None, alone=True)

        flow = open_flow(settings.flow, settings.flow_model, settings.device, settings.threads)
        hold, luma = (
            BLEND_WEIGHTS.get(settings.steady, BLEND_WEIGHTS["flow"]),
            settings.preserve_color == "luma",
        )
        mask = open_mask(settings, (opened.info.height, opened.info.width))
        self._tailor = StyleLoader(open_style, StyleRequest(0, controls.state.strength))
        self._easel = LivePainter(self._tailor, flow, hold, open_governor(settings), luma, mask)
        self._easel.stepped = self._tell_step
        sound = AudioTimeline(self._hub.write_audio) if opened.has_audio else None
        self._source = ReconnectingSource(opened, reopen, self.meter, sound, stop, settings.loop)

    def play(self, on_tick: Callable[[LiveStats], None]) -> None:
        """Until it is over. The caller's thread has the window."""
        due = time.monotonic()
        with ThreadPoolExecutor(1, "easel") as pool:
            painting = pool.submit(self._paint)

            def over() -> bool:
                nonlocal due
                if time.monotonic() >= due:
                    due += 1
                    on_tick(self.meter)
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
            last.callback(self._tailor.close)  # it may be opening a style; files come first
            last.callback(self._takes.close)
            self._hub.close()
        lost = next((o.failed for o in self._hub.threads if o.failed is not None), None)
        if lost is not None:
            raise lost

    def _paint(self) -> None:
        """Every frame that comes, until the end."""
        depth = max(1, round(self._info.rate)) if self._settings.policy == "buffer" else 1
        latest = self._settings.policy != "sync"

        def over() -> bool:
            return self._controls.state.quit or self._stop.is_set()

        items = prefetch(
            self._source.items(), depth, latest=latest, dropped=self.meter.count_dropped, over=over
        )
        with closing(items), _no_collections() as collect:
            for item in items:
                if over():
                    return
                state = self._controls.state
                shown = self._shown(item, state)
                if shown is not None:
                    self._give(shown)
                    self._takes.update(state, shown.frame)
                collect()

    def _shown(self, item: Frame | SourceLost, state: State) -> OutputFrame | None:
        """What is shown for what came: the frame painted, or the last picture and why."""
        if isinstance(item, Frame) and not (state.paused and self._last is not None):
            return OutputFrame(self._easel.paint(item, state))
        if self._last is None:
            return None
        if isinstance(item, SourceLost):
            notice = f"{item.reason}; again in {item.again_in:.0f} s"
            return OutputFrame(replace(self._last.frame, pts=item.pts, captured=0.0), notice)
        frame = replace(self._last.frame, pts=item.pts, captured=item.captured)
        return OutputFrame(frame, "paused")

    def _give(self, shown: OutputFrame) -> None:
        if self._last is None:
            self._open_outlets(shown.frame)
        self._last = shown
        self._tell_meter()
        if self._window is not None:
            self._window.queue.put(shown)
        self._hub.write_frame(shown)
        if self._window is None:
            self._hub.check()

    def _open_outlets(self, first: Frame) -> None:
        """Now that it is known what frames look like."""
        measured = self._window is not None
        for name in self._names:
            if name != WINDOW:
                # The first output tells how late the picture is.
                heard = None if measured else self.meter.count_output
                self._hub.add(self._outlet(name, self._shape(first), heard))
                measured = True
        height, width = first.picture.shape[:2]
        rate = float(self._info.rate)
        self._on_start(LiveStart(width, height, rate, self._has_audio, tuple(self._pages)))

    def _shape(self, frame: Frame) -> StreamFormat:
        height, width = frame.picture.shape[:2]
        coding = coding_of(frame.picture)
        return StreamFormat(width, height, self._info.rate, coding, self._has_audio)

    def _outlet(
        self, name: str, shape: StreamFormat, heard: Callable[[float], None] | None
    ) -> OutputThread:
        if is_page(name):
            page = Page(name, self._controls, self.meter)
            self._pages.append(page.url)
            return OutputThread(name, lambda: page, on_output=heard)
        if name.startswith(VIRTUAL):
            return OutputThread(name, lambda: VirtualCamera(name, shape), on_output=heard)
        target = target_of(name)
        assert target is not None  # checked before
        return self._encoded(target, shape, heard)

    def _recording(self, path: Path, frame: Frame) -> OutputThread:
        target = target_of(str(path))
        assert target is not None  # a file
        return self._encoded(target, self._shape(frame))

    def _encoded(
        self, target: Target, shape: StreamFormat, heard: Callable[[float], None] | None = None
    ) -> OutputThread:
        make = partial(EncodedOutput, target, shape, self._settings)

        def opened() -> LiveOutput:
            return ProcessOutput(target.name, make) if target.remote else make()

        waits = self._settings.policy == "sync" and not target.reconnects
        return OutputThread(target.name, opened, target.reconnects, _DEPTH, heard, waits)

    def _tell_meter(self) -> None:
        brush = self._easel.brush
        if brush is not None:
            self.meter.scale, self.meter.device = brush.wish.share, brush.paints.device

    def _tell_step(self, share: float) -> None:
        target = self._settings.fps_target
        log.warning("painting at %.0f %% of the size, to hold %g frames/s", 100 * share, target)


@contextmanager
def _no_collections() -> Generator[Callable[[], None]]:
    """Keep the garbage collector from pausing the picture.

    What lives already is set aside for good; the little that comes after is looked through now and
    then, by what is given here, just after a frame was shown.
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
