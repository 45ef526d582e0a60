"""Text that a terminal only displays: names of files and streams may hold codes that command it."""

from __future__ import annotations

import unicodedata

import typer

# Control characters, halves of pairs (bytes of a name that are not UTF-8), ends of lines.
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
# What turns the direction of the text that follows: a name may not rewrite the rest of its line.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    r"""``text`` on one line, with what a terminal would obey written out: ``\x1b``, ``\n``."""
    return text if text.isprintable() else "".join(map(_written_out, text))


def echo(line: str, err: bool = False) -> None:
    """Print one line on standard output, or on standard error."""
    typer.echo(printable(line), err=err)


def _written_out(character: str) -> str:
    if character not in _TURNS and unicodedata.category(character) not in _UNSEEN:
        return character
    if "\udc80" <= character <= "\udcff":  # a byte, as Python keeps it in the name of a file
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
