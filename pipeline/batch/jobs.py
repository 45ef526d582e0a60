"""Which of a batch's settings apply to which of its inputs.

A folder holds films and pictures. What was typed for films is no fault of a picture among them;
what applies to no input at all is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from ..core.applicability import inapplicable
from ..core.config import Settings
from ..core.errors import SettingsError
from ..core.job import Job, StyleKind
from ..media.animation import is_animation
from ..media.film_pictures import READ_SUFFIXES
from ..media.kind import output_kind
from .outputs import Item


def job_of(item: Item, kinds: frozenset[StyleKind], canvas: bool | None) -> Job:
    """What an input's source and result are like, by their names.

    Args:
        item: the input.
        kinds: of the styles.
        canvas: whether the style takes one; ``None``: that is not known.
    """
    film = item.source.suffix.lower() not in READ_SUFFIXES
    with suppress(OSError):  # what can't be read is refused when it is opened
        film = film or is_animation(item.source)
    return Job(kinds, "film" if film else "picture", output_kind(item.output, film), canvas)


def any_jobs(kinds: frozenset[StyleKind], canvas: bool | None) -> set[Job]:
    """What inputs can be like that are not known yet."""
    film = {Job(kinds, "film", output, canvas) for output in ("video", "animation")}
    return film | {Job(kinds, "picture", "picture", canvas)}


def refuse_what_never_applies(settings: Settings, jobs: Collection[Job]) -> None:
    """Refuse what was typed and applies to none of some jobs.

    Raises:
        SettingsError: see ``refuse_inapplicable``.
    """
    refused = [inapplicable(settings, job) for job in jobs]
    if not refused:
        return
    for name, why in refused[0].items():
        if all(name in other for other in refused):
            raise SettingsError(why)


def applying(settings: Settings, job: Job) -> Settings:
    """The settings, with the defaults of those that do not apply to a job."""
    names = inapplicable(settings, job).keys()
    fields = Settings.model_fields
    defaults = {name: fields[name].get_default(call_default_factory=True) for name in names}
    values = {**dict(settings), **defaults}
    return settings.model_construct(_fields_set=settings.model_fields_set - names, **values)
