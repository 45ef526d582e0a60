"""``stylize-video styles``: the styles that ship."""

from __future__ import annotations

from typing import Annotated

import typer


def styles(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False,
) -> None:
    """List the styles that ship; give one to --style."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from ..pipeline.zoo import zoo

    known = zoo().values()
    if as_json:
        typer.echo(json.dumps([{**asdict(s), "path": str(s.path)} for s in known], indent=1))
        return
    table = Table("style", "painting", "tier", "content", "style loss", "licence")
    for style in known:
        table.add_row(
            style.name,
            f"{style.title}, {style.artist}, {style.year}",
            style.tier,
            f"{style.figures['content']:.2f}",
            f"{style.figures['style']:.2f}",
            style.licence,
        )
    Console().print(table)
