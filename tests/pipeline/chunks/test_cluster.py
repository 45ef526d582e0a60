"""Chunks on a Ray cluster of two nodes: the same bytes as one process writes."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.chunks import cluster as cluster_module
from stylize_video.pipeline.chunks.facts import MACHINE, Facts, facts_of
from stylize_video.pipeline.chunks.worker import Task
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SettingsError, SourceError
from stylize_video.pipeline.planning import make_plan
from stylize_video.pipeline.temporal.division import Chunk

from ...helpers.command import run_command
from ...helpers.video import moving_scene, read_video, write_clip

ray: Any = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

STEP = 2500  # of 1/30000 s: twelve frames a second


def settings(**values: Any) -> Settings:
    return checked(Settings, {"style": "udnie", "device": "cpu", "chunk_seconds": 4} | values, "")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds, which are five chunks."""
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    return write_clip(path, moving_scene(240, 128, 80), step=STEP)


@pytest.fixture(scope="module")
def straight(film: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The film, painted by one process."""
    out = tmp_path_factory.mktemp("straight") / "out.mp4"
    stylize(film, out, settings())
    return out.read_bytes()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    made = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    made.second = made.add_node(**node)
    yield made
    ray.shutdown()
    made.shutdown()


def on(cluster: Any, **values: Any) -> Settings:
    return settings(engine="ray", address=cluster.address, **values)


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def test_a_stopped_run_is_gone_on_with_on_two_nodes_and_writes_the_same_bytes(
    cluster: Any, film: Path, straight: bytes, tmp_path: Path
):
    out, stop, told = tmp_path / "out.mp4", threading.Event(), list[int]()
    result = stylize(film, out, on(cluster), on_progress=lambda count: stop.set(), stop=stop)
    assert result.stopped and len(read_video(out)[0]) == result.frames < 240
    result = stylize(film, out, on(cluster), on_progress=told.append)
    assert out.read_bytes() == straight
    assert result.frames == 240 and 0 < sum(told) < 240
    assert left(tmp_path) == []


def test_pictures_come_back_too(
    cluster: Any, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)  # names may be relative
    (tmp_path / "in.mp4").symlink_to(film)
    stylize("in.mp4", "far/%04d.jpg", on(cluster, end="6"))
    stylize("in.mp4", "near/%04d.jpg", settings(end="6"))
    names = sorted(p.name for p in Path("near").iterdir())
    assert names == sorted(p.name for p in Path("far").iterdir()) and len(names) == 72
    assert all(Path("near", n).read_bytes() == Path("far", n).read_bytes() for n in names)


def test_the_work_of_a_node_that_dies_is_done_by_another(
    cluster: Any, film: Path, straight: bytes, tmp_path: Path
):
    out, killed = tmp_path / "out.mp4", list[float]()

    def kill(count: int) -> None:
        if not killed:
            end = time.monotonic() + 10
            while (idle := ray.available_resources().get("CPU", 0)) and time.monotonic() < end:
                time.sleep(0.05)
            killed.append(idle)
            cluster.remove_node(cluster.second, allow_graceful=False)

    result = stylize(film, out, on(cluster), on_progress=kill)
    assert killed == [0], "both nodes were at work"
    assert result.frames == 240 and out.read_bytes() == straight
    assert left(tmp_path) == []


@pytest.fixture
def worker(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Task, Facts, str]]:
    """What a worker is given. It runs in this process."""
    made = settings(engine="ray")
    facts = facts_of(make_plan(film, tmp_path / "out.mp4", made))
    monkeypatch.setattr(cluster_module, "_worker", None)
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("stylize_video")
    handlers = logger.handlers
    yield Task(str(film), "out.mp4", made, tmp_path), facts, str(tmp_path)
    logger.handlers = handlers


def render(task: Task, facts: Facts, folder: str) -> Any:
    return cluster_module._render_chunk((task, facts, folder), Chunk())


def test_a_node_that_can_not_read_the_film_says_what_it_needs(worker: Any):
    task, facts, folder = worker
    error = render(replace(task, source="nowhere.mp4"), facts, folder)
    assert isinstance(error, SourceError)
    assert "nowhere.mp4 does not exist; every node needs the source" in str(error)
    assert "(on the node " in str(error)


@pytest.mark.parametrize("name", ["the source", "the program's version, or that of a library"])
def test_a_node_with_another_film_or_version_is_refused(worker: Any, name: str):
    task, facts, folder = worker
    error = render(task, {**facts, name: "another"}, folder)
    assert isinstance(error, SettingsError)
    assert f"{name} is not the same as where the run was begun" in str(error)


def test_another_processor_is_said(worker: Any):
    task, facts, folder = worker
    sent = render(task, {**facts, MACHINE: "another"}, folder)
    assert sent.outcome.finished.frames == 48 and len(sent.pieces[""]) > 1000
    assert len(sent.outcome.notes) == 1 and MACHINE in sent.outcome.notes[0]


def test_without_ray_a_line_says_what_to_install(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"pip install 'stylize-video\[cluster\]'"):
        stylize(film, tmp_path / "out.mp4", settings(engine="ray"))
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["out.mp4", "--engine", "ray", "--address", "127.0.0.1:1"], "no Ray cluster answers at"),
        (["out.mp4", "--engine", "ray", "--address", "no where"], "no Ray cluster answers at"),
        (["out.mp4", "--address", "here:6379"], "it names a Ray cluster; type --engine ray"),
        (["window", "--engine", "ray"], "can't be resumed"),
    ],
)
def test_what_does_not_apply_is_refused(film: Path, tmp_path: Path, typed: list[str], why: str):
    assert why in run_command(film, *typed, "--style", "udnie", cwd=tmp_path).stderr
    assert left(tmp_path) == []


def test_the_plan_names_the_cluster(film: Path, tmp_path: Path):
    typed = ["--style", "udnie", "--engine", "ray", "--address", "head:6379", "--plan"]
    done = run_command(film, tmp_path / "out.mp4", *typed)
    assert "workers  Ray cluster, head:6379" in done.stdout
