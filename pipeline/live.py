"""The other main job: a live picture, painted as it comes, shown and sent at once.

Three threads and one for each output: the source is read in one, which never waits; frames are
painted in another; the main one has the window, the keys and the signals. Between them stand slots
of one frame, where a newer one takes the place of an older.
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

from .apart import Apart
from .broadcast import Broadcast, Shape, Target, check_target, target_of
from .camera import CameraSource, is_camera
from .capture import Address, FfmpegSource, LiveSource, address_of, is_address
from .config import PAINTED, Settings
from .controls import Controls, State
from .easel import Easel
from .errors import SettingsError, SinkError, SourceError
from .finish import mask_of
from .flow import open_flow
from .follow import Paints
from .frame import Frame
from .governor import Governor
from .lasting import Lasting, Lost, let_go
from .meter import Meter
from .opening import open_stylizer
from .outlet import Hub, Outlet, Shown, Sink
from .page import Page, is_page
from .pictures import PICTURE_SUFFIXES, read_picture
from .prefetch import aside, prefetch
from .sound import SoundLine
from .steady import HOLDS
from .tailor import Tailor, Wish
from .takes import Takes
from .units import split_weight
from .virtualcam import PREFIX as VIRTUAL
from .virtualcam import VirtualCamera, check_virtual_camera
from .window import Window
from .yuv import Plane, coding_of
from .zoo import zoo

log = logging.getLogger(__name__)

WINDOW = "window"
"""The output that is one."""

_COLLECT_EVERY = 10.0  # seconds
_DEPTH = 8  # frames that may wait for an encoder


@dataclass(frozen=True)
class LiveStart:
    """What is known when a live run has opened everything."""

    width: int
    height: int
    rate: float
    """Frames per second that the source says it has; a camera's is measured."""
    sounds: bool
    pages: tuple[str, ...]
    """Addresses to type into a browser."""


def is_live(source: str, output: str, settings: Settings) -> bool:
    """Whether a run is a live one: by its input, or by an output that can't wait."""
    return (
        settings.realtime
        or bool(settings.also)
        or is_camera(source)
        or is_address(source)
        or not _is_path(output)
    )


def _is_path(output: str) -> bool:
    """Whether it is a file or a folder that a run at leisure writes."""
    return not (
        output == WINDOW
        or output.startswith(VIRTUAL)
        or "://" in output
        or output.lower().endswith(".m3u8")
    )


def play_live(
    source: str,
    outputs: Iterable[str],
    settings: Settings,
    stop: threading.Event,
    on_start: Callable[[LiveStart], None] = lambda start: None,
    on_tick: Callable[[Meter], None] = lambda meter: None,
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
        What ``Meter.summary`` says.

    Raises:
        StylizeError: see ``errors``; what breaks later is noted, and comes back.
    """
    names = list(dict.fromkeys(outputs))
    _check(names, settings)
    deck = _deck(settings)
    steady = settings.steady != "off"
    state = State(strength=settings.strength, steady=steady, mirror=settings.mirror)
    controls = Controls([" ".join(map(_called, styles)) for styles in deck], state)
    reopen = partial(_opened, source, settings)
    # A camera is opened in the main thread, where macOS asks whether it may be.
    opened = _unless(stop, reopen) if is_address(source) else reopen()
    if opened is None:
        return Meter().summary()
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


def _check(names: list[str], settings: Settings) -> None:
    """Refuse what can't be, before anything is opened."""
    if settings.method in PAINTED or settings.keyframes is not None:
        raise SettingsError("key frames are painted slowly; a live picture takes --method auto")
    for setting, value in (
        ("content_mask", settings.content_mask),
        ("start", settings.start),
        ("end", settings.end),
        ("scenes", settings.scenes),
    ):
        if value is not None:
            flag = "--" + setting.replace("_", "-")
            raise SettingsError(f"{flag} is for files; a live picture has none: leave it out")
    if settings.takes is not None and not settings.takes.is_dir():
        raise SettingsError(f"--takes {settings.takes} is no folder; create it")
    for name in names:
        if name == WINDOW or is_page(name):
            continue
        if name.startswith(VIRTUAL):
            check_virtual_camera()
            continue
        target = target_of(name)
        if target is None:
            raise SinkError(
                f"output {name} is nothing that can be shown live; there are window, camera:, "
                "rtmp:// srt:// udp:// rtsp:// whip://, http://127.0.0.1:PORT, .m3u8, .mp4 .mkv"
            )
        check_target(target, settings)


def _deck(settings: Settings) -> list[tuple[str, ...]]:
    """The styles to hand, each one as ``--style`` would have it."""
    if settings.deck:
        return [(name,) for name in settings.deck]
    shipped = [name for name, style in zoo().items() if style.tier == "fast"]
    others = [(name,) for name in shipped if (name,) != settings.style]
    return [settings.style, *others]


def _called(style: str) -> str:
    """What is shown of ``--style``."""
    name = split_weight(style)[0]
    return Path(name).stem if Path(name).suffix else name


def _opened(source: str, settings: Settings) -> LiveSource:
    if is_camera(source):
        return CameraSource(source, settings.size, settings.fps_target or 30.0)
    if is_address(source):
        return FfmpegSource(address_of(source), settings.size, settings.timeout)
    path = Path(source)
    if not path.is_file() or path.suffix.lower() in PICTURE_SUFFIXES:
        raise SourceError(
            f"{source} is no live source: give a camera's index, an address or a video file"
        )
    paced = settings.realtime or settings.policy != "sync"
    address = Address(source, str(path.absolute()), lasts=False, paced=paced)
    return FfmpegSource(address, settings.size, settings.timeout)


def _unless(stop: threading.Event, opens: Callable[[], LiveSource]) -> LiveSource | None:
    """What is opened; ``None`` when asked to stop before anybody answered."""
    opening = aside(opens)
    while not wait([opening], 0.1).done:
        if stop.is_set():
            let_go(opening)
            return None
    return opening.result()


def _mask(settings: Settings, size: tuple[int, int]) -> Plane | None:
    """The mask, one picture for all frames."""
    if settings.mask is None:
        return None
    path = Path(settings.mask)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise SettingsError(f"--mask {path}: a live picture's mask is one picture")
    return mask_of(read_picture(path), size, settings.mask_feather, settings.mask_invert)


def _governor(settings: Settings) -> Governor | None:
    if settings.fps_target is None:
        return None
    if settings.style_scale is not None:
        log.warning("--style-scale says at which size is painted: --fps-target can't change it")
        return None
    return Governor(settings.fps_target)


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
        self.meter = Meter()
        self._info, self._sounds = opened.info, opened.sounds
        self._names = names
        self._settings = settings
        self._controls = controls
        self._stop = stop
        self._on_start = on_start
        self._hub = Hub()
        self._pages: list[str] = []
        self._last: Shown | None = None
        self._takes = Takes(settings.takes or Path(), self._hub, self._recording, controls)
        self._window: Window | None = None
        if WINDOW in names:
            self._window = Window(f"stylize-video: {opened.info.name}", controls, self.meter)

        def open_style(number: int) -> Paints:
            changed = {"style": deck[number], "strength": 1.0}
            return open_stylizer(settings.model_copy(update=changed), None, alone=True)

        flow = open_flow(settings.flow, settings.flow_model, settings.device, settings.threads)
        hold, luma = HOLDS.get(settings.steady, HOLDS["flow"]), settings.preserve_color == "luma"
        mask = _mask(settings, (opened.info.height, opened.info.width))
        self._tailor = Tailor(open_style, Wish(0, controls.state.strength))
        self._easel = Easel(self._tailor, flow, hold, _governor(settings), luma, mask)
        self._easel.stepped = self._tell_step
        sound = SoundLine(self._hub.hear) if opened.sounds else None
        self._source = Lasting(opened, reopen, self.meter, sound, stop, settings.loop)

    def play(self, on_tick: Callable[[Meter], None]) -> None:
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
        lost = next((o.failed for o in self._hub.outlets if o.failed is not None), None)
        if lost is not None:
            raise lost

    def _paint(self) -> None:
        """Every frame that comes, until the end."""
        depth = max(1, round(self._info.rate)) if self._settings.policy == "buffer" else 1
        latest = self._settings.policy != "sync"

        def over() -> bool:
            return self._controls.state.quit or self._stop.is_set()

        items = prefetch(
            self._source.items(), depth, latest=latest, dropped=self.meter.drop, over=over
        )
        with closing(items), _no_collections() as collect:
            for item in items:
                if over():
                    return
                state = self._controls.state
                shown = self._shown(item, state)
                if shown is not None:
                    self._give(shown)
                    self._takes.heed(state, shown.frame)
                collect()

    def _shown(self, item: Frame | Lost, state: State) -> Shown | None:
        """What is shown for what came: the frame painted, or the last picture and why."""
        if isinstance(item, Frame) and not (state.paused and self._last is not None):
            return Shown(self._easel.paint(item, state))
        if self._last is None:
            return None
        if isinstance(item, Lost):
            notice = f"{item.reason}; again in {item.again_in:.0f} s"
            return Shown(replace(self._last.frame, pts=item.pts, captured=0.0), notice)
        frame = replace(self._last.frame, pts=item.pts, captured=item.captured)
        return Shown(frame, "paused")

    def _give(self, shown: Shown) -> None:
        if self._last is None:
            self._open_outlets(shown.frame)
        self._last = shown
        self._tell_meter()
        if self._window is not None:
            self._window.slot.put(shown)
        self._hub.show(shown)
        if self._window is None:
            self._hub.check()

    def _open_outlets(self, first: Frame) -> None:
        """Now that it is known what frames look like."""
        measured = self._window is not None
        for name in self._names:
            if name != WINDOW:
                # The first output tells how late the picture is.
                heard = None if measured else self.meter.show
                self._hub.add(self._outlet(name, self._shape(first), heard))
                measured = True
        height, width = first.picture.shape[:2]
        rate = float(self._info.rate)
        self._on_start(LiveStart(width, height, rate, self._sounds, tuple(self._pages)))

    def _shape(self, frame: Frame) -> Shape:
        height, width = frame.picture.shape[:2]
        coding = coding_of(frame.picture)
        return Shape(width, height, self._info.rate, coding, self._sounds)

    def _outlet(self, name: str, shape: Shape, heard: Callable[[float], None] | None) -> Outlet:
        if is_page(name):
            page = Page(name, self._controls, self.meter)
            self._pages.append(page.url)
            return Outlet(name, lambda: page, heard=heard)
        if name.startswith(VIRTUAL):
            return Outlet(name, lambda: VirtualCamera(name, shape), heard=heard)
        target = target_of(name)
        assert target is not None  # checked before
        return self._encoded(target, shape, heard)

    def _recording(self, path: Path, frame: Frame) -> Outlet:
        target = target_of(str(path))
        assert target is not None  # a file
        return self._encoded(target, self._shape(frame))

    def _encoded(
        self, target: Target, shape: Shape, heard: Callable[[float], None] | None = None
    ) -> Outlet:
        make = partial(Broadcast, target, shape, self._settings)

        def opened() -> Sink:
            return Apart(target.name, make) if target.remote else make()

        waits = self._settings.policy == "sync" and not target.lasts
        return Outlet(target.name, opened, target.lasts, _DEPTH, heard, waits)

    def _tell_meter(self) -> None:
        brush = self._easel.brush
        if brush is not None:
            self.meter.share, self.meter.device = brush.wish.share, brush.paints.device

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
