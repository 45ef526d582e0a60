"""``--plan``: what a run would do, printed without doing it."""

from __future__ import annotations

from typing import Annotated

import typer

from ..pipeline.core.config import Settings
from .progress import Report

PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Print what would be done, and write nothing.")
]


def print_plan(source: str, output: str, settings: Settings, live: bool, report: Report) -> None:
    """Print the plan on standard output, a line for each step.

    Args:
        source: the input, as it was typed.
        output: the output, as it was typed.
        settings: of the run.
        live: it runs in real time.
        report: prints the warnings.

    Raises:
        StylizeError: what the run itself would refuse.
    """
    from ..pipeline.live.open import make_live_plan
    from ..pipeline.plan import make_plan

    with report.notes():
        if live:
            made = make_live_plan(source, (output, *settings.also), settings)
        else:
            made = make_plan(source, output, settings)
    for line in made.lines():
        typer.echo(line)
