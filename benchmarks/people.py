"""How well people are found: against masks drawn by hand, and how much the mask's edge flickers.

    python benchmarks/people.py --sheet people.png

The clips are in the folder that ``STYLIZE_SHARED`` names; the masks drawn by hand, in
``person_labels.yaml``. Around each frame of those, 36 frames are read, as if a shot began there.

IoU: of the mask and the hand's, at that frame. Flicker: of the pixels within 3 px of the mask's
edge, at the size at which motion is measured, the fraction in which the mask is another one than
that of the frame before, moved along the motion, was; where the motion can be trusted. It is given
for the mask as it is, and for one that is found in every frame by itself. Work: core-ms a frame for
finding and following people, and for making the mask of it, at the clip's size.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from stylize_video.pipeline.contact_sheet import grid
from stylize_video.pipeline.core.frame import Frame, Plane, Rgb
from stylize_video.pipeline.imaging.warp import Warper
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.people.follow import Follower
from stylize_video.pipeline.styles.people_masks import PeopleMask, Protected
from stylize_video.pipeline.temporal.flow import open_flow
from stylize_video.pipeline.temporal.motion import attach_motion
from stylize_video.pipeline.temporal.shots import mark_cuts

SHARED = Path(os.environ.get("STYLIZE_SHARED", Path(__file__).parents[1] / ".." / "shared"))
LABELS = Path(__file__).with_name("person_labels.yaml")
BEFORE, AFTER = 24, 12  # frames around a labelled one
BAND = 3  # px of the edge, on each side
TILE = 320  # px, height of a picture of the sheet


@dataclass
class Figures:
    """What was measured around one frame."""

    iou: float = 0.0
    flicker: list[float] = field(default_factory=list[float])
    work: float = 0.0
    """Core-seconds."""
    frames: int = 0
    mask: Plane | None = None
    """Of the labelled frame, (H, W)."""
    picture: Rgb | None = None
    faces: Plane | None = None

    def row(self) -> str:
        """The figures as text."""
        flicker = 100 * float(np.mean(self.flicker))
        return f"{self.iou:.3f}  {flicker:5.1f} %  {1000 * self.work / self.frames:6.1f}"


def label_of(polygons: dict[str, Any], shape: tuple[int, ...]) -> tuple[Plane, Plane]:
    """The mask drawn by hand, and where it counts: (H, W) uint8, 0 or 1."""
    mask, counts = np.zeros(shape[:2], np.uint8), np.ones(shape[:2], np.uint8)
    for name, plane, value in (("person", mask, 1), ("not", mask, 0), ("ignore", counts, 0)):
        for polygon in polygons.get(name, []):
            cv2.fillPoly(plane, [np.array(polygon).reshape(-1, 2)], value)
    return mask, counts


def iou(mask: Plane, label: Plane, counts: Plane) -> float:
    """Intersection over union of a mask, 0–255, and a label."""
    a, b = (mask > 127) & (counts > 0), (label > 0) & (counts > 0)
    return float((a & b).sum() / max(1, (a | b).sum()))


def flicker(before: Plane, frame: Frame, now: Plane) -> float | None:
    """The fraction of the edge's pixels that flicker; see above. ``None``: there is no edge."""
    motion = frame.motion
    if motion is None:
        return None
    height, width = motion.confidence.shape
    small = [cv2.resize(m, (width, height), interpolation=cv2.INTER_AREA) for m in (before, now)]
    moved = Warper(width, height).warp(small[0], motion.vectors) > 127
    there = small[1] > 127
    kernel = np.ones((2 * BAND + 1,) * 2, np.uint8)
    edges = [
        cv2.morphologyEx(m.astype(np.uint8), cv2.MORPH_GRADIENT, kernel) for m in (moved, there)
    ]
    band = ((edges[0] | edges[1]) > 0) & (motion.confidence > 0.5)
    return float((moved != there)[band].mean()) if band.any() else None


def frames_around(clip: str, number: int) -> Iterator[tuple[int, Frame]]:
    """Frames with their motion, and their numbers."""
    first = max(0, number - BEFORE)
    read = open_source(str(SHARED / "videos" / clip)).frames()
    some: Iterable[Frame] = islice(read, first, number + AFTER)
    return enumerate(attach_motion(mark_cuts(some), open_flow("dis")), first)


def measure(clip: str, number: int, polygons: dict[str, Any], alone: bool) -> Figures:
    """Follow people through the frames around a labelled one.

    Args:
        clip: the file's name.
        number: the labelled frame, from 0.
        polygons: what was drawn.
        alone: people are found in every frame by itself.
    """
    result, before = Figures(), None
    follower, mask_of = Follower(("people",)), PeopleMask(0, False)
    for place, frame in frames_around(clip, number):
        began = time.process_time()
        found = follower.step(replace(frame, motion=None) if alone else frame)
        mask = mask_of(found)
        result.work += time.process_time() - began
        result.frames += 1
        if before is not None and (value := flicker(before, frame, mask)) is not None:
            result.flicker.append(value)
        before = mask
        if place == number:
            label, counts = label_of(polygons, mask.shape)
            result.iou, result.mask, result.picture = iou(mask, label, counts), mask, frame.rgb
            if not alone:
                result.faces = 255 - Protected(None, 1.0)(found)
    return result


def tiles(name: str, figures: Figures) -> list[tuple[str, Rgb]]:
    """The person on green; and the frame, darker where faces are protected."""
    assert figures.picture is not None and figures.mask is not None and figures.faces is not None
    weight = figures.mask[..., None] / 255
    person = figures.picture * weight + np.array((60, 200, 60)) * (1 - weight)
    faces = figures.picture * (1 - 0.6 * figures.faces[..., None] / 255)
    return [(name, _fitted(person)), (f"{name}: faces", _fitted(faces))]


def _fitted(picture: Any) -> Rgb:
    rgb = np.clip(picture, 0, 255).astype(np.uint8)
    width = round(TILE * rgb.shape[1] / rgb.shape[0])
    small = cv2.resize(rgb, (width, TILE), interpolation=cv2.INTER_AREA)
    margin = max(0, 2 * TILE - width)
    return np.pad(small, ((0, 0), (margin // 2, margin - margin // 2), (0, 0)))[:, : 2 * TILE]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sheet", type=Path, help="a picture of every labelled frame's mask")
    parser.add_argument("--clips", nargs="*", help="names of labelled clips; default: all")
    asked = parser.parse_args()
    sheet: list[tuple[str, Rgb]] = []
    print(f"{'':<28}     followed                  each frame alone")
    print(f"{'clip, frame':<28}   IoU  flicker  core-ms    IoU  flicker  core-ms")
    for clip, frames in yaml.safe_load(LABELS.read_text("utf-8")).items():
        for number, polygons in frames.items():
            if asked.clips and clip not in asked.clips:
                continue
            followed, alone = (measure(clip, number, polygons, a) for a in (False, True))
            name = f"{Path(clip).stem[:20]} {number}"
            print(f"{name:<28} {followed.row()}  {alone.row()}", flush=True)
            sheet += tiles(name, followed)
    if asked.sheet is not None:
        cv2.imwrite(str(asked.sheet), grid(sheet, (2 * TILE, TILE), 4)[..., ::-1])
        print(f"wrote {asked.sheet}")


if __name__ == "__main__":
    main()
