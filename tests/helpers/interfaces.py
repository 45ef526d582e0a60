"""Which classes of the code satisfy an interface, read from its text."""

from __future__ import annotations

import ast

from .architecture import MODULES, PATHS


def implementations(module: str, interface: str) -> set[str]:
    """Public classes with every method of a protocol, and arguments of the same names.

    Args:
        module: that defines the protocol, such as ``pipeline.media.source``.
        interface: the protocol's name.
    """
    wanted = next(c for c in _classes(module) if c.name == interface)
    signatures = _signatures(wanted)
    assert signatures, f"{interface} has no methods"
    return {
        found.name
        for name in MODULES
        for found in _classes(name)
        if found is not wanted
        and not found.name.startswith("_")
        and not any(isinstance(b, ast.Name) and b.id == "Protocol" for b in found.bases)
        and signatures.items() <= _signatures(found).items()
    }


def _classes(name: str) -> list[ast.ClassDef]:
    return [n for n in _tree(name).body if isinstance(n, ast.ClassDef)]


_TREES: dict[str, ast.Module] = {}


def _tree(name: str) -> ast.Module:
    if name not in _TREES:
        _TREES[name] = ast.parse(PATHS[name].read_text(encoding="utf-8"))
    return _TREES[name]


def _signatures(of: ast.ClassDef) -> dict[str, tuple[str, ...]]:
    """Method → the names of its arguments; properties, which may be fields, are left out."""
    return {
        method.name: tuple(a.arg for a in method.args.args)
        for method in of.body
        if isinstance(method, ast.FunctionDef) and not method.decorator_list
    }
