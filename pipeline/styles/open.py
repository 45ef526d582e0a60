"""The stylizer that settings ask for: a net, a picture by some method, or a table of colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.config import Settings
from ..core.errors import SettingsError
from ..core.files import PICTURE_SUFFIXES
from ..media.source import Source
from .direct import ForeignFormat
from .feedforward import FeedForwardStyle, Playing
from .lut import LutStyle
from .masks import open_content_mask
from .universal import Masks, Painting, UniversalStyle
from .zoo import TABLE_SUFFIX, find_method, find_styles

Weighted = Sequence[tuple[Path, float]]


def open_stylizer(
    settings: Settings, source: Source | None, alone: bool = False
) -> FeedForwardStyle | UniversalStyle | LutStyle:
    """What paints the frames of ``source``.

    Args:
        settings: the style, and how it is played.
        source: needed for a ``content_mask`` alone.
        alone: see ``Playing``.

    Raises:
        SettingsError: settings that don't go together.
        StylizeError: see ``errors``.
    """
    styles = find_styles(settings.style)
    kind = _kind_of_all([path for path, _ in styles])
    if kind != "picture" and (settings.content_mask or settings.style_mask):
        raise SettingsError("--content-mask: only a picture's style can be taken part by part")
    if kind == "table":
        return _grade(styles, settings)
    if kind == "picture":
        return _any_style(styles, settings, source, alone)
    return open_net(styles, settings, alone)


def _kind_of_all(paths: Sequence[Path]) -> str:
    """``table``, ``picture`` or ``net``: what all the styles are."""
    kinds = {TABLE_SUFFIX: "table", **dict.fromkeys(PICTURE_SUFFIXES, "picture")}
    first, *others = [kinds.get(path.suffix.lower(), "net") for path in paths]
    for path, kind in zip(paths[1:], others, strict=True):
        if kind != first:
            raise SettingsError(
                f"--style: {paths[0].name} is a {first} and {path.name} a {kind}; "
                "only styles of one kind are mixed"
            )
    return first


def open_net(styles: Weighted, settings: Settings, alone: bool = False) -> FeedForwardStyle:
    """Nets, played as the settings say."""
    foreign = ForeignFormat(
        settings.model_layout,
        settings.model_range,
        settings.model_output_range,
        settings.model_channels,
    )
    playing = Playing(
        foreign,
        settings.statistics,
        settings.precision,
        settings.strength,
        settings.preserve_color == "match",
        settings.style_scale,
        settings.tile,
        alone,
    )
    return FeedForwardStyle(styles, settings.device, settings.threads, playing)


def _any_style(
    styles: Weighted, settings: Settings, source: Source | None, alone: bool
) -> UniversalStyle:
    return UniversalStyle(
        find_method(settings.method, settings.look),
        styles,
        settings.strength,
        settings.device,
        settings.threads,
        Painting(settings.style_scale, settings.smooth, settings.tile),
        settings.statistics == "frame",
        _masks(len(styles), settings, source),
        alone,
    )


def _masks(styles: int, settings: Settings, source: Source | None) -> Masks | None:
    if len(settings.style_mask) != (0 if settings.content_mask is None else styles):
        raise SettingsError(
            "--content-mask and --style-mask go together, one --style-mask for each style picture"
        )
    beside = None if source is None else open_content_mask(settings, source)
    if beside is None:
        return None
    return Masks(settings.style_mask, beside)


def _grade(styles: Weighted, settings: Settings) -> LutStyle:
    name = styles[0][0].name
    if settings.preserve_color == "match":
        raise SettingsError(f"--preserve-color match: {name} changes nothing but colours; use luma")
    if settings.style_scale is not None:
        raise SettingsError(f"--style-scale: {name} has no strokes, only colours; leave it out")
    return LutStyle(styles, settings.strength)
