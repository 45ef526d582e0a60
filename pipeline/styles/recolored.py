"""Whose colours a style paints with, and a style whose paintings are mapped to them per shot.

Nets that are compiled per shot have the map in their last kernel (``compiled``). All others paint
a shot's measured frames first; the map between the colours is then the shot's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.config import Settings
from ..core.errors import ModelError
from ..core.files import PICTURE_SUFFIXES
from ..core.frame import Frame, Rgb8Or16, TemporalState, as_rgb, rgb_8_or_16
from ..imaging.palette import OWN_COLORS, ColorGoal, ColorMap, Palette
from ..media.inputs import first_picture
from ..nets.contract import metadata_of
from .files import card_of
from .style import ShotStyle, Style


def color_goal(settings: Settings, styles: Sequence[tuple[Path, float]]) -> ColorGoal:
    """The goal that ``--palette`` names.

    Args:
        settings: with the palette.
        styles: files and their weights, which sum to 1.

    Raises:
        ModelError: a file does not hold its painting's palette.
        SourceError: a picture can't be read.
    """
    if settings.palette == "match":
        return ColorGoal(source=1.0)
    if settings.palette != "style":
        return OWN_COLORS
    palettes = [(palette_of(path), weight) for path, weight in styles]
    return ColorGoal(palette=Palette.mix(palettes))


def palette_of(path: Path) -> Palette:
    """The palette of a style: a picture's own, or what a net's file says of its painting.

    Raises:
        ModelError: the file does not say it.
        SourceError: the picture can't be read.
    """
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return Palette.of([first_picture(path)])
    import onnx  # takes a while, and most runs need none of it

    model = onnx.load(path, load_external_data=False)
    card = card_of(metadata_of(model.metadata_props), path)
    if card is None or not card.palette:
        raise ModelError(
            f"--palette style: {path.name} does not hold its painting's colours; "
            "train or export it again, or type --palette match"
        )
    try:
        return Palette.from_json(card.palette)
    except ValueError as error:
        raise ModelError(f"--palette style: {path.name}: {error}") from error


def recolored(style: Style, goal: ColorGoal) -> Style:
    """The style with the colours of ``goal``; itself where it keeps its own.

    Raises:
        ModelError: the style reads its own output, so mapped colours would be mapped again.
    """
    if goal.is_plain:
        return style
    if style.info.recurrent:
        raise ModelError(
            f"{style.info.name} is recurrent, and its colours can't be mapped; "
            "type --palette source or none"
        )
    return RecoloredStyle(style, goal)


class RecoloredStyle:
    """A style whose paintings get other colours by a linear map, one for each shot.

    Args:
        style: what paints; it is not recurrent.
        goal: whose colours it gets.
    """

    def __init__(self, style: Style, goal: ColorGoal) -> None:
        self._style = style
        self._goal = goal
        self.info = replace(style.info, planar=False, per_shot=True)

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> RecoloredShot:
        """See ``Style.compile``."""
        inner = self._style.compile(shot, strength)
        # What is left for a fade is faded after the map.
        goal = self._goal.at(strength / inner.opacity if inner.opacity else 1.0)
        return RecoloredShot.of(inner, goal, *_measure(inner, shot))


def _measure(shot: ShotStyle, frames: Sequence[Frame]) -> tuple[Palette, Palette]:
    """The palettes of the frames' paintings and of the frames."""
    painted = Palette.of([as_rgb(shot.paint(frame)) for frame in frames])
    return painted, Palette.of([as_rgb(frame.source) for frame in frames])


@dataclass(frozen=True, eq=False)
class RecoloredShot:
    """A style compiled for a shot, and the map of its colours; see ``ShotStyle``."""

    shot: ShotStyle
    goal: ColorGoal
    painted: Palette
    source: Palette
    colors: ColorMap

    @classmethod
    def of(
        cls, shot: ShotStyle, goal: ColorGoal, painted: Palette, source: Palette
    ) -> RecoloredShot:
        """With the map to ``goal``, from the palettes of paintings and their sources."""
        return cls(shot, goal, painted, source, goal.map(painted, source))

    @property
    def opacity(self) -> float:
        """See ``ShotStyle.opacity``."""
        return self.shot.opacity

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Rgb8Or16:
        """See ``ShotStyle.paint``; the result is RGB."""
        return self.colors(rgb_8_or_16(self.shot.paint(frame, state)))

    def adapt(self, frame: Frame, weight: float) -> RecoloredShot:
        """See ``ShotStyle.adapt``."""
        shot = self.shot.adapt(frame, weight)
        painted, source = (
            Palette.mix([(before, 1 - weight), (now, weight)])
            for before, now in zip(
                (self.painted, self.source), _measure(shot, [frame]), strict=True
            )
        )
        return RecoloredShot.of(shot, self.goal, painted, source)

    def mixed(self, other: RecoloredShot, weight: float, frame: Frame) -> RecoloredShot:
        """See ``ShotStyle.mixed``."""
        shot = self.shot.mixed(other.shot, weight, frame)
        painted, source = (
            Palette.mix([(mine, 1 - weight), (others, weight)])
            for mine, others in ((self.painted, other.painted), (self.source, other.source))
        )
        return RecoloredShot.of(shot, self.goal, painted, source)
