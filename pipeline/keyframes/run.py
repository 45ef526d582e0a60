"""Key frames of one run: select and paint them, then propagate them or learn a net from them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol

from ..core.concurrency import closing_source
from ..core.config import Settings
from ..core.errors import SettingsError, SinkError, SourceError
from ..core.files import atomic_write, digest, writing
from ..core.frame import Frame, Rgb, Span
from ..core.groups import PAINTED
from ..media.images import picture_bytes, picture_size, read_picture
from ..media.source import Source, SourceInfo
from ..styles.masks import open_content_mask
from ..styles.open import open_net
from ..styles.per_shot import paint_shots
from ..styles.style import StyleInfo
from ..temporal.flow import FlowEstimator
from .fit import is_painted
from .paint import KeyPainter, only_one, paint_keyframes, pictures_by_number
from .propagate import propagate, read_painting
from .select import Key, KeyframeScheduler, listed_times, select_keyframes

Pairs = Sequence[tuple[Path, Path]]
"""Key frames and their paintings, pictures of one size each."""

Stage = Callable[[Iterable[Frame]], Generator[Frame]]
"""Source frames → the same with ``painted``."""

_ASPECT_TOLERANCE = 0.02  # of the aspect ratio, by which a painting may differ from its frame


class KeyframeBackend(Protocol):
    """Paints key frames and learns from them: passed in, because this package knows no PyTorch."""

    def painter(self, settings: Settings, mask: Rgb | None) -> KeyPainter:
        """The painter of key frames; ``mask`` is the source's first segmentation mask."""
        ...

    def learn(self, pairs: Pairs, name: str, out: Path, checkpoint: Path) -> None:
        """Write a net that paints as the pairs do to ``out``; a stopped one to ``checkpoint``."""
        ...

    @property
    def learn_key(self) -> str:
        """A digest of everything that a net depends on, except its pairs."""
        ...

    def on_frame(self, frame: Frame) -> None:
        """Called for every frame that is read; may stop the run by an exception."""
        ...

    def on_painted(self, done: int, total: int) -> None:
        """Called after every key frame that is painted, and once before the first."""
        ...


log = logging.getLogger(__name__)


def has_keyframes(settings: Settings) -> bool:
    """Whether the settings ask for key frames."""
    return settings.method in PAINTED or settings.keyframes is not None


@dataclass(frozen=True)
class KeyframeJob:
    """What key frames are selected and painted for."""

    source: Source
    span: Span
    settings: Settings
    mark_cuts: Callable[[Iterable[Frame]], Iterable[Frame]]
    """The stage that marks the first frame of each shot."""
    folder: Path
    """Where paintings are saved."""

    @property
    def paintings(self) -> Path | None:
        """The folder that ``--keyframes`` names, if it names one."""
        return _folder(self.settings)

    @property
    def name(self) -> str:
        """As it is reported to the user."""
        folder = self.paintings
        return " ".join(self.settings.style) if folder is None else folder.name

    @property
    def first(self) -> int:
        """Number of the first frame of ``span`` in the film, which counts from 1."""
        start = self.span.start
        return 1 if start is None else 1 + self.source.count_before(start)


def check_keyframes(settings: Settings, info: SourceInfo) -> None:
    """Refuse settings of key frames that don't go together, before any work.

    Raises:
        SettingsError: which they are; or a painting whose shape is not the film's.
        SinkError: the net can't be saved where it is requested.
        SourceError: the folder of paintings is wrong.
    """
    folder = _folder(settings)
    if settings.keyframes is not None and folder is None:
        listed_times(settings.keyframes)
        if settings.method not in PAINTED:
            raise SettingsError(
                f"--keyframes {settings.keyframes}: times are painted by --method gatys or "
                "deepphoto; add one, or give a folder of painted frames"
            )
    if settings.between == "net" and not (settings.method in PAINTED or folder is not None):
        raise SettingsError(
            "--between net learns from key frames: add --method gatys or --keyframes"
        )
    if folder is not None:
        _check_fit(pictures_by_number(folder), info)
    if settings.save_style is not None:
        _check_save_style(settings.save_style, settings)


def has_the_shape(size: tuple[int, int], info: SourceInfo) -> bool:
    """Whether a picture, (width, height), has the film's shape: it is resized to its frame."""
    ratio = size[0] * info.height / (size[1] * info.width)
    return abs(ratio - 1) <= _ASPECT_TOLERANCE


def _check_fit(pictures: Mapping[int, Sequence[Path]], info: SourceInfo) -> None:
    for path in (path for paths in pictures.values() for path in paths):
        width, height = picture_size(path)
        if not has_the_shape((width, height), info):
            raise SettingsError(
                f"--keyframes: {path.name} is {width}x{height}, but the film is "
                f"{info.width}x{info.height}; crop it to the film's shape"
            )


def _check_save_style(path: Path, settings: Settings) -> None:
    if settings.between != "net":
        raise SettingsError("--save-style saves the net of --between net; add that")
    if path.suffix != ".onnx":
        raise SettingsError(f"--save-style {path} must end in .onnx")
    if not path.absolute().parent.is_dir():
        raise SettingsError(f"--save-style {path}: its folder does not exist; create it first")
    if path.exists() and not settings.overwrite:
        raise SinkError(f"--save-style {path} exists; add --overwrite to replace it")


def _folder(settings: Settings) -> Path | None:
    with suppress(OSError):  # a long list of times is too long for a path
        if settings.keyframes is not None and Path(settings.keyframes).is_dir():
            return Path(settings.keyframes)
    return None


def prepare_keyframes(
    job: KeyframeJob, estimator: FlowEstimator, backend: KeyframeBackend | None
) -> tuple[StyleInfo, Stage]:
    """Select and paint the key frames that are not painted yet; the stage that paints with them.

    Raises:
        StylizeError: see ``errors``.
    """
    settings, folder = job.settings, job.paintings
    by_hand = None if folder is None else _painted_in(folder, job)
    if by_hand is not None and settings.between == "flow":
        return _by_flow(job, by_hand, estimator)
    if backend is None:
        raise SettingsError("key frames need a backend that paints; pass one to stylize()")
    with writing(job.folder):
        job.folder.mkdir(exist_ok=True)
        with _temporary_folder(job.folder / ".work") as work:
            keyframes = _Keyframes(job, work, backend)
            paintings = keyframes.paint(estimator) if by_hand is None else keyframes.match(by_hand)
            if settings.between == "flow":
                return _by_flow(job, paintings, estimator)
            pairs = [(keyframes.source(n), path) for n, path in paintings.items()]
            net = _learn_once(pairs, job, backend)
    style = open_net([(net, 1.0)], settings)
    return style.info, partial(paint_shots, style=style, strength=settings.strength)


def _painted_in(folder: Path, job: KeyframeJob) -> dict[int, Path]:
    """The paintings in a folder: of each frame the picture that is not the frame itself.

    Raises:
        SettingsError: none is painted yet.
        SourceError: two are paintings of one frame.
    """
    found = pictures_by_number(folder)
    paintings = {number: paths[0] for number, paths in found.items()}
    waiting = 0
    for number, frame in enumerate(_until_broken(job.source.frames(job.span)), job.first):
        paths = found.get(number, [])
        painted = [path for path in paths if is_painted(read_picture(path), frame.rgb)]
        if painted:
            paintings[number] = only_one(folder, number, painted)
        elif paths:
            waiting += 1
            del paintings[number]
        if number >= max(found):
            break
    if waiting and not paintings:
        raise SettingsError(
            f"--keyframes {folder}: none of its pictures is painted yet: they are the film's own "
            "frames; paint over one"
        )
    if waiting:
        log.warning(
            "%d of %d key frames are painted; the others are the film's own frames, and wait",
            len(paintings), len(found),
        )  # fmt: skip
    return paintings


def _until_broken(frames: Iterable[Frame]) -> Generator[Frame]:
    """A film's frames, up to where it breaks off: the run itself reports that."""
    with closing_source(frames), suppress(SourceError):
        yield from frames


def _by_flow(
    job: KeyframeJob, paintings: Mapping[int, Path], estimator: FlowEstimator
) -> tuple[StyleInfo, Stage]:
    info = StyleInfo(
        f"{job.name}, {len(paintings)} key frames", "keyframes", per_shot=True, per_pixel=True
    )
    stage = partial(propagate, paintings=paintings, estimator=estimator, first=job.first)
    return info, partial(_with_opacity, stage=stage, opacity=job.settings.strength)


def _with_opacity(frames: Iterable[Frame], stage: Stage, opacity: float) -> Generator[Frame]:
    """Painted frames with the strength, which is a fade here."""
    painted = stage(frames)
    with closing(painted):
        for frame in painted:
            yield replace(frame, opacity=opacity)


@contextmanager
def _temporary_folder(folder: Path) -> Generator[Path]:
    """A folder for what is needed for now; what a killed run left there is removed too."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _learn_once(pairs: Pairs, job: KeyframeJob, backend: KeyframeBackend) -> Path:
    """The net of these pairs: saved with the paintings already, or learned now."""
    contents = (path.read_bytes() for pair in pairs for path in pair)
    name_digest = digest([backend.learn_key.encode(), *contents])
    net = job.folder / f"net-{name_digest[:16]}.onnx"
    if not net.exists():
        checkpoint = net.with_suffix(".part")
        with atomic_write(net) as temporary:
            backend.learn(pairs, job.name, temporary, checkpoint)
        checkpoint.unlink(missing_ok=True)
    if job.settings.save_style is not None:
        with atomic_write(job.settings.save_style) as temporary:
            temporary.write_bytes(net.read_bytes())
    return net


class _Keyframes:
    """The key frames of a job; their pictures are in ``work``."""

    def __init__(self, job: KeyframeJob, work: Path, backend: KeyframeBackend) -> None:
        self._job = job
        self._work = work
        self._backend = backend

    def source(self, number: int) -> Path:
        """The picture of a key frame."""
        return self._work / f"{number:06d}.png"

    def paint(self, estimator: FlowEstimator) -> dict[int, Path]:
        """Select them and paint them; number → painting."""
        job, backend, settings = self._job, self._backend, self._job.settings
        listed = None if settings.keyframes is None else listed_times(settings.keyframes)
        due = KeyframeScheduler(settings.key_every, listed, job.source.info.start)
        masks = open_content_mask(settings, job.source)
        with closing(masks) if masks is not None else nullcontext():
            painter = backend.painter(settings, None if masks is None else masks.now[1])

            def mask_of(frame: Frame) -> Rgb | None:
                return None if masks is None else masks.at(frame)[1]

            frames = self._frames()
            selected = select_keyframes(frames, due, estimator, self._work, mask_of, job.first)
            keys = list(selected)
        total = len(keys) * settings.key_passes
        done = count(1)

        def on_painted(key: Key) -> None:
            backend.on_painted(next(done), total)

        backend.on_painted(0, total)
        return paint_keyframes(keys, painter, job.folder, settings.key_passes, on_painted)

    def match(self, by_hand: Mapping[int, Path]) -> dict[int, Path]:
        """The given paintings whose frames are in this part of the film; number → painting."""
        paintings: dict[int, Path] = {}
        for number, frame in enumerate(self._frames(), self._job.first):
            if number in by_hand:
                painting = self.source(number).with_suffix(".painted.png")
                rgb = read_painting(by_hand[number], frame)
                painting.write_bytes(picture_bytes(rgb, painting.name))
                self.source(number).write_bytes(picture_bytes(frame.rgb, painting.name))
                paintings[number] = painting
        if not paintings:
            raise SettingsError(
                f"--keyframes {self._job.settings.keyframes}: none of its pictures is named after "
                "a frame of this part. 000001.png is the film's first frame."
            )
        return paintings

    def _frames(self) -> Generator[Frame]:
        """The source's, up to where it breaks off."""
        frames = self._job.mark_cuts(self._job.source.frames(self._job.span))
        with closing_source(frames):
            try:
                for frame in frames:
                    self._backend.on_frame(frame)
                    yield frame
            except SourceError as error:
                log.warning("%s; key frames are selected before that", error)
