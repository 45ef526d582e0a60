"""``stylize-video evaluate``: flicker and drift of a result, in figures and in a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ..models.environment import LPIPS_SETTING
from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError, SourceError
from .checks import refuse_output
from .evaluate_clips import PER_FRAME, RESULT, Clips, open_clips
from .evaluate_report import Slices, draw, print_quality
from .evaluate_style import StyleMeter, picture_pairs, print_style, refuse_for_pictures
from .options import Overwrite, Quiet, Vgg
from .perceptual import KINDS, open_distance
from .progress import Report

if TYPE_CHECKING:
    from ..pipeline.evaluation.metrics import Evaluation

FLOWS: tuple[str, ...] = get_args(Settings.model_fields["flow"].annotation)
_COMPARED_LOOKS = 8  # frames of a clip whose look is compared


_PerFrame = Annotated[
    str | None,
    typer.Option(help="The same style painted with --steady off, to compare with."),
]
_FlowKind = Annotated[
    str,
    typer.Option(
        metavar="|".join(FLOWS),
        help="How motion is measured: dis (fast) or raft (better, slow).",
    ),
]
_FlowModel = Annotated[
    Path | None,
    typer.Option(help="The ONNX file of --flow raft. Default: where export-flow writes it."),
]
_Truth = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the true motion from each frame to the next: .flo, .npy or .npz files."
    ),
]
_Intervals = Annotated[
    str, typer.Option(help="Distances between compared frames; 1 is always one of them.")
]
_Start = Annotated[
    str | None,
    typer.Option(
        help="Begin here in SOURCE: seconds, or [HH:]MM:SS[.fff]. "
        "A RESULT of another length than SOURCE begins there too."
    ),
]
_MaxFrames = Annotated[int | None, typer.Option(help="Compare at most this many frames.", min=2)]
_Perceptual = Annotated[
    str,
    typer.Option(
        metavar="|".join(KINDS),
        help="How to compare the look of frames; auto: lpips or vgg if their weights are "
        "on this machine, else ssim.",
    ),
]
_LpipsBackbone = Annotated[
    Path | None,
    typer.Option(
        envvar=LPIPS_SETTING,
        help="AlexNet weights for LPIPS (.safetensors, .pth); default: downloaded.",
    ),
]
_Style = Annotated[
    Path | None,
    typer.Option(
        help="The painting whose style RESULT has: measures how well it is painted, too. "
        "SOURCE and RESULT may then be pictures, or folders of pictures."
    ),
]
_Picture = Annotated[
    Path | None,
    typer.Option(help="Write a PNG of the errors, and of a row of pixels over time."),
]


def evaluate(
    source: Annotated[str, typer.Argument(help="The original video.")],
    result: Annotated[str, typer.Argument(help="The repainted clip.")],
    style: _Style = None,
    per_frame: _PerFrame = None,
    flow: _FlowKind = FLOWS[0],
    flow_model: _FlowModel = None,
    truth: _Truth = None,
    intervals: _Intervals = "1,10",
    start: _Start = None,
    max_frames: _MaxFrames = None,
    perceptual: _Perceptual = KINDS[0],
    vgg: Vgg = None,
    lpips_backbone: _LpipsBackbone = None,
    picture: _Picture = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure how much a result flickers.

    RESULT is compared with SOURCE, and its colour drift is measured too. Steadiness is E_warp over
    the variance of the pictures, over the same of SOURCE: 1 is as steady as the film.
    E_warp is the mean squared difference along the motion, RGB in 0..1. Blur lowers it too, so give
    --per-frame: then the distance to that look is printed, and the distance that a slight blur has.
    """
    from ..pipeline.evaluation.metrics import Evaluation, Measure
    from ..pipeline.evaluation.truth import Truth
    from ..pipeline.temporal.flow import open_flow

    _check_words(flow, perceptual)
    _check_flow_model(flow, flow_model)
    spaced = _read_intervals(intervals)
    if picture is not None:
        refuse_output(picture, overwrite, "--picture", ".png")
    report = Report(quiet)
    meter = None if style is None else StyleMeter(style, vgg)
    if meter is not None and (pairs := picture_pairs(source, result)) is not None:
        films = {"--per-frame": per_frame, "--truth": truth, "--picture": picture}
        refuse_for_pictures({**films, "--start": start, "--max-frames": max_frames})
        _measure_pictures(meter, pairs, as_json, report)
        return
    clips = open_clips(source, result, per_frame, start, max_frames)
    looks, distance = open_distance(perceptual, vgg, lpips_backbone, min(clips.size))
    evaluation = Evaluation(
        open_flow(flow, flow_model),
        Measure(spaced, distance_every=max(1, (clips.expected or 1) // _COMPARED_LOOKS)),
        reference=PER_FRAME if per_frame is not None else None,
        distance=distance,
        truth=None if truth is None else Truth(truth, clips.first),
    )
    slices = _compare(clips, evaluation, meter, report)
    quality = evaluation.quality()
    if quality.frames < 2:
        raise SourceError(f"{source} has {quality.frames} frames to compare; it takes at least 2")
    if as_json:
        names = {"source": source, "result": result, "per_frame": per_frame}
        facts = {**names, "flow": flow, "looks": looks, **asdict(quality)}
    else:
        print_quality(quality, looks, flow if truth is None else f"truth and {flow}")
        facts = None
    _print_style(meter, facts)
    if picture is not None:
        draw(picture, evaluation, slices, spaced[0])
        report.say(f"wrote {picture}")


def _measure_pictures(
    meter: StyleMeter, pairs: list[tuple[Path, Path]], as_json: bool, report: Report
) -> None:
    """Measure pairs of pictures, and print their mean figures."""
    from ..pipeline.media.images import read_picture

    with report.progress("measuring", len(pairs), "pictures") as bar:
        for source, result in pairs:
            meter.add(read_picture(source), read_picture(result))
            bar.advance()
    _print_style(meter, {} if as_json else None)


def _print_style(meter: StyleMeter | None, facts: dict[str, Any] | None) -> None:
    """Print the style's figures, with the other ``facts`` as JSON, or else as a table."""
    style = {} if meter is None else meter.facts()
    if facts is not None:
        typer.echo(json.dumps(facts | ({"style": style} if style else {}), indent=1))
    elif style:
        print_style(style)


def _compare(
    clips: Clips, evaluation: Evaluation, meter: StyleMeter | None, report: Report
) -> Slices:
    """Feed all frames to the evaluation; the slices for the picture."""
    slices = Slices()
    with report.progress("comparing", clips.expected, "frames") as bar:
        for number, (frame, pictures) in enumerate(clips.rows(report)):
            evaluation.add(frame, pictures)
            slices.add(frame.rgb, pictures)
            if meter is not None:
                meter.add_frame(number, clips.expected, frame.rgb, pictures[RESULT])
            bar.advance()
    return slices


def _check_flow_model(flow: str, model: Path | None) -> None:
    if model is not None and flow != "raft":
        raise SettingsError(
            f"--flow-model {model} does not apply: add --flow raft, or leave it out"
        )
    if model is not None and not model.is_file():
        raise SettingsError(f"--flow-model {model} does not exist; make it: export-flow {model}")


def _check_words(flow: str, perceptual: str) -> None:
    for option, word, known in (("--flow", flow, FLOWS), ("--perceptual", perceptual, KINDS)):
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
