"""Find people and faces in one frame: maps of where they are.

Whatever is in the foreground looks like a person to the net that segments, an animal or a flower
too. So a detector says first whether there are people, and where; then each one is segmented in a
part of the frame that is cut out around them, in which they are as large as the net knows people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb
from ..imaging.resize import Size, reduce_pixels
from .detector import Detection, Detector, Point
from .nets import Net, open_net

Map = NDArray[np.float32]
"""(h, w), 0..1: how far a place belongs to what was looked for."""

Find = Callable[[Rgb, Size, Map | None], Map]
"""Looks for something: a frame; the (height, width) of the map; where it is thought to be, as far
as that is known of frames before → the map."""

# A boat, a tree or a television get up to 0.65 now and then; people in plain view 0.8 and more.
_SURE = 0.6
_KNOWN = 0.4  # is enough where somebody was before
_PERSON_SIDE = 2.4  # of the detector's radius, from hip to end: the square that is segmented
_MOST = 8  # people who are segmented

_FACE_SURE, _FACE_KNOWN = 0.5, 0.3
# Of the detector's box, which ends at the brows and the chin: half axes of the face's ellipse.
_FACE_WIDTH, _FACE_HEIGHT, _FACE_UP = 0.95, 1.25, 0.2
_FACE_SOFT = 0.35  # of the axes: the ellipse's soft edge


@cache
def _segmentation() -> Net:
    return open_net("selfie_segmentation")


@cache
def _people_detector() -> Detector:
    return Detector(open_net("pose_detection"), 224, ((8, 2), (16, 2), (32, 6)))


@cache
def _face_detector() -> Detector:
    return Detector(open_net("face_detection"), 192, ((4, 1),))


def find_people(frame: Rgb, size: Size, known: Map | None = None) -> Map:
    """Where people are; what they hold or touch counts as theirs. See ``Find``."""
    map_ = np.zeros(size, np.float32)
    found = _people_detector().find(frame, _KNOWN)
    bodies = [_body(d) for d in _believed(found, frame, known, _SURE)]
    for centre, radius in sorted(bodies, key=lambda body: -body[1])[:_MOST]:
        _segment(frame, centre, radius, map_)
    return map_


def find_faces(frame: Rgb, size: Size, known: Map | None = None) -> Map:
    """Where faces are: soft ellipses. See ``Find``."""
    map_ = np.zeros(size, np.float32)
    found = _face_detector().find(frame, _FACE_KNOWN)
    for face in _believed(found, frame, known, _FACE_SURE):
        _draw_face(face, size[0] / frame.shape[0], map_)
    return map_


FINDERS: dict[str, Find] = {"people": find_people, "faces": find_faces}
"""What can be looked for, by the field of ``Frame`` that has it."""

NETS = {"people": ("pose_detection", "selfie_segmentation"), "faces": ("face_detection",)}
"""The nets that look for it."""


def _believed(
    found: Iterable[Detection], frame: Rgb, known: Map | None, sure: float
) -> Iterable[Detection]:
    """Detections that are sure, or where somebody was before."""
    for detection in found:
        if detection.score >= sure or _value_at(known, detection.centre, frame.shape) > 0.5:
            yield detection


def _value_at(known: Map | None, place: Point, shape: tuple[int, ...]) -> float:
    if known is None:
        return 0.0
    y, x = (
        int(np.clip(p * n / whole, 0, n - 1))
        for p, n, whole in zip(place[::-1], known.shape, shape[:2], strict=True)
    )
    return float(known[y, x])


def _body(person: Detection) -> tuple[Point, float]:
    """The middle of a person's hips, and how far they reach from there."""
    hips, end = person.points[:2]
    return hips, float(np.hypot(*(end - hips)))


def _segment(frame: Rgb, centre: Point, radius: float, map_: Map) -> None:
    """Segment the square around a person; add it to the map."""
    size = (map_.shape[0], map_.shape[1])
    scale = size[0] / frame.shape[0], size[1] / frame.shape[1]
    box: list[slice] = []
    for axis in (0, 1):
        middle, half = centre[1 - axis] * scale[axis], radius * scale[axis] * _PERSON_SIDE / 2
        first = int(np.clip(round(middle - half), 0, size[axis] - 1))
        box.append(slice(first, int(np.clip(round(middle + half), first + 1, size[axis]))))
    seen = tuple(
        slice(int(b.start / k), max(int(b.start / k) + 1, round(b.stop / k)))
        for b, k in zip(box, scale, strict=True)
    )
    (found,) = _segmentation()(reduce_pixels(frame[seen], (256, 256)))
    size = box[0].stop - box[0].start, box[1].stop - box[1].start
    part = reduce_pixels(found[..., 0], size)
    map_[box[0], box[1]] = np.maximum(map_[box[0], box[1]], part)


def _draw_face(face: Detection, scale: float, map_: Map) -> None:
    """Add a soft ellipse; its long axis is across the line from eye to eye."""
    eyes = face.points[1] - face.points[0]
    angle = np.arctan2(eyes[1], eyes[0])
    cos, sin = np.cos(angle), np.sin(angle)
    rows, columns = (np.arange(n, dtype=np.float32) for n in map_.shape)
    x = (columns + 0.5) / scale - face.centre[0]
    y = ((rows + 0.5) / scale - face.centre[1])[:, None]
    along = (x * cos + y * sin) / (face.radius * _FACE_WIDTH)
    across = (y * cos - x * sin) / face.radius + _FACE_UP
    distance = cv2.magnitude(along, across / _FACE_HEIGHT)
    inside = np.clip((1 + _FACE_SOFT / 2 - distance) / _FACE_SOFT, 0, 1)
    np.maximum(map_, inside * inside * (3 - 2 * inside), out=map_)
