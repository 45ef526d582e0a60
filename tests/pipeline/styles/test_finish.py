from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.errors import ModelError, SettingsError, SourceError
from stylize_video.pipeline.core.frame import Frame, Plane, Rgb, Yuv, YuvMatrix
from stylize_video.pipeline.imaging.compositing import brightness_only, fade
from stylize_video.pipeline.media.aligned import AlignedPictures
from stylize_video.pipeline.render import stylize
from stylize_video.pipeline.styles.masks import Masks
from stylize_video.pipeline.styles.zoo import find_base, find_styles

from ...helpers.command import run_command
from ...helpers.onnx_files import foreign_onnx, write_contract_model
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.video import MakeClip, read_video
from ...helpers.yuv import to_yuv420


@pytest.fixture
def inverter(tmp_path: Path) -> Path:
    """A foreign net that paints negatives: 255 − x."""
    return foreign_onnx(tmp_path / "negative.onnx", [1, 3, "h", "w"], add=255.0, scale=-1.0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "photo.png"), texture(1, 96, 64)[..., ::-1])
    return tmp_path / "photo.png"


def repainted(source: Path, style: Path, **values: Any) -> Rgb:
    out = source.with_name("out.png")
    given = {"style": str(style), "device": "cpu", "steady": "off", "overwrite": True, **values}
    stylize(source, out, checked(Settings, given, "test"))
    return np.asarray(cv2.imread(str(out), cv2.IMREAD_COLOR_RGB), np.uint8)


def test_the_mask_keeps_what_is_black_to_the_bit(photo: Path, inverter: Path, tmp_path: Path):
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 48:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    source = texture(1, 96, 64)
    where = {"mask": str(tmp_path / "mask.png"), "mask_feather": 0}
    shown = repainted(photo, inverter, **where)
    assert np.array_equal(shown[:, :48], source[:, :48])
    assert np.array_equal(shown[:, 48:], 255 - source[:, 48:])
    turned = repainted(photo, inverter, mask_invert=True, **where)
    assert np.array_equal(turned[:, :48], 255 - source[:, :48])


def test_a_soft_mask_has_no_edge(photo: Path, tmp_path: Path, inverter: Path):
    flat = np.full((64, 96, 3), 40, np.uint8)
    cv2.imwrite(str(photo), flat)
    mask = np.zeros((32, 48), np.uint8)  # of another size, too
    mask[:, 24:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    shown = repainted(photo, inverter, mask=str(tmp_path / "mask.png"), mask_feather=16)
    row = shown[32, :, 0].astype(int)
    assert row[0] < 45 and row[-1] > 210
    assert np.abs(np.diff(row)).max() < 20


def test_the_pictures_own_alpha_is_a_mask(tmp_path: Path, inverter: Path):
    rgba = np.full((64, 96, 4), 60, np.uint8)
    rgba[..., 3] = 0
    rgba[:32, :, 3] = 255
    cv2.imwrite(str(tmp_path / "cut.png"), rgba)
    shown = repainted(tmp_path / "cut.png", inverter, mask="alpha", mask_feather=0)
    assert np.all(shown[:32] == 195) and np.all(shown[32:] == 60)


def test_a_video_is_a_mask_frame_by_frame(make_clip: MakeClip, tmp_path: Path, inverter: Path):
    source = make_clip("in.mp4", [np.full((48, 64, 3), 60, np.uint8)] * 6)
    half = [np.full((48, 64, 3), 255 * (t >= 3), np.uint8) for t in range(6)]
    mask = make_clip("mask.mp4", half)
    given = {"style": str(inverter), "steady": "off", "mask": str(mask), "crf": 1}
    stylize(source, tmp_path / "out.mp4", checked(Settings, given, "test"))
    means = [float(p.mean()) for p in read_video(tmp_path / "out.mp4")[0]]
    assert all(abs(m - 60) < 6 for m in means[:3]) and all(abs(m - 195) < 6 for m in means[3:])


@pytest.mark.parametrize(("mask", "said"), [("alpha", "no alpha"), ("gone.png", "does not exist")])
def test_a_mask_that_is_not_there_is_one_line(photo: Path, inverter: Path, mask: str, said: str):
    with pytest.raises(SourceError, match=said):
        repainted(photo, inverter, mask=mask)


def test_a_strange_net_is_faded(photo: Path, inverter: Path):
    source = texture(1, 96, 64)
    half = repainted(photo, inverter, strength=0.5)
    assert np.abs(half.astype(int) - 127.5).max() <= 1
    assert np.array_equal(repainted(photo, inverter, strength=0.0), source)


def test_strength_nought_is_the_source_and_less_is_less(photo: Path):
    source = texture(1, 96, 64)
    assert np.array_equal(repainted(photo, Path("udnie"), strength=0), source)
    near = [psnr(repainted(photo, Path("udnie"), strength=s), source) for s in (0.1, 0.5, 1.0)]
    assert near[0] > near[1] > near[2]


def test_the_sources_colours_stay(photo: Path):
    source = texture(1, 96, 64)
    colour = cv2.cvtColor(source, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(int)
    for how, least in (("none", 6.0), ("source", 0.0)):
        shown = repainted(photo, Path("udnie"), palette=how)
        off = np.abs(cv2.cvtColor(shown, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(int) - colour).mean()
        assert off > least if how == "none" else off < 4


def test_planes_are_finished_as_pictures_are():
    coding = YuvMatrix(1, 1)
    one, other = (to_yuv420(texture(s, 64, 48), coding) for s in (1, 2))
    inside = np.zeros((48, 64), np.uint8)
    inside[:24] = 255
    shown = fade(one, other, 1.0, inside)
    assert isinstance(shown, Yuv)
    assert np.array_equal(shown.y[:24], one.y[:24]) and np.array_equal(shown.y[24:], other.y[24:])
    assert np.array_equal(shown.u[:11], one.u[:11]) and np.array_equal(shown.v[13:], other.v[13:])
    kept = brightness_only(one, other)
    assert isinstance(kept, Yuv)
    assert kept.y is one.y and kept.u is other.u


def test_styles_are_mixed_as_typed(photo: Path, tmp_path: Path):
    words = [photo, tmp_path / "o.png", "--steady", "off", "--quiet"]
    done = run_command(*words, "--style", "udnie:0.7", "starry-night:0.3")
    assert done.returncode == 0, done.stderr
    mixture = cv2.imread(str(tmp_path / "o.png"), cv2.IMREAD_COLOR_RGB)
    alone = repainted(photo, Path("udnie"))
    assert mixture is not None and 8 < psnr(mixture, alone) < 40


def test_what_can_not_be_mixed_is_said(photo: Path, tmp_path: Path):
    plain = write_contract_model(tmp_path / "plain.onnx")
    done = run_command(photo, tmp_path / "o.png", "--style", "udnie", "--style", plain)
    assert done.returncode == 1 and "can't be" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "o.png").exists()


def test_weights_are_shares():
    found = find_styles(["udnie:3", "starry-night:1", "udnie:0"])
    assert [share for _, share in found] == [0.75, 0.25]
    assert checked(Settings, {"style": "a:0.5 b:1"}, "t").style == ("a:0.5", "b:1")
    assert checked(Settings, {"style": "my own.onnx"}, "t").style == ("my own.onnx",)


def planes_in(path: Path) -> list[np.ndarray]:
    with av.open(path) as container:
        return [f.to_ndarray() for f in container.decode(video=0) if f.format.name == "yuv420p"]


def test_a_videos_own_planes_reach_the_encoder_to_the_bit(tmp_path: Path):
    """Painted not at all, and coded without loss: any conversion on the way would be seen."""
    with av.open(tmp_path / "in.mp4", "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for t in range(15):
            frame = av.VideoFrame.from_ndarray(texture(t, 96, 64), "rgb24")
            out.mux(stream.encode(frame.reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    given = {"strength": 0, "crf": 0, "device": "cpu"}
    stylize(tmp_path / "in.mp4", tmp_path / "out.mp4", checked(Settings, given, "test"))
    source, shown = planes_in(tmp_path / "in.mp4"), planes_in(tmp_path / "out.mp4")
    assert len(source) == len(shown) == 15
    assert all(np.array_equal(a, b) for a, b in zip(source, shown, strict=True))


@pytest.mark.parametrize("weights", ["udnie:nan", "udnie:inf", "udnie:-1", "udnie:0"])
def test_a_weight_that_is_no_share_is_one_line(weights: str):
    with pytest.raises(ModelError, match="weights are numbers"):
        find_styles([weights])


@pytest.mark.parametrize("style", [5, None, True, [], {"udnie": "much", "x": []}])
def test_a_style_that_is_no_name_is_one_line(style: object):
    with pytest.raises((SettingsError, ModelError)):
        find_styles(checked(Settings, {"style": style}, "my.yaml").style)


def test_a_mixture_may_be_written_as_a_mapping():
    asked = checked(Settings, {"style": {"udnie": 0.7, "the-scream": 0.3}}, "my.yaml")
    assert asked.style == ("udnie:0.7", "the-scream:0.3")


def test_two_clocks_need_not_be_rounded_alike():
    """29.97 frames a second in milliseconds, under masks at exact times."""
    plane = np.zeros((4, 4), np.uint8)

    def coming(since: Fraction) -> Generator[tuple[Fraction, Plane]]:
        yield from ((Fraction(1001 * t, 30000), plane + t) for t in range(100))

    masks = Masks(AlignedPictures("--mask", coming, Fraction(0)), feather=0, invert=False)
    for t in range(100):
        shown = Frame(np.zeros((4, 4, 3), np.uint8), round(1001 * t / 30), Fraction(1, 1000))
        assert masks(shown)[0, 0] == t


def test_a_mask_that_breaks_off_stays(tmp_path: Path, inverter: Path, caplog: Any):
    for folder, names in (("in", "123"), ("masks", "12")):
        (tmp_path / folder).mkdir()
        for name in names:
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), np.full((32, 48, 3), 255, np.uint8))
    (tmp_path / "masks" / "3.png").write_bytes(b"no picture")
    given = {"style": str(inverter), "steady": "off", "mask": str(tmp_path / "masks")}
    stylize(tmp_path / "in", tmp_path / "out", checked(Settings, given, "test"))
    last = cv2.imread(str(tmp_path / "out" / "000003.png"))
    assert last is not None and np.all(last == 0)
    assert "--mask" in caplog.text


def test_a_base_that_can_not_be_read_is_passed_over(tmp_path: Path):
    (tmp_path / "base-x.onnx").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ModelError, match="put it next to the style"):
        find_base("no such family", tmp_path / "mine.onnx")


def test_what_needs_a_shot_says_so(photo: Path):
    with pytest.raises(ModelError, match="--style-scale needs --statistics shot"):
        repainted(photo, Path("udnie"), statistics="frame", style_scale=2.0)
