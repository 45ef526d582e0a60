"""Paint a large film at the size of its strokes, and give the painting the film's size at the end.

Motion, light, painting and blending need no more pixels than the strokes have. So a larger film is
reduced before all of them, and its fine detail is added to what comes out: at 4K that spares eight
ninths of the work. File and live use it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace

from ..core.concurrency import closing_source
from ..core.frame import Frame
from ..imaging.resize import Size, StrokeScale, resize_picture, restore_detail, work_size


def painted_size(size: Size, scale: StrokeScale | None) -> Size:
    """The (height, width) at which a film is painted: its own, or that of its strokes if smaller.

    Args:
        size: of the film, px.
        scale: size of the strokes; ``None``: as the film's size gives them.
    """
    work = work_size(*size, scale)
    return work if work[0] < size[0] else size


def reduce_frames(frames: Iterable[Frame], scale: StrokeScale | None) -> Generator[Frame]:
    """Stage: give every frame the source that is painted; its own, if larger, becomes ``whole``.

    Args:
        frames: as they are read.
        scale: see ``painted_size``.
    """
    with closing_source(frames):
        for frame in frames:
            size = frame.source.shape[:2]
            small = painted_size(size, scale)
            if small == size:
                yield frame
            else:
                source = resize_picture(frame.source, small)
                yield replace(frame, source=source, whole=frame.source)


def restore_frames(frames: Iterable[Frame]) -> Generator[Frame]:
    """Stage: painted frames at the film's size again, with its detail; the end of what is reduced.

    Args:
        frames: what became of those of ``reduce_frames``.
    """
    with closing_source(frames):
        for frame in frames:
            yield _restored(frame)


def _restored(frame: Frame) -> Frame:
    if frame.whole is None:
        return frame
    painted = restore_detail(frame.picture, frame.whole, frame.source)
    return replace(frame, source=frame.whole, painted=painted, whole=None)
