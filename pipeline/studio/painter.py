"""Frames of clips in a style, for the studio's page: soon, and then as the film has them."""

from __future__ import annotations

import json
import threading
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ..core.config import Settings, checked
from ..core.frame import Rgb, as_rgb
from ..core.groups import DeviceSettings, StyleSettings
from ..core.recent import Recent
from ..imaging.resize import resize_picture
from ..media.inputs import open_source
from ..styles.masks import ContentMasks
from ..styles.open import open_style
from ..styles.per_shot import paint_picture
from ..styles.style import Style
from .film import StudioFilm
from .painting import SMALL, PaintedFrame
from .seeker import FrameSeeker
from .stills import jpeg_of

_LARGER = 2  # times the height of a small picture at which it is painted: finer strokes
_FILMS = 2  # clips with settings that stay open
_STYLES = 3  # that stay open
_CLIPS = 2  # of which small pictures are made

# Settings of a render that change no pixel of a frame.
_OF_THE_OUTPUT = frozenset(
    {
        *("start", "end", "cfr", "hold", "codec", "crf", "encoder_option", "format", "bitrate"),
        *("overwrite", "resume", "workers", "engine", "address", "save_style", "save_settings"),
    }
)
_OF_THE_STYLE = frozenset((*StyleSettings.model_fields, *DeviceSettings.model_fields))
_FILES = ("mask", "content_mask", "timeline", "scenes")


class StudioPainter:
    """Paints single frames of clips; one thread may ask for large ones, another for small ones.

    What was used last stays open: a few clips with their settings, styles, and shots.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._small_lock = threading.Lock()
        self._given_up = threading.Event()
        self._folder = TemporaryDirectory(prefix="stylize-studio-", ignore_cleanup_errors=True)
        self._films = Recent[tuple[str, bool], StudioFilm](_FILMS, StudioFilm.close)
        self._seekers = Recent[Hashable, FrameSeeker](_CLIPS, FrameSeeker.close)
        self._styles = Recent[tuple[str, bool], Style](_STYLES)
        self._clips = Recent[str, FrameSeeker](_CLIPS, FrameSeeker.close)
        self._starts: dict[Path, tuple[Fraction, ...]] = {}

    def close(self) -> None:
        """Close the clips."""
        with self._lock:
            self._films.clear()
            self._seekers.clear()
        with self._small_lock:
            self._clips.clear()
        self._folder.cleanup()

    def know_shots(self, clip_path: Path, starts: Sequence[float]) -> None:
        """Remember where the shots of a clip begin; else they are searched, which takes longer.

        Args:
            clip_path: the clip.
            starts: the times of the shots' first frames, seconds after the clip's first.
        """
        self._starts[clip_path] = tuple(map(Fraction, starts))

    def give_up(self) -> None:
        """Stop what takes long: another frame is asked for. Called in any thread."""
        self._given_up.set()

    def paint(
        self,
        clip_path: Path,
        seconds: float,
        settings: Mapping[str, object],
        exact: bool = False,
        height: int = 720,
    ) -> PaintedFrame:
        """Paint the frame of a clip that is displayed at a time.

        Args:
            clip_path: the film or picture.
            seconds: after its first frame.
            settings: as in ``config.yaml``; those of the output are passed over.
            exact: the film's own frame, which takes up to some seconds. It is given up as soon as
                another one is asked for.
            height: of the result, px; it is never enlarged.

        Raises:
            SupersededError: another one is asked for.
            StylizeError: what can't be done, in one line.
        """
        rgb, preview = self.picture(clip_path, seconds, settings, exact, height)
        return PaintedFrame(jpeg_of(rgb, height), preview)

    def picture(
        self,
        clip_path: Path,
        seconds: float,
        settings: Mapping[str, object],
        exact: bool = False,
        height: int = 720,
    ) -> tuple[Rgb, bool]:
        """The same before it is encoded, (H, W, 3) uint8, 0–255, RGB; and whether it is a preview.

        It has the film's size; a small one is about as large as asked for.
        """
        time = Fraction(seconds).limit_denominator(1_000_000)
        kept = {name: value for name, value in settings.items() if name not in _OF_THE_OUTPUT}
        if height <= SMALL and not exact:
            with self._small_lock:
                return self._small(clip_path, time, kept, height * _LARGER), True
        with self._lock:
            self._given_up.clear()
            film = self._film(clip_path, kept, exact)
            starts = self._starts.get(clip_path)
            if exact and not film.is_plain:
                return film.exact(time, starts), False
            return film.quick(time, starts), not film.is_plain

    def _film(self, clip: Path, settings: Mapping[str, object], exact: bool) -> StudioFilm:
        key = _key(clip, settings), exact
        film = self._films.get(key, lambda: self._open(clip, settings, exact))
        film.seeker = self._seekers.get((_key(clip, {}), film.reading), lambda: film.seeker)
        return film

    def _open(self, clip: Path, settings: Mapping[str, object], exact: bool) -> StudioFilm:
        return StudioFilm(
            clip,
            checked(Settings, settings, ""),
            partial(self._open_style, quickly=not exact),
            Path(self._folder.name) / "preview.mp4",
            self._given_up.is_set,
        )

    def _open_style(
        self, settings: Settings, content_masks: ContentMasks | None, quickly: bool
    ) -> Style:
        """Open a style; one that is to be seen soon measures fewer pixels, as in live pictures."""
        if content_masks is not None:
            return open_style(settings, content_masks, quickly)
        values = settings.model_dump_json(include=set(_OF_THE_STYLE))
        return self._styles.get((values, quickly), lambda: open_style(settings, None, quickly))

    def _small(
        self, clip: Path, time: Fraction, settings: Mapping[str, object], height: int
    ) -> Rgb:
        """The frame, painted small in a style that is opened for it: whole, on one core."""
        seeker = self._clips.get(_key(clip, {}), lambda: _seeker(clip))
        frame = seeker.at(time)
        of_style = {n: value for n, value in settings.items() if n in _OF_THE_STYLE}
        values = checked(Settings, of_style, "")
        rows, columns = frame.source.shape[:2]
        small = min(height, rows), max(2, round(columns * min(height, rows) / rows))
        picture = as_rgb(resize_picture(frame.source, small))
        style = open_style(values.model_copy(update={"threads": 1}))
        return paint_picture(style, picture, values.strength)


def _seeker(clip: Path) -> FrameSeeker:
    source = open_source(str(clip))
    return FrameSeeker(source.frames, source.info.start)


def _key(clip: Path, settings: Mapping[str, object]) -> str:
    """What a film is remembered by: its file, its settings, and the files that they name."""
    named = [str(settings[name]) for name in _FILES if settings.get(name)]
    files = [(name, _changed(Path(name))) for name in (str(clip), *named)]
    return json.dumps([files, dict(settings)], sort_keys=True, default=str)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
