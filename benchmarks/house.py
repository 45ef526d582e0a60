"""How the code is built: packages, imports, lengths, private words, and docstrings of arrays.

    python benchmarks/house.py            # a report
    python benchmarks/house.py --json     # the same as JSON
    python benchmarks/house.py --list     # with every private word and every docstring that lacks

A public array counts as documented where the docstring of its function gives a shape, such as
``(H, W, 3)``, and a range or type, such as ``0–255``; or where its type's own docstring does.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.architecture import (
    MODULES,
    PATHS,
    ROOT,
    cycles,
    internal,
    package_arrows,
    package_of,
)

LONG_FUNCTION, LONG_MODULE = 60, 400  # lines

WORD_PARTS = set(
    """
    told tell heard hear shown found share shares carried carry kept held wanted asked beside aside
    apart anew likewise meanwhile whoever spread spreads deck easel tailor brush wish wished
    governor meter portrait portraits walk sites lean heed
    """.split()  # noqa: SIM905 - a list of words reads better so
)
"""Private words, as a name or a part of one."""

WHOLE_NAMES = {"maps", "taken", "way", "ways", "takes", "take"}
"""Private words as whole names: as parts, some belong to plain terms."""

FUNCTION_NAMES = {"painted", "finished", "fitted", "mixed", "corrected", "smoothed"}
"""Private words as names of functions, which are verbs: data may have such names."""

ARRAYS = {"NDArray", "ndarray", "Tensor"}
SHAPE = re.compile(r"\(\s*(?:[A-Za-zΣ]\w*|\d+|…)[\w½/·*+− ]*,\s*[^()]*\)|\(\w+,\)")
RANGE = re.compile(
    r"\d ?(?:–|\.\.) ?\d|uint8|uint16|float\d*|int\d+|bool|px|0 or 1|±|any (?:range|scale|values)"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(name: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(PATHS[name].read_text(encoding="utf-8"))


def line_count(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def length(node: ast.stmt) -> int:
    """Lines of a definition, its docstring too."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def place(name: str, node: ast.stmt, text: str) -> str:
    """Where a definition is, and its name."""
    return f"{PATHS[name].relative_to(ROOT)}:{node.lineno} {text}"


# ---- packages ----


def levels(arrows: dict[str, set[str]]) -> dict[str, int]:
    """Package → its level: 0 imports none, else one above the highest that it imports."""

    @cache
    def level(package: str) -> int:
        return max((level(target) + 1 for target in arrows[package]), default=0)

    return {package: level(package) for package in arrows}


def packages() -> dict[str, Any]:
    """Modules, arrows, levels and cycles of the packages."""
    arrows = package_arrows()
    modules = Counter(package_of(name) for name in MODULES)
    found = cycles({name: internal(name) for name in MODULES}) + cycles(arrows)
    pipeline = {p: {t for t in ts if t in arrows} for p, ts in arrows.items() if "." in p}
    return {
        "cycles": found,
        "levels": max(levels(pipeline).values()) + 1 if not found else None,
        "arrows": sum(len(targets) for targets in pipeline.values()),
        "packages": {
            package: {
                "modules": modules[package],
                "level": levels(arrows)[package] if not found else None,
                "imports": sorted(arrows[package]),
            }
            for package in sorted(arrows)
        },
    }


# ---- lengths ----


def definitions() -> Iterator[tuple[str, ast.stmt]]:
    """(module, definition) of every function and class."""
    for name in MODULES:
        for node in ast.walk(tree_of(name)):
            if isinstance(node, Function | ast.ClassDef):
                yield name, node


def lengths() -> dict[str, Any]:
    """Lengths of functions, classes and modules, in lines."""
    functions = [(length(n), place(m, n, n.name)) for m, n in definitions() if _is_function(n)]
    classes = [(length(n), place(m, n, n.name)) for m, n in definitions() if not _is_function(n)]
    modules = [(line_count(path), str(path.relative_to(ROOT))) for path in PATHS.values()]
    return {
        "functions": len(functions),
        "median function": median(size for size, _ in functions),
        "longest function": max(functions),
        "longest class": max(classes),
        "longest module": max(modules),
        f"functions over {LONG_FUNCTION}": sorted(x for x in functions if x[0] > LONG_FUNCTION),
        f"modules over {LONG_MODULE}": sorted(x for x in modules if x[0] > LONG_MODULE),
        "lines of pipeline": sum(line_count(p) for n, p in PATHS.items() if n[:8] == "pipeline"),
        "modules of pipeline": sum(n[:8] == "pipeline" for n in MODULES),
    }


def _is_function(node: ast.stmt) -> bool:
    return isinstance(node, Function)


# ---- private words ----


def names_of(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """(name, line, whether of a function) of all that a module names itself."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, node.lineno, isinstance(node, Function)
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno, False
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno, False
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno, False


def is_private_word(name: str, of_function: bool) -> bool:
    """Whether an identifier is, or holds, a private word."""
    parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    whole = name.strip("_")
    return (
        bool(parts & WORD_PARTS)
        or whole in WHOLE_NAMES
        or (of_function and whole in FUNCTION_NAMES)
    )


def private_words() -> list[str]:
    """Every place where an identifier holds a private word."""
    return sorted(
        {
            f"{PATHS[name].relative_to(ROOT)}:{line} {word}"
            for name in MODULES
            for word, line, of_function in names_of(tree_of(name))
            if is_private_word(word, of_function)
        }
    )


# ---- docstrings of arrays ----


def stated(text: str | None) -> bool:
    """Whether a docstring gives a shape and a range or type."""
    return bool(text and SHAPE.search(text) and RANGE.search(text))


def words_of(annotation: ast.expr | None) -> set[str]:
    """The names in an annotation."""
    if annotation is None:
        return set()
    found = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
    return found | {n.attr for n in ast.walk(annotation) if isinstance(n, ast.Attribute)}


@cache
def array_types(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """(aliases of arrays, those whose docstring states what they hold) of a module."""
    body = tree_of(name).body
    aliases: set[str] = set()
    documented: set[str] = set()
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and value is not None and words_of(value) & ARRAYS:
            aliases.add(target.id)
            text = getattr(getattr(after, "value", None), "value", None)
            if isinstance(text, str) and stated(text):
                documented.add(target.id)
    return frozenset(aliases), frozenset(documented)


def types_seen_by(name: str) -> tuple[set[str], set[str]]:
    """(array types, documented ones) that a module defines or imports."""
    aliases, documented = set(ARRAYS), set[str]()
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for other in {name, *internal(name)}:
        theirs, stated_there = array_types(other)
        shared = theirs if other == name else theirs & imported
        aliases |= shared
        documented |= stated_there & shared
    return aliases, documented


def public_functions(name: str) -> Iterator[tuple[Function, str]]:
    """(function, the docstring that speaks for it) of what a module offers."""
    for node in tree_of(name).body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node, ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            whole = ast.get_docstring(node) or ""
            for inner in node.body:
                if not isinstance(inner, Function):
                    continue
                if inner.name == "__init__":
                    yield inner, whole
                elif not inner.name.startswith("_"):
                    yield inner, ast.get_docstring(inner) or ""


def array_docstrings() -> tuple[int, list[str]]:
    """(public functions with arrays, those whose docstring leaves out what an array holds)."""
    count, lacking = 0, []
    for name in MODULES:
        arrays, documented = types_seen_by(name)
        for function, text in public_functions(name):
            arguments = function.args
            annotations = [a.annotation for a in (*arguments.args, *arguments.kwonlyargs)]
            used = [words_of(a) & arrays for a in (*annotations, function.returns)]
            used = [types for types in used if types]
            if not used:
                continue
            count += 1
            # "See ``Writer.write``." leaves it to the interface.
            if not (stated(text) or text.startswith("See ``") or all(t & documented for t in used)):
                lacking.append(place(name, function, function.name))
    return count, lacking


# ---- the report ----


def measure() -> dict[str, Any]:
    """All figures."""
    count, lacking = array_docstrings()
    return {
        "packages": packages(),
        "lengths": lengths(),
        "private words": private_words(),
        "functions with arrays": count,
        "arrays documented": round(1 - len(lacking) / count, 3),
        "arrays not documented": lacking,
    }


def report(facts: dict[str, Any], with_lists: bool) -> Iterator[str]:
    """The figures as lines."""
    of_packages, of_lengths = facts["packages"], facts["lengths"]
    yield f"{'package':24}{'modules':>8}{'level':>6}  imports"
    for package, row in of_packages["packages"].items():
        imports = " ".join(target.removeprefix("pipeline.") for target in row["imports"])
        yield f"{package:24}{row['modules']:>8}{row['level'] or 0:>6}  {imports}"
    yield (
        f"pipeline: {of_packages['arrows']} arrows between packages, "
        f"{of_packages['levels']} levels; cycles anywhere: {of_packages['cycles'] or 'none'}"
    )
    yield ""
    for label, value in of_lengths.items():
        yield f"{label}: {_written(value)}"
    yield ""
    yield f"identifiers with a private word: {len(facts['private words'])}"
    yield from (f"  {line}" for line in facts["private words"] if with_lists)
    yield (
        f"public functions with arrays: {facts['functions with arrays']}; "
        f"shape and range stated: {facts['arrays documented']:.1%}"
    )
    yield from (f"  {line}" for line in facts["arrays not documented"] if with_lists)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{value[0]} lines, {value[1]}"
    if isinstance(value, list):
        return "; ".join(map(_written, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--list", action="store_true", help="each private word and docstring too")
    asked = parser.parse_args()
    facts = measure()
    print(json.dumps(facts, indent=1) if asked.json else "\n".join(report(facts, asked.list)))


if __name__ == "__main__":
    main()
