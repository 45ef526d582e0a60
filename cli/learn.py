"""``--method learn``: learn a painting on the film's own frames, then paint with the net."""

from __future__ import annotations

from pathlib import Path

from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError
from .progress import Report
from .stopping import signals_as_ctrl_c
from .torch_backend import need_torch

STAND_IN = "udnie"
"""Of the same kind as what is learned: plans are made with it before."""


def learned_settings(source: str, output: str, settings: Settings, report: Report) -> Settings:
    """Learn the painting of ``--style``; returns the settings with the learned net as the style.

    What would be refused later is refused before.

    Args:
        source: the film, as it was typed.
        output: as it was typed.
        settings: of the run, with ``--method learn``.
        report: shows the progress.

    Raises:
        StylizeError: see ``errors``.
    """
    need_torch("--method learn")
    painting = painting_of(settings)
    from ..pipeline.planning import make_plan

    film = make_plan(source, output, with_style(settings, STAND_IN)).source
    from ..export.learning import learn, prepare
    from ..models.device import torch_device

    lesson = prepare(film, painting, settings.learn_steps)
    # The net's other devices are ONNX Runtime's; PyTorch has these two.
    device = settings.device if settings.device in ("cpu", "cuda") else "auto"
    if report.as_json:
        report.event(event="samples", path=str(lesson.samples))
    with signals_as_ctrl_c():
        net = learn(lesson, torch_device(device), report)
    return with_style(settings, str(net))


def painting_of(settings: Settings) -> Path:
    """The one picture of ``--style``.

    Raises:
        SettingsError: it is no picture, or there are several.
    """
    from ..pipeline.core.files import PICTURE_SUFFIXES

    paths = [Path(style) for style in settings.style]
    if len(paths) != 1 or paths[0].suffix.lower() not in PICTURE_SUFFIXES:
        raise SettingsError(
            f"--method learn learns one painting, not {' '.join(settings.style)}; "
            "give a picture: --style painting.jpg"
        )
    return paths[0]


def with_style(settings: Settings, style: str) -> Settings:
    """The settings as they were typed, with another style and without the learning.

    A net that has learned for two minutes paints a little dull: it gets the painting's own colours.
    """
    default = Settings.model_validate({})
    changed: dict[str, object] = {"style": (style,), "method": default.method}
    changed["learn_steps"] = default.learn_steps
    typed = settings.model_fields_set - {"method", "learn_steps"} | {"style"}
    if "palette" not in typed and settings.palette == default.palette:
        changed["palette"] = "style"
    return settings.model_construct(_fields_set=typed, **{**dict(settings), **changed})
