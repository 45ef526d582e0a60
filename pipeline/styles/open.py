"""Open the style that the settings name: nets, pictures, or colour tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.config import Settings
from ..core.errors import ModelError, SettingsError
from ..core.files import PICTURE_SUFFIXES
from ..imaging.resize import StrokeScale
from .direct import DirectStyle, ThirdPartyFormat
from .faded import FadedStyles
from .feedforward import FeedForwardStyle, NetFiles, agrees
from .files import NetOptions
from .grained import GrainedStyle
from .lut import LutStyle
from .masks import ContentMasks
from .recolored import color_goal, recolored
from .style import Style
from .universal import PHOTOGRAPHIC, PaintSize, UniversalStyle
from .zoo import TABLE_SUFFIX, find_method, find_styles, own_scale, ships

Weighted = Sequence[tuple[Path, float]]
"""Files and their weights, which sum to 1."""


def open_style(
    settings: Settings, content_masks: ContentMasks | None = None, live: bool = False
) -> Style:
    """What paints frames as the settings say.

    Args:
        settings: the style, and how it is run.
        content_masks: segmentations, for a picture's style.
        live: see ``NetOptions``.

    Raises:
        SettingsError: settings that don't go together.
        StylizeError: see ``errors``.
    """
    styles = find_styles(settings.style)
    kind = kind_of_all([path for path, _ in styles])
    if kind != "picture" and (settings.content_mask or settings.style_mask):
        raise SettingsError("--content-mask: only a picture's style can be applied part by part")
    if kind == "table":
        return _open_tables(styles, settings)
    if kind == "picture":
        style = UniversalStyle(
            find_method(settings.method, settings.look),
            styles,
            net_options(settings, styles, live),
            PaintSize(stroke_scale(settings, styles), settings.smooth, settings.tile),
            settings.statistics == "frame",
            None if content_masks is None else content_masks.styles,
        )
        # With masks, parts of the frame stay as they are, so they get no texture.
        plain = style.info.kind in PHOTOGRAPHIC or content_masks is not None
        painted = style if plain else GrainedStyle(style)
        return recolored(painted, color_goal(settings, styles))
    return open_net(styles, settings, live)


class OpenedStyle:
    """Opens a style, or each of a timeline's, once for several films; see ``open_style``."""

    def __init__(self) -> None:
        self._styles: dict[tuple[object, ...], Style] = {}

    def __call__(self, settings: Settings, content_masks: ContentMasks | None) -> Style:
        """The style; it is opened by the first call, and has the settings of that one."""
        if content_masks is not None:
            return open_style(settings, content_masks)
        key = settings.style, settings.style_scale, settings.palette
        if key not in self._styles:
            self._styles[key] = open_style(settings)
        return self._styles[key]


def kind_of_all(paths: Sequence[Path]) -> str:
    """``table``, ``picture`` or ``net``: what all the style files are.

    Raises:
        SettingsError: they are of several kinds.
    """
    kinds = {TABLE_SUFFIX: "table", **dict.fromkeys(PICTURE_SUFFIXES, "picture")}
    first, *others = [kinds.get(path.suffix.lower(), "net") for path in paths]
    for path, kind in zip(paths[1:], others, strict=True):
        if kind != first:
            raise SettingsError(
                f"--style: {paths[0].name} is a {first} and {path.name} a {kind}; "
                "only styles of one kind are mixed"
            )
    return first


def stroke_scale(settings: Settings, styles: Weighted) -> StrokeScale:
    """The size of the strokes: what is asked for, or the styles' own."""
    if settings.style_scale is not None:
        return StrokeScale(settings.style_scale)
    return StrokeScale(own_scale(styles), enlarge=False)


def net_options(settings: Settings, styles: Weighted, live: bool = False) -> NetOptions:
    """How the settings have nets run."""
    return NetOptions(
        settings.device,
        settings.threads,
        settings.precision,
        stroke_scale(settings, styles),
        settings.tile,
        live,
    )


def open_net(styles: Weighted, settings: Settings, live: bool = False) -> Style:
    """Nets: compiled per shot where that can be done, else as their file is.

    Raises:
        ModelError: a file is not ONNX, or no style model; or it can't be mixed.
        DeviceError: the device can't be had.
    """
    options = net_options(settings, styles, live)
    third_party = ThirdPartyFormat(
        settings.model_layout,
        settings.model_range,
        settings.model_output_range,
        settings.model_channels,
    )
    direct = DirectStyle(styles[0][0], options, third_party)
    colors = color_goal(settings, styles)
    if direct.card is not None and settings.statistics == "shot" and not direct.info.recurrent:
        files, strength = NetFiles(styles, colors), settings.strength or 1.0
        if len(styles) > 1 and not files.one_family:
            parts = [open_net([(path, 1.0)], settings, live) for path, _ in styles]
            return FadedStyles(parts, [weight for _, weight in styles])
        if strength < 1 and not files.has_base:
            strength = 1.0  # it is faded
        mix = files.mix(strength)
        tested = len(styles) > 1 or strength < 1 or ships(styles[0][0])
        if mix is not None and (tested or agrees(mix, direct)):
            return FeedForwardStyle(files, mix, strength, direct, options)
    _refuse_what_needs_compiling(styles, settings, direct)
    return recolored(direct, colors)


def _refuse_what_needs_compiling(styles: Weighted, settings: Settings, direct: DirectStyle) -> None:
    needs = {
        "mixing": len(styles) > 1,
        "--style-scale": settings.style_scale is not None,
        "--tile": settings.tile > 0,
    }
    unmet = [name for name, needed in needs.items() if needed]
    if unmet and settings.statistics == "frame":
        raise ModelError(f"{unmet[0]} needs --statistics shot")
    if unmet:
        raise ModelError(
            f"{direct.info.name} ({direct.info.kind}) has no {unmet[0]}: its net is not one whose "
            "statistics can be measured per shot"
        )


def _open_tables(styles: Weighted, settings: Settings) -> LutStyle:
    name = styles[0][0].name
    if settings.palette in ("style", "match"):
        raise SettingsError(
            f"--palette {settings.palette}: {name} changes nothing but colours; type source"
        )
    if settings.style_scale is not None:
        raise SettingsError(f"--style-scale: {name} has no strokes, only colours; leave it out")
    return LutStyle(styles)
