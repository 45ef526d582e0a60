"""The output of a run, made of its segments, and put in its place."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ..core.errors import SinkError, reason
from ..core.files import atomic_write, neighbour, unused_path
from ..core.frame import Span
from ..core.placement import put_in_place, real_path
from ..core.saved import settings_text
from ..media.encoding import Encoding
from ..media.fragment import is_fragment
from ..media.mux import TimeWindow, join
from ..media.outputs import check_place, container_of
from ..media.unfinished import FINISHED, gathered
from ..media.video import VideoSource
from ..media.work_folder import WorkFolder
from ..media.writers import WRITTEN_AT_ONCE, Segment, VideoWriter
from ..plan import Plan

log = logging.getLogger(__name__)


def assemble(
    segments: Sequence[Segment], folder: Path, plan: Plan, cut_short: bool
) -> tuple[Path, list[str]]:
    """The output, still in the work folder: the segments joined with their sound, or the pictures.

    Args:
        segments: finished, in order.
        folder: the work folder.
        plan: of the run.
        cut_short: the film goes on after the last segment.

    Returns:
        The file or folder, and what it lacks, a line a stream.
    """
    finished = folder / FINISHED
    if plan.encoding is None:
        gathered([segment.path for segment in segments], finished)
        picture = finished / plan.target.name
        return (picture if picture.is_file() else finished), []
    container = container_of(plan.target)[0]
    if plan.is_animation:
        segments = [_encode(segments, folder / "encoded", plan, plan.encoding)]
        if container in WRITTEN_AT_ONCE:
            segments[0].path.rename(finished)
            return finished, []
    start, end = segments[0].start, segments[-1].end
    trimmed = plan.span.start is not None
    span = Span(
        start if trimmed else None,
        end if plan.span.end is not None or cut_short else None,
    )
    window = TimeWindow(span, start if trimmed else plan.source.info.zero)
    joined = folder / "joined"
    source, facts = plan.source.info.container, (plan.output_info, plan.encoding.color, plan.tag)
    losses = join(list(segments), source, joined, container, window, plan.streams, *facts)
    if source is not None and source.is_overwritten:
        losses.append(f"the rest of {source.name}, which was overwritten during the run")
    joined.rename(finished)
    return finished, losses


def _encode(segments: Sequence[Segment], path: Path, plan: Plan, encoding: Encoding) -> Segment:
    """Encode lossless segments as one: for containers that join no packets."""
    layout = "deep" if plan.deep else "rgb"
    with closing(VideoWriter(path, plan.target, plan.output_info, encoding)) as writer:
        for segment in segments:
            left = segment.frames
            for frame in VideoSource(segment.path).frames(layout=layout):
                begin, end = (round(t / frame.time_base) for t in (segment.start, segment.end))
                pts, left = begin + frame.pts, left - 1
                lasts = frame.duration if left else end - pts
                writer.write(replace(frame, pts=pts, duration=lasts))
    frames = sum(segment.frames for segment in segments)
    return Segment(path, frames, segments[0].start, segments[-1].end)


def upload(
    result: Path, plan: Plan, whole: bool, losses: list[str], folder: WorkFolder
) -> Path | str:
    """Put the output in its place far away; where it now is. See ``place``.

    Raises:
        SinkError: it can't be put there.
    """
    assert plan.remote is not None
    try:
        plan.remote.check(plan.overwrite and whole)
    except SinkError as error:
        log.warning("%s", error)
        return place(result, plan, whole, losses, folder)
    plan.remote.put(result)
    if is_fragment(plan.target):
        plan.target.unlink()
    return plan.remote.name


def place(result: Path, plan: Plan, whole: bool, losses: list[str], folder: WorkFolder) -> Path:
    """Put the output in its place in one move; where it now is.

    A file that has appeared there during the run is not replaced, and no file is by a fragment: the
    output gets an unused name then.

    Args:
        result: the file or folder, finished.
        plan: of the run.
        whole: it is no fragment.
        losses: gets a line where the place can't be written.
        folder: in which ``result`` is.

    Raises:
        SinkError: it can't be moved anywhere; it is left where it was made.
    """
    target = plan.target
    try:
        check_place(target, plan.overwrite and whole, str(target), plan.names)
        put_in_place(result, real_path(target))  # what a link points to is replaced, not the link
        return target
    except SinkError:
        appeared = whole or not plan.overwrite
        why = "appeared during the run" if appeared else "is whole, the new one not"
    except OSError as error:
        why = f"can't be written ({reason(error)})"
        losses.append(f"the name {target}, which {why}")
    other = unused_path(real_path(target))
    try:
        put_in_place(result, other)
    except OSError as error:
        folder.stays = True
        what = f"{target} can't be written any more: {reason(error)}"
        raise SinkError(f"{what}; the output is finished, and stays in {result}") from error
    log.warning("%s %s, and was not replaced; see %s", target, why, other)
    return other


def save_settings(plan: Plan, output: Path | str) -> Path | None:
    """Write the run's settings beside its output, where that is asked for; returns the file.

    No other file is replaced, unless the output may be.

    Args:
        plan: of the run.
        output: where it is; an address has nothing beside it.
    """
    if not plan.settings.save_settings or isinstance(output, str):
        return None
    name = output.name if output.is_dir() else output.stem
    file = neighbour(output, name, ".yaml")
    file = file if plan.overwrite else unused_path(file)
    text = settings_text(plan.settings, plan.source.info.name, output, file)
    with atomic_write(file) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return file
