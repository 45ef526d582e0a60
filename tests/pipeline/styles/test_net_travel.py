"""The way between two nets of one base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb, as_rgb
from stylize_video.pipeline.styles.net_travel import NetTravel
from stylize_video.pipeline.styles.style import ShotStyle
from stylize_video.pipeline.styles.zoo import find_style

from ...helpers.open_styles import open_file
from ...helpers.scenes import texture

Paint = Callable[[ShotStyle], Rgb]


@pytest.fixture(scope="module")
def relatives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two built-in styles as if they had one base: their nets have one form."""
    folder = tmp_path_factory.mktemp("relatives")
    for name in ("udnie", "starry-night"):
        model = onnx.load(find_style(name))
        for entry in model.metadata_props:
            if entry.key.endswith("family"):
                entry.value = "one"
        onnx.save(model, folder / f"{name}.onnx")
    return folder / "udnie.onnx", folder / "starry-night.onnx"


@pytest.fixture(scope="module")
def frame() -> Frame:
    return Frame(texture(96, 128), 0, Fraction(1), cut=True)


def far(a: Rgb, b: Rgb) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_the_way_leads_evenly_through_real_mixtures(relatives: tuple[Path, Path], frame: Frame):
    def paint(shot: ShotStyle) -> Rgb:
        return as_rgb(shot.paint(frame))

    start, end = (open_file(path).compile([frame]) for path in relatives)
    way = NetTravel.between(start, end, [frame])
    assert way is not None
    pictures = [paint(way.at(place / 16, frame)) for place in range(17)]
    whole = far(pictures[0], pictures[-1])
    assert far(paint(start), pictures[0]) < whole / 20
    assert far(paint(end), pictures[-1]) < whole / 20
    steps = [far(a, b) for a, b in pairwise(pictures)]
    assert max(steps) < whole / 4
    both = open_file(*(f"{path}:0.5" for path in relatives)).compile([frame])
    assert far(paint(both), pictures[8]) < whole / 20


def test_it_follows_the_light(relatives: tuple[Path, Path], frame: Frame):
    start, end = (open_file(path).compile([frame]) for path in relatives)
    way = NetTravel.between(start, end, [frame])
    dark = replace(frame, source=frame.source // 2)  # pyright: ignore
    other = NetTravel.between(start, end, [dark])
    assert way is not None and other is not None
    pictures = [
        as_rgb(one.at(0.5, frame).paint(dark)) for one in (way, way.mixed(other, 0.5), other)
    ]
    assert 0 < far(pictures[0], pictures[1]) < far(pictures[0], pictures[2])
    adapted = as_rgb(way.adapt(dark, 1.0).at(0.5, frame).paint(dark))
    assert far(adapted, pictures[2]) < far(pictures[0], pictures[2]) / 4


def test_there_is_no_way_between_strangers(relatives: tuple[Path, Path], frame: Frame):
    shots = [open_file(name).compile([frame]) for name in ("udnie", "great-wave")]
    assert NetTravel.between(*shots, [frame]) is None
    other = open_file(relatives[0], style_scale=2).compile([frame])
    start = open_file(relatives[1]).compile([frame])
    assert NetTravel.between(start, other, [frame]) is None
