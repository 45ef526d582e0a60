"""How well a style paints, in figures: what ``evaluate --style`` and ``train`` report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.evaluation.strokes import Description
    from ..models.nets.vgg19 import VGG19
    from ..pipeline.core.frame import Rgb


@dataclass(frozen=True)
class StyleFigures:
    """How near a result is to a painting, and what is left of its source."""

    bare: float
    """Fraction of the source's flat windows that are left without paint, 0..1."""
    paint: float
    """Contrast in the source's flat windows over the painting's."""
    layout: float
    """Fraction of the result's colours that the source explains: a tint 0.94, a camouflage 0.4."""
    swd: float
    """Sliced Wasserstein-1 distance of the colours, L*a*b*."""
    lab: float
    """Gaussian Wasserstein-2 distance of the colours, L*a*b*."""
    chroma: float
    """Standard deviation of a* and b* over the painting's."""
    content: float
    """Squared error of relu4_2 over the source's squared features."""
    clouds: float
    """Energy of strokes over that of soft spots in the source's flat windows, over the same of the
    painting: 1 is as painted, below 0.5 is cloudy."""


NAMES = tuple(field.name for field in fields(StyleFigures))
"""The figures, in the order of the tables."""


@dataclass(frozen=True)
class Described:
    """A picture at the size at which pictures are compared, and what VGG-19 sees in it."""

    rgb: Rgb
    """(H, W, 3) uint8, 0–255, RGB."""
    seen: Description


def described(vgg: VGG19, rgb: Rgb) -> Described:
    """Resize a picture, (H, W, 3) uint8, 0–255, RGB, to be compared, and describe it."""
    from ..models.evaluation.strokes import describe
    from ..pipeline.evaluation.colours import reduce_to_compare

    reduced = reduce_to_compare(rgb)
    return Described(reduced, describe(vgg, reduced))


class StyleJudge:
    """Compares results with one painting.

    Args:
        painting: the painting whose style they have.
    """

    def __init__(self, painting: Described) -> None:
        from ..pipeline.evaluation.colours import Palette
        from ..pipeline.evaluation.texture import stroke_ratio

        self._painting = painting
        self._palette = Palette(painting.rgb)
        self._strokes = stroke_ratio(painting.rgb)

    def figures(self, source: Described, result: Described) -> StyleFigures:
        """Compute the figures of one result; its source has the same size."""
        from ..models.evaluation.strokes import bare, content_error, paint
        from ..pipeline.evaluation.colours import layout
        from ..pipeline.evaluation.texture import stroke_ratio

        three = source.seen, result.seen, self._painting.seen
        return StyleFigures(
            bare=bare(*three),
            paint=paint(*three),
            layout=layout(source.rgb, result.rgb),
            swd=self._palette.sliced_distance(result.rgb),
            lab=self._palette.gaussian_distance(result.rgb),
            chroma=self._palette.chroma(result.rgb),
            content=content_error(source.seen, result.seen),
            clouds=stroke_ratio(result.rgb, source.seen.flat_windows()) / self._strokes,
        )

    def own(self) -> StyleFigures:
        """Compute the painting's own figures: as if it were source and result."""
        return self.figures(self._painting, self._painting)


def mean_figures(several: Iterable[StyleFigures]) -> StyleFigures:
    """Compute the mean of each figure over several pictures, of which there is at least one.

    The mean of ``clouds`` is the geometric one: twice and half the painting's cancel out. Pictures
    that are all bare have neither strokes nor clouds; they are left out of it.
    """
    from statistics import fmean, geometric_mean

    known = list(several)
    means = {name: fmean(getattr(one, name) for one in known) for name in NAMES}
    painted = [one for one in known if one.bare < 1] or known
    # A picture without any strokes has 0, of which there is no logarithm.
    means["clouds"] = geometric_mean(max(one.clouds, 1e-3) for one in painted)
    return StyleFigures(**means)


def style_figures(vgg: VGG19, painting: Rgb, pairs: Iterable[tuple[Rgb, Rgb]]) -> StyleFigures:
    """Compute the mean figures of a style over several pictures.

    Args:
        vgg: VGG-19.
        painting: (H, W, 3) uint8, 0–255, RGB.
        pairs: a source and its result, (H, W, 3) uint8, 0–255, RGB, of one size each; at least one
            pair. They are compared at a short side of 720 px.
    """
    judge = StyleJudge(described(vgg, painting))
    return mean_figures(
        judge.figures(described(vgg, source), described(vgg, result)) for source, result in pairs
    )
