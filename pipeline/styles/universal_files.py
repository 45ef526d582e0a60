"""A method for any style, as its two files: prepared once per style and per shot, then applied.

What they hold, ``export/universal.py`` and ``export/styleswap.py`` say. The portrait of a style and
the maps of a shot are plain arrays by name; a frame is painted by ``apply`` and the maps of its
shot alone. Maps are whatever ``apply`` asks for. A prepare file with an input ``content`` finds
them for every shot; without one, they are the portrait itself and the strength.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.utils import Extractor

from ..core.errors import ModelError, reason
from ..core.frame import Rgb
from ..imaging.segmentation import Labels, fit_labels
from ..nets.contract import INPUT, ModelCard

Arrays = Mapping[str, NDArray[Any]]
"""By name: a portrait (``mean.SITE``, ``root.SITE``, ``weight.SITE``; or ``patches``), or maps
(``matrix.SITE``, ``shift.SITE``; or ``patches``, ``strength``); the first axis of each is the
label."""

Seen = tuple[Rgb, Labels | None]
"""A frame and its labels."""

MOST_PATCHES = 4096
"""Of all styles together: the correlations with them all are held at once."""

_SHOT = "content"
"""The input with which the half of ``prepare`` begins that hears a shot, if there is one."""


@dataclass(frozen=True, eq=False)
class StyleMix:
    """What is painted with."""

    portrait: Arrays
    strength: float = 1.0


class UniversalFiles:
    """A method's two files, opened.

    Args:
        prepare: ``NAME.prepare.onnx``.
        open_session: a model's bytes → a session.
        apply: the other file; ``NAME.apply.onnx`` beside it, if it is not named.

    Raises:
        ModelError: a file is missing, or is not such a file.
    """

    def __init__(self, prepare: Path, open_session: Any, apply: Path | None = None) -> None:
        apply = apply or prepare.with_name(prepare.name.replace(".prepare.", ".apply."))
        graph, self.apply = _loaded(prepare), _loaded(apply)
        self.card = _card(graph, prepare)
        self.scales: dict[str, int] = json.loads(self.card.layers or "{}")
        self._open = open_session
        self._sessions: dict[str, Any] = {}
        self._asked = [port.name for port in self.apply.graph.input if port.name != INPUT]
        try:
            self._portrait, self._maps = _halves(graph, self._asked)
        except (ValueError, onnx.checker.ValidationError) as error:
            raise ModelError(f"{prepare} is no prepare file: {reason(error)}") from error

    def portrait(self, style: Rgb, labels: Labels | None = None) -> Arrays:
        """A style picture (H, W, 3), once for all frames; labels, where the method knows any."""
        fed = {"style": style[None], "style_labels": fit_labels(labels, style)[None]}
        return self._run("portrait", self._portrait, fed)

    def maps(self, frames: Sequence[Seen], look: StyleMix) -> Arrays:
        """Of a shot, from frames of one size."""
        strength = np.array(look.strength, np.float32)
        if self._maps is None:
            known = {**look.portrait, "strength": strength[None]}
            return {name: known[name] for name in self._asked}
        fed = {
            _SHOT: np.stack([rgb for rgb, _ in frames]),
            "content_labels": np.stack([fit_labels(labels, rgb) for rgb, labels in frames]),
            "strength": strength,
        }
        fed |= {f"style.{name}": values for name, values in look.portrait.items()}
        return self._run("maps", self._maps, fed)

    def _run(self, name: str, model: onnx.ModelProto, fed: dict[str, Any]) -> Arrays:
        if name not in self._sessions:
            self._sessions[name] = self._open(model.SerializeToString())
        session = self._sessions[name]
        names = [port.name for port in session.get_outputs()]
        heard = {port.name: fed[port.name] for port in model.graph.input}
        return dict(zip(names, session.run(names, heard), strict=True))


def mixed(portraits: Sequence[Arrays], shares: Sequence[float]) -> Arrays:
    """Between several styles; shares sum to 1."""
    return {
        name: _MIXED.get(name.partition(".")[0], _between)([p[name] for p in portraits], shares)
        for name in portraits[0]
    }


def _between(parts: Sequence[NDArray[Any]], shares: Sequence[float]) -> NDArray[Any]:
    total = np.sum([s * part for s, part in zip(shares, parts, strict=True)], axis=0)
    return total.astype(np.float32)


def _least(parts: Sequence[NDArray[Any]], shares: Sequence[float]) -> NDArray[Any]:
    return np.min(parts, axis=0)


def _together(parts: Sequence[NDArray[Any]], shares: Sequence[float]) -> NDArray[Any]:
    """Patches (1, P, C, k, k), of each picture as many as its share is, evenly spaced.

    There is nothing between two patches; what can be mixed is how many there are to choose from.
    """
    count = min(MOST_PATCHES, *(p.shape[1] / s for p, s in zip(parts, shares, strict=True)))
    picked = [
        part[:, np.linspace(0, part.shape[1] - 1, max(1, round(share * count))).astype(int)]
        for part, share in zip(parts, shares, strict=True)
    ]
    return np.concatenate(picked, axis=1)


_MIXED: Mapping[str, Callable[[Sequence[NDArray[Any]], Sequence[float]], NDArray[Any]]] = {
    "weight": _least,
    "patches": _together,
}
"""What of a portrait is mixed otherwise than by weights."""


def _halves(
    prepare: onnx.ModelProto, asked: Sequence[str]
) -> tuple[onnx.ModelProto, onnx.ModelProto | None]:
    """What gives a portrait, and what gives the maps that ``asked`` names, if a shot is heard.

    Raises:
        ValueError: it is no such graph.
    """
    inputs = [port.name for port in prepare.graph.input]
    outputs = [port.name for port in prepare.graph.output]
    if "style" not in inputs:
        raise ValueError("it has no input 'style'")
    unknown = {*asked} - {*outputs, "strength"}
    if unknown:
        raise ValueError(f"it gives no '{min(unknown)}', for which the apply file asks")
    extracted = Extractor(prepare).extract_model
    if _SHOT not in inputs:
        return extracted(inputs, outputs), None
    split = inputs.index(_SHOT)
    told = [name for name in outputs if name not in asked]
    found = [name for name in outputs if name in asked]
    return extracted(inputs[:split], told), extracted(inputs[split:], found)


def _card(model: onnx.ModelProto, path: Path) -> ModelCard:
    try:
        card = ModelCard.from_metadata({p.key: p.value for p in model.metadata_props})
    except ValueError as error:
        raise ModelError(f"{path}: {reason(error)}") from error
    return card or ModelCard(name=path.stem, kind="")


def _loaded(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; a method's two files lie side by side") from error
    except Exception as error:
        raise ModelError(f"{path} can't be read: {reason(error)}") from error
