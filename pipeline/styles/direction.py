"""Open what a timeline changes: its styles, its masks, and how far colours are the source's."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from ..core.applicability import inapplicable
from ..core.config import Settings
from ..core.errors import SettingsError, StylizeError
from ..core.frame import Frame, Plane
from ..core.job import Job, StyleKind
from ..media.source import Source
from ..timeline.points import Look, Timeline, Values
from ..timeline.read import read_timeline
from ..timeline.schedule import Schedule, Stop
from .directed import DirectedStyle
from .finish import AmountOf
from .kind import kinds_of, style_kinds
from .masks import FrameMasks, open_masks
from .people_masks import Protected
from .style import Style

Opens = Callable[[Settings, None], Style]


@contextmanager
def at_line(where: str) -> Generator[None]:
    """Put a place before the messages of errors; nothing, if it is empty."""
    try:
        yield
    except StylizeError as error:
        raise type(error)(f"{where}: {error}" if where else str(error)) from error


def all_kinds(settings: Settings, timeline: Timeline | None = None) -> frozenset[StyleKind]:
    """What a run paints with, with a timeline or without one; see ``style_kinds``.

    Args:
        settings: of the run.
        timeline: that of the settings, if it is read already.

    Raises:
        StylizeError: there is no such style, or the timeline can't be read; with its line.
    """
    kinds = style_kinds(settings)
    if settings.timeline is None or kinds & {"painted", "given"}:
        return kinds  # key frames paint alone, and the timeline is refused
    timeline = timeline or read_timeline(settings.timeline)
    found: set[StyleKind] = set()
    for point, values in timeline.values(Values.of(settings)):
        line = point.lines.get("style", point.line) if point is not None else None
        with at_line("" if line is None else timeline.where(line)):
            found |= kinds_of(values.style)
    return frozenset(found)


def open_directed(settings: Settings, schedule: Schedule, job: Job, opens: Opens) -> DirectedStyle:
    """Open each style of a timeline once.

    Args:
        settings: how they are run.
        schedule: of the film.
        job: what is painted.
        opens: opens one.

    Raises:
        StylizeError: see ``errors``; with the line of the timeline.
    """
    styles: dict[Look, Style] = {}
    for look, stop in schedule.looks.items():
        with at_line(schedule.where(stop, "style")):
            values = {"style": look.style, "strength": 1.0} | _applying(look, stop, job)
            styles[look] = opens(settings.model_copy(update=values), None)
            _refuse_recurrent(styles[look])
    return DirectedStyle(styles, schedule)


def _refuse_recurrent(style: Style) -> None:
    if style.info.recurrent:
        raise SettingsError(
            f"{style.info.name} is recurrent: it paints on what it painted before, which a "
            "timeline changes; take another style"
        )


def _applying(look: Look, stop: Stop, job: Job) -> dict[str, Any]:
    """Size of strokes and colours of a look, as far as its style has them.

    Raises:
        SettingsError: a point names one that its style can't have. What an earlier point has named
            is passed over: it holds again for the next style that has it.
    """
    plain = {"style_scale": None, "palette": "none"}
    values = {"style_scale": look.style_scale, "palette": look.palette}
    given = {name: value for name, value in values.items() if value != plain[name]}
    typed = Settings.model_validate({"style": look.style} | given)
    lost = inapplicable(typed, replace(job, styles=kinds_of(look.style)))
    for name, line in lost.items():
        if stop.point is None or name in stop.point.changes:
            raise SettingsError(line)
    return values | {name: plain[name] for name in lost if name in plain}


class MasksOverTime:
    """The mask of every frame, where masks come, go, or change slowly into each other.

    Args:
        masks: by their names.
        schedule: which mask each frame has.
    """

    def __init__(self, masks: Mapping[str, FrameMasks], schedule: Schedule) -> None:
        self._masks = masks
        self._schedule = schedule

    def __call__(self, frame: Frame) -> Plane | None:
        """The mask (H, W), 0–255; ``None``: everywhere is painted."""
        now = self._schedule.at(frame.time)
        before, after = now.before.mask, now.after.mask
        if before == after or now.weight == 0:
            return self._of(before, frame)
        pair = (self._of(before, frame), self._of(after, frame))
        first, last = (_white(frame) if mask is None else mask for mask in pair)
        return np.asarray(cv2.addWeighted(first, 1 - now.weight, last, now.weight, 0), np.uint8)

    def _of(self, name: str | None, frame: Frame) -> Plane | None:
        return None if name is None else self._masks[name](frame)

    def close(self) -> None:
        """Close the files."""
        for masks in self._masks.values():
            masks.close()


def _white(frame: Frame) -> Plane:
    return np.full(frame.source.shape[:2], 255, np.uint8)


def open_finishing(
    settings: Settings, schedule: Schedule | None, source: Source
) -> tuple[FrameMasks | None, bool | AmountOf]:
    """Where to paint, and how far in the source's own colours: what ``Finish`` needs.

    Args:
        settings: of the run.
        schedule: of its timeline, if it has one.
        source: the film.

    Raises:
        SourceError: a mask can't be read.
    """
    masks: FrameMasks | None
    if schedule is None:
        masks, luma = open_masks(settings, source), settings.palette == "source"
    else:
        masks, luma = _open_masks_over_time(settings, schedule, source), _source_colors(schedule)
    if settings.protect is not None:
        close = (lambda: None) if masks is None else masks.close
        masks = Protected(masks, settings.protect_strength, close)
    return masks, luma


def _open_masks_over_time(
    settings: Settings, schedule: Schedule, source: Source
) -> MasksOverTime | None:
    """Open each mask of a timeline once; ``None``: it has none.

    Args:
        settings: how masks are used.
        schedule: of the film.
        source: the film.

    Raises:
        SourceError: one can't be read; with the line of the timeline.
    """
    opened: dict[str, FrameMasks] = {}
    for name, stop in schedule.masks.items():
        with at_line(schedule.where(stop, "mask")):
            masks = open_masks(settings.model_copy(update={"mask": name}), source)
            assert masks is not None
            opened[name] = masks
    return MasksOverTime(opened, schedule) if opened else None


def _source_colors(schedule: Schedule) -> bool | AmountOf:
    """How far frames have the source's own colours, for ``Finish``."""
    if not any(stop.values.is_in_source_colors for stop in schedule.used):
        return False

    def amount(frame: Frame) -> float:
        now = schedule.at(frame.time)
        return now.mix(now.before.is_in_source_colors, now.after.is_in_source_colors)

    return amount
