"""Start measured processes, and collect what they took, round by round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .clips import Clip
from .probes import JOIN, SHOT, ordered

try:
    import resource
except ImportError:
    raise SystemExit("CPU time of whole processes is known on Linux and macOS only") from None

SCRIPTS = Path(__file__).resolve().parents[1]

WHOLE = "Whole job"
ONCE = "Once"
STAGES = "By stage, core-ms per frame, alone in one thread"
THREADS = "By thread, core-ms per frame of the slope"
MEMORY = "Peak memory, MiB"
SECTIONS = (WHOLE, ONCE, STAGES, THREADS, MEMORY)
"""In the order in which they are printed."""

_SHOT_FRAMES = 16
_SHOTS = 3


@dataclass(frozen=True)
class Variant:
    """A version of the program with settings: what is compared with another."""

    name: str
    tree: Path
    settings: dict[str, str]
    lenient: bool = False
    """Settings that this version does not have yet are left out."""


@dataclass(frozen=True)
class Taken:
    """What a process took."""

    cpu: float
    """Milliseconds of user and system time, of all threads, from its start to its end."""
    wall: float
    """Seconds."""
    answer: dict[str, Any]


@dataclass
class Samples:
    """Every figure of every round: section → figure → values."""

    sections: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, section: str, figure: str, value: float) -> None:
        """Add the value of a round."""
        self.sections.setdefault(section, {}).setdefault(figure, []).append(value)

    def note(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True)
class Extent:
    """What is measured in a round."""

    lengths: tuple[int, int]
    stage_frames: int = 72
    """0: neither stages nor shots."""
    commands: bool = True
    """``--help`` and a run of one frame are measured too."""


def start(variant: Variant, mode: str, **more: Any) -> Taken:
    """Run ``jobs.child`` to its end.

    Raises:
        SystemExit: it failed.
    """
    asked = {"tree": str(variant.tree), "mode": mode, "settings": variant.settings}
    asked |= {"lenient": variant.lenient, **more}
    words = ["-m", "jobs.child", json.dumps(asked)]
    before, begun = _children(), time.perf_counter()
    told = run_python(words)
    taken = _children() - before, time.perf_counter() - begun
    if told.returncode:
        lines = told.stderr.strip().splitlines() or [f"exit code {told.returncode}"]
        raise SystemExit(f"{variant.name}: {lines[-1]}")
    return Taken(*taken, json.loads(told.stdout) if mode != "command" else {})


def run_python(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run this interpreter, with this folder's modules to be imported."""
    path = os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (used.ru_utime + used.ru_stime)


def check(variant: Variant) -> Samples:
    """Room for a variant's figures, with a note for each setting that it does not have.

    Raises:
        SystemExit: a setting is wrong.
    """
    unknown = start(variant, "check").answer["unknown"]
    return Samples(notes=[f"{variant.name} has no setting {u}: measured without" for u in unknown])


def measure_round(clip: Clip, variant: Variant, extent: Extent, samples: Samples) -> None:
    """One round of everything for one variant."""
    with _output() as out:
        short, long = (_whole(clip, variant, n, out, samples) for n in extent.lengths)
        _fit(short, long, samples)
        if extent.stage_frames:
            _stages(clip, variant, extent.stage_frames, out, samples)
            _shots(clip, variant, out, samples)
        if extent.commands:
            _commands(clip, variant, out, samples)


@contextmanager
def _output() -> Generator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "out.mp4"


def _whole(clip: Clip, variant: Variant, frames: int, out: Path, samples: Samples) -> Taken:
    settings = {**variant.settings, "end": clip.end_after(frames)}
    taken = start(variant, "whole", clip=clip.path, out=str(out), settings=settings)
    samples.add(MEMORY, f"of {taken.answer['frames']} frames", taken.answer["peak_mib"])
    return taken


def _fit(short: Taken, long: Taken, samples: Samples) -> None:
    """A line through two lengths: what a frame takes, and what does not grow with the length."""
    few, many = short.answer["frames"], long.answer["frames"]
    slope = (long.cpu - short.cpu) / (many - few)
    once = long.cpu - slope * many
    seconds = (long.wall - short.wall) / (many - few)
    samples.add(WHOLE, "slope, core-ms per frame", slope)
    samples.add(WHOLE, "slope, frames/s", 1 / seconds)
    samples.add(WHOLE, f"whole of {many} frames, core-ms per frame", long.cpu / many)
    samples.add(WHOLE, whole_rate(many), many / long.wall)
    samples.add(ONCE, "all of it, core-ms", once)
    for taken in (short, long):
        imported, opened = taken.answer["imported"], taken.answer["opened"]
        samples.add(ONCE, "of it start and imports", imported)
        samples.add(ONCE, "of it opening the job", opened - imported)
    for thread in {**short.answer["threads"], **long.answer["threads"]}:
        before, after = (t.answer["threads"].get(thread, 0.0) for t in (short, long))
        samples.add(THREADS, thread, (after - before) / (many - few))


def whole_rate(frames: int) -> str:
    """The name of the figure that is compared with Johnson's net."""
    return f"whole of {frames} frames, frames/s"


def _stages(clip: Clip, variant: Variant, frames: int, out: Path, samples: Samples) -> None:
    settings = {**variant.settings, "end": clip.end_after(frames)}
    answer = start(variant, "stages", clip=clip.path, out=str(out), settings=settings).answer
    alone = {stage: answer["per_frame"].get(stage, 0.0) for stage in ordered()}
    alone[JOIN] = answer["total"].get(JOIN, 0.0) / answer["frames"]
    del alone[SHOT]
    for stage, milliseconds in alone.items():
        samples.add(STAGES, stage, milliseconds)
    samples.add(STAGES, "sum", sum(alone.values()))
    for stage in answer["absent"]:
        samples.note(f"{variant.name} has no function of '{stage}': it is in the stage around it")


def _shots(clip: Clip, variant: Variant, out: Path, samples: Samples) -> None:
    """Measure and compile the first shot and later ones: cuts are put where there are none."""
    scenes = out.with_name("cuts.txt")
    times = [clip.end_after(_SHOT_FRAMES * n + 1) for n in range(1, _SHOTS)]
    scenes.write_text("\n".join(times), encoding="utf-8")
    settings = {**variant.settings, "end": clip.end_after(_SHOT_FRAMES * _SHOTS)}
    settings["scenes"] = str(scenes)
    answer = start(variant, "stages", clip=clip.path, out=str(out), settings=settings).answer
    visits: list[float] = answer["visits"].get(SHOT, [])
    for number, milliseconds in enumerate(visits):
        name = "of it the first shot's start" if not number else "a later shot's start, core-ms"
        samples.add(ONCE, name, milliseconds)


def _commands(clip: Clip, variant: Variant, out: Path, samples: Samples) -> None:
    one = ["run", clip.path, str(out), "--end", clip.end_after(1), "--overwrite", "--quiet"]
    for name, words in {"--help": ["--help"], "a run of one frame": one}.items():
        taken = start(variant, "command", words=words)
        samples.add(ONCE, f"command: {name}, core-ms", taken.cpu)


def measure_johnson(clip: Clip, frames: int = 2) -> float:
    """Frames per second of Johnson's net in PyTorch, on all cores.

    Raises:
        SystemExit: PyTorch is missing.
    """
    told = run_python(["-m", "jobs.johnson", clip.path, str(frames)])
    if told.returncode:
        lines = told.stderr.strip().splitlines()
        raise SystemExit(f"--johnson: {lines[-1] if lines else 'failed'}")
    return 1 / json.loads(told.stdout)


def measure_memory(clip: Clip, variant: Variant, lengths: Sequence[int], samples: Samples) -> None:
    """Only peak memory, of jobs of each length."""
    with _output() as out:
        for frames in lengths:
            _whole(clip, variant, frames, out, samples)
