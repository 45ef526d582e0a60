"""What paints a video's key frames, and what learns from them: PyTorch behind the pipeline."""

from __future__ import annotations

import json
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..models.recipe import DistilRecipe, PaintRecipe
from ..pipeline.core.config import Settings, checked
from ..pipeline.core.errors import SettingsError
from ..pipeline.core.files import atomic_write
from ..pipeline.core.frame import Frame, Rgb, eight_bits
from ..pipeline.imaging.resize import resize_pixels
from ..pipeline.keyframes.paint import Earlier, Painting
from ..pipeline.keyframes.run import Pairs
from ..pipeline.media.images import PictureSource, picture_bytes, read_8_or_16_bit, read_picture
from ..pipeline.media.outputs import check_output
from ..pipeline.styles.finish import finished_picture
from ..pipeline.styles.zoo import base_file, family_of
from .progress import KEEP_EVERY, Report, need_torch
from .studio import Asked, Studio, digest, painted, picture_painted, smoothed, to_tensor
from .studio import read_picture as read_picture_of
from .train import refuse_same, torch_device, vgg19

if TYPE_CHECKING:
    from ..models.nets.vgg19 import VGG19
    from ..models.optimize.descent import Canvas
    from ..models.optimize.image import Subject
    from ..models.optimize.temporal import Carried


class KeyframeBackend:
    """Paints key frames with ``Studio``, and teaches nets."""

    def __init__(
        self,
        settings: Settings,
        report: Report,
        vgg: Path | None,
        stop: threading.Event | None = None,
    ) -> None:
        need_torch(f"--method {settings.method}")
        self._stop = stop or threading.Event()
        self._settings = settings
        self._report = report
        self._vgg = vgg
        wanted = {"cpu": "cpu", "cuda": "cuda", "tensorrt": "cuda"}
        self._device = wanted.get(settings.device, "auto")
        if settings.threads:
            import torch

            torch.set_num_threads(settings.threads)

    def painter(self, settings: Settings, mask: Rgb | None) -> KeyFramePainter:
        """See ``pipeline.painted.KeyframeBackend``."""
        return KeyFramePainter(
            self.studio(settings, mask), self._report, self._stop, _smoothing(settings)
        )

    def studio(self, settings: Settings, mask: Rgb | None) -> Studio:
        """The studio of the settings; ``mask`` is one of the source's."""
        options = {"preserve_color": settings.preserve_color, **_read(settings.paint_option)}
        if settings.style_scale is not None:
            options = {"style_scale": settings.style_scale, **options}
        recipe = checked(PaintRecipe, options, "--paint-option")
        asked = Asked(settings.style, settings.style_mask, mask)
        method = "deepphoto" if settings.method == "deepphoto" else "gatys"
        return Studio(method, recipe, asked, self._vgg, self._device)

    @property
    def learns(self) -> str:
        """See ``pipeline.painted.KeyframeBackend``."""
        from ..models.training.feedforward import fingerprint

        return self._distil.model_dump_json() + fingerprint(self._describer)

    @cached_property
    def _describer(self) -> VGG19:
        """What compares a net's answers with the paintings."""
        return vgg19(self._vgg)

    @property
    def _distil(self) -> DistilRecipe:
        return DistilRecipe.model_validate({"steps": self._settings.learn_steps})

    def looked(self, frame: Frame) -> None:
        """See ``pipeline.painted.KeyframeBackend``."""
        if self._stop.is_set():
            raise KeyboardInterrupt

    def heard(self, done: int, total: int) -> None:
        """See ``pipeline.painted.KeyframeBackend``."""
        self._report.say(f"{done} of {total} key frames are painted")

    def learned(self, pairs: Pairs, name: str, out: Path, kept: Path) -> None:
        """See ``pipeline.painted.KeyframeBackend``."""
        from ..export.parity import parity_frames
        from ..export.style import export_style, read_fast
        from ..models.training.keyframe_net import begin, distil, load_lesson, save_lesson
        from ..pipeline.nets.contract import ModelCard

        recipe, base = self._distil, base_file("fast")
        where = torch_device(self._device)
        lesson = load_lesson(kept, recipe, where) or begin(read_fast(base), recipe, where)
        steps, vgg = recipe.steps, self._describer.to(where)
        with self._report.progress("learning the key frames", steps, "steps", lesson.step) as bar:
            for loss in distil(lesson, vgg, pairs, recipe):
                bar.advance(f"loss {loss:.3f}")
                if lesson.step % KEEP_EVERY == 0 or self._stop.is_set():
                    save_lesson(lesson, kept)
                if self._stop.is_set():
                    raise KeyboardInterrupt
        card = ModelCard(
            name=Path(name).stem,
            kind="fast",
            family=family_of(base) or "",
            recipe=recipe.model_dump_json(),
            figures=json.dumps({"pairs": len(pairs)}),
        )
        frames = [frame for frame, _ in pairs]
        usual = [read_picture(frame) for frame in frames[:3]]
        export_style(lesson.net.cpu(), card, out, parity_frames(frames), usual)


def paint_picture(
    source: PictureSource, out: Path, settings: Settings, report: Report, vgg: Path | None
) -> None:
    """Paint one picture, in the bits that it has, and write it to ``out``.

    Raises:
        StylizeError: see ``errors``.
    """
    check_output(out, settings, str(out))
    refuse_same(source.paths[0], out)
    size = source.info.width, source.info.height
    content = resize_pixels(read_8_or_16_bit(source.paths[0]), (size[1], size[0]))
    asked = settings.content_mask
    mask = None if asked is None else eight_bits(read_picture_of(Path(asked), "--content-mask"))
    workshop = KeyframeBackend(settings, report, vgg)
    report.say(f"{' '.join(settings.style)}: {source.info.name}, {size[0]}x{size[1]}")
    studio = workshop.studio(settings, mask)
    result = picture_painted(studio, content, mask, out, report)
    result = smoothed(result, content, _smoothing(settings))
    shown = finished_picture(result, content, settings, source)
    with atomic_write(out) as aside:
        aside.write_bytes(picture_bytes(shown, out.name))
    report.say(f"wrote {out}: {size[0]}x{size[1]}")


class KeyFramePainter:
    """Paints key frames by a studio's recipe; see ``pipeline.keyframes.KeyPainter``.

    The first of a shot is painted by the whole recipe. One that begins with a painting carried
    there needs half of its iterations; the coarse ones among them paint what is new there in
    strokes of the same size, while the temporal loss gives back the rest.
    """

    def __init__(
        self, studio: Studio, report: Report, stop: threading.Event, smooth: str = "off"
    ) -> None:
        self._smooth = smooth
        self._stop = stop
        self._studio = studio
        self._report = report
        shorter = {"iterations": max(1, studio.recipe.iterations // 2)}
        self._later = studio.recipe.model_copy(update=shorter)
        self.key = digest(studio.key, "key frames 2", smooth)

    def paint(self, asked: Painting, kept: Path) -> Rgb:
        """See ``pipeline.keyframes.KeyPainter``."""
        from ..models.optimize.descent import load_canvas, save_canvas

        studio = self._studio
        recipe = self._later if asked.earlier or asked.own is not None else studio.recipe
        descent = studio.painting(asked.rgb, self._subject(asked), recipe)
        canvas = load_canvas(kept, studio.device) or descent.begin()
        total = recipe.iterations
        with self._report.progress("painting", total, "iterations", canvas.iteration) as bar:

            def heard(canvas: Canvas) -> None:
                bar.advance(f"total {canvas.curves[-1]['total']:.3g}")
                if canvas.iteration % KEEP_EVERY == 0 or self._stop.is_set():
                    save_canvas(canvas, kept)
                if self._stop.is_set():
                    raise KeyboardInterrupt

            rgb = painted(descent, canvas, np.uint8, heard)
        return np.asarray(smoothed(rgb, asked.rgb, self._smooth), np.uint8)

    def _subject(self, asked: Painting) -> Subject:
        from dataclasses import replace

        from ..models.optimize.temporal import begin_with, held

        subject = self._studio.subject(asked.rgb, asked.mask)
        own = None if asked.own is None else to_tensor(asked.own, self._studio.device)
        if not asked.earlier:
            return replace(subject, start=own)
        carried = [self._carried(earlier) for earlier in asked.earlier]
        start = begin_with(carried[0], subject.content if own is None else own)
        if own is not None:
            start = (start + own) / 2
        term = held(carried, self._studio.recipe.temporal_weight)
        return replace(subject, start=start, beside=(term,))

    def _carried(self, earlier: Earlier) -> Carried:
        import torch

        from ..models.optimize.color import with_grey
        from ..models.optimize.temporal import Carried

        trust = torch.from_numpy(earlier.trust)[None, None].to(self._studio.device)
        picture = to_tensor(earlier.painted, self._studio.device)
        if self._studio.recipe.preserve_color == "luma":  # as what is painted then
            picture = with_grey(picture)
        return Carried(picture, trust)


def _smoothing(settings: Settings) -> str:
    """Off unless it is asked for."""
    return "off" if settings.smooth == "auto" else settings.smooth


def _read(options: dict[str, str]) -> dict[str, object]:
    """``style_layers=conv1_1:0.5,pool1:0.5`` and lists by commas, as a recipe has them."""
    read: dict[str, object] = {}
    for name, text in options.items():
        key = name.replace("-", "_")
        if key == "style_layers":
            parts = [part.rpartition(":") for part in text.split(",")]
            if not all(layer for layer, _, _ in parts):
                raise SettingsError(
                    f"--paint-option {name}={text}: write LAYER:WEIGHT,LAYER:WEIGHT"
                )
            read[key] = {layer: weight for layer, _, weight in parts}
        elif key == "content_layers":
            read[key] = text.split(",")
        else:
            read[key] = text
    return read
