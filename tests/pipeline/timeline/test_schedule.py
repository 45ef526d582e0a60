"""What holds at each time of a film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from stylize_video.pipeline import Settings
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.timeline.points import Values
from stylize_video.pipeline.timeline.read import read_timeline
from stylize_video.pipeline.timeline.schedule import Film, Schedule, schedule

START = Fraction(10)
FILM = Film(
    START,
    Fraction(25),
    Fraction(8),
    [START, START + 2, START + 4],
    {51: START + Fraction(5, 2)},
    60,
)


def scheduled(folder: Path, text: str, **values: object) -> Schedule:
    path = folder / "film.yaml"
    path.write_text(text, encoding="utf-8")
    settings = Settings.model_validate(values)
    return schedule(read_timeline(path), Values.of(settings), FILM)


def strengths(made: Schedule, *seconds: float) -> list[float]:
    moments = [made.at(START + Fraction(time)) for time in seconds]
    return [round(now.mix(now.before.strength, now.after.strength), 3) for now in moments]


def test_values_hold_until_a_point_changes_them(tmp_path: Path):
    made = scheduled(
        tmp_path,
        "- shot: 2\n  style: the-scream\n- frame: 51\n  strength: 0.5\n"
        "- at: 6\n  style: edtaonisl\n",
        strength=0.8,
    )
    seen = [made.at(START + Fraction(t)).before for t in (0, 1.99, 2, 2.49, 2.5, 6)]
    assert [v.style[0] for v in seen] == ["udnie"] * 2 + ["the-scream"] * 3 + ["edtaonisl"]
    assert [v.strength for v in seen] == [0.8] * 4 + [0.5] * 2


def test_a_typed_time_is_that_of_the_nearest_frame(tmp_path: Path):
    made = scheduled(tmp_path, "- at: 1.02\n  strength: 0\n")
    assert strengths(made, 25 / 25, 26 / 25) == [0, 0]  # 1.00 is as near as 1.04
    made = scheduled(tmp_path, "- at: 1.03\n  strength: 0\n")
    assert strengths(made, 25 / 25, 26 / 25) == [1, 0]


def test_values_travel_evenly_or_slowly_at_both_ends(tmp_path: Path):
    for how, middle in (("linear", 0.25), ("ease", 0.156)):
        text = f"- shot: 1\n  strength: 0\n  then: {how}\n- shot: 3\n  strength: 1\n"
        made = scheduled(tmp_path, text)
        assert strengths(made, 0, 1, 2, 4, 7) == [0, middle, 0.5, 1, 1]


def test_only_what_paints_jumps(tmp_path: Path):
    text = (
        "- at: 0\n  style: udnie\n"
        "- shot: 2\n  mask: m.png\n"
        "- at: 3\n  then: ease\n"
        "- shot: 3\n  strength: 0.5\n"
        "- at: 5\n  palette: source\n"
        "- at: 6\n  style: the-scream\n"
    )
    made = scheduled(tmp_path, text)
    assert [float(time - START) for time in made.jumps] == [5.98]
    assert len(made.used) == 6  # the command line's own values are never seen
    assert list(made.masks) == ["m.png"]
    assert len(made.looks) == 2


WRONG = {
    "- shot: 4\n  style: a": "line 1: there is no shot 4; the film has 3 shots",
    "- frame: 70\n  style: a": "line 1: there is no frame 70; the film has 60 frames",
    "- at: 8\n  style: a": "line 1: 0:00:08.000 is past the end of the film, 8.00 s",
    "- shot: 3\n  after: 5\n  style: a": "line 1: shot 3 and 5 s is past the end",
    "- shot: 3\n  style: a\n- at: 3\n  style: b": (
        "line 3: 0:00:03.000 is at 0:00:03.000, not after shot 3 in line 1, which is at 0:00:04.000"
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_the_film_has_not_is_named(tmp_path: Path, text: str):
    with pytest.raises(SettingsError) as caught:
        scheduled(tmp_path, text)
    assert WRONG[text] in str(caught.value)


def test_the_plan_says_what_happens_when(tmp_path: Path):
    made = scheduled(
        tmp_path, "- shot: 2\n  strength: 0.5\n  then: ease\n- at: 6\n  mask: none\n  strength: 1\n"
    )
    assert made.lines() == [
        "timeline 0:00:00.000  udnie",
        "timeline 0:00:02.000  udnie, strength 0.5, then ease to the next (shot 2)",
        "timeline 0:00:06.000  udnie",
    ]
