"""Paints a video's key frames, and trains a net on them: PyTorch behind the pipeline."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..models.device import torch_device
from ..models.nets.vgg19 import VGG19, open_vgg19
from ..models.optimize.descent import Canvas, load_canvas, save_canvas
from ..models.optimize.run import ContentPicture, WarpedPainting, optimize
from ..models.recipe import PAINT_CHECKPOINT_EVERY, DistilRecipe, PaintRecipe
from ..models.training.keyframe_net import begin, distil, load_lesson, save_lesson
from ..models.training.state import fingerprint
from ..pipeline.core.config import Settings, checked
from ..pipeline.core.errors import SettingsError
from ..pipeline.core.frame import Frame, Rgb, eight_bits
from ..pipeline.core.units import duration_text
from ..pipeline.imaging.palette import Palette
from ..pipeline.imaging.resize import resize_pixels
from ..pipeline.keyframes.paint import PaintTask
from ..pipeline.keyframes.run import Pairs
from ..pipeline.media.images import PictureSource, read_8_or_16_bit, write_picture
from ..pipeline.media.images import read_picture as read_rgb
from ..pipeline.media.outputs import check_output
from ..pipeline.nets.contract import ModelCard
from ..pipeline.styles.finish import Finish
from ..pipeline.styles.masks import open_masks
from ..pipeline.styles.zoo import base_file, family_of
from .estimate import PaintingTimer, keyframes_estimate
from .painting import PicturePainter, StyleFiles, digest, paint_content, read_picture, smooth
from .parity import parity_frames
from .progress import ProgressReport
from .style import export_style, read_net

_PALETTE_FRAMES = 8  # paintings whose colours a net's file names as its palette


class KeyframeBackend:
    """Paints key frames by optimisation, and trains nets on them; see ``pipeline.keyframes.run``.

    Args:
        settings: of the job.
        report: shows the progress.
        vgg: the file of VGG-19's weights; ``None`` downloads them.
        stop: set when the user stops the job.
    """

    def __init__(
        self,
        settings: Settings,
        report: ProgressReport,
        vgg: Path | None,
        stop: threading.Event | None = None,
    ) -> None:
        self._stop = stop or threading.Event()
        self._settings = settings
        self._report = report
        self._seconds: list[float] = []
        self._shots = 0
        self._done = self._total = 0
        self._has_estimate = False
        self._last_painted = 0.0
        self._vgg = vgg
        names = {"cpu": "cpu", "cuda": "cuda", "tensorrt": "cuda"}
        self._device = names.get(settings.device, "auto")
        if settings.threads:
            torch.set_num_threads(settings.threads)

    def painter(self, settings: Settings, mask: Rgb | None) -> KeyframePainter:
        """See ``pipeline.keyframes.run.KeyframeBackend``."""
        return KeyframePainter(
            self.picture_painter(settings, mask),
            self._report,
            self._stop,
            self._say_estimate,
            _smoothing(settings),
        )

    def picture_painter(self, settings: Settings, mask: Rgb | None) -> PicturePainter:
        """What paints by the settings.

        Args:
            settings: of the job.
            mask: (H, W, 3) uint8, RGB, one of the source's masks.
        """
        options = {"palette": settings.palette, **_parsed(settings.paint_option)}
        if settings.style_scale is not None:
            options = {"style_scale": settings.style_scale, **options}
        recipe = checked(PaintRecipe, options, "--paint-option")
        files = StyleFiles(settings.style, settings.style_mask, mask)
        method = "deepphoto" if settings.method == "deepphoto" else "gatys"
        return PicturePainter(method, recipe, files, self._vgg, torch_device(self._device))

    @property
    def learn_key(self) -> str:
        """See ``pipeline.keyframes.run.KeyframeBackend``."""
        return self._distil.model_dump_json() + fingerprint(self._describer)

    @cached_property
    def _describer(self) -> VGG19:
        """Compares a net's results with the paintings."""
        return open_vgg19(self._vgg)

    @property
    def _distil(self) -> DistilRecipe:
        return DistilRecipe.model_validate({"steps": self._settings.between_steps})

    def on_frame(self, frame: Frame) -> None:
        """See ``pipeline.keyframes.run.KeyframeBackend``."""
        self._shots += frame.cut
        if self._stop.is_set():
            raise KeyboardInterrupt

    def on_painted(self, done: int, total: int) -> None:
        """See ``pipeline.keyframes.run.KeyframeBackend``."""
        now = time.monotonic()
        self._done, self._total = done, total
        if done == 0:
            self._report.say(f"{total} key frame{'s'[: total != 1]} to paint")
        else:
            self._seconds.append(now - self._last_painted)
            left = _seconds_left(self._seconds, total - done)
            estimate = f" · about {duration_text(left)} left" if left else ""
            self._report.say(f"{done} of {total} key frames are painted{estimate}")
        self._last_painted = now

    def _say_estimate(self, seconds: float) -> None:
        """Say once how long the key frames take; those that are painted already take no time.

        Args:
            seconds: of a key frame that is painted from the start.
        """
        if self._has_estimate:
            return
        self._has_estimate = True
        per_pass = self._total // self._settings.key_passes
        count = self._total - self._done
        shots = min(max(1, self._shots), per_pass)
        whole = min(count, round(shots * count / self._total))
        self._report.say(keyframes_estimate(seconds, whole, count - whole))

    def learn(self, pairs: Pairs, name: str, out: Path, checkpoint: Path) -> None:
        """See ``pipeline.keyframes.run.KeyframeBackend``."""
        recipe, base = self._distil, base_file("fast")
        device = torch_device(self._device)
        lesson = load_lesson(checkpoint, recipe, device) or begin(read_net(base), recipe, device)
        steps, vgg = recipe.steps, self._describer.to(device)
        with self._report.progress("learning the key frames", steps, "steps", lesson.step) as bar:
            for loss in distil(lesson, vgg, pairs, recipe):
                bar.advance(f"loss {loss:.3f}")
                if lesson.step % PAINT_CHECKPOINT_EVERY == 0 or self._stop.is_set():
                    save_lesson(lesson, checkpoint)
                if self._stop.is_set():
                    raise KeyboardInterrupt
        card = ModelCard(
            name=Path(name).stem,
            kind="fast",
            family=family_of(base) or "",
            palette=Palette.of([read_rgb(p) for _, p in pairs[:_PALETTE_FRAMES]]).to_json(),
            recipe=recipe.model_dump_json(),
            figures=json.dumps({"pairs": len(pairs)}),
        )
        frames = [frame for frame, _ in pairs]
        usual = [read_rgb(frame) for frame in frames[:3]]
        export_style(lesson.net.cpu(), card, out, parity_frames(frames), usual)


class KeyframePainter:
    """Paints key frames by one recipe; see ``pipeline.keyframes.paint.KeyPainter``.

    The first key frame of a shot is painted by the whole recipe. One that begins with an earlier
    painting, warped to it, needs half of the iterations: the coarse ones among them paint the new
    parts in strokes of the same size, while the temporal loss restores the rest.

    Args:
        painter: method, recipe and styles.
        report: shows the progress.
        stop: set when the user stops the job.
        on_estimate: called with the estimated seconds of a painting from the start.
        smoothing: of the paintings; see ``smooth``.
    """

    def __init__(
        self,
        painter: PicturePainter,
        report: ProgressReport,
        stop: threading.Event,
        on_estimate: Callable[[float], None],
        smoothing: str = "off",
    ) -> None:
        self._smoothing = smoothing
        self._on_estimate = on_estimate
        self._stop = stop
        self._painter = painter
        self._report = report
        shorter = {"iterations": max(1, painter.recipe.iterations // 2)}
        self._later = painter.recipe.model_copy(update=shorter)
        self.key = digest(painter.key, "key frames 2", smoothing)

    def paint(self, task: PaintTask, checkpoint: Path) -> Rgb:
        """See ``pipeline.keyframes.paint.KeyPainter``."""
        painter = self._painter
        recipe = self._later if task.earlier or task.own is not None else painter.recipe
        descent = painter.optimizer.descent(self._content(task), recipe)
        canvas = load_canvas(checkpoint, painter.device) or descent.begin()
        total = recipe.iterations
        scale = painter.recipe.iterations / total
        timer = PaintingTimer(
            descent.stages(), lambda whole, left: self._on_estimate(scale * whole)
        )
        with self._report.progress("painting", total, "iterations", canvas.iteration) as bar:

            def progress(canvas: Canvas) -> None:
                timer.tick(canvas.iteration)
                bar.advance(f"total {canvas.curves[-1]['total']:.3g}")
                if canvas.iteration % PAINT_CHECKPOINT_EVERY == 0 or self._stop.is_set():
                    save_canvas(canvas, checkpoint)
                if self._stop.is_set():
                    raise KeyboardInterrupt

            rgb = optimize(descent, canvas, np.uint8, progress)
        return np.asarray(smooth(rgb, task.rgb, self._smoothing), np.uint8)

    def _content(self, task: PaintTask) -> ContentPicture:
        earlier = [WarpedPainting(e.painted, e.trust) for e in task.earlier]
        content = self._painter.content(task.rgb, task.mask)
        return replace(content, start=task.own, earlier=earlier)


def _seconds_left(seconds: Sequence[float], count: int) -> float:
    """An estimate for ``count`` more key frames; 0 where nothing was measured.

    Args:
        seconds: what each of those before took; one that was painted in an earlier run takes none.
        count: how many are left.
    """
    measured = [one for one in seconds if one > 1]
    return count * sum(measured) / len(measured) if measured else 0.0


def paint_picture(
    source: PictureSource, out: Path, settings: Settings, report: ProgressReport, vgg: Path | None
) -> None:
    """Paint one picture, in the bits that it has, and write it to ``out``.

    Args:
        source: of one picture.
        out: the file to write.
        settings: of the job.
        report: shows the progress.
        vgg: the file of VGG-19's weights; ``None`` downloads them.

    Raises:
        StylizeError: see ``pipeline.core.errors``.
    """
    check_output(out, settings, str(out))
    size = source.info.width, source.info.height
    content = resize_pixels(read_8_or_16_bit(source.paths[0]), (size[1], size[0]))
    path = settings.content_mask
    mask = None if path is None else eight_bits(read_picture(Path(path), "--content-mask"))
    backend = KeyframeBackend(settings, report, vgg)
    report.say(f"{' '.join(settings.style)}: {source.info.name}, {size[0]}x{size[1]}")
    painter = backend.picture_painter(settings, mask)
    result = paint_content(painter, content, mask, out, report)
    result = smooth(result, content, _smoothing(settings))
    frame = Frame(eight_bits(content), 0, source.info.time_base)
    masks = open_masks(settings, source)
    with closing(masks) if masks is not None else nullcontext():
        result = Finish(mask=masks).picture(result, content, frame, settings.strength)
    if settings.mirror:
        mirrored: Any = np.ascontiguousarray(result[:, ::-1])
        result = mirrored
    write_picture(out, result)
    report.say(f"wrote {out}: {size[0]}x{size[1]}")


def _smoothing(settings: Settings) -> str:
    """The setting ``smooth``, off unless the user gave one."""
    return "off" if settings.smooth == "auto" else settings.smooth


def _parsed(options: dict[str, str]) -> dict[str, object]:
    """The options of ``--paint-option`` as a recipe takes them.

    ``style_layers=conv1_1:0.5,pool1:0.5`` becomes a dict, ``content_layers`` a list.
    """
    parsed: dict[str, object] = {}
    for name, text in options.items():
        key = name.replace("-", "_")
        if key == "style_layers":
            parts = [part.rpartition(":") for part in text.split(",")]
            if not all(layer for layer, _, _ in parts):
                raise SettingsError(
                    f"--paint-option {name}={text}: write LAYER:WEIGHT,LAYER:WEIGHT"
                )
            parsed[key] = {layer: weight for layer, _, weight in parts}
        elif key == "content_layers":
            parsed[key] = text.split(",")
        else:
            parsed[key] = text
    return parsed
