"""Imports point down only: cli → {export → models, pipeline}."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("cli", "export", "models", "pipeline")

# Room → rooms that it may import. The errors are every room's: pipeline/errors.py imports nothing.
ALLOWED = {
    "cli": {"cli", "export", "models", "pipeline"},
    "export": {"export", "models", "pipeline"},
    "models": {"models"},
    "pipeline": {"pipeline"},
}
FOR_ALL = "pipeline.errors"
MODULES = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Dotted names of all that a module imports, those of this project from its root on."""
    found: set[str] = set()
    here = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            above = here[: len(here) - node.level + 1]
            found.add(".".join((*above, node.module or "")).strip("."))
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_those_below_it(path: Path):
    room = path.relative_to(ROOT).parts[0]
    ours = {n for n in imported(path) if n.split(".")[0] in ROOMS and n != FOR_ALL}
    assert {n.split(".")[0] for n in ours} <= ALLOWED[room]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_room_is_imported_by_a_bare_or_full_name(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        assert not {n.split(".")[0] for n in names} & {*ROOMS, "stylize_video"}


@pytest.mark.parametrize("path", [p for p in MODULES if "pipeline" in p.parts])
def test_the_pipeline_knows_no_torch(path: Path):
    assert not {n.split(".")[0] for n in imported(path)} & {"torch", "torchvision"}


def test_the_base_commands_run_without_torch():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['torch'] = sys.modules['onnxscript'] = None\n"
        "import stylize_video.cli.main, stylize_video.pipeline.render"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_loads_no_library_of_pictures():
    import subprocess
    import sys

    code = (
        "import sys, stylize_video.cli.main\n"
        "assert not {'numpy', 'cv2', 'av', 'onnxruntime', 'torch'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_second_copy_of_the_package_at_the_root():
    assert not (ROOT / "__init__.py").exists()
    assert not (ROOT / "stylize_video").exists()
