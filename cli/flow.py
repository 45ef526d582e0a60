"""``stylize-video export-flow``: RAFT-small as the ONNX file that ``--flow raft`` plays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..models.environment import RAFT_SETTING
from ..pipeline.core.errors import SinkError
from .checks import refuse_model
from .options import Overwrite, Quiet
from .progress import Report
from .torch_backend import need_torch


def export_flow(
    out: Annotated[
        Path | None, typer.Argument(help="The ONNX file; default: where --flow raft looks for it.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            envvar=RAFT_SETTING,
            help="RAFT-small's weights (.safetensors, .pth); default: downloaded.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Make the file that --flow raft needs. Once.

    It is RAFT-small (Teed & Deng 2020) as an ONNX file.
    """
    need_torch("export-flow")
    from ..export import flow as raft
    from ..models.nets.raft import load_raft_small
    from ..pipeline.temporal.flow import default_model

    if out is None:
        out = default_model()
        _make_folder(out.parent)
    refuse_model(out, overwrite, "OUT")
    error = raft.export_flow(load_raft_small(weights), out)
    size = out.stat().st_size / 1e6
    Report(quiet).say(f"wrote {out} ({size:.1f} MB), off PyTorch by {error:.5f} px on average")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder} can't be made: {error.strerror}; name a file") from error
