"""Every option × every job: which work together, and what is said where they do not.

``python -m tests.helpers.option_table`` prints the table.
"""

from __future__ import annotations

from typing import Any

from stylize_video.pipeline.core.applicability import refuse_inapplicable
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.core.job import Job, OutputKind, SourceKind, StyleKind

Typed = dict[str, Any]

FOLDER = "."
"""A folder that exists, for ``keyframes``."""

JOBS: dict[str, tuple[StyleKind, SourceKind, OutputKind, Typed]] = {
    "trained style, film": ("net", "film", "video", {"style": "udnie"}),
    "trained style, film → GIF": ("net", "film", "animation", {"style": "udnie"}),
    "trained style, film → folder": ("net", "film", "pictures", {"style": "udnie"}),
    "trained style, folder → film": ("net", "pictures", "video", {"style": "udnie"}),
    "trained style, one picture": ("net", "picture", "picture", {"style": "udnie"}),
    "other people's model, film": ("third-party", "film", "video", {"style": "other.onnx"}),
    "picture as style (art), film": ("picture", "film", "video", {"style": "p.jpg"}),
    "picture as style (photo), film": (
        "picture", "film", "video", {"style": "p.jpg", "look": "photo"},
    ),
    "picture, --method wct2, film": (
        "picture", "film", "video", {"style": "p.jpg", "method": "wct2"},
    ),
    "colour table, film": ("table", "film", "video", {"style": "grade.cube"}),
    "--method gatys, film": ("painted", "film", "video", {"style": "p.jpg", "method": "gatys"}),
    "--method gatys --between net, film": (
        "painted", "film", "video", {"style": "p.jpg", "method": "gatys", "between": "net"},
    ),
    "--method gatys, one picture": (
        "painted", "picture", "picture", {"style": "p.jpg", "method": "gatys"},
    ),
    "--keyframes FOLDER, film": ("given", "film", "video", {"keyframes": FOLDER}),
    "trained style, camera": ("net", "camera", "live", {}),
    "trained style, stream": ("net", "stream", "live", {}),
    "trained style, film played live": ("net", "film", "live", {}),
    "picture as style (photo), camera": (
        "picture", "camera", "live", {"style": "p.jpg", "look": "photo"},
    ),
}  # fmt: skip
"""Title → kinds of style, source and output, and what is typed to get that job."""

OPTIONS: tuple[Typed, ...] = (
    {"style": "udnie"},
    {"method": "wct2"},
    {"look": "photo"},
    {"strength": 0.5},
    {"style_scale": 2.0},
    {"canvas": 0.5},
    {"palette": "style"},
    {"palette": "source"},
    {"palette": "match"},
    {"smooth": "guided"},
    {"mask": "m.png"},
    {"mask_feather": 4.0},
    {"mask_invert": True},
    {"mask": "m.png", "mask_feather": 4.0, "mask_invert": True},
    {"mask": "person"},
    {"protect": "faces"},
    {"protect_strength": 0.5},
    {"protect": "faces", "protect_strength": 0.5},
    {"content_mask": "c.png"},
    {"content_mask": "person"},
    {"style_mask": ("s.png",)},
    {"content_mask": "c.png", "style_mask": ("s.png",)},
    {"steady": "strong"},
    {"steady": "off"},
    {"repaint": "all"},
    {"repaint": "all", "statistics": "frame"},
    {"flow": "dis"},
    {"flow": "dis", "steady": "off"},
    {"flow": "dis", "steady": "off", "canvas": 0.0},
    {"flow_model": __file__},
    {"flow": "raft", "flow_model": __file__},
    {"flow": "raft", "flow_model": "none.onnx"},
    {"scenes": "cuts.txt"},
    {"start": "1"},
    {"end": "2"},
    {"size": "720p"},
    {"fps": 25.0},
    {"fps": 24.0, "mask": "masks/%04d.png"},
    {"raw": "64x48"},
    {"mirror": True},
    {"hdr": "keep"},
    {"decode_on": "auto"},
    {"gaps": "hold"},
    {"interlaced": "keep"},
    {"cfr": "25"},
    {"video_stream": 0},
    {"codec": "libx265"},
    {"crf": 20.0},
    {"encoder_option": {"preset": "slow"}},
    {"encoder_option": {"profile": "main10"}},
    {"format": "nut"},
    {"bitrate": "4M"},
    {"overwrite": True},
    {"keyframes": "0,1.5"},
    {"key_every": 2.0},
    {"key_passes": 2},
    {"between": "flow"},
    {"learn_steps": 100},
    {"timeline": "film.yaml"},
    {"timeline": "film.yaml", "mask_feather": 4.0},
    {"timeline": "film.yaml", "content_mask": "c.png"},
    {"between_steps": 100},
    {"save_style": "mine.onnx"},
    {"paint_option": {"colour": "blue"}},
    {"hold": 2},
    {"hold": 2, "steady": "off"},
    {"paper": 0.5},
    {"grain": 0.5},
    {"save_settings": True},
    {"resume": False},
    {"chunk_seconds": 20.0},
    {"workers": 2},
    {"engine": "ray"},
    {"address": "head:6379"},
    {"also": ("window",)},
    {"styles": ("udnie",)},
    {"save_to": "."},
    {"realtime": True},
    {"loop": True},
    {"policy": "latest"},
    {"fps_target": 30.0},
    {"timeout": 3.0},
    {"device": "cuda"},
    {"threads": 2},
    {"precision": "float"},
    {"precision": "int8", "statistics": "frame"},
    {"statistics": "shot"},
    {"tile": 1024},
    {"model_layout": "nchw"},
    {"model_range": "0..1"},
    {"model_output_range": "0..1"},
    {"model_channels": "bgr"},
)
"""What is typed beside a job: each option alone, and some together."""


def refusal(title: str, typed: Typed) -> str | None:
    """What is said to an option of a job; ``None`` where it works."""
    style, source, output, base = JOBS[title]
    job = Job(frozenset({style}), source, output)
    try:
        refuse_inapplicable(Settings.model_validate({**base, **typed}), job)
    except SettingsError as error:
        return str(error)
    return None


def label(typed: Typed) -> str:
    """What is typed, as on the command line."""
    from stylize_video.pipeline.core.applicability import as_typed

    settings = Settings.model_validate(typed)
    texts = (as_typed(name, getattr(settings, name)) for name in typed)
    return " ".join(texts).replace(__file__, "raft.onnx")


def table() -> str:
    """A row per option, a column per job: ``+`` works, ``·`` is refused."""
    heads = [f"{number + 1:2} {title}" for number, title in enumerate(JOBS)]
    width = max(len(label(typed)) for typed in OPTIONS)
    numbers = " ".join(f"{number + 1:2}" for number in range(len(JOBS)))
    rows = [f"{'':{width}} {numbers}"]
    for typed in OPTIONS:
        marks = " ".join(f" {'+' if refusal(title, typed) is None else '·'}" for title in JOBS)
        rows.append(f"{label(typed):{width}} {marks}")
    return "\n".join([*heads, "", *rows]) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(table())
