"""One measured process: runs the job of one version of the program, and reports in JSON.

    python -m jobs.child '{"tree": …, "mode": "whole", …}'

Modes: ``check``: its settings alone. ``whole``: the job as it is, its start and its threads.
``stages``: the same in one thread, stage by stage. ``command``: a command line. It imports nothing
that the job does not.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

_ROLES = {
    "frames": "decode",
    "read": "decode",
    "reduce_frames": "decode",
    "attach_motion": "cuts, motion, canvas",
    "travel": "cuts, motion, canvas",
    "lay_still": "cuts, motion, canvas",
    "paint_shots": "what feeds the net",
    "paint": "what feeds the net",
    "blend_frames": "warp and blend",
    "restore_frames": "warp and blend",
}
"""What a thread does that runs a stage ahead, by the name of the stage's generator."""

_PREFIX = "stylize-video "  # of the program's thread names


def use_tree(tree: str) -> None:
    """Let ``stylize_video`` be the program in the folder ``tree``, whatever is installed.

    The folders at the root of the repository are the packages.
    """
    package = types.ModuleType("stylize_video")
    package.__path__ = [tree]
    sys.modules["stylize_video"] = package


def read_settings(asked: dict[str, Any]) -> tuple[Any, list[str]]:
    """The job's ``Settings``, and the names of those that this version does not have."""
    from stylize_video.pipeline.core.config import Settings, checked

    values: dict[str, Any] = asked["settings"]
    unknown = [name for name in values if name not in Settings.model_fields]
    if asked["lenient"]:
        values = {name: value for name, value in values.items() if name not in unknown}
    return checked(Settings, {**values, "overwrite": True}, "benchmark"), unknown


def measure_threads() -> dict[str, float]:
    """Record the CPU milliseconds of every Python thread that ends from now on, by its role."""
    found: dict[str, float] = defaultdict(float)
    plain = threading.Thread.run

    def run(self: threading.Thread) -> None:
        role = _role(self)
        try:
            plain(self)
        finally:
            found[role] += 1000 * time.thread_time()

    threading.Thread.run = run
    return found


def _role(thread: Any) -> str:
    """The thread's name without its number, or what the stage does that it runs ahead."""
    name = thread.name.removeprefix(_PREFIX).rstrip("0123456789").rstrip("_")
    first = thread._args[0] if thread._args else None
    stage = getattr(first, "__name__", "") if hasattr(first, "gi_frame") else ""
    if stage:
        return _ROLES.get(stage, stage)
    return "workers of the net" if name == "map" else name


def peak_memory() -> float:
    """Peak RSS, MiB. What ``getrusage`` says contains the parent's at the start."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        lines = dict(line.split(":", 1) for line in status.splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    except OSError:
        import resource

        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def check(asked: dict[str, Any]) -> dict[str, Any]:
    """Read the settings alone."""
    return {"unknown": read_settings(asked)[1]}


def whole(asked: dict[str, Any]) -> dict[str, Any]:
    """The job as it is; CPU milliseconds since the process began at its milestones."""
    threads = measure_threads()
    from stylize_video.pipeline import stylize

    settings, _ = read_settings(asked)
    imported = 1000 * time.process_time()
    opened: list[float] = []

    def on_start(_: Any) -> None:
        opened.append(1000 * time.process_time())

    done = stylize(asked["clip"], asked["out"], settings, on_start=on_start)
    main, total = 1000 * time.thread_time(), 1000 * time.process_time()
    threads["main: encode, write, join"] = main
    threads["libraries' own threads"] = total - sum(threads.values())
    return {
        "frames": done.frames,
        "imported": imported,
        "opened": opened[0],
        "threads": threads,
        "peak_mib": peak_memory(),
    }


def stages(asked: dict[str, Any]) -> dict[str, Any]:
    """The job in one thread, stage by stage."""
    from .probes import Meter, install

    meter = Meter()
    absent = install(meter)
    from stylize_video.pipeline import stylize

    settings, _ = read_settings(asked)
    done = stylize(asked["clip"], asked["out"], settings, on_frame=lambda _: meter.end_of_frame())
    meter.settle()
    return {
        "frames": done.frames,
        "per_frame": meter.per_frame(),
        "total": meter.milliseconds,
        "visits": meter.visits,
        "absent": absent,
    }


def command(asked: dict[str, Any]) -> dict[str, Any]:
    """A command line; what it prints is not looked at."""
    from stylize_video.cli.main import main

    sys.argv = ["stylize-video", *asked["words"]]
    main()
    return {}


def child() -> None:
    """Measure what the first argument says. An error of the program is one line, and code 1."""
    asked = json.loads(sys.argv[1])
    use_tree(asked["tree"])
    modes = {"check": check, "whole": whole, "stages": stages, "command": command}
    mode = modes[asked["mode"]]
    try:
        answer = mode(asked)
    except Exception as error:
        from stylize_video.pipeline.core.errors import StylizeError

        if not isinstance(error, StylizeError):
            raise
        sys.exit(str(error))
    print(json.dumps(answer))


if __name__ == "__main__":
    child()
