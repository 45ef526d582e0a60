"""How fast is the main job: what a frame takes, and what a run takes once.

The job runs from file to file, with its sound, in a process of its own for every run, on two
lengths of the clip. A line through both gives the slope (what a frame takes) and the once (what
does not grow with the length), in CPU time of all threads and in wall time. Then each stage runs
alone in one thread. All of it is repeated in turns, and medians are given with the least and the
largest, so that a noisy machine disturbs all alike.

    python benchmarks/end_to_end.py clip.mp4 --johnson
    python benchmarks/end_to_end.py clip.mp4 --set steady=off --set canvas=0
    python benchmarks/end_to_end.py clip.mp4 --compare commit:HEAD~3 --markdown
    python benchmarks/end_to_end.py clip.mp4 --compare set:steady=off,canvas=0
    python benchmarks/end_to_end.py clip.mp4 --compare set:style=johnson.onnx
    python benchmarks/end_to_end.py clip.mp4 --source-size 3840x2160 --memory 24 96
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from jobs.clips import Clip, look, made
from jobs.report import as_data, as_markdown, as_text, tables
from jobs.runs import (
    WHOLE,
    Extent,
    Samples,
    Variant,
    check,
    measure_johnson,
    measure_memory,
    measure_round,
    whole_rate,
)
from jobs.trees import ROOT, name_of, name_of_this, tree_of

JOHNSON = "Johnson's net, PyTorch"


def pairs(words: Sequence[str]) -> dict[str, str]:
    """``name=value`` words as settings.

    Raises:
        SystemExit: a word is no such pair.
    """
    for word in words:
        if "=" not in word:
            raise SystemExit(f"'{word}' is not NAME=VALUE, as in steady=off")
    return dict(word.split("=", 1) for word in words)


def open_variants(asked: argparse.Namespace, stack: ExitStack) -> list[Variant]:
    """What is measured: the other one first, if there is one.

    Raises:
        SystemExit: ``--compare`` names nothing that can be measured.
    """
    settings = pairs(asked.set)
    if asked.style:
        settings["style"] = asked.style
    this = Variant(name_of_this(), ROOT, settings)
    if asked.compare is None:
        return [this]
    kind, _, what = asked.compare.partition(":")
    if kind == "commit":
        tree = stack.enter_context(tree_of(what))
        other = Variant(name_of(what), tree, settings, lenient=True)
        return [other, replace(this, name=f"{this.name} here")]
    if kind == "set":
        name = ", ".join(f"{k}={v}" for k, v in settings.items()) or "default"
        other = Variant(what, ROOT, settings | pairs(what.split(",")))
        return [other, Variant(name, ROOT, settings)]
    raise SystemExit(f"--compare {asked.compare}: write commit:REF or set:NAME=VALUE,…")


def open_clip(asked: argparse.Namespace, needed: int) -> Clip:
    """The clip, made as ``--source-…`` say.

    Raises:
        SystemExit: it is too short.
    """
    look(asked.clip)
    size, rate, begin = asked.source_size, asked.source_rate, asked.source_start
    clip = look(made(asked.clip, size, rate, begin, needed))
    if clip.frames < needed:
        raise SystemExit(
            f"{asked.clip} has {clip.frames} frames, and {needed} are needed: "
            "name a longer clip, or smaller --lengths (and --stage-frames)"
        )
    return clip


def measure(
    clip: Clip, variants: Sequence[Variant], extent: Extent, rounds: int, johnson: bool
) -> dict[str, Samples]:
    """Everything in turns; every second round the other way round."""
    found = {variant.name: check(variant) for variant in variants}
    for number in range(rounds):
        for variant in variants[:: -1 if number % 2 else 1]:
            measure_round(clip, variant, extent, found[variant.name])
        if johnson:
            _against(measure_johnson(clip), found, extent.lengths[1])
    return found


def _against(johnson: float, found: dict[str, Samples], frames: int) -> None:
    """Add a round's ratios to Johnson's net."""
    for samples in found.values():
        figures = samples.sections[WHOLE]
        samples.add(WHOLE, f"{JOHNSON}, frames/s", johnson)
        for name in ("slope, frames/s", whole_rate(frames)):
            samples.add(WHOLE, f"{name}, over Johnson's", figures[name][-1] / johnson)


def memory(
    clip: Clip, variants: Sequence[Variant], lengths: Sequence[int], rounds: int
) -> dict[str, Samples]:
    """Peak memory alone."""
    found = {variant.name: check(variant) for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            measure_memory(clip, variant, lengths, found[variant.name])
    return found


def about(clip: Clip, asked: argparse.Namespace) -> dict[str, Any]:
    """What was measured, and on what."""
    sound = "with sound" if clip.sound else "no sound"
    rate = f"{float(clip.rate):.5g} frames/s"
    return {
        "clip": f"{Path(asked.clip).name}: {clip.width}x{clip.height}, {rate}, {sound}",
        "settings": " ".join(asked.set) or "default",
        "style": asked.style or "default",
        "rounds": asked.rounds,
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores"
        if hasattr(os, "sched_getaffinity")
        else f"{platform.machine()}, {os.cpu_count()} cores",
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def show(found: dict[str, Samples], facts: dict[str, Any], asked: argparse.Namespace) -> None:
    """Print the result."""
    notes = [note for samples in found.values() for note in samples.notes]
    if asked.json:
        print(json.dumps({**facts, "figures": as_data(found), "notes": notes}, indent=1))
        return
    print("; ".join(f"{name} {value}" for name, value in facts.items()))
    for table in tables(found):
        print(f"\n{as_markdown(table) if asked.markdown else as_text(table)}")
    if notes:
        print("\n" + "\n".join(notes))


def read_words() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("clip")
    add("--style", help="a built-in style or a model file; default: the program's")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the job")
    add("--compare", metavar="OTHER", help="commit:REF or set:NAME=VALUE,…: measured in turns")
    add("--johnson", action="store_true", help="compare with Johnson's net in PyTorch")
    add("--lengths", type=int, nargs=2, default=(48, 192), metavar="FRAMES")
    add("--stage-frames", type=int, default=72, help="0: no stages")
    add("--rounds", type=int, default=3)
    add("--memory", type=int, nargs="+", metavar="FRAMES", help="peak memory alone")
    add("--source-size", metavar="WxH", help="enlarge the clip first")
    add("--source-rate", type=Fraction, help="interpolate the clip to this frame rate first")
    add("--source-start", type=float, default=0.0, help="leave out these seconds of the clip")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--markdown", action="store_true", help="tables to paste into the docs")
    asked = parser.parse_args()
    if asked.lengths[0] >= asked.lengths[1] or asked.lengths[0] < 1 or asked.rounds < 1:
        parser.error("--lengths are a shorter and a longer one, and --rounds at least 1")
    return asked


def main() -> None:
    """Read the command line, measure, print."""
    asked = read_words()
    needed = max(asked.memory or [*asked.lengths, asked.stage_frames, 48])
    with ExitStack() as stack:
        variants = open_variants(asked, stack)
        clip = open_clip(asked, needed)
        facts = about(clip, asked)
        if asked.memory:
            found = memory(clip, variants, asked.memory, asked.rounds)
        else:
            extent = Extent(tuple(asked.lengths), asked.stage_frames, asked.stage_frames > 0)
            found = measure(clip, variants, extent, asked.rounds, asked.johnson)
    show(found, facts, asked)


if __name__ == "__main__":
    main()
