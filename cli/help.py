"""Commands in words: ``--help`` with PATH, NUMBER and TEXT, and options that were renamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.core import TyperCommand

_WORDS = {int: "NUMBER", float: "NUMBER", str: "TEXT", Path: "PATH"}


class PlainCommand(TyperCommand):
    """A command whose ``--help`` names values in words, and which knows what was renamed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, ``--help`` among them."""
        return [in_words(parameter) for parameter in super().get_params(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; an option of an earlier version is refused with its new name."""
        from ..pipeline.core.config import RENAMED

        known = {name for parameter in self.params for name in parameter.opts}
        for before, now in RENAMED.items():
            old, new = ("--" + name.replace("_", "-") for name in (before, now))
            if new in known and any(arg.partition("=")[0] == old for arg in args):
                ctx.fail(f"There is no option {old}. Did you mean {new}?")
        return super().parse_args(ctx, args)


def in_words(parameter: Any) -> Any:
    """The same parameter, with a word for its type where it has none of its own.

    An argument gets its name in capitals and no type; a flag gets no type. An older Typer,
    without ``type_descriptor``, has readable types of its own.
    """
    described = getattr(parameter, "type_descriptor", None)
    if described is None:
        return parameter
    if parameter.param_type_name == "argument":
        parameter.metavar = parameter.metavar or str(parameter.name).upper()
        parameter.display_type_rich = _nothing  # Typer has no setting that leaves it out
    elif parameter.is_flag:
        parameter.metavar = ""
    elif parameter.metavar is None:
        parameter.metavar = _word(described.annotation)
    return parameter


def _nothing(ctx: Any) -> None:
    pass


def _word(kind: Any) -> str | None:
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) is list:
        return _word(get_args(kind)[0])
    return _WORDS.get(kind)
