from __future__ import annotations

from pathlib import Path

import pytest
from stylize_video.cli.options import read_settings
from stylize_video.pipeline.core.config import Settings, checked, default_config, load_config
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.styles.zoo import find_styles

from ...helpers.command import run_command


def test_config_yaml_lists_every_setting_at_its_default():
    written = (Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8")
    assert written == default_config(), "make it anew: make config"


def test_the_default_file_changes_nothing(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text(default_config(), encoding="utf-8")
    assert checked(Settings, load_config(path), "file") == Settings()
    assert not read_settings(path, {}).model_fields_set


def test_an_unknown_key_is_named_with_the_nearest(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text("stlye: udnie\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"unknown setting 'stlye'; did you mean 'style'"):
        load_config(path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("crf: 99", "crf = 99"),
        ("device: gpu", "device = 'gpu'.*'cuda'"),
        ("size: -5x10", "a side below 1"),
        ("start: soon", "not a time"),
        ("fps: 0", "fps = 0"),
        ("- a list", "setting: value"),
        ("1: udnie", "keys should be strings"),
        ("fps: .inf", "fps = inf"),
        ("size: 99999999999x2", "more than any codec holds"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, line: str, told: str):
    path = tmp_path / "c.yaml"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=told):
        load_config(path)


def test_yaml_never_runs_code(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text("style: !!python/object/apply:os.system ['touch pwned']\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        load_config(path)
    assert not Path("pwned").exists()


def test_a_number_may_stand_for_a_time(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text("start: 5\n", encoding="utf-8")
    assert checked(Settings, load_config(path), "file").start == "5"


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, make_clip, identity: Path
):
    clip = make_clip()
    config = tmp_path / "c.yaml"
    config.write_text(f"style: {identity}\nsize: 32x24\nend: 0.5\n", encoding="utf-8")
    out = tmp_path / "out.mp4"
    done = run_command(clip, out, "--config", config, "--size", "16x12")
    assert done.returncode == 0, done.stderr
    assert "16x12" in done.stderr
    assert "identity" in done.stderr
    assert "15 frames" in done.stderr


def test_what_was_typed_is_known_even_at_its_default(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text("policy: buffer\nloop: false\n", encoding="utf-8")
    settings = read_settings(path, {"key_every": 2.0}, {"fps_target": 24.0, "mirror": True})
    assert settings.model_fields_set == {"policy", "key_every"}
    assert (settings.fps_target, settings.mirror, settings.policy) == (24, True, "buffer")


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("gaty", "There is no method 'gaty'. Did you mean 'gatys'?"),
        ("WCT2", "There is no method 'WCT2'. Did you mean 'wct2'?"),
        ("mine.onnx", "There is no method 'mine.onnx'. There are auto, "),
    ],
)
def test_a_method_is_a_choice(method: str, line: str):
    with pytest.raises(SettingsError) as error:
        checked(Settings, {"method": method}, "my.yaml")
    assert str(error.value).startswith(line)


def test_a_method_of_the_users_own_is_a_file():
    assert checked(Settings, {"method": "my/own.prepare.onnx"}, "").method == "my/own.prepare.onnx"


def test_styles_without_weights_are_mixed_in_equal_parts():
    styles = checked(Settings, {"style": ["udnie", "the-scream"]}, "").style
    assert [weight for _, weight in find_styles(styles)] == [0.5, 0.5]
