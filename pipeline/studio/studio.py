"""The studio: what is in its folder, what was asked of it, what it does."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core.errors import SinkError
from ..core.locks import LockedError, folder_lock
from ..core.presets import shipped_presets
from ..media.fragment import work_path
from ..styles.zoo import zoo
from ..web.requests import RequestError
from .choices import Choices, filled_timeline
from .events import Events
from .folder import StudioFolder, name_id
from .jobs import Job, JobList
from .library import Clip, Library
from .missing import missing
from .notes import ClipNotes
from .orders import Orders
from .outputs import OUTPUTS
from .painting import SMALL, PaintedFrame, Painter, PaintQueue
from .results import keep_style, zip_folder
from .runner import Runner
from .shots import ShotFinder


class Studio:
    """Everything behind the page; ``app`` is what the browser reaches of it.

    Args:
        root: its folder.
        launcher: see ``Runner``.
        painter: paints single frames.

    Raises:
        SinkError: the folder can't be used, or another studio uses it.
    """

    def __init__(self, root: Path, launcher: Sequence[str], painter: Painter) -> None:
        self.folder = StudioFolder(root)
        self._block = ExitStack()
        try:
            self._block.enter_context(folder_lock(self.folder.state, "lock"))
        except LockedError as error:
            line = f"another studio works in {self.folder.root} ({error}); choose another folder"
            raise SinkError(line) from error
        self.events = Events()
        self.library = Library(self.folder, lambda: self.events.send("clips", {}))
        self.notes = ClipNotes(self.folder)
        self.choices = Choices(self.folder, self.library, self.notes)
        self.jobs = JobList(self.folder, self._tell)
        self.orders = Orders(self.folder, self.library, self.notes, self.choices, self.jobs)
        self.painter = painter
        self._block.callback(shutil.rmtree, self.folder.part("uploads"), ignore_errors=True)
        self._paints = PaintQueue(painter.give_up)
        self._block.callback(self._paints.close)
        self._small = PaintQueue()
        self._block.callback(self._small.close)
        self.shots = ShotFinder(self.folder, lambda clip: self.events.send("shots", {"id": clip}))
        self._block.callback(self.shots.close)
        self.runner = Runner(self.folder, self.jobs, launcher, self._finished)
        self._block.callback(self.runner.close)
        shutil.rmtree(self.folder.part("uploads"), ignore_errors=True)  # of a studio that died
        self.runner.start()

    def close(self) -> None:
        """Stop what runs, as Ctrl-C does."""
        self._block.close()

    # ---- what there is ----

    def state(self) -> dict[str, Any]:
        """Everything that the page shows at first."""
        from importlib.metadata import version

        return {
            "version": version("stylize-video"),
            "folder": str(self.folder.root),
            "torch": find_spec("torch") is not None,
            "missing": missing(),
            "clips": [clip.to_json() for clip in self.library.clips()],
            "paintings": [one.to_json() for one in self.library.paintings()],
            "styles": self.styles(),
            "jobs": [job.to_json() for job in self.jobs.all()],
            "outputs": [kind.to_json() for kind in OUTPUTS.values()],
            "presets": presets(),
            "settings": sorted(self.choices.known),
        }

    def styles(self) -> list[dict[str, Any]]:
        """The built-in styles, then the user's own, with what is to be sent as ``style``."""
        built_in = [
            {"name": s.name, "title": s.title, "artist": s.artist, "year": s.year,
             "words": s.words, "tier": s.tier, "kind": "built-in"}
            for s in zoo().values()
        ]  # fmt: skip
        own = [
            {"name": f"painting:{one.id}", "title": Path(one.name).stem, "artist": "",
             "year": None, "words": "", "tier": "", "kind": Path(one.name).suffix[1:].lower()}
            for one in self.library.own_styles()
        ]  # fmt: skip
        return [*built_in, *own]

    # ---- what is asked of it ----

    def set_timeline(self, clip: Clip, text: str) -> None:
        """Keep a clip's timeline; see ``ClipNotes.set_timeline``."""
        self.notes.set_timeline(clip, text, filled_timeline(text, clip, self.choices))

    def paint(
        self,
        clip: Clip,
        seconds: float,
        chosen: Mapping[str, Any],
        exact: bool,
        height: int,
        slot: str,
    ) -> Future[PaintedFrame]:
        """Ask for a painted frame; small ones, for the wall, keep no large one waiting.

        Args:
            clip: of the film.
            seconds: after its first frame.
            chosen: settings, as in ``config.yaml``.
            exact: as in the film; else quickly.
            height: px, at most.
            slot: see ``PaintQueue.ask``.
        """
        settings = self.orders.checked(clip, chosen)
        known = self.shots.shots(clip)
        if known["done"]:
            self.painter.know_shots(clip.path, [shot["start"] for shot in known["shots"]])
        queue = self._small if height <= SMALL and not exact else self._paints
        task = partial(self.painter.paint, clip.path, seconds, settings, exact, height)
        return queue.ask(slot, task)

    def add_job(self, request: Mapping[str, Any]) -> Job:
        """Queue what the page asks for.

        Raises:
            RequestError, StylizeError: why not.
        """
        job = self.orders.job(request)
        self.folder.results.mkdir(exist_ok=True)
        self.jobs.add(job)
        self.runner.wake()
        return job

    def resume(self, job: Job) -> None:
        """Queue a job that failed or was stopped: its command goes on after what is finished.

        Raises:
            RequestError: it is neither.
        """
        if job.state not in ("failed", "stopped"):
            raise RequestError(409, f"this job is {job.state}; there is nothing to resume")
        self.jobs.to_the_end(job.id)
        self.runner.wake()

    def remove_job(self, job: Job) -> None:
        """Take a job off the list: it is given up. Its result stays in the folder, a preview goes.

        Raises:
            RequestError: it runs.
        """
        if not job.is_over:
            raise RequestError(409, f"this job is {job.state}; cancel it first")
        self.jobs.remove(job.id)
        shutil.rmtree(self.folder.part("jobs", job.id), ignore_errors=True)
        shutil.rmtree(work_path(Path(job.output)), ignore_errors=True)  # nobody will go on with it
        self.events.send("jobs", {"removed": job.id})

    # ---- inside ----

    def _tell(self, job: Job) -> None:
        self.events.send("job", job.to_json())

    def _finished(self, job: Job, last: dict[str, Any]) -> dict[str, Any]:
        """What is to be done with what a command has made; see ``Runner``."""
        changes: dict[str, Any] = {}
        if job.archive:
            zip_folder(Path(job.output), job.file)
        if job.archive and job.kind == "render":  # its pictures are in there
            shutil.rmtree(job.output, ignore_errors=True)
        style = last.get("style")
        if style:
            place = keep_style(self.library, self.folder, Path(str(style)))
            changes = {"style": f"painting:{name_id(place.name)}"}
        return changes


def presets() -> list[dict[str, Any]]:
    """The looks that have a name, with the settings that the page sends for them."""
    return [
        {
            "name": preset.name,
            "words": preset.words,
            "settings": {**preset.values, "style": " ".join(preset.values["style"])},
        }
        for preset in shipped_presets().values()
    ]
