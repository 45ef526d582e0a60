"""What ``evaluate`` prints and draws."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .evaluate_clips import PER_FRAME, RESULT
from .perceptual import TITLES

if TYPE_CHECKING:
    from ..pipeline.core.frame import Rgb
    from ..pipeline.evaluation.metrics import Evaluation, Quality, Scores


def print_quality(quality: Quality, looks: str, flow: str) -> None:
    """Print the scores as a table, a column per clip.

    Args:
        quality: the scores.
        looks: name of the distance between looks; see ``perceptual.TITLES``.
        flow: what measured the motion.
    """
    from rich.console import Console
    from rich.table import Table

    names = [name for name in ("source", PER_FRAME, RESULT) if name in quality.scores]
    table = Table("")
    for name in names:
        table.add_column(name, justify="right")
    for title, digits, read in _figures(quality, looks):
        table.add_row(title, *(_text(read(quality.scores[name]), digits) for name in names))
    console = Console(highlight=False)
    console.print(table)
    compared = ", ".join(f"{_text(part, 3)} at i={i}" for i, part in quality.valid.items())
    console.print(f"{quality.frames} frames, {quality.shots} shots; motion by {flow}")
    if quality.blurred is not None:
        # For scale: whether a distance is large.
        console.print(f"slight blur of per-frame, σ = 1 px: distance {quality.blurred:.4f}")
    console.print(
        f"fraction of the pixels: compared {compared}; without motion {_text(quality.still, 3)}"
    )


def _figures(
    quality: Quality, looks: str
) -> Generator[tuple[str, int, Callable[[Scores], float | None]]]:
    """Each figure's title, digits, and how it is read from the scores of one clip."""
    for i in quality.pairs:
        yield f"E_warp, i={i}", 6, lambda scores, i=i: scores.warping[i]
    for i in quality.pairs:
        yield f"steadiness, 1 is the film's, i={i}", 2, lambda scores, i=i: scores.steadiness[i]
    if PER_FRAME in quality.scores:
        for i in quality.pairs:
            yield f"E_warp / E_warp of per-frame, i={i}", 3, lambda scores, i=i: scores.ratio[i]
        yield f"{TITLES[looks]} to per-frame", 4, lambda scores: scores.distance
    yield "flicker where nothing moves, 0..255", 2, lambda scores: scores.flicker
    yield "colour drift, 0..255", 2, lambda scores: scores.drift
    yield "colour drift minus the source's, 0..255", 2, lambda scores: scores.own_drift


def _text(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


class Slices:
    """The middle row of every clip over time: what does not move draws straight lines."""

    MOST = 1000
    """Frames whose rows are collected."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {}

    def add(self, source: Rgb, results: dict[str, Rgb]) -> None:
        """Add the middle rows of one frame.

        Args:
            source: (H, W, 3) uint8, 0–255, RGB.
            results: name → picture of the same shape.
        """
        for name, rgb in {"source": source, **results}.items():
            rows = self._rows.setdefault(name, [])
            if len(rows) < self.MOST:
                rows.append(rgb[rgb.shape[0] // 2].copy())

    def pictures(self) -> dict[str, Rgb]:
        """Name → (frames, W, 3) uint8, 0–255, RGB."""
        import numpy as np

        return {name: np.stack(rows) for name, rows in self._rows.items()}


_WIDTH = (480, 960)  # px, of the picture: labels fit, a screen holds it
_SLICE_HEIGHT = 120  # px at least
_LABEL_HEIGHT = 26


def draw(path: Path, evaluation: Evaluation, slices: Slices, interval: int) -> None:
    """Write a PNG of each pixel's mean error and of the slices through time.

    Args:
        path: the file; replaced if it exists.
        evaluation: has the errors.
        slices: of the same frames.
        interval: frames between those compared.

    Raises:
        SinkError: it can't be written.
    """
    import cv2
    import numpy as np

    from ..pipeline.media.images import write_picture

    cut = slices.pictures()
    width = min(max(cut["source"].shape[1], _WIDTH[0]), _WIDTH[1])
    panels = [*_error_panels(evaluation, [n for n in cut if n != "source"], interval, width)]
    for name, picture in cut.items():
        repeated = np.repeat(picture, -(-_SLICE_HEIGHT // len(picture)), axis=0)
        row = cv2.resize(repeated, (width, len(repeated)), interpolation=cv2.INTER_LINEAR)
        panels += [_label(f"{name}: the middle row, time runs down", width), row]
    write_picture(path, np.vstack(panels))


def _error_panels(
    evaluation: Evaluation, names: list[str], interval: int, width: int
) -> Generator[Any]:
    """A labelled picture of errors per result, all of one scale; grey was never compared."""
    import cv2
    import numpy as np

    rms = {name: 255 * np.sqrt(evaluation.error_map(name, interval)) for name in names}
    if not all(errors.size and np.isfinite(errors).any() for errors in rms.values()):
        return
    brightest = max(float(np.nanpercentile(errors, 99)) for errors in rms.values()) or 1.0
    for name, errors in rms.items():
        levels = np.clip(np.nan_to_num(errors) * (255 / brightest), 0, 255).astype(np.uint8)
        colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1].copy()
        colours[np.isnan(errors)] = 128
        height = max(1, round(errors.shape[0] * width / errors.shape[1]))
        yield _label(
            f"{name}: RMS error along the motion, i={interval}; white = {brightest:.1f}/255", width
        )
        yield cv2.resize(colours, (width, height), interpolation=cv2.INTER_AREA)


def _label(text: str, width: int) -> Rgb:
    import cv2
    import numpy as np

    strip = np.full((_LABEL_HEIGHT, width, 3), 255, np.uint8)
    place, black = (6, _LABEL_HEIGHT - 8), (0, 0, 0)
    cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, black, 1, cv2.LINE_AA)
    return strip
