"""The settings in groups: each one with its default, its limits and its description."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from .errors import suggestion
from .units import parse_bits, parse_rate, parse_size, parse_time, split_weight

Device = Literal["auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml"]

PAINTED = ("gatys", "deepphoto")
"""Methods that paint key frames, slowly."""

PEOPLE = ("person", "background")
"""What ``--mask`` finds by itself."""

METHODS = ("auto", "learn", "wct", "photowct", "wct2", "styleswap", *PAINTED)
METHOD_FILE = ".prepare.onnx"
"""Ends the name of a file that holds a method of the user's own."""
_METHODS_OR_FILE = (*METHODS, f"NAME{METHOD_FILE}")


class Group(BaseModel):
    """Settings that are frozen and refuse unknown names."""

    # Only what is read is built: the groups are read as one, ``Settings``.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

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


def _whole_message(text: str) -> PydanticCustomError:
    """An error whose text is the whole line that the user reads."""
    return PydanticCustomError("whole_message", "{text}", {"text": text})


class StyleSettings(Group):
    """What the picture is painted with, and how strongly."""

    style: tuple[str, ...] = Field(
        ("udnie",),
        min_length=1,
        description="A built-in style (list them: stylize-video styles), a picture, an ONNX model "
        "or a LUT (.cube). Mix several: --style udnie:0.7 the-scream:0.3.",
    )
    strength: float = Field(
        1.0, ge=0, le=1, description="How strong the style is: 0 is the input, 1 the full style."
    )
    look: Literal["art", "photo"] = Field(
        "art",
        description="What to copy from the style picture. art: brush strokes and colours. photo: "
        "light and colours only.",
    )
    style_scale: float | None = Field(
        None,
        ge=0.1,
        le=16,
        description="Size of the brush strokes: 1 is normal for a 720p film, 2 is twice as large. "
        "If you leave it out, a larger video gets the strokes of a 720p one, and a smaller one is "
        "painted as it is.",
    )
    canvas: float = Field(
        1.0,
        ge=0,
        le=2,
        description="How strong the texture is with which walls, skies and other flat areas are "
        "painted. It moves with the scene. 0: none. Only styles that take it, and --look art.",
    )
    palette: Literal["style", "source", "match", "none"] = Field(
        "none",
        description="Whose colours the result has. style: the painting's; the default of --method "
        "learn. source: the input's, pixel by pixel; only brightness is painted. match: the "
        "input's on average, once per shot. none: as the style paints.",
    )
    method: str = Field(
        "auto",
        description="The algorithm for a picture style. Leave it at auto unless you know another. "
        "auto: wct for art, wct2 for photo. learn: train a network on your film, minutes once, "
        "then fast. gatys: paint key frames, slow. A file NAME.prepare.onnx is a method of your "
        "own. More: docs/any-style.md.",
        json_schema_extra={"metavar": "|".join((*METHODS, "FILE"))},
    )
    learn_steps: int = Field(
        450,
        ge=1,
        le=10_000_000,
        description="For --method learn: number of training steps; 1500 are better.",
    )
    smooth: Literal["auto", "off", "guided", "closed"] = Field(
        "auto",
        description="For --look photo: keep the edges clean. auto means guided, which is "
        "fast. closed is exact and slow.",
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
        styles: list[Any] = []
        for text in texts:
            words = str(text).split()
            weighted = len(words) > 1 and all(split_weight(w)[0] != w for w in words)
            styles += words if weighted else [text]
        return tuple(styles)

    @field_validator("method")
    @classmethod
    def _method_exists(cls, value: str) -> str:
        if value in METHODS or value.endswith(METHOD_FILE):
            return value
        raise _whole_message(f"There is no method '{value}'. {suggestion(value, _METHODS_OR_FILE)}")


class VideoSettings(Group):
    """Which part of the source is read, and at which size."""

    size: str | None = Field(None, description="Size of the output: 1280x720, or 720p.")
    start: str | None = Field(None, description="Begin here: seconds, or [HH:]MM:SS[.fff].")
    end: str | None = Field(None, description="Stop before here: seconds, or [HH:]MM:SS[.fff].")
    fps: float = Field(
        25.0,
        ge=0.01,
        le=1000,
        description="Frames per second when the input is pictures or raw video.",
    )
    raw: str | None = Field(
        None,
        description="Size of raw video (RGB, 8 bits) that is piped into INPUT -, for example "
        "1280x720. Its frame rate: --fps.",
    )
    cfr: str | None = Field(
        None,
        description="Give the output a constant frame rate: 25, 29.97 or 30000/1001. Frames are "
        "repeated or dropped; sound stays as it is. Default: every frame keeps its own time.",
    )
    video_stream: int | None = Field(
        None,
        ge=0,
        description="Index of the stream that is painted, in a film with several pictures. --plan "
        "lists the streams. Default: the film's best one.",
    )
    mirror: bool = Field(False, description="Swap left and right.")
    hdr: Literal["auto", "keep", "convert"] = Field(
        "auto",
        description="What happens to HDR video (PQ, HLG). convert: normal colours (BT.709). keep: "
        "its values are painted as they are, and the output is HDR. auto: kept by a LUT (.cube) "
        "and by --strength 0, else converted.",
    )
    decode_on: Literal[
        "cpu", "auto", "cuda", "qsv", "vaapi", "videotoolbox", "d3d11va", "vulkan", "amf"
    ] = Field(
        "cpu",
        description="Where the video is decoded. The CPU is fast enough for most. auto: on "
        "graphics hardware that can decode this file.",
    )
    gaps: Literal["skip", "hold"] = Field(
        "skip",
        description="When numbers are missing in a folder of pictures. skip: go on with the next "
        "one. hold: show the picture before in their place.",
    )
    interlaced: Literal["auto", "keep"] = Field(
        "auto",
        description="Interlaced video. auto: it is deinterlaced. keep: lines stay as they are.",
    )

    @property
    def constant_rate(self) -> Fraction | None:
        """``cfr`` in frames per second, exactly."""
        return None if self.cfr is None else parse_rate(self.cfr)

    @property
    def rate(self) -> Fraction:
        """``fps`` as an exact fraction: 29.97 is 2997/100."""
        return Fraction(self.fps).limit_denominator(100000)

    @field_validator("size")
    @classmethod
    def _size_reads(cls, value: str | None) -> str | None:
        if value is not None:
            parse_size(value)
        return value

    @field_validator("cfr")
    @classmethod
    def _rate_reads(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate(value)
        return value

    @field_validator("raw")
    @classmethod
    def _raw_reads(cls, value: str | None) -> str | None:
        if value is not None and parse_size(value)[0] is None:
            raise ValueError("write width and height: 1280x720")
        return value

    @field_validator("start", "end")
    @classmethod
    def _time_reads(cls, value: str | None) -> str | None:
        if value is not None:
            parse_time(value)
        return value


class EncodingSettings(Group):
    """How the result is written."""

    overwrite: bool = Field(False, description="Replace the output if it exists.")
    crf: float | None = Field(
        None,
        ge=0,
        le=63,
        description="Quality of the video. Lower is better and makes a larger "
        "file. Default: 18 for H.264, 31 for VP9.",
    )
    codec: str | None = Field(
        None,
        description="FFmpeg's name of the video encoder. auto-hw: one in hardware, if it works "
        "here. Default: chosen from OUTPUT's file extension.",
    )
    encoder_option: dict[str, str] = Field(
        {}, description="An option of the encoder. Can be given several times."
    )
    format: Literal["matroska", "nut", "mpegts", "y4m", "rgb24"] = Field(
        "matroska",
        description="What OUTPUT - writes to standard output. y4m and rgb24 are raw pictures, "
        "without sound.",
    )
    bitrate: str | None = Field(
        None,
        description="Bits per second of a live stream, for example 4M. Default: chosen from the "
        "stream's size and frame rate.",
    )

    @field_validator("bitrate")
    @classmethod
    def _bits_read(cls, value: str | None) -> str | None:
        parse_bits(value)
        return value


class MaskSettings(Group):
    """Which part of the picture is painted, and which part of the style it takes."""

    mask: str | None = Field(
        None,
        description="Where to paint. person: only people, who are found by themselves. background: "
        "all but people. Or a picture or video, which is white where to paint. alpha: the input's "
        "own transparency.",
    )
    mask_feather: float | None = Field(
        None,
        ge=0,
        le=500,
        description="Softness of the mask's edge, in pixels. Default: 8; for people 2.",
    )
    mask_invert: bool = Field(False, description="Paint where the mask is black.")
    content_mask: str | None = Field(
        None,
        description="A picture or video that marks parts of the input with plain colours. "
        "Example: what is red here is painted like what is red in --style-mask. person: the parts "
        "are people, and all else.",
    )
    style_mask: tuple[Path, ...] = Field(
        (),
        description="A picture that marks parts of the style picture with the colours of "
        "--content-mask. Give one for each style picture.",
    )

    @property
    def feather(self) -> float:
        """The softness of the mask's edge, px."""
        if self.mask_feather is not None:
            return self.mask_feather
        return 2.0 if self.mask in PEOPLE else 8.0


class TemporalSettings(Group):
    """How the picture is kept consistent from frame to frame."""

    steady: Literal["off", "flow", "strong"] = Field(
        "flow",
        description="Remove flicker by following the motion. strong removes more; off keeps every "
        "frame as it was painted.",
    )
    repaint: Literal["auto", "all"] = Field(
        "auto",
        description="What of a frame is painted again. auto: only what has changed, which is "
        "quicker with a standing camera; from 48 frames/s on, what moves is painted in every "
        "second frame. all: everything in every frame, as it always is with --steady off.",
    )
    flow: Literal["dis", "raft"] = Field(
        "dis",
        description="How motion (optical flow) is measured: dis (fast) or raft (a neural network: "
        "better and slow).",
    )
    flow_model: Path | None = Field(
        None,
        description="The ONNX file for --flow raft. Default: the file that stylize-video "
        "export-flow writes.",
    )
    scenes: Path | None = Field(
        None,
        description="A text file with the times of the cuts. If it exists, it is used. If not, "
        "the program writes it.",
    )


class KeyframeSettings(Group):
    """Frames painted slowly, by optimisation or by hand, and how they reach the others."""

    keyframes: str | None = Field(
        None,
        description="Key frames are the few frames that are painted one by one; the frames "
        "between follow from them. Give a folder of frames that you painted "
        "(000042.png is the film's 42nd frame), or the times of the frames to paint "
        "(0,1.5,0:03). Default: chosen automatically, with --method gatys or "
        "deepphoto.",
    )
    key_every: float = Field(
        2.0, ge=0.1, le=60, description="Longest time between key frames, in seconds."
    )
    key_passes: int = Field(
        1,
        ge=1,
        le=20,
        description="How often the key frames of each shot are painted: forwards and backwards "
        "in turn.",
    )
    between: Literal["flow", "net"] = Field(
        "flow",
        description="How the frames between key frames are made. flow: move the painted key "
        "frames along the motion. net: train a network on them (needs PyTorch, takes "
        "minutes).",
    )
    between_steps: int = Field(
        500, ge=1, le=10_000_000, description="For --between net: number of training steps."
    )
    save_style: Path | None = Field(
        None, description="For --between net: save the trained network as a style file (.onnx)."
    )
    paint_option: dict[str, str] = Field(
        {},
        description="A setting of gatys or deepphoto; see stylize-video paint --help. Can be given "
        "several times.",
    )


class LiveSettings(Group):
    """Cameras, streams and other live pictures."""

    styles: tuple[str, ...] = Field(
        (),
        description="Live only: the styles you can switch between. Can be given several times. "
        "Default: --style, then all built-in styles.",
    )
    also: tuple[str, ...] = Field(
        (),
        description="One more output: window, a stream, a file. Can be given several times.",
    )
    save_to: Path | None = Field(
        None, description="Folder for photos and recordings. Default: the current folder."
    )
    fps_target: float | None = Field(
        None,
        ge=0,
        le=240,
        description="Keep this frame rate: if needed, paint at a lower resolution. 0: never lower "
        "it. Default: the source's rate, at most 60; 0 with --policy sync.",
    )
    policy: Literal["latest", "buffer", "sync"] = Field(
        "latest",
        description="What to do if painting is too slow. latest: skip frames. buffer: wait up to "
        "1 s, then skip. sync: make the source wait.",
    )
    realtime: bool = Field(False, description="Play a file live, at its own speed.")
    loop: bool = Field(False, description="Start the file again when it ends.")
    timeout: float = Field(
        5.0,
        gt=0,
        le=600,
        description="If no frame arrives for this many seconds, reconnect.",
    )


class ChunkSettings(Group):
    """Long films: what is finished of them, and who renders them."""

    resume: bool = Field(
        True,
        description="Go on where an earlier run on the same output ended: what it has finished is "
        "used. --no-resume: begin again.",
    )
    chunk_seconds: float = Field(
        120.0,
        ge=4,
        le=3600,
        description="A film is painted in parts. A part ends at the first cut after a sixth of "
        "this many seconds; a shot without a cut is divided after all of them. A finished part is "
        "never lost, whatever happens.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="Parts that are painted at the same time, each by a process of its own. The "
        "result is the same. On one computer it is faster where a single process does not use "
        "all cores; each needs memory of its own, see --plan. With --engine ray: at most so many "
        "in the cluster; default: one on each node.",
    )
    engine: Literal["local", "ray"] = Field(
        "local",
        description="Who paints the parts. local: this computer. ray: the computers of a Ray "
        "cluster, of which every one must be able to read INPUT and the style. The result is the "
        "same.",
    )
    address: str | None = Field(
        None,
        description="With --engine ray: the cluster, HOST:6379 or ray://HOST:10001. Default: the "
        "one that runs on this computer or that RAY_ADDRESS names; else this computer alone.",
    )


class DeviceSettings(Group):
    """What the nets run on, and how exactly."""

    device: Device = Field(
        "auto",
        description="The processor or graphics card to use. auto: the fastest that works on this "
        "computer.",
    )
    threads: int = Field(
        0, ge=0, le=512, description="CPU cores that the neural network may use; 0 means all."
    )
    precision: Literal["auto", "float", "half", "int8"] = Field(
        "auto",
        description="Number format of the network. int8: fastest. float: most exact. auto: int8 "
        "on processors made for it, half on NVIDIA cards.",
    )
    statistics: Literal["shot", "frame"] = Field(
        "shot", description="Measure the colours once per shot (less flicker) or in every frame."
    )
    tile: int = Field(
        0,
        ge=0,
        le=65535,
        description="Use less memory: paint in square tiles of this size, px, at least 256. 0: no "
        "tiles.",
    )

    @field_validator("tile")
    @classmethod
    def _tile_has_a_middle(cls, value: int) -> int:
        if 0 < value < 256:
            raise ValueError("a tile is 256 px or more; 0 paints the whole")
        return value


class ThirdPartySettings(Group):
    """How to feed a style net that does not keep our contract."""

    model_layout: Literal["auto", "nchw", "nhwc"] = Field(
        "auto", description="Axis order of the model. auto: read from its shape."
    )
    model_range: Literal["auto", "0..255", "0..1", "-1..1", "imagenet"] = Field(
        "auto", description="Pixel range that the model expects. auto: 0..255."
    )
    model_output_range: Literal["auto", "0..255", "0..1", "-1..1"] = Field(
        "auto", description="Pixel range that the model returns. auto: the same as it expects."
    )
    model_channels: Literal["rgb", "bgr"] = Field(
        "rgb", description="Order of the model's colour channels."
    )
