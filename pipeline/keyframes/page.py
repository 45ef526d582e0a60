"""The page of the workshop: which parts of a film each key frame covers. It needs no network."""

from __future__ import annotations

import base64
import html
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.files import atomic_write, unused_path
from ..core.units import clock_text
from ..imaging.resize import resize_area
from ..media.images import picture_bytes, read_picture
from .coverage import ShotCoverage
from .workshop import KeyPicture, Next, Review

NAME = "index.html"
"""Of the page, in the folder of the key frames."""

_MARK = "<!-- stylize-video keyframes -->"
_WIDE = 160  # px of a thumbnail
_POINTS = 240  # of a curve, at most
_VIEW = 'viewBox="0 0 1000 100" preserveAspectRatio="none"'

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --all: #8886; --done: #2a9d5c; --wait: #c77d0a; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2rem 0 .3rem; font-size: 1.1rem; }
svg { display: block; width: 100%; height: 64px; border: 1px solid var(--line); }
.all { fill: var(--all); } .done { fill: var(--done); opacity: .75; }
.at { stroke: currentColor; stroke-width: 1; vector-effect: non-scaling-stroke; }
ul { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }
li { width: 160px; overflow-wrap: anywhere; } li svg { height: 24px; margin-top: 6px; }
img { width: 100%; display: block; border-radius: 3px; }
.painted img { outline: 3px solid var(--done); } .wait img { outline: 3px dashed var(--wait); }
li p { margin: .2rem 0; font-size: .85rem; } .problem { font-weight: 600; }
code { overflow-wrap: anywhere; }
"""


def write_page(review: Review, folder: Path, film: str) -> Path:
    """Write the page beside the key frames; returns its file. Another page there stays.

    Args:
        review: what is known of the folder.
        folder: of the key frames.
        film: the film's name, as the user typed it.

    Raises:
        SinkError: it can't be written.
    """
    path = folder / NAME
    is_ours = path.is_file() and _MARK in path.read_text("utf-8", errors="replace")[:200]
    path = path if is_ours else unused_path(path)
    with atomic_write(path) as part:
        part.write_text(page_text(review, folder, film), encoding="utf-8", newline="\n")
    return path


def page_text(review: Review, folder: Path, film: str) -> str:
    """The page as HTML; thumbnails are in it."""
    name, painted = html.escape(Path(film).name), review.painted
    shots = "\n".join(
        _shot(number, shot, review) for number, shot in enumerate(review.shots, start=1)
    )
    waiting = len({p.number for p in review.pictures if p.waits})
    return f"""<!doctype html>
{_MARK}
<html lang="en"><head><meta charset="utf-8"><title>Key frames of {name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><h1>Key frames of {name}</h1>
<p>{len(painted)} painted, {waiting} to paint. {_advice(review.next())}</p>
<p>Paint over the pictures in this folder in any program and in any size of the same shape. Keep the
number in the name. Then:</p>
<p><code>stylize-video keyframes {name} {html.escape(folder.name)}</code> checks them, and
<code>stylize-video {name} --keyframes {html.escape(folder.name)}</code> renders.</p>
<p>Each curve is time from left to right: how much of the picture is displayed by the key frames.
Grey: if all were painted. Green: by those that are. The curve below a picture is its own part.</p>
{shots}
</body></html>
"""


def _advice(best: Next | None) -> str:
    if best is None:
        return "The paintings cover the whole film."
    more = f"it would cover {100 * best.gain:.0f} % more of its shot"
    return f"Paint frame {best.number} next: {more}."


def _shot(number: int, shot: ShotCoverage, review: Review) -> str:
    own = [p for p in review.pictures if shot.first <= p.number <= shot.last]
    every = {p.number for p in own}
    begin, end = (clock_text(t - review.info.start) for t in (shot.start, shot.end))
    title = (
        f"Shot {number}: {begin} to {end}, frames {shot.first} to {shot.last}, "
        f"{100 * review.coverage(shot):.0f} % covered"
    )
    length = shot.last - shot.first + 1
    marks = "".join(_mark_at((n - shot.first + 0.5) / length) for n in sorted(every))
    pictures = "\n".join(_picture(picture, shot) for picture in own)
    return f"""<h2>{title}</h2>
<svg {_VIEW} role="img" aria-label="{title}">
{_area("all", shot.covered(every))}{_area("done", shot.covered(review.painted))}{marks}</svg>
<ul>{pictures}</ul>"""


def _area(kind: str, parts: NDArray[np.float64]) -> str:
    """A curve over time as a filled shape."""
    count = min(len(parts), _POINTS)
    chosen = parts[np.linspace(0, len(parts) - 1, count).round().astype(int)]
    places = np.linspace(0, 1000, count) if count > 1 else np.array([0.0])
    points = " ".join(f"{x:.1f},{100 - 96 * y:.1f}" for x, y in zip(places, chosen, strict=True))
    last = f"1000,{100 - 96 * chosen[-1]:.1f}"
    return f'<polygon class="{kind}" points="0,100 {points} {last} 1000,100"/>'


def _mark_at(part: float) -> str:
    x = f"{1000 * part:.1f}"
    return f'<line class="at" x1="{x}" x2="{x}" y1="0" y2="100"/>'


def _picture(picture: KeyPicture, shot: ShotCoverage) -> str:
    name = html.escape(picture.path.name)
    state = "painted" if picture.painted else "wait" if picture.waits else "own"
    words = {"painted": "painted", "wait": "to paint", "own": "the film's own frame"}[state]
    time = clock_text(picture.time or Fraction(0))
    problems = "".join(f'<p class="problem">{html.escape(p)}</p>' for p in picture.problems)
    image = f'<img src="{_thumbnail(picture)}" alt="{name}">'
    link = f'<a href="{html.escape(quote(picture.path.name))}">{image}</a>'
    alone = shot.covered([picture.number])
    words += f"; alone it covers {100 * alone.mean():.0f} %"
    curve = f'<svg {_VIEW} role="img" aria-label="{words}">{_area("all", alone)}</svg>'
    return f'<li class="{state}">{link}{curve}<p>{name}<br>{time}, {words}</p>{problems}</li>'


def _thumbnail(picture: KeyPicture) -> str:
    rgb = read_picture(picture.path)
    height = max(1, round(rgb.shape[0] * _WIDE / rgb.shape[1]))
    encoded = picture_bytes(resize_area(rgb, (height, _WIDE)), "a.jpg", *_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode()


_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 82)
