"""``--plan``: what a run would do, printed without doing it."""

from __future__ import annotations

from typing import Annotated

import typer

from ..pipeline.core.config import Settings
from .learn import STAND_IN, painting_of, with_style
from .printable import echo
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
    from ..pipeline.planning import make_plan

    with report.notes():
        if live:
            made = make_live_plan(source, (output, *settings.also), settings)
        elif settings.method == "learn":
            made = make_plan(source, output, with_style(settings, STAND_IN))
            name = painting_of(settings).name
            echo(f"learn    {name} on the film's own frames, {settings.learn_steps} steps")
        else:
            made = make_plan(source, output, settings)
    for line in made.lines():
        learned = settings.method == "learn" and line.startswith("paint")
        echo(line.replace(STAND_IN, "the learned style") if learned else line)
