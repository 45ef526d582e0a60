"""Who may import whom: the table of packages, no cycle, and no room reached by another name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers.architecture import (
    MODULES,
    PIPELINE,
    ROOMS,
    ROOT,
    cycles,
    imported,
    internal,
    package_arrows,
    package_of,
)
from .helpers.video import MakeClip


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_the_table_allows(name: str):
    room, own = name.split(".")[0], package_of(name)
    for target in internal(name):
        other = target.split(".")[0]
        if other != room:
            assert target in ROOMS[room] or other in ROOMS[room], f"{name} imports {target}"
        elif room == "pipeline" and name != "pipeline" and package_of(target) != own:
            allowed = {f"pipeline.{package}" for package in PIPELINE[own.split(".")[1]].split()}
            assert package_of(target) in allowed, f"{name} imports {target}"


def test_the_table_names_every_package():
    found = {package_of(name).split(".")[1] for name in MODULES if name.startswith("pipeline.")}
    assert found == set(PIPELINE)


def test_there_is_no_cycle():
    modules = {name: internal(name) for name in MODULES}
    assert not cycles(modules)
    assert not cycles(package_arrows())


@pytest.mark.parametrize("name", MODULES)
def test_no_room_is_imported_by_a_bare_or_full_name(name: str):
    assert not {n.split(".")[0] for n in imported(name)} & {*ROOMS, "stylize_video"}


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("pipeline")])
def test_the_pipeline_knows_no_torch(name: str):
    assert not {n.split(".")[0] for n in imported(name)} & {"torch", "torchvision"}


def test_the_base_commands_run_without_torch():
    code = (
        "import sys; sys.modules['torch'] = sys.modules['onnxscript'] = None\n"
        "import stylize_video.cli.main, stylize_video.pipeline.render"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def loaded_by(*words: str) -> set[str]:
    """The modules that a command has loaded when it ends well."""
    code = (
        "import sys, stylize_video.cli.main as room\n"
        f"sys.argv[1:] = {words!r}\n"
        "try:\n    room.main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


PICTURES = {"numpy", "cv2", "av", "onnxruntime", "onnx", "torch"}


def test_help_loads_no_library_of_pictures_and_no_command():
    loaded = loaded_by("--help")
    assert not loaded & {*PICTURES, "pydantic", "yaml"}
    commands = {f"stylize_video.cli.{name}" for name in ("run", "live", "train", "paint")}
    assert not loaded & commands
    loaded = loaded_by("run", "--help")
    assert not loaded & PICTURES and loaded & commands == {
        "stylize_video.cli.run",
        "stylize_video.cli.live",
    }


def test_the_main_job_loads_what_it_uses(identity: Path, make_clip: MakeClip, tmp_path: Path):
    """Neither the rest of live nor anything of training, and no server, whatever it paints with."""
    clip, out = str(make_clip()), str(tmp_path / "o.mp4")
    loaded = loaded_by(clip, out, "--style", str(identity), "--device", "cpu", "--quiet")
    assert "onnxruntime" in loaded and Path(out).exists()
    foreign = {"torch", "scenedetect", "asyncio", "http.server", "ssl", "tqdm", "rich.progress"}
    assert not loaded & foreign
    assert not [name for name in loaded if name.startswith(("stylize_video.export", "rich"))]
    live = {name for name in loaded if name.startswith("stylize_video.pipeline.live.")}
    beside = {
        f"stylize_video.pipeline.live.{name}" for name in ("names", "sources", "sources.address")
    }
    assert live <= beside
    trainings = {f"stylize_video.{name}" for name in ("models.recipe", "cli.train", "cli.paint")}
    assert not loaded & trainings


def test_no_second_copy_of_the_package_at_the_root():
    assert not (ROOT / "__init__.py").exists()
    assert not (ROOT / "stylize_video").exists()


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda p: p.name)
def test_test_files_share_helpers_and_no_tests(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            shared = [n for n in names if n == "conftest" or n.startswith("test_")]
            assert not shared, f"{path.relative_to(ROOT)} imports {shared[0]}; use tests/helpers"
