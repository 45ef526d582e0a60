"""What a result depends on: the source, the settings, the style, the program and the machine.

Only where all of it is the same can a run go on with what an earlier one has finished.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2

from ..core.files import digest
from ..core.saved import WITHOUT_EFFECT
from ..media.remote import RemoteFile
from ..people.find import NETS
from ..people.nets import sha256_of_nets
from ..plan import Plan
from ..styles.zoo import find_styles
from ..timeline.schedule import Schedule

Facts = dict[str, str]
"""What it is, in words for the user → a digest, or the value."""

SOURCE = "the source"
MACHINE = "the processor or graphics card"

_HEAD = 1 << 16  # bytes that are compared at each of some places of a large file
_PLACES = 16
_MANY = 64  # files from which on their contents are not read
_LIBRARIES = ("stylize-video", "onnxruntime-gpu", "onnxruntime", "av", "opencv-python", "numpy")

# They change nothing in the result; or are facts of their own, by what is in their files.
_NO_MATTER = {*WITHOUT_EFFECT, "device", "style"}
_FILES = ("method", "mask", "content_mask", "style_mask", "keyframes", "scenes", "flow_model")


def facts_of(plan: Plan) -> Facts:
    """What the result of a plan depends on."""
    settings = plan.settings
    facts = {SOURCE: _source(plan)}
    for name, value in settings.model_dump(mode="json").items():
        if name not in _NO_MATTER:
            facts["--" + name.replace("_", "-")] = json.dumps(value, sort_keys=True)
    for name in _FILES:
        value = getattr(settings, name)
        paths = [Path(p) for p in (value if isinstance(value, tuple) else (value,)) if p]
        files = [path for path in paths if _exists(path)]
        if files:
            facts[f"the file of --{name.replace('_', '-')}"] = _digest_of(files)
    facts["the style"] = _digest_of_style(settings.style if plan.style is not None else ())
    if plan.timeline is not None:
        facts |= _timeline(plan.timeline)
    nets = [sha256_of_nets()[net] for wanted in plan.wanted for net in NETS[wanted]]
    if nets:
        facts["the nets that find people"] = " ".join(nets)
    facts["the encoding"] = str(plan.encoding and (plan.encoding, plan.target.suffix.lower()))
    facts["the program's version, or that of a library"] = _versions()
    facts[MACHINE] = _machine(plan)
    return facts


def _digest_of_style(style: Sequence[str]) -> str:
    """A digest of the files of a style, and of their weights."""
    files = find_styles(style) if style else []
    return digest(f"{_digest_of([path])} {weight}".encode() for path, weight in files)


def _timeline(schedule: Schedule) -> Facts:
    """What a timeline depends on: its text, the styles, the masks."""
    styles = (_digest_of_style(look.style).encode() for look in schedule.looks)
    masks = [path for path in map(Path, schedule.masks) if _exists(path)]
    return {
        "the text of --timeline": schedule.timeline.digest,
        "a style of --timeline": digest(styles),
        "a mask of --timeline": _digest_of(masks),
    }


def has_changed(plan: Plan, facts: Mapping[str, str] | None) -> bool:
    """Whether the source of a plan is another one than that of some facts."""
    return facts is not None and facts.get(SOURCE) != _source(plan)


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What has changed, for the user: ``--crf was 18 and is 20``; empty: nothing."""
    changed = [name for name in now if before.get(name) != now[name]]
    changed += [name for name in before if name not in now]
    if not changed:
        return ""
    name = changed[0]
    if name.startswith("--"):
        text = f"{name} was {_plain(before.get(name))} and is {_plain(now.get(name))}"
    else:
        text = f"{name} has changed"
    return text + (f", and {len(changed) - 1} more" if len(changed) > 1 else "")


def _plain(value: str | None) -> str:
    """A setting's JSON as it is typed."""
    known: Any = None if value is None else json.loads(value)
    if known is None:
        return "not given"
    return " ".join(map(str, known)) if isinstance(known, list) else str(known)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a long list of times is too long for a path
        return False


def _source(plan: Plan) -> str:
    file = plan.source.info.container
    return file.fingerprint if isinstance(file, RemoteFile) else _digest_of(plan.source.info.files)


def _digest_of(files: Iterable[Path]) -> str:
    """A digest of files, and of those of folders; of large ones some parts are read."""
    every: list[Path] = []
    for path in files:
        every += sorted(path.rglob("*")) if path.is_dir() else [path]
    parts = _parts if len(every) <= _MANY else _state
    return digest(part for path in every if path.is_file() for part in parts(path))


def _state(path: Path) -> Iterable[bytes]:
    status = path.stat()
    yield f"{path.name} {status.st_size} {status.st_mtime_ns} ".encode()


def _parts(path: Path) -> Iterable[bytes]:
    size = path.stat().st_size
    yield f"{size} ".encode()
    with path.open("rb") as file:
        if size <= _HEAD * _PLACES:
            yield file.read()
            return
        for place in range(_PLACES):
            file.seek((size - _HEAD) * place // (_PLACES - 1))
            yield file.read(_HEAD)


def _versions() -> str:
    found: list[str] = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except Exception:  # noqa: BLE001 - it is not installed, or not as a package
            continue
    return ", ".join(found)


def _machine(plan: Plan) -> str:
    """What rounds numbers: kernels for the same net differ with the instructions they may use."""
    device = "cpu" if plan.style is None else plan.style.info.device
    return f"{device}; {sys.platform}; {os.uname().machine if hasattr(os, 'uname') else ''}; " + (
        cv2.getCPUFeaturesLine()
    )
