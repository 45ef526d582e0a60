"""Read a YAML file of settings, of which nothing is believed: plain values, lists, mappings.

PyYAML's own loader makes dates of text, seconds of ``1:30`` and gigabytes of a few aliases, and of
a key that is given twice it believes the second. Here the file is read as a stream of events, in
one pass, and only what settings need is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml import events

from .errors import SettingsError, reason

_MOST_BYTES = 100_000  # of settings
_DEEPEST = 4  # a setting is a value, a list or a mapping, in the mapping of all; one more to spare
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **{w: v for v, t in ((True, "yes true on"), (False, "no false off")) for w in t.split()},
}
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d{0,17})")  # longer ones, and 007, stay text
_FLOAT = re.compile(r"[-+]?(\d{1,300}\.\d{0,300}|\.\d{1,300})([eE][-+]?\d{1,9})?")
_NO_NUMBER = re.compile(r"([-+]?)\.(inf|nan)", re.IGNORECASE)


class YamlMapping(dict[Any, Any]):
    """A mapping that knows in which lines of its file it, and each of its keys, begin.

    Args:
        line: the first of its lines, from 1 on.
    """

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[Any, int] = {}
        """Key → its line, from 1 on."""


def load_yaml(path: Path, label: str, most_bytes: int = _MOST_BYTES) -> Any:
    """The one document of a file: ``None``, text, numbers, lists, mappings (``YamlMapping``).

    Args:
        path: the file.
        label: what the user typed it as, for messages.
        most_bytes: a longer file is refused.

    Raises:
        SettingsError: it can't be read, is no YAML, or has what settings have no use for: aliases,
            tags, a key twice.
    """
    text = _text(path, label, most_bytes)
    try:
        return _Builder(text).document()
    except _RefusalError as error:
        raise SettingsError(f"{label}: {error}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # of numbers in escapes
        raise SettingsError(f"{label} is not YAML: {_why(error, text)}") from error


def _text(path: Path, label: str, most_bytes: int) -> str:
    try:
        if path.exists() and not path.is_file():
            what = "folder" if path.is_dir() else "pipe or a device"
            raise SettingsError(f"{label} can't be read: it is a {what}; give a file")
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{label} can't be read: {reason(error)}") from error
    if len(raw) > most_bytes:
        raise SettingsError(f"{label} is longer than {most_bytes} bytes: no file of settings is")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{label} is not YAML: line {line} holds a byte {raw[error.start]:#04x} that is not "
            "UTF-8; save it as UTF-8"
        ) from error


def _why(error: Exception, text: str) -> str:
    """The line in which PyYAML gave up, and why."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"line {text.count(chr(10), 0, error.position) + 1}: {reason(error)}"
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    return reason(error) if mark is None else f"line {mark.line + 1}: {problem}"


class _RefusalError(Exception):
    """What is YAML, but nothing for settings."""

    def __init__(self, event: Any, why: str) -> None:
        super().__init__(f"line {_line(event)}: {why}")


class _Builder:
    """Builds values of a text's events, without recursion deeper than ``_DEEPEST``."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, yaml.SafeLoader))

    def document(self) -> Any:
        """The only document; ``None`` if there is none."""
        next(self._events)  # the stream's start
        if isinstance(next(self._events), events.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        next(self._events)  # the document's end
        more = next(self._events)
        if not isinstance(more, events.StreamEndEvent):
            raise _RefusalError(more, "a second document begins; keep one")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, events.AliasEvent):
            raise _RefusalError(event, f"*{event.anchor} is an alias; write its value out")
        if event.tag is not None and event.tag != "!":
            raise _RefusalError(event, f"the tag {event.tag} is not read; leave it out")
        if isinstance(event, events.ScalarEvent):
            return _scalar(event)
        if depth == _DEEPEST:
            raise _RefusalError(event, "lists or mappings within each other; no setting is one")
        if isinstance(event, events.SequenceStartEvent):
            return self._list(depth)
        return self._mapping(event, depth)

    def _list(self, depth: int) -> list[Any]:
        made: list[Any] = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            made.append(self._value(event, depth + 1))
        return made

    def _mapping(self, start: Any, depth: int) -> YamlMapping:
        made = YamlMapping(_line(start))
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            if not isinstance(event, events.ScalarEvent):
                raise _RefusalError(event, "a list or a mapping can't name a setting")
            text = str(event.value)
            if text in lines:
                raise _RefusalError(event, f"'{text}' is given in line {lines[text]} too; keep one")
            lines[text] = _line(event)
            key = self._value(event, depth + 1)
            made[key] = self._value(next(self._events), depth + 1)
            made.lines[key] = lines[text]
        return made


def _scalar(event: events.ScalarEvent) -> Any:
    text = str(event.value)
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise _RefusalError(event, "a character that no name can hold")
    if event.style is not None:  # quoted
        return text
    word = text.lower() if text in (text.lower(), text.title(), text.upper()) else text
    if text in _WORDS or word in _WORDS:
        return _WORDS.get(text, _WORDS.get(word))
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    no_number = _NO_NUMBER.fullmatch(text)
    return text if no_number is None else float("".join(no_number.groups()))


def _line(event: Any) -> int:
    return event.start_mark.line + 1
