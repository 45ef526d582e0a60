"""``stylize-video presets``, and the options ``--preset`` and ``--save-preset``."""

from __future__ import annotations

from typing import Annotated

import typer

from ..pipeline.core.config import Settings
from .progress import Report

PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="A look: a style with settings that suit it (list them: stylize-video presets), or a "
        "YAML file. What you type beside it counts more.",
    ),
]
SavePreset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Save the look of this run for --preset: its style and the settings beside it. "
        "Without INPUT, nothing is painted.",
    ),
]


def presets(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the looks for --preset: those that ship, and your own."""
    from ..pipeline.core.applicability import as_typed
    from ..pipeline.core.errors import StylizeError
    from ..pipeline.core.presets import find_preset, own_presets, shipped_presets

    shipped = shipped_presets()
    rows: list[dict[str, str]] = []
    for name in [*shipped, *(own for own in own_presets() if own not in shipped)]:
        try:
            preset = find_preset(name)
        except StylizeError as error:
            rows.append({"name": name, "words": str(error), "sets": ""})
            continue
        sets = " ".join(as_typed(field, value) for field, value in preset.values.items())
        words = preset.words or ("" if preset.path is None else "your own")
        rows.append({"name": name, "words": words, "sets": sets})
    _print(rows, as_json)


def _print(rows: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(rows, indent=1))
        return
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("preset", no_wrap=True), "looks like", "is the same as")
    for row in rows:
        table.add_row(row["name"], row["words"], row["sets"])
    Console().print(table)


def save_look(name: str, settings: Settings, report: Report) -> None:
    """Save the look of a run.

    Args:
        name: of the preset.
        settings: of the run.
        report: says where it is.

    Raises:
        StylizeError: the name can't be used, or there is no such style.
    """
    from ..pipeline.core.presets import check_preset_name, save_preset
    from ..pipeline.styles.kind import kinds_of

    check_preset_name(name, settings.overwrite)
    kinds_of(settings.style)
    path = save_preset(name, settings, settings.overwrite)
    report.say(f"saved {path}; use it: --preset {name}")
