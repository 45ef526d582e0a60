"""Every setting of the main job, its default and its one-line description, written once.

The command's options, ``config.yaml`` and ``--help`` are all made from ``Settings``. A value comes
from the defaults here, then from the file given by ``--config``, then from the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from .errors import SettingsError, nearest, reason
from .units import parse_bits, parse_size, parse_time, split_weight

Model = TypeVar("Model", bound=BaseModel)
Device = Literal["auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml"]

PAINTED = ("gatys", "deepphoto")
"""Methods that paint key frames, slowly."""


class _Group(BaseModel):
    """Settings that are frozen and refuse unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: object, info: ValidationInfo) -> object:
        """Undo what YAML makes of a word: ``off`` and ``no`` become false, ``5`` a number."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if value is False:
            return next((word for word in ("off", "no") if word in get_args(kind)), value)
        if isinstance(value, dict):
            return {str(k): str(v) if isinstance(v, (int, float)) else v for k, v in value.items()}
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return str(value) if is_number and str in get_args(kind) else value


class StyleSettings(_Group):
    """What the picture is painted with, and how strongly."""

    style: tuple[str, ...] = Field(
        ("udnie",),
        min_length=1,
        description="A style's name (see: stylize-video styles), ONNX file, picture or .cube "
        "table; several of a kind are mixed: NAME:WEIGHT NAME:WEIGHT.",
    )
    method: str = Field(
        "auto",
        description="How a picture's style is taken over: wct, wct2, photowct, styleswap or a "
        "prepare file; auto: by --look. Of several pictures styleswap takes as many patches of "
        "each as its weight says. gatys and deepphoto paint key frames, slowly, which --between "
        "brings to the frames between.",
    )
    look: Literal["art", "photo"] = Field(
        "art", description="What a picture given as the style is: a painting, or a photograph."
    )
    strength: float = Field(
        1.0, ge=0, le=1, description="How far the picture is painted: 0 is the source, 1 the style."
    )
    style_scale: float | None = Field(
        None,
        ge=0.1,
        le=16,
        description="Size of the strokes, the same at any resolution: 1 as where the short "
        "side is 720 px, 2 twice as large; default: as large in pixels as they were learned.",
    )
    preserve_color: Literal["no", "luma", "match"] = Field(
        "no",
        description="Keep the source's colours: luma paints brightness only; match brings their "
        "mean and spread to the source's.",
    )
    smooth: Literal["auto", "off", "guided", "closed"] = Field(
        "auto",
        description="How the result of a photographic method is smoothed along the source's edges: "
        "a guided filter (auto), or in closed form (slow).",
    )

    @field_validator("style", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        # A path may hold spaces; a list of weighted styles in one text has a weight on each.
        if isinstance(value, dict):
            value = [f"{name}:{weight}" for name, weight in value.items()]
        if not isinstance(value, (str, list, tuple)):
            return value
        texts: list[Any] = [value] if isinstance(value, str) else list(value)
        found: list[Any] = []
        for text in texts:
            words = str(text).split()
            weighted = len(words) > 1 and all(split_weight(w)[0] != w for w in words)
            found += words if weighted else [text]
        return tuple(found)


class MaskSettings(_Group):
    """Which part of the picture is painted, and which part of the style it takes."""

    mask: str | None = Field(
        None,
        description="Where to paint: a picture or video, white inside; or alpha: the source's own.",
    )
    mask_feather: float = Field(8.0, ge=0, le=500, description="Softness of the mask's edge, px.")
    mask_invert: bool = Field(False, description="Paint outside the mask.")
    content_mask: str | None = Field(
        None,
        description="Segmentation of the source, a picture or video whose colours are labels: each "
        "takes over the style of its own in --style-mask.",
    )
    style_mask: tuple[Path, ...] = Field(
        (), description="Segmentation of the style picture in the same colours; one for each."
    )


class TemporalSettings(_Group):
    """How the picture is kept consistent from frame to frame."""

    steady: Literal["off", "flow", "strong"] = Field(
        "flow",
        description="Hold the picture steady along the source's motion; off leaves the flicker.",
    )
    flow: Literal["dis", "raft"] = Field(
        "dis", description="How motion is found: dis (quick) or raft (a net: better and slow)."
    )
    flow_model: Path | None = Field(
        None, description="RAFT as an ONNX file; default: where export-flow puts it."
    )
    scenes: Path | None = Field(
        None, description="List of cuts: read if it exists, else written with the cuts found."
    )


class VideoSettings(_Group):
    """Which part of the source is read, and at which size."""

    start: str | None = Field(None, description="Begin here: seconds, or [HH:]MM:SS[.fff].")
    end: str | None = Field(None, description="Stop before here: seconds, or [HH:]MM:SS[.fff].")
    size: str | None = Field(None, description="Size of the output: WxH, or 720p for that height.")
    fps: float = Field(
        25.0, ge=0.01, le=1000, description="Frames per second of a folder or pattern of images."
    )
    mirror: bool = Field(False, description="Exchange left and right, live.")

    @property
    def rate(self) -> Fraction:
        """``fps`` as what it was meant to be."""
        return Fraction(self.fps).limit_denominator(100000)

    @field_validator("size")
    @classmethod
    def _size_reads(cls, value: str | None) -> str | None:
        if value is not None:
            parse_size(value)
        return value

    @field_validator("start", "end")
    @classmethod
    def _time_reads(cls, value: str | None) -> str | None:
        if value is not None:
            parse_time(value)
        return value


class EncodingSettings(_Group):
    """How the result is written."""

    codec: str | None = Field(
        None, description="Video encoder by FFmpeg's name; default by container."
    )
    crf: float | None = Field(
        None,
        ge=0,
        le=63,
        description="Constant quality of the encoder; default 18 (H.264), 31 (VP9).",
    )
    encoder_option: dict[str, str] = Field(
        {}, description="Option of the encoder, KEY=VALUE; repeatable."
    )
    bitrate: str | None = Field(
        None, description="Bits per second of a live stream, as 4M; default: by its size and rate."
    )
    overwrite: bool = Field(False, description="Replace the output if it exists.")

    @field_validator("bitrate")
    @classmethod
    def _bits_read(cls, value: str | None) -> str | None:
        parse_bits(value)
        return value


class KeyframeSettings(_Group):
    """Frames painted slowly, by optimisation or by hand, and how they reach the others."""

    keyframes: str | None = Field(
        None,
        description="A folder of painted frames (000042.png is the 42nd), or the times of those "
        "that are painted (0,1.5,0:03); default: chosen by how much is new, with gatys and "
        "deepphoto.",
    )
    key_every: float = Field(
        2.0, ge=0.1, le=60, description="Most seconds between two key frames of a shot."
    )
    key_passes: int = Field(
        1, ge=1, le=20, description="Times that a shot's key frames are painted over, to and fro."
    )
    between: Literal["flow", "net"] = Field(
        "flow",
        description="How key frames reach the frames between: along the motion, or by a net "
        "that learns their style in minutes.",
    )
    learn_steps: int = Field(
        500, ge=1, description="Steps in which the net of --between net learns."
    )
    save_style: Path | None = Field(
        None, description="Keep the net of --between net as this ONNX style."
    )
    paint_option: dict[str, str] = Field(
        {},
        description="Setting of gatys and deepphoto, KEY=VALUE; repeatable; see paint --help.",
    )


class LiveSettings(_Group):
    """Cameras, streams and other live pictures."""

    also: tuple[str, ...] = Field(
        (), description="One more output of a live run: window, a stream, a file …; repeatable."
    )
    styles: tuple[str, ...] = Field(
        (),
        description="Styles to hand while live; repeatable; default: --style, then all that ship.",
    )
    save_to: Path | None = Field(
        None,
        description="Folder for the pictures and recordings that are taken while live; default: "
        "where the command is run.",
    )
    realtime: bool = Field(
        False, description="Play a file at its own speed, as a live source; others are live anyway."
    )
    loop: bool = Field(False, description="Begin a file again when it ends, live.")
    policy: Literal["latest", "buffer", "sync"] = Field(
        "latest",
        description="Live frames that come too quickly: only the latest is painted; or a second's "
        "worth of them may wait; or the source waits.",
    )
    fps_target: float | None = Field(
        None,
        gt=0,
        le=240,
        description="Frames per second to hold while live, by painting smaller; default: as it is.",
    )
    timeout: float = Field(
        5.0, gt=0, le=600, description="Seconds of nothing after which a live source is lost."
    )


class DeviceSettings(_Group):
    """What the nets run on, and how exactly."""

    device: Device = Field(
        "auto", description="What runs the net; auto takes the best that really loads."
    )
    threads: int = Field(0, ge=0, description="Cores that the net may use on a CPU; 0: all.")
    precision: Literal["auto", "float", "half", "int8"] = Field(
        "auto",
        description="Numbers the net computes with; auto: int8 where a CPU is quick at it, half on "
        "CUDA.",
    )
    statistics: Literal["shot", "frame"] = Field(
        "shot",
        description="What a net's norms look at: the shot, so that its colours hold still, "
        "or every frame by itself.",
    )
    tile: int = Field(
        0,
        ge=0,
        description="Paint in parts of at most this side, px, 256 or more, to save memory; "
        "0: the whole.",
    )

    @field_validator("tile")
    @classmethod
    def _tile_has_a_middle(cls, value: int) -> int:
        if 0 < value < 256:
            raise ValueError("a tile is 256 px or more; 0 paints the whole")
        return value


class ThirdPartySettings(_Group):
    """How to feed a style net that does not keep our contract."""

    model_layout: Literal["auto", "nchw", "nhwc"] = Field(
        "auto", description="Axis order of a foreign ONNX style net."
    )
    model_range: Literal["auto", "0..255", "0..1", "-1..1", "imagenet"] = Field(
        "auto", description="Pixel range that a foreign net takes; auto: 0..255."
    )
    model_output_range: Literal["auto", "0..255", "0..1", "-1..1"] = Field(
        "auto", description="Pixel range that a foreign net answers in; auto: as it takes."
    )
    model_channels: Literal["rgb", "bgr"] = Field(
        "rgb", description="Channel order of a foreign net."
    )


GROUPS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Style", StyleSettings),
    ("Masks", MaskSettings),
    ("Flicker and shots", TemporalSettings),
    ("Video", VideoSettings),
    ("Output", EncodingSettings),
    ("Key frames", KeyframeSettings),
    ("Live", LiveSettings),
    ("Device", DeviceSettings),
    ("Other people's ONNX models", ThirdPartySettings),
)
"""Title of each group of settings, in the order of ``--help`` and ``config.yaml``."""


class Settings(
    StyleSettings,
    MaskSettings,
    TemporalSettings,
    VideoSettings,
    EncodingSettings,
    KeyframeSettings,
    LiveSettings,
    DeviceSettings,
    ThirdPartySettings,
):
    """Settings of one run; frozen. Each package receives its own group of them."""


def checked(model: type[Model], values: Mapping[str, Any], origin: str) -> Model:
    """``model`` with ``values`` over its defaults.

    Args:
        model: the settings' type.
        values: setting → value.
        origin: where they come from, for the message.

    Raises:
        SettingsError: an unknown setting or a wrong value, named.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_first_complaint(error, model)}") from error


def load_config(path: Path) -> dict[str, Any]:
    """The settings that the YAML file at ``path`` gives, checked.

    Raises:
        SettingsError: the file can't be read, is no mapping, or holds an unknown key or wrong
        value.
    """
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"--config {path} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"--config {path} is not YAML: {reason(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"--config {path} must hold 'setting: value' lines")
    checked(Settings, values, str(path))
    return values


def default_config() -> str:
    """The text of ``config.yaml``: every setting at its default, with its description."""
    lines = ["# Every setting of `stylize-video INPUT OUTPUT`, at its default."]
    for title, group in GROUPS:
        lines += ["", f"# ---- {title} ----", ""]
        for name, info in group.model_fields.items():
            value = yaml.safe_dump(info.default, default_flow_style=True).splitlines()[0]
            lines += [f"# {info.description}", f"{name}: {value}"]
    return "\n".join(lines) + "\n"


def _first_complaint(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        return f"unknown setting '{name}'{nearest(name, model.model_fields)}"
    told = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{name} = {first['input']!r}: {told[0].lower()}{told[1:]}"
