"""Attribute a job's CPU time to its stages.

The stages run one after the other in one thread, and public functions are wrapped by name. At every
entry and exit the CPU time since the last one goes to the innermost stage. So the stages add up to
the whole: what no probe names is in the stage around it, or in "rest". A probe whose function does
not exist in the measured version is left out, and its time is in the stage around it.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from importlib import import_module
from itertools import pairwise
from statistics import median
from typing import Any

ROOM = "stylize_video.pipeline."
REST = "rest"


@dataclass(frozen=True)
class Probe:
    """A stage, and a function that belongs to it."""

    stage: str
    package: str
    """In any of whose modules the function is."""
    name: str
    """Of the function or ``Class.method``."""
    whole: bool = False
    """What it calls counts as its own, whatever stage that is of."""


PROBES = (
    Probe("decode", "media", "VideoSource.frames"),
    Probe("reduce to the painted size", "styles", "reduce_frames"),
    Probe("cuts", "temporal", "mark_cuts"),
    Probe("reduce", "imaging", "reduce_for_flow"),
    Probe("reduce", "imaging", "reduce_brightness"),
    Probe("flow", "temporal", "Dis.between"),
    Probe("confidence", "temporal", "confidence"),
    Probe("what stands still", "temporal", "Standing.step"),
    Probe("motion: rest", "temporal", "attach_motion"),
    Probe("canvas", "temporal", "travel"),
    Probe("canvas", "temporal", "lay_still"),
    Probe("canvas", "styles", "canvas_of"),
    Probe("light", "temporal", "steady_light"),
    Probe("light", "temporal", "levelled"),
    Probe("light", "styles", "CompiledShot.follow"),
    Probe("shot's start", "styles", "CompiledShot.of", whole=True),
    Probe("net, with pad and crop", "styles", "CompiledNet.paint"),
    Probe("net, with pad and crop", "styles", "CompiledNet.paint_inputs"),
    Probe("net, with pad and crop", "styles", "CompiledNet.paint_tile"),
    Probe("net, with pad and crop", "styles", "padded"),
    Probe("what has changed", "styles", "ChangeDetector.decide"),
    Probe("windows laid in", "styles", "lay_windows"),
    Probe("detail", "imaging", "restore_detail"),
    Probe("painting: rest", "styles", "paint_shots"),
    Probe("warp", "temporal", "TemporalBlend.advance"),
    Probe("blend", "temporal", "blend_frames"),
    Probe("encode, with copy", "media", "VideoWriter.write"),
    Probe("encode, with copy", "media", "VideoWriter.close"),
    Probe("join with the sound", "media", "join"),
)
"""In the order in which a frame passes them. Flow is searched once or, both ways, twice."""

SHOT = "shot's start"
JOIN = "join with the sound"
_GROUP = 8  # frames; some stages work at every fourth frame only, and encoders work in groups
_SETTLED = 16  # frames until the first shot has been measured and nothing waits any more


def ordered() -> list[str]:
    """The stages, in the order in which a frame passes them."""
    return [*dict.fromkeys(probe.stage for probe in PROBES), REST]


class Meter:
    """CPU milliseconds by stage. Other threads than its own are not seen as stages."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = defaultdict(float)
        self.visits: dict[str, list[float]] = defaultdict(list)
        """Of stages that are measured as a whole, each visit."""
        self._thread = threading.get_ident()
        self._stages = [REST]
        self._whole = 0
        self._last = time.process_time()
        self._at_frames: list[dict[str, float]] = []

    def settle(self) -> None:
        """Give the time since the last event to the innermost stage."""
        now = time.process_time()
        self.milliseconds[self._stages[-1]] += 1000 * (now - self._last)
        self._last = now

    def end_of_frame(self) -> None:
        """A frame has been written."""
        self.settle()
        self._at_frames.append(dict(self.milliseconds))

    @contextmanager
    def inside(self, stage: str, whole: bool = False) -> Generator[None]:
        """What runs in the block belongs to ``stage``."""
        if threading.get_ident() != self._thread:
            yield
            return
        self.settle()
        before = self.milliseconds[stage]
        self._stages.append(self._stages[-1] if self._whole else stage)
        self._whole += whole
        try:
            yield
        finally:
            self.settle()
            self._stages.pop()
            self._whole -= whole
            if whole:
                self.visits[stage].append(self.milliseconds[stage] - before)

    def per_frame(self) -> dict[str, float]:
        """Milliseconds per frame of each stage: the median of groups of frames, once settled."""
        count = len(self._at_frames)
        first = min(_SETTLED, count // 2)
        group = max(1, min(_GROUP, count - 1 - first))
        marks = self._at_frames[first::group]
        if len(marks) < 2:
            return {stage: total / count for stage, total in self.milliseconds.items()}
        return {
            stage: median(b.get(stage, 0.0) - a.get(stage, 0.0) for a, b in pairwise(marks)) / group
            for stage in self.milliseconds
        }


def install(meter: Meter) -> list[str]:
    """Run all stages in one thread, and wrap what ``PROBES`` names.

    Returns:
        The stages of which no function exists in this version.
    """
    import cv2

    cv2.setNumThreads(1)
    import_module(f"{ROOM}render")
    concurrency = import_module(f"{ROOM}core.concurrency")
    _replace_everywhere(concurrency.prefetch, _one_after_the_other)
    _replace_everywhere(concurrency.ordered_map, _one_by_one)
    wrapped = {probe.stage for probe in PROBES if _wrap(probe, meter)}
    return [stage for stage in ordered() if stage not in {*wrapped, REST}]


def _wrap(probe: Probe, meter: Meter) -> bool:
    name, _, method = probe.name.partition(".")
    defined = _defined(probe.package, name)
    if defined is None:
        return False
    if not method:
        _replace_everywhere(defined, _probed(defined, probe, meter))
        return True
    stored = vars(defined).get(method)
    if stored is None:
        return False
    if isinstance(stored, classmethod):
        setattr(defined, method, classmethod(_probed(stored.__func__, probe, meter)))
    else:
        setattr(defined, method, _probed(stored, probe, meter))
    return True


def _defined(package: str, name: str) -> Any:
    """The function or class of that name which a module of the package defines, if one does."""
    for module in _modules(package):
        found = getattr(module, name, None)
        if getattr(found, "__module__", "") == module.__name__:
            return found
    return None


@cache
def _modules(package: str) -> list[Any]:
    path = import_module(ROOM + package).__path__
    return [import_module(f"{ROOM}{package}.{m.name}") for m in pkgutil.iter_modules(path)]


def _probed(function: Callable[..., Any], probe: Probe, meter: Meter) -> Callable[..., Any]:
    @wraps(function)
    def probed(*args: Any, **named: Any) -> Any:
        with meter.inside(probe.stage, probe.whole):
            result = function(*args, **named)
        return _steps(result, probe, meter) if inspect.isgenerator(result) else result

    return probed


def _steps(source: Generator[Any], probe: Probe, meter: Meter) -> Generator[Any]:
    """A stage that is a generator: each of its steps is measured."""
    try:
        while True:
            with meter.inside(probe.stage, probe.whole):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item
    finally:
        source.close()


def _replace_everywhere(old: Any, new: Any) -> None:
    """Functions are imported by name: every module of the program that has one gets the other."""
    for name, module in list(sys.modules.items()):
        if name.startswith("stylize_video"):
            for key, value in list(vars(module).items()):
                if value is old:
                    setattr(module, key, new)


def _one_after_the_other(source: Iterable[Any], *_: Any, **__: Any) -> Generator[Any]:
    """Stands in for ``prefetch``."""
    try:
        yield from source
    finally:
        _close(source)


def _one_by_one(function: Callable[[Any], Any], source: Iterable[Any], *_: Any) -> Generator[Any]:
    """Stands in for ``ordered_map``."""
    try:
        yield from map(function, source)
    finally:
        _close(source)


def _close(source: Any) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()
