"""What becomes of sound and subtitles in every container, and whether they stay in step.

    python benchmarks/join_matrix.py                        # every cell; a few minutes
    python benchmarks/join_matrix.py --sounds aac flac --words none srt --json matrix.json

A film of one second, which flashes while a tone sounds, is made with every codec of sound and every
kind of subtitles, and written to every container by the program, with a table that changes no
colour. A cell says what was kept, and how much further the tone is from its flash than in the
source. The tables are in docs/streams.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
from stylize_video.pipeline import Settings
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import StylizeError
from stylize_video.pipeline.media.outputs import CONTAINERS
from stylize_video.pipeline.media.streams import StreamPlan
from stylize_video.pipeline.planning import make_plan
from stylize_video.pipeline.render import render

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.odd_clips import WORDS, offsets, steps, write_film

FRAMES = 25


@dataclass(frozen=True)
class Sound:
    """How the sound of a source is made."""

    encoder: str
    layout: str = "stereo"
    rate: int = 48000
    container: str = ".mkv"
    """Of the source. An AVI's layouts have no name."""


SOUNDS = {
    "aac": Sound("aac"),
    "mp3": Sound("libmp3lame"),
    "mp2": Sound("mp2"),
    "ac3 5.1(side)": Sound("ac3", "5.1(side)"),
    "eac3 5.1(side)": Sound("eac3", "5.1(side)"),
    "opus": Sound("libopus"),
    "opus 7.1": Sound("libopus", "7.1"),
    "vorbis": Sound("vorbis"),
    "flac 5.1": Sound("flac", "5.1"),
    "alac": Sound("alac"),
    "pcm_s16le": Sound("pcm_s16le"),
    "pcm_s24le 7.1": Sound("pcm_s24le", "7.1"),
    "pcm_f32le mono": Sound("pcm_f32le", "mono"),
    "pcm_mulaw 8 kHz": Sound("pcm_mulaw", "mono", 8000, ".avi"),
    "adpcm_ms": Sound("adpcm_ms", container=".avi"),
    "wavpack": Sound("wavpack"),
    "tta": Sound("tta"),
    "wmav2": Sound("wmav2", container=".wmv"),
    "amr_nb 8 kHz": Sound("libopencore_amrnb", "mono", 8000, ".mp4"),
    "AVI: pcm, 2 unnamed": Sound("pcm_s16le", "stereo", 44100, ".avi"),
    "AVI: pcm, 6 unnamed": Sound("pcm_s16le", "5.1", 48000, ".avi"),
    "AVI: mp3": Sound("libmp3lame", "stereo", 44100, ".avi"),
}
"""Name → how it is made."""

KINDS = ("none", *WORDS)
ENDINGS = [ending for ending in CONTAINERS if ending != ".m4v"]  # that is MP4


@dataclass(frozen=True)
class Cell:
    """What became of one source in one container."""

    sound: str
    words: str
    ending: str
    frames: int = 0
    exit_code: int = 0
    losses: tuple[str, ...] = ()
    kept_sound: str = ""
    kept_words: str = ""
    offset: float | None = None
    """Milliseconds by which the tone is later than in the source; ``None``: there is none."""
    error: str = ""

    @property
    def is_right(self) -> bool:
        """Every frame is there, nothing that was planned is missing, and sound is in step."""
        in_step = self.offset is None or abs(self.offset) <= 20
        return self.frames == FRAMES and not self.exit_code and in_step


def make_source(folder: Path, sound: str, words: str) -> Path | None:
    """Write a source; ``None`` where no container holds such sound and subtitles together."""
    made = SOUNDS[sound]
    kind = None if words == "none" else words
    endings = [".mp4", ".mov"] if words == "mov_text" else [made.container]
    if words not in ("none", "mov_text") and made.container != ".mkv":
        return None
    for ending in endings:
        path = folder / f"source-{sound.replace(' ', '_').replace(':', '')}-{words}{ending}"
        if path.is_file():
            return path
        codec = {".avi": "mpeg4", ".wmv": "wmv2"}.get(ending, "libx264")
        clock = FRAMES if codec != "libx264" else 90000
        try:
            return write_film(
                path, steps(FRAMES), codec, made.encoder, made.layout, made.rate, words=kind,
                clock=Fraction(1, clock),
            )  # fmt: skip
        except (av.FFmpegError, ValueError):
            path.unlink(missing_ok=True)
    return None


def try_cell(source: Path, folder: Path, sound: str, words: str, ending: str) -> Cell:
    """Write one source to one container."""
    out = folder / f"out{ending}"
    cell = Cell(sound, words, ending)
    values = {"style": str(_identity(folder)), "overwrite": True}
    try:
        plan = make_plan(source, out, checked(Settings, values, "the matrix"))
        result = render(plan)
    except StylizeError as error:
        return replace(cell, exit_code=1, error=str(error))
    kept = {stream.kind: stream for stream in plan.streams}
    return replace(
        cell,
        frames=result.frames,
        exit_code=3 if result.losses else 0,
        losses=result.losses,
        kept_sound=_what(kept.get("audio")),
        kept_words=_what(kept.get("subtitle")),
        offset=_offset(source, result.output),
    )


def _identity(folder: Path) -> Path:
    """A colour table that changes nothing."""
    path = folder / "identity.cube"
    if not path.is_file():
        corners = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
        path.write_text("\n".join(["LUT_3D_SIZE 2", *corners]) + "\n", encoding="ascii")
    return path


def _what(stream: StreamPlan | None) -> str:
    if stream is None:
        return "–"
    if stream.action == "transcode":
        return stream.encoder
    return "copied" if stream.action == "copy" else "left out"


def _offset(source: Path, result: Path) -> float | None:
    with av.open(result) as container:
        if not container.streams.audio:
            return None
    (before,), found = offsets(source), offsets(result)
    return round(1000 * (found[0] - before), 1) if found else float("nan")


def matrix(
    folder: Path, sounds: Iterable[str], kinds: Iterable[str], endings: Iterable[str]
) -> Iterator[Cell]:
    """Try every cell that has a source."""
    for sound, words in product(sounds, kinds):
        source = make_source(folder, sound, words)
        for ending in endings if source is not None else ():
            yield try_cell(source, folder, sound, words, ending)


def table(cells: Sequence[Cell], rows: str, what: str) -> list[str]:
    """A table in Markdown: what was kept, and the largest offset.

    Args:
        cells: all of them.
        rows: the field that names a row.
        what: the field that a cell shows.
    """
    endings = list(dict.fromkeys(cell.ending for cell in cells))
    lines = [f"| | {' | '.join(endings)} |", f"|---|{'---|' * len(endings)}"]
    for name in dict.fromkeys(getattr(cell, rows) for cell in cells):
        if name == "none":
            continue
        shown: list[str] = []
        for ending in endings:
            here = [c for c in cells if getattr(c, rows) == name and c.ending == ending]
            shown.append(_text(here, what))
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return lines


def _text(cells: Sequence[Cell], what: str) -> str:
    texts = list(dict.fromkeys(getattr(cell, what) for cell in cells))
    wrong = "" if all(cell.is_right for cell in cells) else " ✗"
    late = [cell.offset for cell in cells if cell.offset is not None]
    if what == "kept_sound" and late:
        return f"{' / '.join(texts)}, {max(late, key=abs):+.0f} ms{wrong}"
    return " / ".join(texts) + wrong


def main() -> None:
    """Print the tables, and the cells that are wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsItIs)
    parser.add_argument("--sounds", nargs="+", choices=SOUNDS, default=list(SOUNDS))
    parser.add_argument("--words", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--endings", nargs="+", choices=ENDINGS, default=ENDINGS)
    parser.add_argument("--json", type=Path, help="write every cell to this file")
    args = parser.parse_args()
    logging.getLogger("stylize_video").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        cells = list(matrix(Path(folder), args.sounds, args.words, args.endings))
    if args.json is not None:
        listed = [asdict(cell) for cell in cells]
        args.json.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    print("Sound (what was kept, and how much later it is):\n")
    print("\n".join(table(cells, "sound", "kept_sound")))
    print("\nSubtitles:\n")
    print("\n".join(table(cells, "words", "kept_words")))
    wrong = [cell for cell in cells if not cell.is_right]
    late = max((abs(cell.offset) for cell in cells if cell.offset is not None), default=0.0)
    print(f"\n{len(cells)} cells, {len(wrong)} wrong; largest offset {late:.1f} ms")
    for cell in wrong:
        print(f"  {cell}")


_AsItIs = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()
