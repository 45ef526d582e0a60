from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx.parser
import pytest
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.imaging.lut import apply_table, read_cube

from ..helpers.command import run_command
from ..helpers.scenes import texture
from ..helpers.video import MakeClip

# A method that a table can hold: the content is moved to the style's mean colour.
_PREPARE = """<ir_version: 10, opset_import: ["" : 20]>
prepare (uint8[1,a,b,3] style, uint8[1,a,b,k] style_labels, uint8[n,c,d,3] content,
         uint8[n,c,d,m] content_labels, float strength, float[1,3] "style.mean.all")
=> (float[1,3] "mean.all", float[1,3] "shift.all")
<int64[2] rows = {1, 2}, int64[3] all = {0, 1, 2}> {
  s = Cast <to = 1> (style)
  "mean.all" = ReduceMean <keepdims = 0> (s, rows)
  c = Cast <to = 1> (content)
  m = ReduceMean <keepdims = 0> (c, all)
  way = Sub ("style.mean.all", m)
  "shift.all" = Mul (way, strength)
}"""
_APPLY = """<ir_version: 10, opset_import: ["" : 20]>
apply (uint8[1,h,w,3] frame, float[3] "shift.all") => (uint8[1,h,w,3] stylized)
<float low = {0}, float high = {255}> {
  f = Cast <to = 1> (frame)
  moved = Add (f, "shift.all")
  whole = Round (moved)
  kept = Clip (whole, low, high)
  stylized = Cast <to = 2> (kept)
}"""


@pytest.fixture
def method(tmp_path: Path) -> Path:
    for name, text in (("prepare", _PREPARE), ("apply", _APPLY)):
        onnx.save(onnx.parser.parse_model(text), tmp_path / f"mean.{name}.onnx")
    return tmp_path / "mean.prepare.onnx"


def dim(seed: int, of: float = 0.4) -> Rgb:
    """A picture with room above: what is moved is not cut off."""
    return (texture(seed, 80, 60) * of + 30).astype(np.uint8)


def written(path: Path, rgb: Rgb) -> Path:
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def test_a_table_does_what_the_method_does(method: Path, tmp_path: Path):
    content, style = dim(1), dim(2) + np.array([60, 20, 0], np.uint8)
    photo, look = written(tmp_path / "c.png", content), written(tmp_path / "s.png", style)
    out = tmp_path / "out.cube"
    done = run_command("lut", photo, look, out, "--method", method, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    told = re.fullmatch(
        r"wrote .*out\.cube \(33³\), mean ΔE (\d+\.\d) against the network's picture\n", done.stderr
    )
    assert told is not None and float(told[1]) < 0.5
    shift = style.reshape(-1, 3).mean(axis=0) - content.reshape(-1, 3).mean(axis=0)
    shown = apply_table(read_cube(out), content)
    assert np.abs(shown - (content + shift)).mean() < 1
    again = run_command("lut", photo, look, out, "--method", method)
    assert again.returncode == 1 and "out.cube exists; add --overwrite" in again.stderr


def test_each_shot_has_its_table_and_times(method: Path, make_clip: MakeClip, tmp_path: Path):
    frames = [dim(1)] * 12 + [255 - dim(2)] * 18
    clip = make_clip(frames=frames, audio=False)
    look = written(tmp_path / "s.png", dim(3))
    words = ["lut", clip, look, tmp_path / "out.cube", "--method", method, "--per-shot"]
    done = run_command(*words)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(out-\d+\.cube) \(33³\), (\S+ s)", done.stderr) == [
        ("out-001.cube", "0.00–0.40 s"),
        ("out-002.cube", "0.40–1.00 s"),
    ]
    assert not (tmp_path / "out.cube").exists()
    wanted = dim(3).reshape(-1, 3).mean(axis=0)
    for number, shot in ((1, frames[0]), (2, frames[-1])):
        shown = apply_table(read_cube(tmp_path / f"out-00{number}.cube"), shot)
        assert np.abs(shown.reshape(-1, 3).mean(axis=0) - wanted).max() < 2
    (tmp_path / "out-001.cube").unlink()
    again = run_command(*words)
    assert again.returncode == 1 and "out-002.cube exists; add --overwrite" in again.stderr


def test_a_clip_is_measured_together(method: Path, make_clip: MakeClip, tmp_path: Path):
    bright, dark = dim(1) + np.uint8(40), dim(1)
    clip = make_clip(frames=[bright] * 20 + [dark] * 20, audio=False)
    look = written(tmp_path / "s.png", dim(3))
    done = run_command("lut", clip, look, tmp_path / "o.cube", "--method", method, "--grid", "17")
    assert done.returncode == 0 and "(17³)" in done.stderr
    table = read_cube(tmp_path / "o.cube")
    means = [apply_table(table, x).mean() for x in (bright, dark)]
    assert np.mean(means) == pytest.approx(dim(3).mean(), abs=2)
    assert means[0] - means[1] == pytest.approx(40, abs=2)  # not pumped to one brightness


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["c.png", "s.png", "out.png"], "OUT out.png must end in .cube"),
        (["c.png", "s.png", "no/out.cube"], "folder no does not exist"),
        (["c.png", "udnie", "out.cube"], "STYLE udnie.onnx is no picture"),
        (["c.png", "no.png", "out.cube"], "no.png: there is no such picture"),
        (["no.png", "s.png", "out.cube"], "input no.png does not exist"),
        (["c.png", "s.png", "out.cube", "--strength", "2"], "--strength 2.0: "),
    ],
)
def test_what_can_not_be_baked_is_one_line(
    method: Path, tmp_path: Path, words: list[str], told: str
):
    written(tmp_path / "c.png", dim(1))
    written(tmp_path / "s.png", dim(2))
    done = run_command("lut", *words, "--method", method, cwd=tmp_path)
    assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("**/*.cube"))
