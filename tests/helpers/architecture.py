"""The table of packages, and the imports of the code, read from its text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

PIPELINE = {
    "core": "",
    "imaging": "core",
    "media": "core",
    "nets": "core",
    "temporal": "core imaging nets",
    "timeline": "core",
    "people": "core imaging nets",
    "styles": "core imaging media nets people temporal timeline",
    "evaluation": "core imaging temporal",
    "keyframes": "core imaging media temporal styles",
    "web": "core",
    "live": "core imaging media people temporal styles web",
    "bake": "core imaging media temporal styles",
    "batch": "core media live",
    "studio": "core imaging media nets temporal styles web plan planning chunks",
    "contact_sheet": "core imaging media temporal styles",
    "shot_list": "core imaging media temporal timeline styles contact_sheet",
    "plan": "core imaging media people temporal timeline styles keyframes",
    "planning": "core imaging media people temporal timeline styles keyframes plan",
    "chunks": "core imaging media people temporal timeline styles keyframes plan planning",
    "render": "core imaging media temporal styles keyframes plan planning chunks",
}
"""Package or module of ``pipeline/`` → those of ``pipeline/`` that it may import."""

ROOMS = {
    "models": {"pipeline.core.errors"},
    "export": {"models", "pipeline"},
    "cli": {"models", "export", "pipeline"},
    "pipeline": {"pipeline"},
}
"""Room → what it may import of the other rooms."""


def _name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {_name_of(p): p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))}
"""Dotted name of every module, its room first → the file."""

MODULES = tuple(PATHS)


def package_of(name: str) -> str:
    """The row of the table: ``pipeline.media``, ``pipeline.render``; other rooms are one row."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "pipeline" else parts[0]


@cache
def _imports(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """(absolute names, names of this project's modules) that a module imports anywhere."""
    absolute: set[str] = set()
    ours: set[str] = set()
    here = PATHS[name].relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(PATHS[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            absolute |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            absolute.add(node.module or "")
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level + 1]
            module = ".".join((*above, *([node.module] if node.module else [])))
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                ours.add(inner if inner in PATHS else module)
    return frozenset(absolute), frozenset(ours - {name})


def imported(name: str) -> frozenset[str]:
    """Absolute names that a module imports: libraries."""
    return _imports(name)[0]


def internal(name: str) -> frozenset[str]:
    """Modules of this project that a module imports."""
    return _imports(name)[1]


def package_arrows() -> dict[str, set[str]]:
    """Package → the other packages that its modules import."""
    arrows: dict[str, set[str]] = {}
    for name in MODULES:
        own = package_of(name)
        arrows.setdefault(own, set()).update(map(package_of, internal(name)))
    return {own: targets - {own} for own, targets in arrows.items()}


def cycles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of two nodes or more that reach each other, found by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(group)

    for node in graph:
        if node not in index:
            visit(node)
    return found
