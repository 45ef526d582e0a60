"""Where frames come from: a video file, or pictures. ``open_source`` takes what the user typed."""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from .color import BT709, ColorTags, ToRgb, tags_of
from .errors import SourceError
from .frame import ALL, Frame, Rgb, Span
from .units import parse_size

log = logging.getLogger(__name__)

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class SourceInfo:
    """What is known before the first frame is asked for."""

    name: str
    """As the user typed it."""
    width: int
    """Of the frames given, px: rotated and resized as they are."""
    height: int
    """Likewise."""
    time_base: Fraction
    """Seconds per unit of pts."""
    rate: Fraction
    """Frames per second as the header guesses; a hint for encoders, never used for time."""
    frames: int | None
    """How many the header announces."""
    start: Fraction
    """Time of the first frame, seconds."""
    duration: Fraction | None
    """Seconds the header announces."""
    color: ColorTags
    """Tags of the pictures as stored."""
    sample_aspect: Fraction
    """Width of a pixel over its height."""
    container: Path | None
    """The file that holds sound, subtitles and chapters, where there is one."""

    def expected_frames(self, span: Span) -> int | None:
        """About how many frames lie in ``span``."""
        if span == ALL or self.duration is None:
            return self.frames
        begin = max(self.start, span.start if span.start is not None else self.start)
        end = self.start + self.duration
        end = min(end, span.end if span.end is not None else end)
        return max(0, round((end - begin) * self.rate))


class Source(Protocol):
    """Anything that gives frames in the order of their pts."""

    info: SourceInfo

    def frames(self, span: Span = ALL) -> Generator[Frame]:
        """The frames whose time lies in ``span``. May be called again, for any span.

        Raises:
            SourceError: it broke; every frame before the break has been given.
        """
        ...


def open_source(name: str, size: str | None = None, fps: Fraction = Fraction(25)) -> Source:
    """The source that ``name`` names: a video file, a picture, a folder or a pattern of pictures.

    Args:
        name: a path, or a pattern with ``*``, ``?`` or ``%05d``.
        size: ``WxH`` or ``720p``; ``None`` keeps the source's own.
        fps: frames per second of pictures.

    Raises:
        SourceError: nothing is there, or it holds no picture.
    """
    path = Path(name)
    if path.is_dir():
        return PictureSource(name, _pictures_in(path), size, fps)
    if path.is_file():
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return PictureSource(name, [path], size, fps)
        return VideoSource(path, size)
    if re.search(r"[*?\[]|%0?\d*d", name):
        return PictureSource(name, _pictures_like(name), size, fps)
    raise SourceError(f"input {name} does not exist")


# ---- video files ----


class VideoSource:
    """The best video stream of a file, upright, in presentation order.

    Raises:
        SourceError: FFmpeg can't read the file, or it holds no video.
    """

    def __init__(self, path: Path, size: str | None = None) -> None:
        self.path = path
        with _opened(path) as (container, stream):
            first = _first_frame(container, stream, path)
            self._turn = _Turn.of(first)
            height, width = self._turn.size(first.height, first.width)
            aspect = stream.sample_aspect_ratio or Fraction(1)
            self.info = _info(path, container, stream, first, self._turn)
        self._given = _fit(size, width, height, self._turn.aspect(aspect))
        if self._given != (width, height):
            self.info = _resized(self.info, *self._given)

    def frames(self, span: Span = ALL) -> Generator[Frame]:
        """See ``Source.frames``."""
        with _opened(self.path) as (container, stream):
            # Frame threads would lose the good pictures that are in flight beside a damaged one.
            stream.thread_type = "SLICE"
            _seek(container, stream, span)
            height, width = self._turn.size(self.info.height, self.info.width)
            to_rgb = ToRgb(width, height)
            time = Fraction(0)
            for decoded in self._decoded(container, stream):
                pts = decoded.pts
                assert pts is not None  # _decoded gives every frame one
                time = pts * self.info.time_base
                if span.end is not None and time >= span.end:
                    return
                if span.holds(time):
                    rgb = self._turn(to_rgb(decoded))
                    yield Frame(rgb, pts, self.info.time_base, int(decoded.duration or 0))
            self._refuse_missing_tail(time)

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """Decoded frames, each with a pts above the one before."""
        last: int | None = None
        for frame in _decode(container, stream, self.path):
            step = max(1, round(1 / (self.info.rate * self.info.time_base)))
            if frame.pts is None:
                frame.pts = 0 if last is None else last + step
            elif last is not None and frame.pts <= last:
                frame.pts = last + 1  # a broken clock must not lose a picture
            last = frame.pts
            yield frame

    def _refuse_missing_tail(self, last: Fraction) -> None:
        """A file cut short often just ends; its header still says where it should."""
        if self.info.duration is None:
            return
        missing = self.info.start + self.info.duration - last
        if missing > max(Fraction(1), self.info.duration / 20, 10 / self.info.rate):
            raise SourceError(
                f"{self.path} breaks off at {float(last):.2f} s of "
                f"{float(self.info.start + self.info.duration):.2f} s"
            )


@contextmanager
def _opened(path: Path) -> Generator[tuple[InputContainer, VideoStream]]:
    try:
        container = av.open(path)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(
            f"{path} is not a video that FFmpeg can read: {_reason(error)}"
        ) from error
    with container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & stream.disposition.attached_pic:
            kinds = ", ".join(sorted({s.type for s in container.streams})) or "no stream at all"
            raise SourceError(f"{path} holds no video stream, only {kinds}")
        assert isinstance(stream, VideoStream)
        yield container, stream


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    for frame in _decode(container, stream, path):
        return frame
    raise SourceError(f"{path} holds a video stream of which no frame can be decoded")


def _decode(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[av.VideoFrame]:
    """All frames that can be had. Damaged packets are passed over and counted.

    Raises:
        SourceError: the container itself broke.
    """
    damaged = good = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{path} breaks off: {_reason(error)}") from error
        if packet is None:
            break
        try:
            for frame in packet.decode():
                good += 1
                yield frame
        except av.EOFError:
            break
        except av.FFmpegError:
            damaged += 1
    if damaged and good:
        log.warning(
            "%s: %d damaged packets could not be decoded and were passed over", path, damaged
        )


def _seek(container: InputContainer, stream: VideoStream, span: Span) -> None:
    if span.start is not None and stream.time_base is not None:
        # Half a second early: with B-frames the key frame before may hold earlier pictures.
        target = int((span.start - Fraction(1, 2)) / stream.time_base)
        container.seek(max(target, stream.start_time or 0), stream=stream, backward=True)


def _info(
    path: Path, container: InputContainer, stream: VideoStream, first: av.VideoFrame, turn: _Turn
) -> SourceInfo:
    time_base = stream.time_base or Fraction(1, 1000)
    rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    start = (first.pts or 0) * time_base
    if stream.duration is not None:
        duration = Fraction(stream.duration * time_base)
    elif container.duration is not None:
        begin = Fraction(container.start_time or 0, av.time_base)
        duration = begin + Fraction(container.duration, av.time_base) - start
    else:
        duration = None
    frames = stream.frames or (round(duration * rate) if duration is not None else None)
    height, width = turn.size(first.height, first.width)
    return SourceInfo(
        name=str(path),
        width=width,
        height=height,
        time_base=Fraction(time_base),
        rate=Fraction(rate),
        frames=frames,
        start=Fraction(start),
        duration=duration,
        color=tags_of(first),
        sample_aspect=turn.aspect(Fraction(stream.sample_aspect_ratio or 1)),
        container=path,
    )


def _resized(info: SourceInfo, width: int, height: int) -> SourceInfo:
    """``info`` at another size; the shape on the screen stays unless the size says otherwise."""
    from dataclasses import replace

    return replace(info, width=width, height=height, sample_aspect=Fraction(1))


def _fit(size: str | None, width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The (width, height) asked for; ``720p`` keeps the shape, square pixels, even width."""
    if size is None:
        return width, height
    wanted_width, wanted_height = parse_size(size)
    if wanted_width is None:
        wanted_width = max(2, round(width * aspect * wanted_height / height / 2) * 2)
    return wanted_width, wanted_height


@dataclass(frozen=True)
class _Turn:
    """What a display matrix asks for: ``flip`` left–right, then ``quarters`` clockwise."""

    quarters: int = 0
    flip: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> _Turn:
        """What the frame's display matrix asks for, to the nearest quarter."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("<9i", bytes(data)[:36])
        # (x, y) is shown at (a x + c y, b x + d y), y down. A negative determinant mirrors.
        flip = a * d - b * c < 0
        if flip:
            a, b = -a, -b
        quarters = round(np.degrees(np.arctan2(b, a)) / 90) % 4
        return cls(quarters, flip)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) after the turn. It is its own inverse."""
        return (width, height) if self.quarters % 2 else (height, width)

    def aspect(self, sample_aspect: Fraction) -> Fraction:
        """The pixel's shape after the turn."""
        return 1 / sample_aspect if self.quarters % 2 else sample_aspect

    def __call__(self, rgb: Rgb) -> Rgb:
        if self == _Turn():
            return rgb
        flipped = rgb[:, ::-1] if self.flip else rgb
        return np.ascontiguousarray(np.rot90(flipped, -self.quarters))


# ---- pictures ----


class PictureSource:
    """Pictures as frames of a constant rate, in natural order, all of the first one's size.

    Raises:
        SourceError: there is no picture, or the first can't be decoded.
    """

    def __init__(self, name: str, paths: list[Path], size: str | None, fps: Fraction) -> None:
        if not paths:
            kinds = " ".join(sorted(PICTURE_SUFFIXES))
            raise SourceError(f"{name} holds no pictures ({kinds})")
        self.paths = paths
        height, width = _read_picture(paths[0]).shape[:2]
        width, height = _fit(size, width, height, Fraction(1))
        self.info = SourceInfo(
            name=name,
            width=width,
            height=height,
            time_base=1 / fps,
            rate=fps,
            frames=len(paths),
            start=Fraction(0),
            duration=len(paths) / fps,
            color=BT709,
            sample_aspect=Fraction(1),
            container=None,
        )

    def frames(self, span: Span = ALL) -> Generator[Frame]:
        """See ``Source.frames``."""
        size = (self.info.width, self.info.height)
        odd_ones = 0
        for number, path in enumerate(self.paths):
            if not span.holds(number * self.info.time_base):
                continue
            rgb = _read_picture(path)
            if rgb.shape[1::-1] != size:
                odd_ones += 1
                rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
            yield Frame(rgb, number, self.info.time_base, 1)
        if odd_ones and len(self.paths) > 1:
            log.warning("%d pictures were resized to %dx%d", odd_ones, *size)


def _read_picture(path: Path) -> Rgb:
    try:
        encoded = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise SourceError(f"picture {path} can't be read: {error.strerror}") from error
    rgb = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    if rgb is None:
        raise SourceError(f"picture {path} can't be decoded")
    return np.asarray(rgb, dtype=np.uint8)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Sorts ``2.png`` before ``10.png``."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def _pictures_in(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(found, key=_natural)


def _pictures_like(pattern: str) -> list[Path]:
    """Pictures named by ``frames/*.png`` or, with a printf number, ``frames/%05d.png``."""
    path = Path(pattern)
    number = re.search(r"%0?\d*d", path.name)
    if number is None:
        found = path.parent.glob(path.name)
        return sorted((p for p in found if p.suffix.lower() in PICTURE_SUFFIXES), key=_natural)
    before, after = (re.escape(part) for part in re.split(r"%0?\d*d", path.name, maxsplit=1))
    wanted = re.compile(rf"{before}\d+{after}")
    if not path.parent.is_dir():
        return []
    return sorted((p for p in path.parent.iterdir() if wanted.fullmatch(p.name)), key=_natural)
