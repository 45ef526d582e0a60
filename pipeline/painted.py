"""The stylizer of key frames: those are painted first, or were given; then it plays them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from .beside import Beside, pictures_of
from .carry import Carrier
from .config import PAINTED, Settings
from .errors import SettingsError
from .flow import FlowEstimator
from .frame import Frame, Rgb, Span
from .keyframes import Due, Key, KeyPainter, chosen, given, listed_times, painted
from .sink import picture_bytes
from .source import Source
from .stylizer import Stylizer

Pairs = Sequence[tuple[Path, Path]]
"""Key frames and their paintings, pictures of one size each."""


class Workshop(Protocol):
    """What paints and what learns: given from outside, because this room knows no PyTorch."""

    def painter(self, settings: Settings, mask: Rgb | None) -> KeyPainter:
        """What paints key frames by the settings; ``mask`` is the source's first."""
        ...

    def learned(self, pairs: Pairs, name: str, out: Path) -> None:
        """Write a net that paints as the pairs show, to ``out``."""
        ...

    def heard(self, done: int, total: int) -> None:
        """Is told of every key frame that is painted."""
        ...


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


def open_painted(
    job: Job, estimator: FlowEstimator, workshop: Workshop | None
) -> Carrier | Stylizer:
    """Find the key frames, paint those that are not painted yet, and open what plays them.

    Raises:
        SettingsError: settings that don't go together.
        StylizeError: see ``errors``.
    """
    settings = job.settings
    asked = settings.keyframes
    known = given(Path(asked)) if asked is not None and Path(asked).is_dir() else None
    name = " ".join(settings.style) if known is None else str(asked)
    if settings.save_style is not None and settings.carry != "net":
        raise SettingsError("--save-style keeps the net of --carry net; add that")
    if known is not None and settings.carry == "flow":
        return Carrier(known, estimator, f"{name}, {len(known)} key frames")
    if workshop is None:
        raise SettingsError("nobody is there to paint or to learn; give stylize() a workshop")
    with tempfile.TemporaryDirectory(prefix="stylize-video-") as work:
        found = _Found(job, Path(work))
        paintings = found.painted(estimator, workshop) if known is None else found.told(known)
        if settings.carry == "flow":
            return Carrier(paintings, estimator, f"{name}, {len(paintings)} key frames")
        out = settings.save_style or Path(work) / "learned.onnx"
        workshop.learned([(found.source(n), path) for n, path in paintings.items()], name, out)
        return Stylizer(out, settings.device, settings.threads)


class _Found:
    """The key frames of a job; their pictures lie in ``work``."""

    def __init__(self, job: Job, work: Path) -> None:
        self._job = job
        self._work = work

    def source(self, number: int) -> Path:
        """The picture of a key frame."""
        return self._work / f"{number:06d}.png"

    def painted(self, estimator: FlowEstimator, workshop: Workshop) -> dict[int, Path]:
        """Chosen, and painted; number → painting."""
        settings, source = self._job.settings, self._job.source
        listed = None if settings.keyframes is None else listed_times(settings.keyframes)
        due = Due(settings.key_every, listed, source.info.start)
        masks = _open_masks(settings, source)
        with closing(masks) if masks is not None else nullcontext():
            first = None if masks is None else masks.now[1]

            def masked(frame: Frame) -> Rgb | None:
                return None if masks is None else masks.at(frame)[1]

            keys = list(chosen(self._frames(), due, estimator, self._work, masked))
        total = len(keys) * settings.key_passes
        done = count(1)

        def heard(key: Key) -> None:
            workshop.heard(next(done), total)

        painter = workshop.painter(settings, first)
        workshop.heard(0, total)
        return painted(keys, painter, self._job.folder, settings.key_passes, heard)

    def told(self, known: Mapping[int, Path]) -> dict[int, Path]:
        """Those of the paintings given that are of frames; number → painting."""
        found: dict[int, Path] = {}
        for number, frame in enumerate(self._frames(), 1):
            if number in known:
                self.source(number).write_bytes(picture_bytes(frame.rgb, "it.png"))
                found[number] = known[number]
        if not found:
            raise SettingsError(
                f"--keyframes {self._job.settings.keyframes}: none of its pictures is named after "
                "a frame; they count from 1"
            )
        return found

    def _frames(self) -> Iterable[Frame]:
        return self._job.marked(self._job.source.frames(self._job.span))


def _open_masks(settings: Settings, source: Source) -> Beside | None:
    asked = settings.content_mask
    if asked is None:
        return None
    pictures = pictures_of(asked, settings.rate)
    return Beside(f"--content-mask {asked}", pictures, source.info.start)
