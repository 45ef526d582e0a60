"""What a visitor has chosen, checked: settings by name, and files of the folder alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from ..core.config import Settings, checked
from ..core.errors import SettingsError, nearest
from ..core.units import split_weight
from ..styles.zoo import zoo
from ..web.requests import RequestError
from .folder import StudioFolder
from .library import Clip, Library
from .notes import ClipNotes

_PLAIN = frozenset(
    [
        "strength",
        "look",
        "style_scale",
        "canvas",
        "palette",
        "method",
        "learn_steps",
        "smooth",
        "size",
        "start",
        "end",
        "cfr",
        "mirror",
        "hdr",
        "gaps",
        "interlaced",
        "crf",
        "codec",
        "encoder_option",
        "mask_feather",
        "mask_invert",
        "steady",
        "repaint",
        "flow",
        "key_every",
        "chunk_seconds",
        "between",
        "device",
        "precision",
        "statistics",
        "protect",
        "protect_strength",
        "hold",
        "paper",
        "grain",
        "save_settings",
    ]
)
"""Settings that name no file."""
_FILES = frozenset(["style", "mask", "content_mask", "style_mask", "keyframes", "timeline"])
"""Settings that may name files. All others are not for the page."""

_ENCODER_OPTIONS = frozenset(["g", "level", "pix_fmt", "preset", "profile", "qp", "tune"])

_OWN = {"mask": "brush", "timeline": "clip", "keyframes": "clip"}
"""Setting → the word for what the studio keeps of the clip."""
_PAINTING = "painting:"


class Choices:
    """Checks settings, and replaces ids by files.

    Args:
        folder: of the studio.
        library: its clips and paintings.
        notes: what was drawn and written on the page for a clip.
    """

    def __init__(self, folder: StudioFolder, library: Library, notes: ClipNotes) -> None:
        self._folder = folder
        self._library = library
        self._notes = notes

    @property
    def known(self) -> frozenset[str]:
        """The settings that the page may choose."""
        return (_PLAIN | _FILES) & Settings.model_fields.keys()

    def settings(self, clip: Clip, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that are to be typed: those that are not at their defaults.

        Args:
            clip: that they are for.
            chosen: setting → value, as in ``config.yaml``. ``painting:ID`` is a picture or style
                file of the folder. What the page keeps of the clip: ``mask: brush``,
                ``timeline: clip``, ``keyframes: clip``.

        Raises:
            RequestError: a setting does not exist here, or names a file outside of the folder.
            SettingsError: a wrong value, named.
        """
        known = self.known
        values: dict[str, Any] = {}
        for name, value in chosen.items():
            if name not in known:
                raise RequestError(400, f"the page can't set {name[:40]}")
            if value is not None and value != "":
                values[name] = value
        typed = checked(Settings, values, "").model_dump(mode="json", include=set(values))
        values = {name: self._filed(clip, name, value) for name, value in typed.items()}
        settings = checked(Settings, values, "")
        return {name: v for name, v in values.items() if _is_to_be_typed(name, settings)}

    def _filed(self, clip: Clip, name: str, value: Any) -> Any:
        """A checked value with files in place of ids; no text in it leads out of the folder."""
        if name == "style":
            styles = [self._style(style) for style in value]
            return styles if len(styles) > 1 else styles[0]
        if isinstance(value, list):
            return [self._filed(clip, name, item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            return _encoder_options(cast("dict[str, Any]", value))
        if not isinstance(value, str):
            return value
        if value == _OWN.get(name):
            return str(self._notes.file(clip, name))
        if name in _FILES:
            return self.file(value)
        self._refuse_outside(value)
        return value

    def _style(self, text: str) -> str:
        name, weight = text, ""
        if not text.startswith(_PAINTING) or text.count(":") > 1:
            bare, number = split_weight(text)
            name, weight = (text, "") if bare == text else (bare, f":{number:g}")
        if name in zoo():
            return name + weight
        found = self.file(name)
        if not Path(found).is_file():
            raise RequestError(404, f"there is no style '{name[:80]}'{nearest(name, zoo())}")
        return found + weight

    def scalar(self, clip: Clip, value: str, written: str) -> str:
        """Return a value of a timeline as it is to be written: ids become files.

        Args:
            clip: that it is of.
            value: the text, or a number's text.
            written: as it stands in the timeline.

        Raises:
            RequestError: it leads out of the folder.
        """
        found = re.fullmatch(r"painting:([0-9a-f]{12})(:[\d.]+)?", value)
        if found is not None:
            path = self._library.painting(found[1]).path
            return json.dumps(f"{path}{found[2] or ''}", ensure_ascii=False)
        if value == _OWN["mask"]:
            return json.dumps(str(self._notes.file(clip, "mask")), ensure_ascii=False)
        if re.fullmatch(r"[-+]?(\d+(:\d+)*(\.\d*)?|\.\d+)", value):
            return written
        self._refuse_outside(split_weight(value)[0])
        return written

    def file(self, text: str) -> str:
        """Return the whole name of a file in the folder, or a word that is no file's name.

        Args:
            text: ``painting:ID``, a path, or a word such as ``person``.

        Raises:
            RequestError: 403, it leads out of the folder; 404, nothing has that id.
        """
        if text.startswith(_PAINTING):
            return str(self._library.painting(text.removeprefix(_PAINTING)).path)
        path = self._refuse_outside(text)
        return str(path.absolute()) if path.exists() else _word(text)

    def _refuse_outside(self, text: str) -> Path:
        if "\0" in text or len(text) > 1000:
            raise RequestError(400, "that is no name of a file")
        path = self._folder.root / text
        if not self._folder.holds(path) or "://" in text or text.startswith("~"):
            raise RequestError(403, f"{text[:80]} is outside of the studio's folder")
        if _is_hidden(path, self._folder.root):
            raise RequestError(403, f"{text[:80]} is the studio's own")
        return path


def _encoder_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of an encoder that change the picture: others could name files to write."""
    for key, value in options.items():
        if key not in _ENCODER_OPTIONS or re.fullmatch(r"[\w.+-]{1,40}", str(value)) is None:
            known = ", ".join(sorted(_ENCODER_OPTIONS))
            raise RequestError(400, f"the page can't set the encoder's {key[:40]}; only {known}")
    return options


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.resolve().relative_to(root).parts)


def _word(text: str) -> str:
    if re.fullmatch(r"[\w.,:+ -]{1,100}", text) is None:
        raise RequestError(404, f"there is no {text[:80]} in the studio's folder")
    return text


def _is_to_be_typed(name: str, settings: Settings) -> bool:
    """Whether a setting changes anything; what is typed and does not apply is refused later."""
    if name == "style" or (name == "palette" and settings.method == "learn"):
        return True  # learning has a palette of its own by default
    return getattr(settings, name) != Settings.model_fields[name].get_default()


def filled_timeline(text: str, clip: Clip, choices: Choices) -> str:
    """Return a timeline with files in place of the ids of paintings, and of ``mask: brush``.

    Raises:
        RequestError: it is no YAML, or names a file outside of the folder.
    """
    pieces: list[str] = []
    done = 0
    try:
        for token in yaml.scan(text):
            if isinstance(token, (yaml.AliasToken, yaml.TagToken)):
                raise RequestError(400, "a timeline has no YAML aliases and no tags")
            if isinstance(token, yaml.ScalarToken):
                begin, end = token.start_mark.index, token.end_mark.index
                pieces += [text[done:begin], choices.scalar(clip, token.value, text[begin:end])]
                done = end
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        raise RequestError(400, f"the timeline is no YAML{where}") from error
    return "".join(pieces) + text[done:]


def as_settings_error(error: SettingsError) -> RequestError:
    """Return a wrong value as the answer to a request."""
    return RequestError(400, str(error))
