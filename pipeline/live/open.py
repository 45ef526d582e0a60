"""Plan a live run: what it reads, paints and writes; refuse what a live run can't do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.applicability import refuse_inapplicable, without_what_does_not_apply
from ..core.concurrency import run_in_background
from ..core.config import Settings
from ..core.errors import SettingsError, SinkError, SourceError
from ..core.files import PICTURE_SUFFIXES
from ..core.groups import PAINTED, PEOPLE
from ..core.units import split_weight
from ..imaging.compositing import fit_mask
from ..imaging.surface import open_surface
from ..media.images import read_mask
from ..media.source import SourceInfo
from ..styles.finish import Finish, MaskOf
from ..styles.kind import refuse_learning
from ..styles.masks import people_mask
from ..styles.open import open_style
from ..styles.people_masks import Protected, note_files_of_that_name, wanted_of
from ..styles.repaint import choose_repaint
from ..styles.style import Style
from ..styles.zoo import zoo
from ..temporal.consistency import BLEND_WEIGHTS
from ..temporal.flow import open_flow
from .controls import State
from .job import live_job
from .loader import StyleLoader
from .names import CAMERA, WINDOW, is_camera
from .outputs.target import check_target, target_of
from .outputs.virtualcam import check_virtual_camera
from .outputs.web import is_page
from .painter import LivePainter
from .resolution import ResolutionController, choose_rate
from .sources.address import Address, address_of, is_address
from .sources.camera import CameraSource
from .sources.ffmpeg import FfmpegSource
from .sources.reconnect import close_when_opened
from .sources.source import LiveSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LivePlan:
    """A live run, decided before anything is opened but its mask."""

    name: str
    """The source, as the user typed it."""
    outputs: tuple[str, ...]
    """As the user typed them."""
    styles: tuple[tuple[str, ...], ...]
    """The playlist: each one as ``--style`` would have it."""
    settings: Settings

    @property
    def labels(self) -> list[str]:
        """What is displayed of each style."""
        return [" ".join(map(style_label, styles)) for styles in self.styles]

    @property
    def pages(self) -> tuple[str, ...]:
        """The outputs that are pages for a browser."""
        return tuple(name for name in self.outputs if is_page(name))

    @property
    def state(self) -> State:
        """What the controls begin with."""
        settings = self.settings
        blends = settings.steady != "off"
        return State(strength=settings.strength, steady=blends, mirror=settings.mirror)

    @property
    def is_stream(self) -> bool:
        """The source is an address: opening it may take time."""
        return is_address(self.name)

    def open_source(self) -> LiveSource:
        """Open the camera, stream or file."""
        return open_live_source(self.name, self.settings)

    def open_style(self, number: int) -> Style:
        """Open a style of the playlist; its strength is a slider."""
        changed = {"style": self.styles[number], "strength": 1.0}
        style = open_style(self.settings.model_copy(update=changed), live=True)
        if len(self.styles) == 1:
            job = live_job(self.name, self.styles)
            refuse_inapplicable(self.settings, replace(job, canvas=style.info.canvas))
        return style

    def open_painter(self, loader: StyleLoader, info: SourceInfo) -> LivePainter:
        """Open what paints the frames of a source."""
        settings = self.settings
        flow = open_flow(settings.flow, settings.flow_model, settings.device, settings.threads)
        weight = BLEND_WEIGHTS.get(settings.steady, BLEND_WEIGHTS["flow"])
        mask = open_mask(settings, (info.height, info.width))
        finish = Finish(settings.palette == "source", mask)
        controller = open_controller(settings, float(info.rate))
        rate = float(info.rate) / settings.hold
        return LivePainter(
            loader,
            flow,
            weight,
            controller,
            finish,
            settings.canvas,
            choose_repaint(settings.repaint, rate, blends=True),
            wanted_of(settings),
            settings.hold,
            open_surface(settings.paper, settings.grain),
        )

    def lines(self) -> list[str]:
        """Describe the plan for the user, a line each."""
        blend = "off" if self.settings.steady == "off" else "along the motion"
        return [
            f"read     {self.name}, live",
            f"paint    {self.labels[0]}; to switch to: {', '.join(self.labels[1:]) or 'none'}",
            f"flicker  temporal blend {blend}",
            *(f"write    {name}" for name in self.outputs),
        ]


def make_live_plan(source: str, outputs: Iterable[str], settings: Settings) -> LivePlan:
    """Decide a live run; nothing is opened.

    Args:
        source: a camera's index or ``camera:NAME``, a stream's address, ``screen:``, a video file.
        outputs: ``window``, ``camera:``, streams' addresses, a page's ``http://…``, files.
        settings: see ``Settings``.

    Raises:
        StylizeError: what can't be done, in one line.
    """
    names = tuple(dict.fromkeys(outputs))
    _check_settings(settings)
    for name in names:
        _check_output(name, settings)
    styles = tuple(_playlist(settings))
    job = live_job(source, styles)
    settings = without_what_does_not_apply(settings, job)
    refuse_inapplicable(settings, job)
    return LivePlan(source, names, styles, settings)


def _check_settings(settings: Settings) -> None:
    if settings.method in PAINTED or settings.keyframes is not None:
        raise SettingsError("key frames are painted slowly; a live picture takes --method auto")
    refuse_learning(settings)
    for name in ("content_mask", "start", "end", "scenes"):
        if getattr(settings, name) is not None:
            flag = "--" + name.replace("_", "-")
            raise SettingsError(f"{flag} is for files; a live picture has none: leave it out")
    if settings.save_to is not None and not settings.save_to.is_dir():
        raise SettingsError(f"--save-to {settings.save_to} is no folder; create it")


def _check_output(name: str, settings: Settings) -> None:
    if name == WINDOW or is_page(name):
        return
    if name.startswith(CAMERA):
        check_virtual_camera()
        return
    target = target_of(name)
    if target is None:
        raise SinkError(
            f"output {name} is no live output; there are window, camera:, "
            "rtmp:// srt:// udp:// rtsp:// whip://, http://127.0.0.1:PORT, .m3u8, .mp4 .mkv"
        )
    check_target(target, settings)


def _playlist(settings: Settings) -> list[tuple[str, ...]]:
    if settings.styles:
        return [(name,) for name in settings.styles]
    shipped = [name for name, style in zoo().items() if style.tier == "fast"]
    others = [(name,) for name in shipped if (name,) != settings.style]
    return [settings.style, *others]


def style_label(style: str) -> str:
    """Return what is displayed of one value of ``--style``."""
    name = split_weight(style)[0]
    return Path(name).stem if Path(name).suffix else name


def open_live_source(source: str, settings: Settings) -> LiveSource:
    """Open the camera, stream or file that ``source`` names."""
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
    address = Address(source, str(path.absolute()), reconnects=False, paced=paced)
    return FfmpegSource(address, settings.size, settings.timeout)


def open_or_stop(stop: threading.Event, opens: Callable[[], LiveSource]) -> LiveSource | None:
    """Open the source; ``None`` if ``stop`` was set before it answered."""
    opening = run_in_background(opens)
    while not wait([opening], 0.1).done:
        if stop.is_set():
            close_when_opened(opening)
            return None
    return opening.result()


def open_mask(settings: Settings, size: tuple[int, int]) -> MaskOf | None:
    """Open the mask: people, or one picture for all frames; ``size``, (H, W), is theirs."""
    note_files_of_that_name(settings)
    mask = people_mask(settings) if settings.mask in PEOPLE else _open_picture(settings, size)
    return mask if settings.protect is None else Protected(mask, settings.protect_strength)


def _open_picture(settings: Settings, size: tuple[int, int]) -> MaskOf | None:
    if settings.mask is None:
        return None
    path = Path(settings.mask)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise SettingsError(
            f"--mask {path}: a live picture's mask is person, background, or one picture"
        )
    mask = fit_mask(read_mask(path), size, settings.feather, settings.mask_invert)
    return lambda frame: mask


def open_controller(settings: Settings, source_rate: float) -> ResolutionController | None:
    """Open the controller that lowers the resolution to hold the frame rate.

    Args:
        settings: ``fps_target``, ``policy`` and ``style_scale`` are used.
        source_rate: frames per second of the source.

    Returns:
        The controller; ``None`` if frames are always painted at one size: by ``--fps-target 0``,
        ``--policy sync`` without a target, or ``--style-scale``.
    """
    rate = choose_rate(settings.fps_target, source_rate, waits=settings.policy == "sync")
    if rate is None:
        return None
    if settings.style_scale is not None:
        if settings.fps_target is not None:
            log.warning("--style-scale sets the size at which is painted; --fps-target is ignored")
        return None
    return ResolutionController(rate)
