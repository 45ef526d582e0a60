"""What the page asks to be made: checked, and said as the command that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from ..core.errors import SettingsError
from ..core.files import unused_path
from ..web.requests import RequestError
from .choices import Choices, as_settings_error
from .command import command_line, options, yaml_text
from .folder import StudioFolder
from .jobs import KINDS, MOST, Job, JobList, Kind, new_job_id
from .library import Clip, Library
from .missing import missing
from .notes import ClipNotes
from .outputs import OUTPUTS, OutputKind, output_label, result_path

_PREVIEW = 3.0
"""Seconds of a preview, and of the film that is painted after a learning."""


class Orders:
    """Makes jobs of requests.

    Args:
        folder: of the studio.
        library: its clips.
        notes: what was drawn and written on the page for them.
        choices: checks settings.
        jobs: the list, whose results keep their names.
    """

    def __init__(
        self,
        folder: StudioFolder,
        library: Library,
        notes: ClipNotes,
        choices: Choices,
        jobs: JobList,
    ) -> None:
        self._folder = folder
        self._library = library
        self._notes = notes
        self._choices = choices
        self._jobs = jobs

    def checked(self, clip: Clip, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings to be typed; see ``Choices.settings``.

        Raises:
            RequestError: says what is wrong with them.
        """
        try:
            return self._choices.settings(clip, chosen)
        except SettingsError as error:
            raise as_settings_error(error) from error

    def command(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Return a state of the page as a command line and as YAML.

        Raises:
            RequestError: it can't be made.
        """
        clip = self._library.clip(str(request.get("clip")))
        kind = _output(request)
        settings = self.checked(clip, _settings(request))
        settings = {**kind.settings, **settings}
        words = self._words(clip, self._result(clip, settings, kind.ending), settings)
        return {"command": command_line(words), "yaml": yaml_text(settings)}

    def job(self, request: Mapping[str, Any]) -> Job:
        """Return the job that a request asks for; it is not queued yet.

        Raises:
            RequestError: it can't be made.
        """
        kind = request.get("kind")
        if kind not in KINDS:
            raise RequestError(400, f"a job is one of {', '.join(KINDS)}")
        if len(self._jobs.all()) >= MOST:
            raise RequestError(503, f"{MOST} jobs are in the list; remove some")
        clip = self._library.clip(str(request.get("clip")))
        chosen = _settings(request)
        if kind == "learn":
            chosen = {**chosen, "method": "learn"}
        if chosen.get("method") == "learn" and find_spec("torch") is None:
            line = missing()[0]["line"]
            raise RequestError(400, f"to learn a painting needs PyTorch; type: {line}")
        settings = self.checked(clip, chosen)
        made = self._job(cast("Kind", kind), clip, settings, request)
        return replace(made, settings=dict(chosen))

    def _job(
        self, kind: Kind, clip: Clip, settings: dict[str, Any], request: Mapping[str, Any]
    ) -> Job:
        job_id = new_job_id()
        output = _output(request)
        start, end = _part(request, clip, None if kind == "render" else _PREVIEW)
        times = {"start": start, "end": end}
        settings = settings | {name: time for name, time in times.items() if time is not None}
        own = self._folder.part("jobs", job_id, "frames")
        if kind == "keyframes":
            return self._keyframes(job_id, clip, bool(request.get("check")))
        if kind != "render":
            target = self._result(clip, settings, "-preview.mp4")
            return self._render(job_id, kind, clip, settings, target, own.with_name("preview.mp4"))
        settings = {**output.settings, **settings}
        target = self._result(clip, settings, ".zip" if output.zipped else output.ending)
        if not output.zipped:
            return self._render(job_id, kind, clip, settings, target, target)
        shown = target.with_suffix("")
        return replace(self._render(job_id, kind, clip, settings, shown, own), archive=str(target))

    def _keyframes(self, job_id: str, clip: Clip, check: bool) -> Job:
        """A job that writes the frames to paint, or says what the painted ones cover."""
        target = unused_path(self._folder.root / f"{Path(clip.name).stem} key frames")
        archive = str(self._folder.part("jobs", job_id, f"{target.name}.zip"))
        if check:
            target, archive = self._notes.file(clip, "keyframes"), ""
        words = ["keyframes", str(clip.path), str(target)]
        line = command_line(words)
        return Job(
            job_id, "keyframes", clip.id, clip.name, words, line, str(target), archive=archive
        )

    def _render(
        self,
        job_id: str,
        kind: Kind,
        clip: Clip,
        settings: Mapping[str, Any],
        shown: Path,
        target: Path,
    ) -> Job:
        """A job of ``run``; its command line names ``shown``, what it writes is ``target``."""
        words = self._words(clip, target, settings)
        line = command_line(self._words(clip, shown, settings))
        typed = [*words, "--json-progress"]
        return Job(job_id, kind, clip.id, clip.name, typed, line, str(target))

    def _words(self, clip: Clip, target: Path, settings: Mapping[str, Any]) -> list[str]:
        return ["run", str(clip.path), str(target), *options(settings)]

    def _result(self, clip: Clip, settings: Mapping[str, Any], ending: str) -> Path:
        taken = {job.file for job in self._jobs.all()}
        usual = "painted" if "keyframes" in settings or "timeline" in settings else "udnie"
        label = output_label(settings.get("style", usual))
        return result_path(self._folder.results, clip.name, label, ending, taken)


def _settings(request: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = request.get("settings", {})
    if not isinstance(settings, dict):
        raise RequestError(400, "settings are an object: setting → value")
    return cast("dict[str, Any]", settings)


def _output(request: Mapping[str, Any]) -> OutputKind:
    output = request.get("output") or "h264"
    if output not in OUTPUTS:
        raise RequestError(400, f"an output is one of {', '.join(OUTPUTS)}")
    return OUTPUTS[str(output)]


def _part(
    request: Mapping[str, Any], clip: Clip, seconds: float | None
) -> tuple[str | None, str | None]:
    """Which part of the film: as the page says, else all of it, or ``seconds`` of its middle."""
    times: list[float | None] = []
    for name in ("start", "end"):
        value = request.get(name)
        if value is not None and not (isinstance(value, (int, float)) and 0 <= value < 1e6):
            raise RequestError(400, f"{name} is a number of seconds")
        times.append(None if value is None else float(value))
    start, end = times
    if seconds is not None and start is None:
        start = max(0.0, ((clip.facts.seconds or 0.0) - seconds) / 2)
    if seconds is not None and start is not None:
        end = min(start + seconds, end or start + seconds)
    return tuple(None if time is None else f"{time:.3f}" for time in (start, end))  # pyright: ignore[reportReturnType]
