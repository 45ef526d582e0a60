"""The workshop of who paints key frames by hand: frames are chosen, and paintings checked.

The folder is all that is known between two looks at it: pictures that are the film's own frames are
still to be painted, the others are paintings.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..core.concurrency import closing_source
from ..core.errors import SinkError, SourceError
from ..core.files import writing
from ..core.frame import Frame, Rgb, as_rgb
from ..imaging.resize import reduce_for_flow
from ..media.images import picture_bytes, read_picture
from ..media.source import Source, SourceInfo
from ..temporal.flow import FlowEstimator
from ..temporal.shots import mark_cuts
from .coverage import ShotCoverage, measure_coverage
from .fit import FITS, Fit, fit_of, is_painted
from .paint import pictures_by_number
from .run import has_the_shape
from .select import KeyframeScheduler, select_keyframes

_BETTER = 0.12  # by which a painting must fit another frame better than its own, to say so
_SOFT = 0.5  # of the film's width, below which a painting looks soft
_GAPS = 0.6  # of a frame that is displayed by no key frame below this is worth a new one


@dataclass
class KeyPicture:
    """A picture in the folder."""

    number: int
    """Of its frame in the film, which counts from 1."""
    path: Path
    time: Fraction | None = None
    """Of the frame, seconds after the film's first; ``None``: the film has no such frame."""
    size: tuple[int, int] = (0, 0)
    """(width, height), px."""
    painted: bool = False
    fit: Fit | None = None
    """To its frame, of a painting."""
    problems: list[str] = field(default_factory=list[str])
    """What is wrong with it, a line each: "it is 14 px too far to the right"."""
    usable: bool = True
    """It can be rendered with."""
    painting: str = ""
    """Name of the painting beside it, of the film's own frame that has one."""

    @property
    def waits(self) -> bool:
        """Whether its frame is still to be painted."""
        return self.time is not None and not self.painted and not self.painting


@dataclass(frozen=True)
class Next:
    """The frame that is best painted next."""

    number: int
    path: Path | None
    """Its picture in the folder; ``None``: it is not there yet."""
    gain: float
    """0..1: so much more of its shot would be covered."""


@dataclass(frozen=True)
class Review:
    """What a folder of key frames does for a film."""

    info: SourceInfo
    shots: Sequence[ShotCoverage]
    pictures: Sequence[KeyPicture]
    """In the order of their numbers."""

    @property
    def painted(self) -> list[int]:
        """Numbers of the frames with a painting that is rendered."""
        return sorted({p.number for p in self.pictures if p.painted and p.usable})

    def coverage(self, shot: ShotCoverage) -> float:
        """How much of a shot is displayed by paintings, 0..1."""
        return float(shot.covered(self.painted).mean())

    def next(self) -> Next | None:
        """The frame whose painting would cover most; ``None``: nothing would."""
        painted = self.painted
        waiting = {p.number: p for p in self.pictures if p.waits}
        best: tuple[float, Next] | None = None
        for shot in self.shots:
            before = shot.covered(painted)
            for number in waiting.keys() - set(painted):
                if not shot.first <= number <= shot.last:
                    continue
                gain = float((shot.covered([*painted, number]) - before).sum())
                share = gain / len(before)
                if share > 0.01 and (best is None or gain > best[0]):
                    best = gain, Next(number, waiting[number].path, share)
        return best[1] if best is not None else self._middle_of_a_gap()

    def _middle_of_a_gap(self) -> Next | None:
        """The middle of the longest stretch that no painting covers well."""
        longest: tuple[int, int, float] | None = None
        for shot in self.shots:
            covered, begin = shot.covered(self.painted), None
            for place, part in enumerate([*covered, 1.0]):
                if part < _GAPS:
                    begin = place if begin is None else begin
                elif begin is not None:
                    if longest is None or place - begin > longest[0]:
                        gain = float((1 - covered[begin:place]).sum()) / len(covered)
                        longest = place - begin, shot.first + (begin + place) // 2, gain
                    begin = None
        return None if longest is None else Next(longest[1], None, longest[2])


def choose_keyframes(
    source: Source, folder: Path, every: float, estimator: FlowEstimator
) -> list[int]:
    """Choose the frames to paint, as a run does, and write them to ``folder``; their numbers.

    Args:
        source: the film.
        folder: made if it is not there; it has no pictures.
        every: seconds after which a key frame is due anyway.
        estimator: of motion.

    Raises:
        SinkError: the folder can't be written.
    """
    due = KeyframeScheduler(every, None, source.info.start)
    with tempfile.TemporaryDirectory() as temporary, writing(folder / "000001.png"):
        frames = mark_cuts(source.frames())
        keys = list(select_keyframes(frames, due, estimator, Path(temporary), lambda frame: None))
        folder.mkdir(parents=True, exist_ok=True)
        for key in keys:
            shutil.copyfile(key.source, folder / key.source.name)
    return [key.number for key in keys]


def write_frames(source: Source, folder: Path, numbers: Collection[int]) -> list[Path]:
    """Write more of the film's frames to ``folder``, for who paints them.

    Args:
        source: the film.
        folder: it exists.
        numbers: of the frames; the film's first is 1.

    Raises:
        SinkError: one of them is there already, or can't be written.
        SourceError: the film has no such frame.
    """
    paths = {number: folder / f"{number:06d}.png" for number in numbers}
    for path in paths.values():
        if path.exists():
            raise SinkError(f"{path} exists, and is not replaced")
    last = 0
    for last, frame in enumerate(source.frames(), 1):
        if last in paths:
            with writing(paths[last]):
                paths[last].write_bytes(picture_bytes(frame.rgb, paths[last].name))
        if last >= max(paths):
            break
    for number in numbers:
        if not 1 <= number <= last:
            raise SourceError(f"{source.info.name} has no frame {number}: it has {last}")
    return list(paths.values())


def review(source: Source, folder: Path, estimator: FlowEstimator) -> Review:
    """Look at the pictures of a folder: which are painted, how they fit, what they cover.

    Args:
        source: the film.
        folder: pictures that are named after the film's frames, and paintings of them.
        estimator: of motion.

    Raises:
        SourceError: a picture has no number, or can't be read; or none is there.
    """
    found = pictures_by_number(folder)
    pictures = {n: [KeyPicture(n, path) for path in paths] for n, paths in sorted(found.items())}
    thumbnails: dict[int, Rgb] = {}
    frames = _compared(mark_cuts(source.frames()), source.info, pictures, thumbnails)
    shots = list(measure_coverage(frames, pictures.keys(), estimator))
    made = Review(source.info, shots, [p for group in pictures.values() for p in group])
    _look_for_others(made, thumbnails)
    for group in pictures.values():
        _judge(group, source.info, shots[-1].last if shots else 0)
    return made


def _compared(
    frames: Iterable[Frame],
    info: SourceInfo,
    pictures: Mapping[int, Sequence[KeyPicture]],
    thumbnails: dict[int, Rgb],
) -> Generator[Frame]:
    """The film's frames, as they pass; each is compared with the pictures that are named so."""
    with closing_source(frames):
        for number, frame in enumerate(frames, 1):
            for picture in pictures.get(number, ()):
                rgb = read_picture(picture.path)
                picture.time = frame.time - info.start
                picture.size = (rgb.shape[1], rgb.shape[0])
                picture.painted = is_painted(rgb, frame.rgb)
                picture.fit = fit_of(rgb, frame.rgb) if picture.painted else None
                thumbnails[number] = _thumbnail(frame.rgb)
            yield frame


def _thumbnail(rgb: Rgb) -> Rgb:
    return as_rgb(reduce_for_flow(rgb, 192))


def _look_for_others(made: Review, thumbnails: Mapping[int, Rgb]) -> None:
    """Say of a painting that fits another of the chosen frames much better than its own."""
    for picture in made.pictures:
        if picture.fit is None or picture.fit.likeness >= FITS + _BETTER:
            continue
        rgb = read_picture(picture.path)
        likeness = {
            number: fit_of(rgb, frame).likeness
            for number, frame in thumbnails.items()
            if number != picture.number
        }
        best = max(likeness, key=lambda n: likeness[n], default=None)
        if best is not None and likeness[best] > picture.fit.likeness + _BETTER:
            picture.problems.append(f"it looks like frame {best}, not like frame {picture.number}")


def _judge(group: Sequence[KeyPicture], info: SourceInfo, last: int) -> None:
    """Say what is wrong with the pictures of one frame."""
    paintings = [picture for picture in group if picture.painted]
    for picture in group:
        if picture.time is None:
            picture.usable = False
            picture.problems.append(f"the film has no frame {picture.number}: it has {last}")
        elif not picture.painted:
            picture.painting = paintings[0].path.name if paintings else ""
        else:
            picture.problems += _problems(picture, info)
            if len(paintings) > 1:
                picture.usable = False
                others = " and ".join(p.path.name for p in paintings if p is not picture)
                picture.problems.append(f"{others} is a painting of this frame too: keep one")


def _problems(picture: KeyPicture, info: SourceInfo) -> list[str]:
    width, height = picture.size
    if not has_the_shape(picture.size, info):
        picture.usable = False
        return [
            f"it is {width}x{height}, and the film is {info.width}x{info.height}: crop it to the "
            "film's shape"
        ]
    found: list[str] = []
    fit = picture.fit
    assert fit is not None
    if fit.likeness < FITS and not picture.problems:
        found.append("it hardly looks like its frame: the paint will not follow the film")
    elif fit.is_off and not picture.problems:
        found.append(f"it is {_distance(fit, info)} off: move it back")
    if width < _SOFT * info.width:
        found.append(f"it is {width}x{height}, less than half of the film's size: it will be soft")
    return found


def _distance(fit: Fit, info: SourceInfo) -> str:
    """How far a painting is off: "14 px to the right and 3 px downwards", of the film's pixels."""
    right, down = (round(part * info.width) for part in (fit.right, fit.down))
    across = f"{abs(right)} px to the {'right' if right > 0 else 'left'}" if right else ""
    along = f"{abs(down)} px {'downwards' if down > 0 else 'upwards'}" if down else ""
    return " and ".join(filter(None, [across, along]))
