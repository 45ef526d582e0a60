"""``--preview SECONDS``: a piece of the film from its middle."""

from __future__ import annotations

from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError
from .progress import Report


def preview_settings(
    source: str, seconds: float, settings: Settings, live: bool, report: Report
) -> Settings:
    """The settings with ``start`` and ``end`` around the middle of the film.

    Args:
        source: the film, as it was typed.
        seconds: how much of it.
        settings: of the run.
        live: it runs in real time.
        report: prints which part it is.

    Raises:
        SettingsError: a preview of this cannot be made.
    """
    from ..pipeline.media.inputs import open_source
    from ..pipeline.media.source import Reading
    from ..pipeline.media.video import VideoSource

    typed = f"--preview {seconds:g}"
    if settings.start is not None or settings.end is not None:
        raise SettingsError(
            f"{typed} does not apply: --start and --end name the part; leave --preview out"
        )
    reading = Reading(stream=settings.video_stream)
    opened = None if live else open_source(source, settings.size, settings.rate, reading)
    if not isinstance(opened, VideoSource):
        raise SettingsError(
            f"{typed} does not apply: only a film has a middle; for pictures or a camera leave it "
            "out"
        )
    duration = opened.info.duration
    if duration is None:
        raise SettingsError(
            f"{typed} does not apply: {source} does not say how long it is; type --end {seconds:g}"
        )
    start = max(0.0, (float(duration) - seconds) / 2)
    end = min(float(duration), start + seconds)
    report.say(f"preview: {start:.2f} s to {end:.2f} s of {float(duration):.2f} s")
    return settings.model_copy(update={"start": f"{start:.3f}", "end": f"{end:.3f}"})
