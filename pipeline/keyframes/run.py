"""The stylizer of key frames: those are painted first, or were given; then it plays them."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from ..core.concurrency import closing_source
from ..core.config import PAINTED, Settings
from ..core.errors import SettingsError, SinkError, SourceError
from ..core.files import atomic_write, writing
from ..core.frame import Frame, Rgb, Span
from ..media.images import picture_bytes
from ..media.source import Source
from ..styles.feedforward import FeedForwardStyle
from ..styles.masks import open_content_mask
from ..styles.open import open_net
from ..temporal.flow import FlowEstimator
from .paint import KeyPainter, given, painted
from .propagate import Carrier, fitting
from .select import Key, KeyframeScheduler, chosen, listed_times

Pairs = Sequence[tuple[Path, Path]]
"""Key frames and their paintings, pictures of one size each."""


class KeyframeBackend(Protocol):
    """What paints and what learns: given from outside, because this room knows no PyTorch."""

    def painter(self, settings: Settings, mask: Rgb | None) -> KeyPainter:
        """What paints key frames by the settings; ``mask`` is the source's first."""
        ...

    def learned(self, pairs: Pairs, name: str, out: Path, kept: Path) -> None:
        """Write a net that paints as the pairs show, to ``out``; ``kept`` is for half of one."""
        ...

    @property
    def learns(self) -> str:
        """A name for all that a net depends on, but for its pairs."""
        ...

    def looked(self, frame: Frame) -> None:
        """Is told of every frame that is looked at; may stop it all."""
        ...

    def heard(self, done: int, total: int) -> None:
        """Is told of every key frame that is painted."""
        ...


log = logging.getLogger(__name__)


def paints(settings: Settings) -> bool:
    """Whether the settings ask for key frames."""
    return settings.method in PAINTED or settings.keyframes is not None


@dataclass(frozen=True)
class Job:
    """What key frames are found and painted for."""

    source: Source
    span: Span
    settings: Settings
    marked: Callable[[Iterable[Frame]], Iterable[Frame]]
    """The stage that marks the first frame of each shot."""
    folder: Path
    """Where paintings are kept."""


def check_painted(settings: Settings) -> None:
    """Refuse settings of key frames that don't go together, before any work.

    Raises:
        SettingsError: which they are.
        SinkError: the net can't be kept where it is asked for.
    """
    folder = _folder(settings)
    if settings.keyframes is not None and folder is None:
        listed_times(settings.keyframes)
        if settings.method not in PAINTED:
            raise SettingsError(
                f"--keyframes {settings.keyframes}: times are painted by --method gatys or "
                "deepphoto; add one, or give a folder of painted frames"
            )
    painted = settings.method in PAINTED or folder is not None
    if settings.between == "net" and not painted:
        raise SettingsError(
            "--between net learns from key frames: add --method gatys or --keyframes"
        )
    kept = settings.save_style
    if kept is None:
        return
    if settings.between != "net":
        raise SettingsError("--save-style keeps the net of --between net; add that")
    if kept.suffix != ".onnx":
        raise SettingsError(f"--save-style {kept} must end in .onnx")
    if not kept.absolute().parent.is_dir():
        raise SettingsError(f"--save-style {kept}: its folder does not exist; create it first")
    if kept.exists() and not settings.overwrite:
        raise SinkError(f"--save-style {kept} exists; add --overwrite to replace it")


def _folder(settings: Settings) -> Path | None:
    """The folder that ``--keyframes`` names, if it names one."""
    with suppress(OSError):  # a long list of times is too long for a path
        if settings.keyframes is not None and Path(settings.keyframes).is_dir():
            return Path(settings.keyframes)
    return None


def open_painted(
    job: Job, estimator: FlowEstimator, workshop: KeyframeBackend | None
) -> Carrier | FeedForwardStyle:
    """Find the key frames, paint those that are not painted yet, and open what plays them.

    Raises:
        StylizeError: see ``errors``.
    """
    settings = job.settings
    folder = _folder(settings)
    known = None if folder is None else given(folder)
    name = " ".join(settings.style) if folder is None else folder.name
    if known is not None and settings.between == "flow":
        return Carrier(known, estimator, f"{name}, {len(known)} key frames")
    if workshop is None:
        raise SettingsError("nobody is there to paint or to learn; give stylize() a workshop")
    with writing(job.folder):
        job.folder.mkdir(exist_ok=True)
        with _emptied(job.folder / ".work") as work:
            found = _Found(job, work, workshop)
            paintings = found.painted(estimator) if known is None else found.told(known)
            if settings.between == "flow":
                return Carrier(paintings, estimator, f"{name}, {len(paintings)} key frames")
            net = _learned(
                [(found.source(n), p) for n, p in paintings.items()], name, job, workshop
            )
    return open_net([(net, 1.0)], settings)


@contextmanager
def _emptied(folder: Path) -> Generator[Path]:
    """A folder for what is needed meanwhile; what a run that was killed left there goes too."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _learned(pairs: Pairs, name: str, job: Job, workshop: KeyframeBackend) -> Path:
    """The net of these pairs: found beside the paintings, or learned and put there."""
    told = hashlib.sha256(workshop.learns.encode())
    for path in (path for pair in pairs for path in pair):
        told.update(path.read_bytes())
    net = job.folder / f"net-{told.hexdigest()[:16]}.onnx"
    if not net.exists():
        half = net.with_suffix(".part")
        with atomic_write(net) as aside:
            workshop.learned(pairs, name, aside, half)
        half.unlink(missing_ok=True)
    kept = job.settings.save_style
    if kept is not None:
        with atomic_write(kept) as aside:
            aside.write_bytes(net.read_bytes())
    return net


class _Found:
    """The key frames of a job; their pictures lie in ``work``."""

    def __init__(self, job: Job, work: Path, workshop: KeyframeBackend) -> None:
        self._job = job
        self._work = work
        self._workshop = workshop

    def source(self, number: int) -> Path:
        """The picture of a key frame."""
        return self._work / f"{number:06d}.png"

    def painted(self, estimator: FlowEstimator) -> dict[int, Path]:
        """Chosen, and painted; number → painting."""
        workshop = self._workshop
        settings, source = self._job.settings, self._job.source
        listed = None if settings.keyframes is None else listed_times(settings.keyframes)
        due = KeyframeScheduler(settings.key_every, listed, source.info.start)
        masks = open_content_mask(settings, source)
        with closing(masks) if masks is not None else nullcontext():
            painter = workshop.painter(settings, None if masks is None else masks.now[1])

            def masked(frame: Frame) -> Rgb | None:
                return None if masks is None else masks.at(frame)[1]

            keys = list(chosen(self._frames(), due, estimator, self._work, masked))
        total = len(keys) * settings.key_passes
        done = count(1)

        def heard(key: Key) -> None:
            workshop.heard(next(done), total)

        workshop.heard(0, total)
        return painted(keys, painter, self._job.folder, settings.key_passes, heard)

    def told(self, known: Mapping[int, Path]) -> dict[int, Path]:
        """Those of the paintings given that are of frames; number → painting."""
        found: dict[int, Path] = {}
        for number, frame in enumerate(self._frames(), 1):
            if number in known:
                painting = self.source(number).with_suffix(".painted.png")
                painting.write_bytes(picture_bytes(fitting(known[number], frame), "it.png"))
                self.source(number).write_bytes(picture_bytes(frame.rgb, "it.png"))
                found[number] = painting
        if not found:
            raise SettingsError(
                f"--keyframes {self._job.settings.keyframes}: none of its pictures is named after "
                "a frame; they count from 1"
            )
        return found

    def _frames(self) -> Generator[Frame]:
        """The source's, up to where it breaks off."""
        frames = self._job.marked(self._job.source.frames(self._job.span))
        with closing_source(frames):
            try:
                for frame in frames:
                    self._workshop.looked(frame)
                    yield frame
            except SourceError as error:
                log.warning("%s; key frames are looked for before that", error)
