"""``stylize-video evaluate``: how steady a result is, in figures and in a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ..models.environment import LPIPS_SETTING
from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError, SinkError, SourceError
from .checks import refuse_place
from .options import Overwrite, Quiet, Vgg
from .perceptual import KINDS, TITLES, open_distance
from .progress import Report

if TYPE_CHECKING:
    from ..pipeline.core.frame import Frame, Rgb
    from ..pipeline.evaluation.metrics import Evaluation, Quality, Scores
    from ..pipeline.media.source import Source

RESULT, PER_FRAME = "result", "per-frame"
FLOWS: tuple[str, ...] = get_args(Settings.model_fields["flow"].annotation)
_COMPARED_LOOKS = 8  # frames of a clip whose look is compared


def evaluate(
    source: Annotated[str, typer.Argument(help="The clip that was repainted.")],
    result: Annotated[str, typer.Argument(help="What became of it.")],
    per_frame: Annotated[
        str | None,
        typer.Option(help="The same style frame by frame (run --steady off), to compare with."),
    ] = None,
    flow: Annotated[
        str, typer.Option(metavar="|".join(FLOWS), help="What finds the motion.")
    ] = FLOWS[0],
    flow_model: Annotated[
        Path | None,
        typer.Option(help="RAFT as an ONNX file; default: where export-flow puts it."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Folder of true flow to the next frame: .flo, .npy or .npz, in order."),
    ] = None,
    intervals: Annotated[
        str, typer.Option(help="Frames between those compared; 1 always is.")
    ] = "1,10",
    start: Annotated[
        str | None,
        typer.Option(
            help="Begin here in SOURCE: seconds, or [HH:]MM:SS[.fff]. "
            "A result of another length than SOURCE is taken to begin there."
        ),
    ] = None,
    max_frames: Annotated[
        int | None, typer.Option(help="Compare no more frames than this.", min=2)
    ] = None,
    perceptual: Annotated[
        str,
        typer.Option(
            metavar="|".join(KINDS),
            help="How to compare the look of frames; auto: lpips or vgg if their weights are "
            "on this machine, else ssim.",
        ),
    ] = KINDS[0],
    vgg: Vgg = None,
    lpips_backbone: Annotated[
        Path | None,
        typer.Option(
            envvar=LPIPS_SETTING,
            help="AlexNet weights for LPIPS (.safetensors, .pth); default: downloaded.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the errors and slices through time, a PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure how steady RESULT is: warping error, flicker where SOURCE stands still, drift.

    E_warp is the mean squared difference along the motion, RGB in 0..1. Blur lowers it too, so give
    --per-frame: then the distance to that look is shown, beside the one that slight blur makes.
    """
    from ..pipeline.evaluation.metrics import Evaluation, Measure
    from ..pipeline.evaluation.truth import Truth
    from ..pipeline.temporal.flow import open_flow

    _check_word("--flow", flow, FLOWS)
    _check_word("--perceptual", perceptual, KINDS)
    spaced = _read_intervals(intervals)
    if picture is not None:
        if picture.suffix.lower() != ".png":
            raise SinkError(f"--picture {picture} must end in .png")
        refuse_place(picture, overwrite, "--picture")
    report = Report(quiet)
    clips = _open_clips(source, result, per_frame, start, max_frames)
    expected = clips.expected
    looks, distance = open_distance(perceptual, vgg, lpips_backbone, min(clips.size))
    evaluation = Evaluation(
        open_flow(flow, flow_model),
        Measure(spaced, distance_every=max(1, (expected or 1) // _COMPARED_LOOKS)),
        reference=PER_FRAME if per_frame is not None else None,
        distance=distance,
        truth=None if truth is None else Truth(truth, clips.first),
    )
    slices = _Slices()
    with report.progress("comparing", expected, "frames") as bar:
        for frame, pictures in clips.in_step(report):
            evaluation.add(frame, pictures)
            slices.add(frame.rgb, pictures)
            bar.advance()
    quality = evaluation.quality()
    if quality.frames < 2:
        raise SourceError(f"{source} has {quality.frames} frames to compare; it takes at least 2")
    if as_json:
        facts = {"source": source, "result": result, "per_frame": per_frame}
        told = {**facts, "flow": flow, "looks": looks, **asdict(quality)}
        typer.echo(json.dumps(told, indent=1))
    else:
        _print_table(quality, looks, flow if truth is None else f"truth and {flow}")
    if picture is not None:
        _draw(picture, evaluation, slices, spaced[0])
        report.say(f"wrote {picture}")


def _check_word(option: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise SettingsError(f"{option} '{word}' is none of {', '.join(known)}")


def _read_intervals(text: str) -> tuple[int, ...]:
    try:
        spaced = tuple(sorted({1, *(int(part) for part in text.split(","))}))
    except ValueError:
        spaced = (0,)
    if spaced[0] < 1:
        raise SettingsError(f"--intervals '{text}' are not numbers of frames; write 1,10")
    return spaced


# ---- the clips ----


@dataclass(frozen=True)
class _Clips:
    """A source and its results, and which of their frames are compared."""

    source: Source
    results: dict[str, Source]
    first: int
    """Number of the first frame compared."""
    limit: int | None
    """How many at most."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) at which all is compared: the results'."""
        info = self.results[RESULT].info
        return info.width, info.height

    @property
    def expected(self) -> int | None:
        """About how many frames there are to compare."""
        known = self.source.info.frames
        left = None if known is None else max(0, known - self.first)
        return min((n for n in (left, self.limit) if n is not None), default=None)

    def in_step(self, report: Report) -> Generator[tuple[Frame, dict[str, Rgb]]]:
        """Each frame of the source, its cuts marked, with its results.

        Raises:
            SourceError: the clips have different numbers of frames. One is let pass with a note.
        """
        from ..pipeline.temporal.shots import mark_cuts

        streams: list[Iterable[Frame]] = [
            mark_cuts(_resized(self._window(self.source), *self.size)),
            *(self._window(clip) for clip in self.results.values()),
        ]
        count, ended = 0, False
        for row in zip_longest(*streams):
            if ended:
                raise SourceError(self._unequal(count, row))
            ended = None in row
            if ended:
                report.say(f"note: {self._unequal(count, row)}; the last frame is left out")
                continue
            count += 1
            yield row[0], dict(zip(self.results, (f.rgb for f in row[1:]), strict=True))

    def _window(self, clip: Source) -> Iterable[Frame]:
        first = self._skipped(clip)
        return islice(clip.frames(), first, None if self.limit is None else first + self.limit)

    def _skipped(self, clip: Source) -> int:
        """How many frames of a clip are passed over: none if it holds but a part of the source."""
        whole, count = self.source.info.frames, clip.info.frames
        if clip is not self.source and whole and count and abs(count - whole) > 1:
            return 0
        return self.first

    def _unequal(self, count: int, row: tuple[Frame | None, ...]) -> str:
        clips = [self.source, *self.results.values()]
        short = next(c for c, frame in zip(clips, row, strict=True) if frame is None)
        longer = next(c for c, frame in zip(clips, row, strict=True) if frame is not None)
        ends = f"{short.info.name} ends after {self._skipped(short) + count} frames"
        return f"{ends}, {longer.info.name} goes on"


def _open_clips(
    source: str, result: str, per_frame: str | None, start: str | None, limit: int | None
) -> _Clips:
    from ..pipeline.media.inputs import open_source

    opened = open_source(source)
    results = {PER_FRAME: open_source(per_frame)} if per_frame is not None else {}
    results[RESULT] = open_source(result)
    clips = _Clips(opened, results, _frames_before(opened, start), limit)
    width, height = clips.size
    for clip in (opened, *results.values()):
        info = clip.info
        if clip is not opened and (info.width, info.height) != (width, height):
            raise SourceError(
                f"{info.name} is {info.width}x{info.height}, {result} is {width}x{height}; "
                "results are compared at one size"
            )
        if abs(info.width * height - info.height * width) > 0.05 * info.width * height:
            raise SourceError(
                f"{info.name} is {info.width}x{info.height}, {result} is {width}x{height}: "
                "they are of different shapes"
            )
    return clips


def _frames_before(source: Source, start: str | None) -> int:
    """How many frames lie before ``start``.

    They are counted, so that a result of another clock (a folder of pictures, say) stays in step.
    """
    from ..pipeline.core.frame import Span
    from ..pipeline.core.units import parse_time

    if start is None:
        return 0
    try:
        end = source.info.start + parse_time(start)
    except ValueError as error:
        raise SettingsError(f"--start: {error}") from error
    return sum(1 for _ in source.frames(Span(None, end)))


def _resized(frames: Iterable[Frame], width: int, height: int) -> Generator[Frame]:
    """The frames at a size: the source at that of its results."""
    import cv2
    import numpy as np

    for frame in frames:
        if frame.rgb.shape[:2] == (height, width):
            yield frame
            continue
        how = cv2.INTER_AREA if frame.rgb.shape[1] > width else cv2.INTER_CUBIC
        resized = cv2.resize(frame.rgb, (width, height), interpolation=how)
        yield replace(frame, picture=np.asarray(resized, np.uint8))


# ---- what is shown ----


def _print_table(quality: Quality, looks: str, flow: str) -> None:
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
    compared = ", ".join(f"{_text(share, 3)} at i={i}" for i, share in quality.valid.items())
    console.print(f"{quality.frames} frames, {quality.shots} shots; motion by {flow}")
    if quality.blurred is not None:
        # Without it nobody could tell whether a distance is large.
        console.print(f"slight blur of per-frame, σ = 1 px: distance {quality.blurred:.4f}")
    console.print(f"share of the pixels: compared {compared}; still {_text(quality.still, 3)}")


def _figures(
    quality: Quality, looks: str
) -> Generator[tuple[str, int, Callable[[Scores], float | None]]]:
    """Each figure's title, digits, and how it is read from the scores of one clip."""
    for i in quality.pairs:
        yield f"E_warp, i={i}", 6, lambda scores, i=i: scores.warping[i]
    if PER_FRAME in quality.scores:
        for i in quality.pairs:
            yield f"E_warp over per-frame's, i={i}", 3, lambda scores, i=i: scores.ratio[i]
        yield f"{TITLES[looks]} to per-frame", 4, lambda scores: scores.distance
    yield "flicker where still, RMS of 255", 2, lambda scores: scores.flicker
    yield "drift of the colour, of 255", 2, lambda scores: scores.drift
    yield "drift less the source's, of 255", 2, lambda scores: scores.own_drift


def _text(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


class _Slices:
    """The middle row of every clip over time: what holds still draws straight lines."""

    MOST = 1000
    """Frames kept."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {}

    def add(self, source: Rgb, results: dict[str, Rgb]) -> None:
        """One moment more."""
        for name, rgb in {"source": source, **results}.items():
            rows = self._rows.setdefault(name, [])
            if len(rows) < self.MOST:
                rows.append(rgb[rgb.shape[0] // 2].copy())

    def pictures(self) -> dict[str, Rgb]:
        """Name → (frames, W, 3)."""
        import numpy as np

        return {name: np.stack(rows) for name, rows in self._rows.items()}


_WIDTH = (480, 960)  # px, of the picture: labels fit, a screen holds it
_SLICE_HEIGHT = 120  # px at least
_LABEL_HEIGHT = 26


def _draw(path: Path, evaluation: Evaluation, slices: _Slices, interval: int) -> None:
    """Mean error of every pixel, and slices through time, one above the other, as a PNG."""
    import cv2
    import numpy as np

    cut = slices.pictures()
    width = min(max(cut["source"].shape[1], _WIDTH[0]), _WIDTH[1])
    panels = [*_error_panels(evaluation, [n for n in cut if n != "source"], interval, width)]
    for name, picture in cut.items():
        repeated = np.repeat(picture, -(-_SLICE_HEIGHT // len(picture)), axis=0)
        row = cv2.resize(repeated, (width, len(repeated)), interpolation=cv2.INTER_LINEAR)
        panels += [_label(f"{name}: the middle row, time runs down", width), row]
    encoded = cv2.imencode(".png", np.vstack(panels)[..., ::-1])[1]
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise SinkError(f"--picture {path} can't be written: {error.strerror}") from error


def _error_panels(
    evaluation: Evaluation, names: list[str], interval: int, width: int
) -> Generator[Any]:
    """A labelled map of errors per result, all of one scale; grey was never compared."""
    import cv2
    import numpy as np

    maps = {name: 255 * np.sqrt(evaluation.error_map(name, interval)) for name in names}
    if not all(errors.size and np.isfinite(errors).any() for errors in maps.values()):
        return
    brightest = max(float(np.nanpercentile(errors, 99)) for errors in maps.values()) or 1.0
    for name, errors in maps.items():
        shown = np.clip(np.nan_to_num(errors) * (255 / brightest), 0, 255).astype(np.uint8)
        colours = cv2.applyColorMap(shown, cv2.COLORMAP_INFERNO)[..., ::-1].copy()
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
