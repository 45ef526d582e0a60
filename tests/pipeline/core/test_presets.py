"""Looks by name: those that ship, the user's, and what counts more."""

from __future__ import annotations

from pathlib import Path

import pytest
from stylize_video.cli.options import read_settings
from stylize_video.pipeline.core.applicability import without_what_does_not_apply
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.core.job import Job
from stylize_video.pipeline.core.presets import find_preset, preset_folder, shipped_presets
from stylize_video.pipeline.styles.kind import kinds_of

from ...helpers.command import one_line, plain_environment, run_command


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "APPDATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_looks_that_ship_name_styles_that_ship_and_say_what_they_are():
    presets = shipped_presets()
    assert len(presets) >= 5
    for preset in presets.values():
        assert preset.words
        assert kinds_of(preset.values["style"]) == {"net"}


def test_what_is_typed_or_in_the_file_of_settings_counts_more(tmp_path: Path):
    own = tmp_path / "mine.yaml"
    own.write_text("style: the-scream\nstrength: 0.5\npaper: 0.3\n", encoding="utf-8")
    config = tmp_path / "c.yaml"
    config.write_text("paper: 0.8\nstrength: 1.0\n", encoding="utf-8")
    settings = read_settings(config, {"style": ("mondrian",)}, preset=str(own))
    assert settings.style == ("mondrian",)
    assert settings.paper == 0.8
    assert settings.strength == 0.5  # 1 is the default: a copy of config.yaml has all of them
    assert settings.model_fields_set == {"style", "paper"}


def test_what_does_not_apply_to_a_job_is_passed_over(tmp_path: Path):
    own = tmp_path / "mine.yaml"
    own.write_text("style: udnie\ncanvas: 1.5\nhold: 2\npaper: 0.3\n", encoding="utf-8")
    settings = read_settings(None, {"style": ("grade.cube",)}, preset=str(own))
    job = Job(frozenset({"table"}), "picture", "picture")
    left = without_what_does_not_apply(settings, job)
    assert (left.canvas, left.hold, left.paper) == (1.0, 1, 0.3)
    assert left.model_fields_set == {"style"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("overwrite: true", "'overwrite' is no part of a look; give the file to --config"),
        ("stlye: udnie", "unknown setting 'stlye'; did you mean 'style'"),
        ("- udnie", "must hold 'setting: value' lines"),
    ],
)
def test_what_is_no_look_is_one_line(tmp_path: Path, text: str, told: str):
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=told):
        find_preset(str(tmp_path / "mine.yaml"))


def test_a_name_that_is_none_is_named_with_the_nearest():
    name = next(iter(shipped_presets()))
    done = run_command("in.mp4", "--preset", name[:-1] + "x")
    assert f"there is no preset '{name[:-1]}x'; did you mean" in one_line(done)


def test_a_look_is_saved_listed_used_and_not_replaced(tmp_path: Path):
    painting = tmp_path / "p.png"
    painting.write_bytes(b"")
    words = ("run", "--style", "p.png", "--strength", "0.7", "--hold", "2", "--crf", "30")
    done = run_command(*words, "--save-preset", "mine", cwd=tmp_path)
    assert done.returncode == 0
    assert f"saved {preset_folder() / 'mine.yaml'}; use it: --preset mine" in done.stderr
    values = read_settings(None, {}, preset="mine")
    assert values.style == (str(painting),)
    assert (values.strength, values.hold, values.crf) == (0.7, 2, None)
    table = run_command("presets", env={**plain_environment(), "COLUMNS": "160"}).stdout
    assert "mine" in table and "--strength 0.7" in table
    again = run_command("run", "--style", "udnie", "--save-preset", "mine")
    assert "add --overwrite to replace it" in one_line(again)
    for name in ("../mine", next(iter(shipped_presets()))):
        refused = run_command("run", "--style", "udnie", "--save-preset", name)
        assert f"--save-preset {name}: a preset" in one_line(refused)
