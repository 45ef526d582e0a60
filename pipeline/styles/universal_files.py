"""A universal method as its two files: ``prepare``, per style and per shot; ``apply``, per frame.

``export/universal.py`` and ``export/styleswap.py`` write them. The statistics of a style and the
affine maps of a shot are plain arrays by name; ``apply`` needs the frame and the maps of its shot
alone. The maps are the inputs of ``apply``. A prepare file with an input ``content`` computes them
for every shot; without one, they are the style statistics themselves and the strength.
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
from ..nets.contract import INPUT, ModelCard, metadata_of

Arrays = Mapping[str, NDArray[Any]]
"""By name: style statistics (``mean.LAYER``, ``root.LAYER``, ``weight.LAYER``; or ``patches``), or
affine maps (``matrix.LAYER``, ``shift.LAYER``; or ``patches``, ``strength``); the first axis of
each is the label."""

Seen = tuple[Rgb, Labels | None]
"""A frame and its labels."""

MOST_PATCHES = 4096
"""Of all styles together: the correlations with them all are held at once."""

_SHOT = "content"
"""The input with which the half of ``prepare`` begins that measures a shot, if there is one."""


@dataclass(frozen=True, eq=False)
class StyleMix:
    """The statistics of style pictures, and how strongly they are transferred."""

    statistics: Arrays
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
        self.scales = _scales(self.card, prepare)
        self._open = open_session
        self._sessions: dict[str, Any] = {}
        self._map_names = [port.name for port in self.apply.graph.input if port.name != INPUT]
        try:
            self._style_half, self._shot_half = _halves(graph, self._map_names)
        except (ValueError, onnx.checker.ValidationError) as error:
            raise ModelError(f"{prepare} is no prepare file: {reason(error)}") from error

    def statistics(self, style: Rgb, labels: Labels | None = None) -> Arrays:
        """The statistics of a style picture.

        Args:
            style: (H, W, 3) uint8, 0–255, RGB.
            labels: (h, w, K), 0–255, of any size, where the method knows labels.
        """
        inputs = {"style": style[None], "style_labels": fit_labels(labels, style)[None]}
        return self._run("statistics", self._style_half, inputs)

    def affine_maps(self, frames: Sequence[Seen], mix: StyleMix) -> Arrays:
        """The affine maps of a shot, measured on frames of one size.

        Args:
            frames: (H, W, 3) uint8, 0–255, RGB each, with their labels.
            mix: the style.
        """
        strength = np.array(mix.strength, np.float32)
        if self._shot_half is None:
            known = {**mix.statistics, "strength": strength[None]}
            return {name: known[name] for name in self._map_names}
        inputs = {
            _SHOT: np.stack([rgb for rgb, _ in frames]),
            "content_labels": np.stack([fit_labels(labels, rgb) for rgb, labels in frames]),
            "strength": strength,
        }
        inputs |= {f"style.{name}": values for name, values in mix.statistics.items()}
        return self._run("maps", self._shot_half, inputs)

    def _run(self, name: str, model: onnx.ModelProto, inputs: dict[str, Any]) -> Arrays:
        if name not in self._sessions:
            self._sessions[name] = self._open(model.SerializeToString())
        session = self._sessions[name]
        names = [port.name for port in session.get_outputs()]
        own = {port.name: inputs[port.name] for port in model.graph.input}
        return dict(zip(names, session.run(names, own), strict=True))


def mix_statistics(styles: Sequence[Arrays], weights: Sequence[float]) -> Arrays:
    """The statistics between several styles; weights sum to 1.

    Args:
        styles: of each, means (K, C) and roots (K, C, C), float32; or patches (1, P, C, k, k).
        weights: one for each style.
    """
    return {
        name: _MIXERS.get(name.partition(".")[0], _between)([s[name] for s in styles], weights)
        for name in styles[0]
    }


def _between(parts: Sequence[NDArray[Any]], weights: Sequence[float]) -> NDArray[Any]:
    total = np.sum([w * part for w, part in zip(weights, parts, strict=True)], axis=0)
    return total.astype(np.float32)


def _least(parts: Sequence[NDArray[Any]], weights: Sequence[float]) -> NDArray[Any]:
    return np.min(parts, axis=0)


def _together(parts: Sequence[NDArray[Any]], weights: Sequence[float]) -> NDArray[Any]:
    """Patches (1, P, C, k, k), of each picture as many as its weight says, evenly spaced.

    There is nothing between two patches; what can be mixed is how many there are to choose from.
    """
    count = min(MOST_PATCHES, *(p.shape[1] / w for p, w in zip(parts, weights, strict=True)))
    picked = [
        part[:, np.linspace(0, part.shape[1] - 1, max(1, round(weight * count))).astype(int)]
        for part, weight in zip(parts, weights, strict=True)
    ]
    return np.concatenate(picked, axis=1)


_MIXERS: Mapping[str, Callable[[Sequence[NDArray[Any]], Sequence[float]], NDArray[Any]]] = {
    "weight": _least,
    "patches": _together,
}
"""Statistics that are not mixed by a weighted mean."""


def _halves(
    prepare: onnx.ModelProto, names: Sequence[str]
) -> tuple[onnx.ModelProto, onnx.ModelProto | None]:
    """The half of the graph that measures a style, and the half that measures a shot, if any.

    ``names`` are the maps that the apply file takes.

    Raises:
        ValueError: it is no such graph.
    """
    inputs = [port.name for port in prepare.graph.input]
    outputs = [port.name for port in prepare.graph.output]
    if "style" not in inputs:
        raise ValueError("it has no input 'style'")
    unknown = {*names} - {*outputs, "strength"}
    if unknown:
        raise ValueError(f"it gives no '{min(unknown)}', for which the apply file asks")
    extracted = Extractor(prepare).extract_model
    if _SHOT not in inputs:
        return extracted(inputs, outputs), None
    split = inputs.index(_SHOT)
    statistics = [name for name in outputs if name not in names]
    affine = [name for name in outputs if name in names]
    return extracted(inputs[:split], statistics), extracted(inputs[split:], affine)


def _card(model: onnx.ModelProto, path: Path) -> ModelCard:
    try:
        card = ModelCard.from_metadata(metadata_of(model.metadata_props))
    except ValueError as error:
        raise ModelError(f"{path}: {reason(error)}") from error
    return card or ModelCard(name=path.stem, kind="")


def _scales(card: ModelCard, path: Path) -> dict[str, int]:
    try:
        scales = dict(json.loads(card.layers or "{}"))
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} does not say its layers: {reason(error)}") from error
    if not all(isinstance(scale, int) and scale > 0 for scale in scales.values()):
        raise ModelError(f"{path} does not say its layers as numbers from 1")
    return scales


def _loaded(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; a method's two files lie side by side") from error
    except Exception as error:
        raise ModelError(f"{path} can't be read: {reason(error)}") from error
