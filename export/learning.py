"""Learn a painting on frames of the film that will be painted: ``--method learn``.

No photographs are needed: a net that has seen the film's own walls, faces and light paints them
well after a few hundred steps. The net is kept, by the painting, the settings and the frames that
were used, so the second run begins to paint at once.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from ..models.data import resized
from ..models.recipe import Recipe
from ..models.training.state import Training, begin
from ..pipeline.core.errors import SourceError, TrainingError
from ..pipeline.core.files import neighbour, writing
from ..pipeline.core.frame import Rgb, Span, as_rgb
from ..pipeline.evaluation.colours import reduce_to_compare
from ..pipeline.evaluation.texture import bare_paper
from ..pipeline.imaging.palette import Palette
from ..pipeline.media.images import write_picture
from ..pipeline.media.source import Source
from ..pipeline.styles.zoo import find_style
from .bases import base_of
from .colours import match_colours
from .progress import ProgressReport
from .training import CHECKPOINT, export_training, judges_of, read_painting, resume, run_training

FRAMES = 48
"""Frames of the film that are learned on."""
_SIDE = 480
"""Their short side, px: crops of it show what a crop of a 720-line frame shows."""
_OF_A_FILM: dict[str, Any] = {
    "crop": 192,
    "crop_min": 0.33,
    "crop_max": 0.67,
    "content_target": 0.5,
}
"""Smaller crops at the frames' own size, and more of the film than of photographs in general."""
_PAINTED_BASE = "starry-night"  # of those that were tried, the clearest faces
_PAPER = 0.1  # see ``bare_paper``
_SEQUENTIAL = 3000
"""Frames of a film that is read through; in a longer one the frames are sought one by one."""


@dataclass(frozen=True)
class Lesson:
    """What is learned, and where it is kept."""

    painting: Path
    frames: Sequence[Rgb]
    recipe: Recipe
    folder: Path
    """Has the checkpoint, the samples and the finished net."""

    @property
    def net(self) -> Path:
        """The finished style file."""
        return neighbour(self.folder / "net", self.painting.stem, ".onnx")

    @property
    def samples(self) -> Path:
        """The picture of frames as the net paints them, written again and again."""
        return self.folder / "samples.png"


def learned_folder() -> Path:
    """Where learned nets are kept."""
    return Path.home() / ".cache" / "stylize-video" / "learned"


def prepare(source: Source, painting: Path, steps: int, folder: Path | None = None) -> Lesson:
    """Read the frames that are learned on, and find what was learned from them before.

    Args:
        source: the film.
        painting: the style picture's file.
        steps: of the training.
        folder: where learned nets are kept; ``None``: ``learned_folder()``.

    Raises:
        SourceError: the film has no frames.
        TrainingError: the painting can't be read.
    """
    read_painting(painting)
    frames = sample_frames(source)
    recipe = Recipe.model_validate(_OF_A_FILM | {"steps": steps})
    digest = hashlib.sha256(painting.read_bytes())
    digest.update(recipe.model_dump_json().encode() + _PAINTED_BASE.encode())
    for rgb in frames:
        digest.update(rgb.tobytes())
    place = neighbour(painting, painting.stem, f"-{digest.hexdigest()[:12]}").name
    return Lesson(painting, frames, recipe, (folder or learned_folder()) / place)


def learn(lesson: Lesson, where: torch.device, report: ProgressReport) -> Path:
    """Train the net, or go on where it was stopped; returns the style file.

    Args:
        lesson: see ``prepare``.
        where: the device.
        report: shows the progress.

    Raises:
        KeyboardInterrupt: it was stopped; what was learned is kept.
        TrainingError: see ``models.training``.
    """
    if lesson.net.exists():
        report.say(f"learned before: {lesson.net}")
        return lesson.net
    with writing(lesson.folder):
        lesson.folder.mkdir(parents=True, exist_ok=True)
        pictures = _write_pictures(lesson.frames, lesson.folder / "frames")
    painting = read_painting(lesson.painting)
    training = _resumed(lesson, where, report) or _begun(lesson.recipe, where, painting)
    report.say(
        f"learning {lesson.painting.name} on {len(lesson.frames)} frames of the film, "
        f"{lesson.recipe.steps} steps on {where}; pictures of it: {lesson.samples}"
    )
    training.palette = Palette.of([painting]).to_json()
    judges = judges_of(lesson.recipe, painting, None, where)
    run_training(training, judges, pictures, lesson.folder, report)
    match_colours(training, pictures)
    export_training(training, lesson.net, None, pictures[:1], "own", report)
    shutil.rmtree(lesson.folder / "frames", ignore_errors=True)
    return lesson.net


def _begun(recipe: Recipe, where: torch.device, painting: Rgb) -> Training:
    """Begin a training from a net that paints: its strokes become the painting's, faces stay clear.

    Not for a painting with bare paper: there strokes would have to go first.
    """
    paper = bare_paper(reduce_to_compare(painting)) > _PAPER
    base = base_of(recipe, None if paper else find_style(_PAINTED_BASE))
    training = begin(recipe, where, base)
    training.family = ""  # to mix its weights with those of the base paints ghosts
    return training


def _resumed(lesson: Lesson, where: torch.device, report: ProgressReport) -> Training | None:
    try:
        return resume(lesson.folder, lesson.recipe, where, report)
    except TrainingError as error:  # a checkpoint that can't be read is no loss of minutes
        report.say(f"{error}; learning anew")
        (lesson.folder / CHECKPOINT).unlink(missing_ok=True)
        return None


def sample_frames(source: Source) -> list[Rgb]:
    """Frames from the whole film, evenly spread, (h, w, 3) uint8, 0–255, RGB, reduced.

    Raises:
        SourceError: there are none.
    """
    expected = source.info.frames
    if source.info.duration is None or (expected is not None and expected <= _SEQUENTIAL):
        frames = _spread(source, expected)
    else:
        frames = _sought(source, source.info.start, source.info.duration)
    if not frames:
        raise SourceError(f"{source.info.name} has no frames to learn on")
    return frames


def _spread(source: Source, expected: int | None) -> list[Rgb]:
    """Every n-th frame; n doubles where there turn out to be more frames than expected."""
    every = max(1, (expected or 0) // FRAMES)
    kept: list[tuple[int, Rgb]] = []
    for number, frame in enumerate(source.frames()):
        if number % every == 0:
            kept.append((number, _reduced(as_rgb(frame.source))))
        if len(kept) >= 2 * FRAMES:
            every *= 2
            kept = [(n, rgb) for n, rgb in kept if n % every == 0]
    return [rgb for _, rgb in kept]


def _sought(source: Source, start: Fraction, duration: Fraction) -> list[Rgb]:
    found: list[Rgb] = []
    for i in range(FRAMES):
        time = start + duration * (2 * i + 1) / (2 * FRAMES)
        frames = source.frames(Span(time, None))
        first = next(frames, None)
        frames.close()
        if first is not None:
            found.append(_reduced(as_rgb(first.source)))
    return found


def _reduced(rgb: Rgb) -> Rgb:
    return resized(rgb, _SIDE) if min(rgb.shape[:2]) > _SIDE else rgb.copy()


def _write_pictures(frames: Iterable[Rgb], folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths: list[Path] = []
    for number, rgb in enumerate(frames):
        path = folder / f"{number:03d}.png"
        if not path.exists():
            write_picture(path, rgb)
        paths.append(path)
    return paths
