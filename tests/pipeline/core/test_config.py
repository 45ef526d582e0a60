from __future__ import annotations

import os
import sys
import time
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


_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{n}: &{n} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, n in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_BOMB, r"line 2: \*a is an alias; write its value out"),
        (_BOMB.replace("i: ", "style: "), r"line 2: \*a is an alias"),
        ("style: &a [*a]", r"line 1: \*a is an alias"),
        ("strength: 1\nstyle: udnie\nstrength: 0.5", "line 3: 'strength' is given in line 1 too"),
        ("encoder_option: {g: 1, g: 2}", "line 1: 'g' is given in line 1 too"),
        ("fps: 1\n'fps': 2", "line 2: 'fps' is given in line 1 too"),
        ("start: 2024-01-01", "start = '2024-01-01': '2024-01-01' is not a time"),
        ("start: 2024-13-45T99:99:99+99:99", "is not a time"),
        ("2024-01-01: 1", "unknown setting '2024-01-01'"),
        ("strength: .nan", "strength = nan"),
        ("crf: -.INF", "crf = -inf"),
        ("strength: null", "strength = None"),
        ("strength: =", "strength = '='"),
        ("strength: [1]", r"strength = \[1\]"),
        ("strength: {a: 1}", "strength = "),
        ("style: [[a]]", "style.0 = "),
        ("threads: " + "9" * 5000, "threads = '9{100,200}…: unable to parse"),
        ("threads: " + "9" * 4000, "threads = .{0,250}: should be less"),
        ("threads: 100000", "threads = 100000: should be less"),
        ("strength: " + "9" * 5000, "strength = .{0,250}: should be"),
        ("strength: 0x" + "f" * 5000, "strength = .{0,250}: should be"),
        ("start: " + "1:" * 3000 + "1", "start = .{0,250}: .{0,250}"),
        ("mirror: 2024-01-01", "mirror = "),
        ("style: !!binary aGk=", "line 1: the tag .*binary is not read"),
        ("threads: !!int 9", "line 1: the tag .*int is not read"),
        ("a: 1\n? [b]\n: 2", "line 2: a list or a mapping can't name a setting"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins"),
        ("a: " + "[" * 5000, "line 1: lists or mappings within each other"),
        ("{a: " * 2000, "line 1: lists or mappings within each other"),
        ("a: 1\n\tb: 2", "is not YAML: line 2: "),
        ("a: 1\nb: \x1b[31m", "is not YAML: line 2: unacceptable character"),
        ('style: "a\\0b"', "line 1: a character that no name can hold"),
        ('style: "\\ud800"', "line 1: a character that no name can hold"),
        ('style: "\\UFFFFFFFF"', "is not YAML: "),
        ("%YAML " + "9" * 5000 + ".1\n---\na: 1", "is not YAML: "),
        ("# x\n" * 30_000, "longer than 100000 bytes"),
        (b"a: 1\nstyle: caf\xe9", "line 2 holds a byte 0xe9 that is not UTF-8"),
        ("style: udnie".encode("utf-16"), "line 1 holds a byte 0xff"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_hostile_is_a_line_in_no_time(tmp_path: Path, text: str | bytes, told: str):
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    began = time.thread_time()  # of this thread alone: others may compute beside it
    with pytest.raises(SettingsError, match=told) as error:
        load_config(path)
    assert time.thread_time() - began < 5  # a bomb would take hours
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start: 1:30", {"start": "1:30"}),
        ("end: 0:01:15.5", {"end": "0:01:15.5"}),
        ("end: 010", {"end": "010"}),
        ("start: 2", {"start": "2"}),
        ("start: 0.25", {"start": "0.25"}),
        ("threads: 010", {"threads": 10}),
        ("smooth: off", {"smooth": "off"}),
        ("steady: No", {"steady": "off"}),
        ("mirror: YES", {"mirror": True}),
        ("size:", {"size": None}),
        ("size: ~", {"size": None}),
        ("style: 'null'", {"style": ("null",)}),
        ("style: 2024-01-01", {"style": ("2024-01-01",)}),
        ("style: {udnie: 0.7, the-scream: 3e-1}", {"style": ("udnie:0.7", "the-scream:3e-1")}),
        ("encoder_option: {g: 12, tune: film}", {"encoder_option": {"g": "12", "tune": "film"}}),
        ("\ufeffstrength: 0.5", {"strength": 0.5}),
        ("", {}),
        ("# nothing", {}),
    ],
)
def test_a_value_is_what_is_written(tmp_path: Path, text: str, expected: dict[str, object]):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    made = checked(Settings, load_config(path), "file")
    assert {name: getattr(made, name) for name in expected} == expected


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes of files")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo.yaml")
    for name, kind in (("fifo.yaml", "a pipe or a device"), ("", "a folder"), ("no.yaml", "No s")):
        with pytest.raises(SettingsError, match=f"can't be read: .*{kind}"):
            load_config(tmp_path / name)


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
