"""Which settings apply to which job; what was typed and does not apply is refused in one line.

A setting counts as typed when it is in pydantic's ``model_fields_set``: it was given on the command
line, in the file of settings, or to ``Settings(...)``. Defaults are never refused. ``RULES`` is the
only table: a new setting needs a row there, or a place in ``ALWAYS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .config import Settings
from .errors import SettingsError
from .job import Job

Condition = Callable[[Job, Settings], bool]


@dataclass(frozen=True)
class Rule:
    """When some settings apply."""

    fields: str
    """Names of the settings, with spaces between."""
    applies: Condition
    why: str
    """Why they do not apply otherwise."""
    instead: str = "leave it out"
    """What to type instead."""
    verdict: str = "does not apply"


ALWAYS = ("strength", "size", "mirror", "mask", "protect")
"""Settings that apply to every job."""


def _learns(job: Job, settings: Settings) -> bool:
    """A net is trained on the key frames and paints the film."""
    return settings.between == "net" and job.has("painted", "given")


def _nets_of_ours(job: Job, settings: Settings) -> bool:
    return job.has("net") or _learns(job, settings)


def _measures(job: Job, settings: Settings) -> bool:
    """The style measures colours before it paints: a net of ours, or a picture."""
    return job.has("picture") or _nets_of_ours(job, settings)


def _keyframes(job: Job, settings: Settings) -> bool:
    return job.has("painted", "given") and job.source != "picture"


def _paints_keyframes(job: Job, settings: Settings) -> bool:
    return job.has("painted") and job.source != "picture"


def _blends(job: Job, settings: Settings) -> bool:
    """Frames are blended with those before: pixels can flicker, and there is motion."""
    can_flicker = job.has("net", "third-party", "picture") or _learns(job, settings)
    return can_flicker and job.source != "picture"


def _may_take_canvas(job: Job, settings: Settings) -> bool:
    takes = job.has("net") or (job.has("picture") and not _is_photo(job, settings))
    return takes and job.canvas is not False


def _moves_canvas(job: Job, settings: Settings) -> bool:
    return job.is_film and settings.canvas > 0 and _may_take_canvas(job, settings)


def _uses_flow(job: Job, settings: Settings) -> bool:
    blends = _blends(job, settings) and (job.live or settings.steady != "off")
    return blends or _keyframes(job, settings) or _moves_canvas(job, settings)


def _runs_a_net(job: Job, settings: Settings) -> bool:
    raft = settings.flow == "raft" and _uses_flow(job, settings)
    return raft or _learns(job, settings) or not job.styles <= {"table", "given"}


def _device_is_possible(job: Job, settings: Settings) -> bool:
    torch = ("auto", "cpu", "cuda", "tensorrt")
    raft = settings.flow == "raft" or _learns(job, settings)
    return not job.has("painted") or raft or settings.device in torch


def _is_photo(job: Job, settings: Settings) -> bool:
    """The result of a picture's style is a photograph; key frames are smoothed on request."""
    art = settings.method in ("wct", "styleswap")
    art = art or (settings.method == "auto" and settings.look == "art")
    return job.has("painted") or (job.has("picture") and not art)


def _matches_colors(job: Job, settings: Settings) -> bool:
    can = job.has("picture", "third-party", "painted") or _nets_of_ours(job, settings)
    return settings.palette != "match" or can


def _finds_cuts(job: Job, settings: Settings) -> bool:
    if job.live or job.source == "picture":
        return False
    blends = settings.steady != "off" and _blends(job, settings)
    changes = settings.timeline is not None or settings.hold > 1
    return job.has("net", "picture", "painted", "given") or blends or changes


def _is_rendered(job: Job, settings: Settings) -> bool:
    """It goes through the stages of a film: all but one picture that is painted by optimisation."""
    return not (job.has("painted") and job.source == "picture")


def _has_a_rate(job: Job, settings: Settings) -> bool:
    """Pictures have no frame rate of their own; a mask may be a series of them."""
    masks = (settings.mask, settings.content_mask)
    series = any(m is not None and (any(c in m for c in "*?[%") or Path(m).is_dir()) for m in masks)
    is_clip = job.source == "picture" and job.output in ("video", "animation")
    raw = settings.raw is not None
    return not job.live and (job.source == "pictures" or is_clip or series or raw)


def _ticks_in_a_gif(settings: Settings) -> bool:
    rate = settings.constant_rate
    return rate is None or (100 / rate).denominator == 1


def _profile_is_possible(job: Job, settings: Settings) -> bool:
    options = settings.encoder_option
    deep = any(bits in options.get("profile", "") for bits in ("10", "12"))
    return not deep or any(bits in options.get("pix_fmt", "") for bits in ("10", "12"))


def _encodes(job: Job, settings: Settings) -> bool:
    return not job.writes_pipe or settings.format not in ("y4m", "rgb24")


_A_NET = "only built-in styles, your own trained styles and pictures have that"
_LEARN = "it belongs to the net that --between net trains"
_LIVE = "it is for live runs"

RULES: tuple[Rule, ...] = (
    Rule(
        "style method",
        lambda job, s: not job.has("given"),
        "the key frames in the folder of --keyframes are the style",
    ),
    Rule(
        "style",
        lambda job, s: not (job.live and s.styles) or s.style == s.styles[:1],
        "--styles lists the styles of this run",
        "put it first there, and leave --style out",
    ),
    Rule(
        "method",
        lambda job, s: job.has("picture", "painted"),
        "a method paints in the style of a picture",
        "give a picture: --style painting.jpg, or leave it out",
    ),
    Rule(
        "learn_steps",
        lambda job, s: s.method == "learn",
        "nothing is learned",
        "add --method learn, or leave it out",
    ),
    Rule(
        "look",
        lambda job, s: job.has("picture"),
        "only a picture as the style has a look",
        "give a picture: --style painting.jpg, or leave it out",
    ),
    Rule(
        "look",
        lambda job, s: s.method == "auto",
        "--method decides that",
        "leave one of the two out",
    ),
    Rule(
        "style_scale",
        lambda job, s: job.has("picture", "painted") or _nets_of_ours(job, s),
        "this style has no strokes whose size can be chosen",
        "leave it out; for another size of the whole picture type --size",
    ),
    Rule(
        "style_scale",
        lambda job, s: not (job.live and s.fps_target and "fps_target" in s.model_fields_set),
        "--fps-target changes the size at which the picture is painted",
        "leave one of the two out",
    ),
    Rule(
        "canvas",
        _may_take_canvas,
        "this style takes no canvas",
    ),
    Rule(
        "palette",
        lambda job, s: s.palette != "style" or not job.has("painted", "given"),
        "key frames have the painting's colours already",
    ),
    Rule(
        "palette",
        lambda job, s: s.palette != "style" or job.has("net", "picture"),
        "only trained styles and pictures know their painting's colours",
        "type --palette source, or leave it out",
    ),
    Rule(
        "palette",
        _matches_colors,
        "this style's colours cannot be matched to the source's",
        "type --palette source, or leave it out",
    ),
    Rule(
        "smooth",
        _is_photo,
        "only the photographic methods smooth their result",
        "type --look photo with a picture as --style, or leave it out",
    ),
    Rule(
        "mask_feather mask_invert",
        lambda job, s: s.mask is not None or s.timeline is not None,
        "there is no mask",
        "add --mask FILE, or leave it out",
    ),
    Rule(
        "protect_strength",
        lambda job, s: s.protect is not None,
        "nothing is protected",
        "add --protect faces, or leave it out",
    ),
    Rule(
        "content_mask",
        lambda job, s: not job.live,
        "a live picture cannot be segmented by a file",
        "leave it out, or type --mask PICTURE to limit where to paint",
    ),
    Rule(
        "content_mask style_mask",
        lambda job, s: job.has("picture", "painted"),
        "only the style of a picture can be transferred region by region",
        "give a picture: --style painting.jpg, or leave it out",
    ),
    Rule(
        "content_mask",
        lambda job, s: s.content_mask != "person" or job.has("picture"),
        "gatys and deepphoto need the parts as a file",
        "give a picture or video, or leave --method out",
    ),
    Rule(
        "style_mask",
        lambda job, s: s.content_mask is not None,
        "it needs the segmentation of the source too",
        "add --content-mask FILE, or leave it out",
    ),
    Rule(
        "steady",
        lambda job, s: s.steady == "off" or _blends(job, s),
        "this result does not flicker: it is one picture, a colour table or painted key frames",
    ),
    Rule(
        "repaint",
        lambda job, s: job.is_film and job.has("net") and s.statistics == "shot",
        "only a trained style can paint a part of a film's frame",
    ),
    Rule(
        "repaint",
        lambda job, s: job.live or s.steady != "off",
        "with --steady off every frame is painted whole",
    ),
    Rule(
        "flow",
        _uses_flow,
        "nothing here follows motion",
        "leave it out, or type --steady flow for a film",
    ),
    Rule(
        "flow_model",
        lambda job, s: s.flow == "raft" and _uses_flow(job, s),
        "it is the file of --flow raft",
        "add --flow raft, or leave it out",
    ),
    Rule(
        "flow_model",
        lambda job, s: s.flow_model is None or s.flow_model.is_file(),
        "there is no such file",
        "make it: stylize-video export-flow FILE, or leave it out",
        "can't be read",
    ),
    Rule(
        "scenes",
        _finds_cuts,
        "nothing here depends on cuts: it is live, one picture, or painted frame by frame",
    ),
    Rule(
        "timeline",
        lambda job, s: not job.live,
        "a timeline plays with files",
        "leave it out, or write a file: out.mp4",
    ),
    Rule(
        "timeline",
        lambda job, s: job.source != "picture",
        "one picture has no time",
    ),
    Rule(
        "timeline",
        lambda job, s: not job.has("painted", "given"),
        "key frames paint the film as a whole",
        "leave one of the two out",
    ),
    Rule(
        "content_mask style_mask",
        lambda job, s: s.timeline is None,
        "the parts of one style picture can't change with a timeline",
        "leave one of the two out",
    ),
    Rule(
        "hold",
        lambda job, s: job.is_film,
        "only the frames of a film follow each other",
    ),
    Rule(
        "paper grain",
        _is_rendered,
        "one picture that is painted slowly stays as it was painted",
    ),
    Rule(
        "save_settings",
        _is_rendered,
        "the program saves no settings of a picture that is painted slowly",
    ),
    Rule(
        "save_settings",
        lambda job, s: not job.live and not job.writes_pipe,
        "there is no file beside which they could be written",
    ),
    Rule(
        "start end",
        lambda job, s: not job.live and job.source != "picture",
        "only a film, or a series of pictures, can be cut",
    ),
    Rule(
        "resume chunk_seconds workers engine",
        lambda job, s: not job.live and not job.reads_pipe and not job.writes_pipe,
        "a live picture, or what comes or goes through a pipe, can't be resumed",
    ),
    Rule(
        "chunk_seconds workers engine",
        lambda job, s: job.source != "picture" and not job.has("painted", "given"),
        "one picture, and what key frames paint, is made as a whole",
    ),
    Rule(
        "address", lambda job, s: s.engine == "ray", "it names a Ray cluster", "type --engine ray"
    ),
    Rule(
        "gaps",
        lambda job, s: job.source == "pictures",
        "only a series of pictures can have gaps",
    ),
    Rule(
        "hdr interlaced decode_on",
        lambda job, s: not job.live and job.source == "film",
        "it says how a video file is read",
    ),
    Rule(
        "decode_on",
        lambda job, s: not job.reads_pipe,
        "what is piped in is decoded on the CPU",
    ),
    Rule(
        "start",
        lambda job, s: not job.reads_raw,
        "raw video from a pipe is read once, and what comes before the start is needed too",
        "pipe NUT or Matroska, or leave it out",
    ),
    Rule(
        "raw",
        lambda job, s: job.reads_pipe,
        "only what is piped in can lack its size",
        "leave it out, or pipe raw video into INPUT -",
    ),
    Rule(
        "format",
        lambda job, s: job.writes_pipe,
        "a file's ending names its format",
        "leave it out, or write to standard output: OUTPUT -",
    ),
    Rule(
        "codec crf encoder_option",
        _encodes,
        "raw pictures have no video encoder",
        "leave it out, or type --format matroska",
    ),
    Rule(
        "overwrite",
        lambda job, s: not job.writes_pipe,
        "standard output replaces nothing",
    ),
    Rule(
        "keyframes method between",
        lambda job, s: not (job.reads_pipe and job.has("painted", "given")),
        "key frames need the whole film first, and a pipe has it only at its end",
        "write it to a file first, or leave it out",
    ),
    Rule(
        "fps",
        _has_a_rate,
        "a film keeps its own frame rate; --fps is for pictures",
        "leave it out, or type --fps-target for a live run",
    ),
    Rule(
        "cfr",
        lambda job, s: job.output in ("video", "animation"),
        "only a video has a frame rate",
        "leave it out, or write a video: out.mp4",
    ),
    Rule(
        "cfr",
        lambda job, s: job.source == "film",
        "pictures have no times of their own; --fps is their rate",
        "type --fps instead",
    ),
    Rule(
        "cfr",
        lambda job, s: job.output != "animation" or _ticks_in_a_gif(s),
        "a GIF counts hundredths of a second",
        "type --cfr 10, 20, 25 or 50",
    ),
    Rule(
        "video_stream",
        lambda job, s: job.source == "film" and not job.live,
        "only a film in a file has several video streams",
    ),
    Rule(
        "codec",
        lambda job, s: job.output in ("video", "animation", "live"),
        "pictures have no video encoder",
        "leave it out, or write a video: out.mp4",
    ),
    Rule(
        "crf",
        lambda job, s: job.output in ("video", "live"),
        "pictures, and GIFs, have no constant quality",
        "leave it out, or write a video: out.mp4",
    ),
    Rule(
        "encoder_option",
        lambda job, s: job.output in ("video", "animation", "live"),
        "pictures have no video encoder",
        "leave it out, or write a video: out.mp4",
    ),
    Rule(
        "encoder_option",
        _profile_is_possible,
        "the output has 8 bits a channel, and the profile is for more",
        "add --encoder-option pix_fmt=yuv420p10le, or leave the profile out",
    ),
    Rule(
        "bitrate",
        lambda job, s: job.live,
        "it is for live streams",
        "type --crf 20 for the quality of a video file",
    ),
    Rule(
        "keyframes",
        lambda job, s: job.source != "picture" and not job.live,
        "key frames belong to a film",
        "leave it out; --method gatys paints one picture",
    ),
    Rule(
        "keyframes",
        lambda job, s: job.has("painted", "given"),
        "nothing paints key frames at these times",
        "add --method gatys or deepphoto, or give a folder of painted frames",
    ),
    Rule(
        "key_every key_passes",
        _paints_keyframes,
        "no key frames are painted",
        "add --method gatys for a film, or leave it out",
    ),
    Rule(
        "key_every",
        lambda job, s: s.keyframes is None,
        "--keyframes lists the times",
        "leave one of the two out",
    ),
    Rule(
        "between",
        _keyframes,
        "there are no key frames",
        "add --method gatys or --keyframes FOLDER for a film, or leave it out",
    ),
    Rule(
        "between_steps save_style",
        _learns,
        _LEARN,
        "add --between net, or leave it out",
    ),
    Rule(
        "paint_option",
        lambda job, s: job.has("painted"),
        "nothing is painted by optimisation",
        "add --method gatys, or leave it out",
    ),
    Rule(
        "styles save_to policy fps_target loop",
        lambda job, s: job.live,
        _LIVE,
        "leave it out, or play the file live: add --realtime",
    ),
    Rule(
        "also realtime",
        lambda job, s: not job.has("painted", "given"),
        "it makes the run live, and key frames take too long for that",
    ),
    Rule(
        "timeout",
        lambda job, s: job.source == "stream",
        "only a network stream or a screen is opened again after a timeout",
    ),
    Rule(
        "loop realtime",
        lambda job, s: job.source == "film",
        "a camera or stream does not end and has its own speed",
    ),
    Rule(
        "threads",
        _runs_a_net,
        "no net runs here: colour tables and finished key frames need none",
    ),
    Rule(
        "device",
        lambda job, s: s.device in ("auto", "cpu") or _runs_a_net(job, s),
        "no net runs here: colour tables and finished key frames need none",
        "leave it out, or type --device cpu",
    ),
    Rule(
        "device",
        _device_is_possible,
        "key frames are painted with PyTorch",
        "type --device auto, cpu or cuda",
    ),
    Rule("precision statistics", _measures, _A_NET),
    Rule(
        "precision",
        _nets_of_ours,
        "a picture's style always runs in float",
        "leave it out; for speed type a smaller --size",
    ),
    Rule(
        "precision",
        lambda job, s: s.statistics == "shot",
        "with --statistics frame the net runs as its file is",
        "leave one of the two out",
    ),
    Rule("tile", _measures, _A_NET, "leave it out; to save memory type a smaller --size"),
    Rule(
        "model_layout model_range model_output_range model_channels",
        lambda job, s: job.has("third-party"),
        "it describes other people's ONNX models",
        "give such a model: --style other.onnx, or leave it out",
    ),
)
"""Every condition that a setting must meet; a setting may have several."""


def inapplicable(settings: Settings, job: Job) -> dict[str, str]:
    """What was typed and does not apply to ``job``.

    Returns:
        Name of the setting → one line: what was typed, why it does not apply, what to type instead.
    """
    found: dict[str, str] = {}
    for rule in RULES:
        for name in rule.fields.split():
            if name in settings.model_fields_set and not rule.applies(job, settings):
                typed = as_typed(name, getattr(settings, name))
                found.setdefault(name, f"{typed} {rule.verdict}: {rule.why}; {rule.instead}")
    return found


def without_what_does_not_apply(settings: Settings, job: Job) -> Settings:
    """The settings, less what nobody typed and what does not apply to a job: a preset set it."""
    default = Settings.model_validate({})
    given = {n: v for n, v in settings if v != getattr(default, n)}
    untyped = given.keys() - settings.model_fields_set
    if not untyped:
        return settings
    as_if_typed = settings.model_construct(_fields_set=set(untyped), **dict(settings))
    passed_over = {name: getattr(default, name) for name in inapplicable(as_if_typed, job)}
    typed = settings.model_fields_set
    return settings.model_construct(_fields_set=typed, **{**dict(settings), **passed_over})


def refuse_inapplicable(settings: Settings, job: Job) -> None:
    """Refuse what was typed and does not apply to ``job``.

    Raises:
        SettingsError: the first line of ``inapplicable``.
    """
    for line in inapplicable(settings, job).values():
        raise SettingsError(line)


def as_typed(name: str, value: object) -> str:
    """A setting as it is typed: ``--key-every 2.0``, ``--mask-invert``, ``--no-loop``."""
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    if isinstance(value, dict):
        return f"{flag} {' '.join(f'{key}={text}' for key, text in value.items())}".rstrip()
    if isinstance(value, tuple):
        return f"{flag} {' '.join(map(str, value))}".rstrip()
    return f"{flag} {value:g}" if isinstance(value, float) else f"{flag} {value}"
