"""Render chunks on a Ray cluster.

Ray starts the workers, spreads the chunks over the nodes, and gives a chunk whose node is gone to
another one. A worker opens the film and the style once. A segment comes back as the result of its
task: the nodes need no common disk for results, only the source and the style.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.address import file_name
from ..core.concurrency import prefetch
from ..core.errors import SettingsError, SinkError, StylizeError, reason
from ..core.files import writing
from ..media.outputs import split_sequence
from ..media.unfinished import keep_part, part_path, segment_path
from ..temporal.division import Chunk
from .facts import MACHINE, Facts, facts_of
from .journal import Journal
from .renderer import ChunkRenderer, OnProgress
from .worker import Notes, Outcome, Outcomes, Task, open_renderer

log = logging.getLogger(__name__)

_POLL = 0.2  # s between two looks at what the workers have done
_PATIENCE = 10  # s until a cluster answers
_RETRIES = 4  # of a chunk whose worker or node has died
_CARDS = ("cuda", "tensorrt", "migraphx", "rocm")  # devices that Ray counts
_CHUNKS_AHEAD = 4  # that are found before they are asked for


@dataclass
class OnCluster:
    """Renders chunks on a Ray cluster, which is connected for the time of ``render``.

    Args:
        task: what the workers open.
        journal: of the run: it has the facts, with which the workers' are compared.
        device: what runs the style here, and there too.
        workers: chunks that are rendered at once, at most; ``None``: one on each node.
        stop: when set, no more frames are rendered.
        on_progress: called when a chunk is finished.
    """

    task: Task
    journal: Journal
    device: str
    workers: int | None
    stop: threading.Event | None = None
    on_progress: OnProgress | None = None
    outcomes: Outcomes = field(default_factory=Outcomes)

    def render(self, chunks: Iterable[Chunk]) -> None:
        """Render chunks, in any order; see ``outcomes``.

        Args:
            chunks: in their order; found while others are rendered.

        Raises:
            StylizeError: there is no cluster, a worker can't open something, or a chunk can't be
                written.
        """
        with (
            _connected(self.task.settings.address) as ray,
            closing(prefetch(chunks, _CHUNKS_AHEAD)) as coming,
        ):
            running: list[Any] = []
            try:
                self._render_all(ray, coming, running)
            except ray.exceptions.RayError as error:
                raise _given_up(error) from error
            finally:
                for result in running:
                    ray.cancel(result, force=True)

    def _render_all(self, ray: Any, chunks: Iterable[Chunk], running: list[Any]) -> None:
        """Render chunks as far as none fails.

        Args:
            ray: the library.
            chunks: in their order.
            running: gets what Ray will return, while it is rendered.
        """
        cores = self._cores(ray)
        need = {"CPU": cores} | ({"GPU": 1} if self.device in _CARDS else {})
        if not ray.cluster_resources().get("GPU", 0) and "GPU" in need:
            raise SettingsError(
                f"this computer paints on {self.device}, but the cluster has no graphics card; add "
                "--device cpu"
            )
        task = replace(self.task, settings=self.task.settings.model_copy(update={"threads": cores}))
        common = ray.put((task, self.journal.facts(), str(Path.cwd())))
        render = ray.remote(_render_chunk).options(
            num_cpus=cores,
            num_gpus=need.get("GPU", 0),
            max_retries=_RETRIES,
            scheduling_strategy="SPREAD",
        )
        for chunk in chunks:
            running.append(render.remote(common, chunk))
            # One waits, so that no worker does.
            while len(running) > self._slots(ray, need) and not self._is_over:
                self._collect(ray, running)
            if self._is_over:
                break
        while running and not self._is_stopped:
            self._collect(ray, running)

    def _collect(self, ray: Any, running: list[Any]) -> None:
        """Wait a while, and write down what has come back."""
        done, rest = ray.wait(running, timeout=_POLL)
        for result in done:
            self._put(ray.get(result))
        running[:] = rest

    def _put(self, sent: _Sent | StylizeError) -> None:
        if isinstance(sent, StylizeError):
            raise sent
        outcome = sent.outcome
        finished, folder = outcome.finished, self.task.folder
        with writing(folder):
            if sent.pieces:
                _write(sent.pieces, part_path(folder, finished.chunk.number))
                keep_part(folder, finished.chunk.number)
            if outcome.broken is None:
                finished = self.journal.add(finished)
        self.outcomes.add(outcome)
        if self.on_progress is not None and finished.frames:
            self.on_progress(finished.frames)

    @property
    def _is_stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    @property
    def _is_over(self) -> bool:
        """Whether nothing more is begun."""
        return self._is_stopped or self.outcomes.is_broken

    def _cores(self, ray: Any) -> int:
        """Cores of a worker: those of the smallest node, or what several at once leave to each."""
        nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        nodes = [cores for cores in nodes if cores] or [1]
        most = self.task.settings.threads or min(nodes)
        return most if self.workers is None else max(1, min(most, sum(nodes) // self.workers))

    def _slots(self, ray: Any, need: dict[str, int]) -> int:
        """Chunks that can be rendered at once; nodes may come and go."""
        there = ray.cluster_resources()
        fit = min(int(there.get(name, 0)) // count for name, count in need.items())
        return max(1, fit if self.workers is None else min(fit, self.workers))


def _given_up(error: Exception) -> StylizeError:
    """What Ray's error means for the user, in a line."""
    cause = getattr(error, "cause", None)
    if cause is not None:
        return StylizeError(f"a worker of the cluster failed: {type(cause).__name__}: {cause}")
    return SinkError(
        f"a part was given up, its worker died {_RETRIES + 1} times, most often for want of memory "
        f"({reason(error)}); what is finished is kept; add --tile 512, or a smaller --size"
    )


@contextmanager
def _connected(address: str | None) -> Generator[Any]:
    """Ray, connected to a cluster."""
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            "--engine ray needs Ray, which is not installed; type: pip install "
            "'stylize-video[cluster]'"
        ) from error
    if ray.is_initialized():  # by who calls us
        yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS")
    with _own_signals():
        try:
            _knock(address)
            ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
        except (OSError, ValueError, RuntimeError) as error:
            where = f" at {address}" if address else ""
            raise SettingsError(f"no Ray cluster answers{where}: {reason(error)}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Look whether anything is at an address; Ray itself would wait for minutes.

    Raises:
        OSError: nothing is.
    """
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if port.isdigit():  # other names are Ray's own, as "auto"
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()


@contextmanager
def _own_signals() -> Generator[None]:
    """Keep what this process does at SIGTERM; Ray would end it at once."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with suppress(ValueError):  # not in the main thread, where Ray leaves it too
            signal.signal(signal.SIGTERM, before)


# ---- in the worker ----

_Pieces = dict[str, bytes]
"""Files of a segment by their names: of a film one without a name, of a folder all of it."""


@dataclass(frozen=True)
class _Sent:
    """What comes back from a worker."""

    outcome: Outcome
    pieces: _Pieces


@dataclass(frozen=True)
class _Worker:
    """What this process has open."""

    task: Task
    renderer: ChunkRenderer
    notes: Notes


_worker: _Worker | None = None


def _render_chunk(common: tuple[Task, Facts, str], chunk: Chunk) -> _Sent | StylizeError:
    """Called by Ray, often in the same process; errors for the user are a result, too."""
    try:
        worker = _opened(*common)
        with tempfile.TemporaryDirectory(prefix="stylize-video-") as folder:
            finished, broken = worker.renderer.render(chunk, Path(folder), None, None)
            pieces = _read(segment_path(Path(folder), chunk.number))
    except StylizeError as error:
        return type(error)(f"{error} (on the node {socket.gethostname()})")
    return _Sent(Outcome(finished, broken, worker.notes.take()), pieces)


def _opened(task: Task, facts: Facts, folder: str) -> _Worker:
    """Open the film and the style, once.

    Args:
        task: what is opened.
        facts: what the result depends on, where the run was begun.
        folder: in which it was begun: names may be relative to it.

    Raises:
        StylizeError: something is not the same here as there.
    """
    global _worker
    if _worker is not None and _worker.task == task:
        return _worker
    with suppress(OSError):
        os.chdir(folder)
    notes = Notes()
    notes.install()
    try:
        renderer = open_renderer(replace(task, output=_stand_in(task.output)))
    except StylizeError as error:
        raise type(error)(
            f"{error}; every node needs the source and the style under the same names: on a shared "
            "disk, or at an address"
        ) from error
    notes.take()  # the run has said it
    _compare(facts, facts_of(renderer.plan))
    _worker = _Worker(task, renderer, notes)
    return _worker


def _stand_in(output: str) -> str:
    """An output of the same kind, of which nothing is written: where it goes is not known here."""
    name = file_name(output)
    folder, _ = split_sequence(Path("folder", name))
    mark = "/" if folder.name == "folder" else "-"  # of pictures, whose names are typed
    place = f"{tempfile.gettempdir()}/stylize-video-{os.getpid()}{mark}{name}"
    return place + "/" * output.endswith("/")


def _compare(there: Facts, here: Facts) -> None:
    """Refuse another film, style or version than the run's; warn of another processor.

    Raises:
        SettingsError: what is not the same.
    """
    differing = [name for name in there if here.get(name) != there[name]]
    other = [name for name in differing if name != MACHINE]
    if other:
        raise SettingsError(f"{other[0]} is not the same as where the run was begun")
    if differing:
        log.warning(
            "the node %s: %s is not the same as where the run was begun; what is painted there may "
            "differ in its last bits", socket.gethostname(), MACHINE,
        )  # fmt: skip


def _read(segment: Path) -> _Pieces:
    if segment.is_dir():
        return {entry.name: entry.read_bytes() for entry in sorted(segment.iterdir())}
    return {"": segment.read_bytes()} if segment.exists() else {}


def _write(pieces: _Pieces, segment: Path) -> None:
    if "" in pieces:
        segment.write_bytes(pieces[""])
        return
    segment.mkdir()
    for name, data in pieces.items():
        (segment / name).write_bytes(data)
