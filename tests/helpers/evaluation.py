"""Evaluate whole clips at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.evaluation.metrics import Evaluation, Measure, Quality
from stylize_video.pipeline.temporal.flow import FlowEstimator


def evaluate(
    source: Iterable[Frame],
    results: Mapping[str, Iterable[Rgb]],
    flow: FlowEstimator,
    measure: Measure | None = None,
    **options: Any,
) -> Quality:
    """The figures of ``results``, name → pictures, of one source; options as of ``Evaluation``."""
    evaluation = Evaluation(flow, measure, **options)
    for frame, *pictures in zip(source, *results.values(), strict=True):
        evaluation.add(frame, dict(zip(results, pictures, strict=True)))
    return evaluation.quality()
