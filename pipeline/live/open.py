"""Open what a live run needs: its source, styles and mask; refuse what a live run cannot do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

from ..core.concurrency import run_in_background
from ..core.config import PAINTED, Settings
from ..core.errors import SettingsError, SinkError, SourceError
from ..core.files import PICTURE_SUFFIXES
from ..core.frame import Plane
from ..core.units import split_weight
from ..imaging.compositing import fit_mask
from ..media.images import read_picture
from ..styles.zoo import zoo
from .outputs.target import check_target, target_of
from .outputs.virtualcam import PREFIX as VIRTUAL
from .outputs.virtualcam import check_virtual_camera
from .outputs.web import is_page
from .resolution import ResolutionController
from .sources.camera import CameraSource, is_camera
from .sources.ffmpeg import Address, FfmpegSource, LiveSource, address_of, is_address
from .sources.reconnect import close_when_opened

log = logging.getLogger(__name__)


WINDOW = "window"
"""The output that is one."""


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


def check_live(names: list[str], settings: Settings) -> None:
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
    if settings.save_to is not None and not settings.save_to.is_dir():
        raise SettingsError(f"--save-to {settings.save_to} is no folder; create it")
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


def playlist(settings: Settings) -> list[tuple[str, ...]]:
    """The styles to hand, each one as ``--style`` would have it."""
    if settings.styles:
        return [(name,) for name in settings.styles]
    shipped = [name for name, style in zoo().items() if style.tier == "fast"]
    others = [(name,) for name in shipped if (name,) != settings.style]
    return [settings.style, *others]


def style_label(style: str) -> str:
    """What is shown of ``--style``."""
    name = split_weight(style)[0]
    return Path(name).stem if Path(name).suffix else name


def open_live_source(source: str, settings: Settings) -> LiveSource:
    """The camera, stream or file that ``source`` names."""
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


def open_unless(stop: threading.Event, opens: Callable[[], LiveSource]) -> LiveSource | None:
    """What is opened; ``None`` when asked to stop before anybody answered."""
    opening = run_in_background(opens)
    while not wait([opening], 0.1).done:
        if stop.is_set():
            close_when_opened(opening)
            return None
    return opening.result()


def open_mask(settings: Settings, size: tuple[int, int]) -> Plane | None:
    """The mask, one picture for all frames."""
    if settings.mask is None:
        return None
    path = Path(settings.mask)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise SettingsError(f"--mask {path}: a live picture's mask is one picture")
    return fit_mask(read_picture(path), size, settings.mask_feather, settings.mask_invert)


def open_governor(settings: Settings) -> ResolutionController | None:
    """What holds ``--fps-target``, if it is asked for."""
    if settings.fps_target is None:
        return None
    if settings.style_scale is not None:
        log.warning("--style-scale says at which size is painted: --fps-target can't change it")
        return None
    return ResolutionController(settings.fps_target)
