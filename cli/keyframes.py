"""``stylize-video keyframes``: the workshop of who paints key frames by hand."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Quiet
from .progress import Report

if TYPE_CHECKING:
    from ..pipeline.keyframes.coverage import ShotCoverage
    from ..pipeline.keyframes.workshop import KeyPicture, Review
    from ..pipeline.media.source import Source


def keyframes(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="The film.")],
    folder: Annotated[
        Path,
        typer.Argument(
            help="Where the frames to paint are written, if it has no pictures; else it is checked."
        ),
    ],
    every: Annotated[
        float,
        typer.Option(min=0.1, max=60, help="Longest time between two of them, seconds."),
    ] = 2.0,
    add: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="Write these frames too: 12,87. The first one is 1."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Choose the frames to paint by hand; check the painted ones, and say which is next.

    Paint over the pictures in FOLDER, then type the same again. What is painted is rendered by
    stylize-video INPUT --keyframes FOLDER.
    """
    from ..pipeline.keyframes.page import write_page
    from ..pipeline.keyframes.workshop import choose_keyframes, review, write_frames
    from ..pipeline.media.inputs import open_source
    from ..pipeline.media.sequence import pictures_in
    from ..pipeline.temporal.flow import Dis

    report = Report(quiet, as_json=False)
    film = open_source(source)
    _refuse_what_is_no_film(source, film, folder)
    begins = not (folder.is_dir() and pictures_in(folder))
    with report.notes():
        if add is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_frames(film, folder, _numbers(add))
        elif begins:
            choose_keyframes(film, folder, every, Dis())
        made = review(film, folder, Dis())
        page = write_page(made, folder, source)
    if begins:
        _say_chosen(made, report)
    else:
        _say_checked(made, report)
    report.say(f"the film in pictures: {page}")
    _say_what_to_type(made, source, folder, report)


def _refuse_what_is_no_film(source: str, film: Source, folder: Path) -> None:
    """Refuse pictures, and a folder that can't be one.

    Raises:
        SettingsError: what it is.
    """
    from ..pipeline.core.errors import SettingsError

    if film.info.frames == 1:
        raise SettingsError(f"{source} is one picture: key frames belong to a film")
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder} is a file; give a folder, for the frames to paint")


def _numbers(text: str) -> list[int]:
    """The numbers in ``12,87``.

    Raises:
        typer.BadParameter: it is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and len(part) < 10 for part in parts):
        raise typer.BadParameter(f"'{text}' is no list of numbers, as 12,87", param_hint="--add")
    return [int(part) for part in parts]


def _say_chosen(made: Review, report: Report) -> None:
    for number, shot in enumerate(made.shots, 1):
        names = [p.path.name for p in made.pictures if shot.first <= p.number <= shot.last]
        report.say(f"{_title(number, shot, made)}: {' '.join(names) or 'none'}")


def _say_checked(made: Review, report: Report) -> None:
    for picture in made.pictures:
        report.say(f"{picture.path.name}: {_state(picture)}")
    for number, shot in enumerate(made.shots, 1):
        own = {p.number for p in made.pictures if shot.first <= p.number <= shot.last}
        done = own & set(made.painted)
        report.say(
            f"{_title(number, shot, made)}: {len(done)} of {len(own)} painted, "
            f"{100 * made.coverage(shot):.0f} % covered"
        )


def _state(picture: KeyPicture) -> str:
    if picture.painting:
        return f"the film's own frame; {picture.painting} is its painting"
    if not picture.painted:
        return "; ".join(picture.problems) or "to paint"
    return "painted" + ("; " + "; ".join(picture.problems) if picture.problems else ", and fits")


def _title(number: int, shot: ShotCoverage, made: Review) -> str:
    from ..pipeline.core.units import clock_text

    begin, end = (clock_text(time - made.info.start) for time in (shot.start, shot.end))
    return f"shot {number}, {begin} to {end}"


def _say_what_to_type(made: Review, source: str, folder: Path, report: Report) -> None:
    best = made.next()
    if best is not None:
        more = f"{100 * best.gain:.0f} % more of its shot"
        where = best.path if best.path is not None else f"frame {best.number} (--add {best.number})"
        report.say(f"next: paint {where}; it covers {more}")
    elif made.painted:
        report.say("the paintings cover the whole film")
    film, keys = quote(source), quote(str(folder))
    if made.painted:
        report.say(f"render with what there is: stylize-video {film} --keyframes {keys}")
    else:
        report.say(f"then check: stylize-video keyframes {film} {keys}")
