"""Any picture as a style, through the main job; the method is one that can be seen through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from stylize_video.export.universal import export_universal
from stylize_video.models.nets.autoencoder import Decoder, Encoder
from stylize_video.models.universal.wct import WCT
from stylize_video.models.universal.wct2 import WCT2
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.errors import ModelError, SettingsError, SourceError
from stylize_video.pipeline.imaging.segmentation import label_pixels, palette
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.nets.rewrite import with_labels
from stylize_video.pipeline.render import stylize
from stylize_video.pipeline.styles.universal import CompiledUniversal, PaintSize
from stylize_video.pipeline.styles.universal_files import StyleMix, UniversalFiles

from ...helpers.once import MakeOnce

Picture = NDArray[np.uint8]


def colours_alone() -> WCT:
    """WCT whose features are the picture's own colours: a colour transfer."""
    encoder, decoder = Encoder(((3,),), 1), Decoder(((3,),), 1)
    for conv in (encoder.firsts[0], decoder.lasts[0]):
        weight = torch.zeros(3, 3, 3, 3)
        weight[range(3), range(3), 1, 1] = 1
        conv.load_state_dict({"weight": weight, "bias": torch.zeros(3)})
    encoder.mean.zero_()
    encoder.std.fill_(1)
    return WCT({1: (encoder, decoder)}).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def method(make_once: MakeOnce) -> str:
    def fill(folder: Path) -> None:
        path, frames = folder / "colours.prepare.onnx", [blobs(1), blobs(2, 40, 63)]
        export_universal(colours_alone(), ModelCard("colours", "wct"), path, frames, blobs(3))

    return str(make_once("colours", fill) / "colours.prepare.onnx")


def blobs(seed: int, height: int = 48, width: int = 64, mean: object = 128) -> Picture:
    """Soft spots of colour, about as bright as asked."""
    noise = np.random.default_rng(seed).normal(0, 1, (6, 8, 3)).astype(np.float32)
    large = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(mean) + 20 * large, 0, 255).astype(np.uint8)


def saved(path: Path, rgb: Picture) -> Path:
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def painted(tmp_path: Path, content: Picture, **settings: object) -> Picture:
    out = tmp_path / "out.png"
    values = Settings.model_validate({"overwrite": True, "device": "cpu", **settings})
    stylize(saved(tmp_path / "in.png", content), out, values)
    return np.ascontiguousarray(cv2.imread(str(out))[..., ::-1])


def spread(rgb: Picture) -> NDArray[np.float64]:
    return np.cov(rgb.reshape(-1, 3).T)


def test_a_picture_gets_the_styles_colours(method: str, tmp_path: Path):
    style = blobs(7, mean=(150, 110, 90))
    shown = painted(tmp_path, blobs(8), style=str(saved(tmp_path / "s.png", style)), method=method)
    assert np.allclose(shown.mean((0, 1)), style.mean((0, 1)), atol=1.5)
    off = np.linalg.norm(spread(shown) - spread(style)) / np.linalg.norm(spread(style))
    assert off < 0.05


def test_two_pictures_are_mixed_by_their_weights(method: str, tmp_path: Path):
    one, other = blobs(1, mean=(180, 90, 90)), blobs(2, mean=(80, 90, 190))
    names = saved(tmp_path / "a.png", one), saved(tmp_path / "b.png", other)
    styles = [f"{names[0]}:3", f"{names[1]}:1"]
    shown = painted(tmp_path, blobs(3), style=styles, method=method)
    wanted = 0.75 * one.mean((0, 1)) + 0.25 * other.mean((0, 1))
    assert np.allclose(shown.mean((0, 1)), wanted, atol=2)


def test_no_strength_is_the_source(method: str, tmp_path: Path):
    content, style = blobs(3), saved(tmp_path / "s.png", blobs(4))
    shown = painted(tmp_path, content, style=str(style), method=method, strength=0)
    assert np.abs(shown.astype(int) - content).max() <= 1


def halves(left: tuple[int, ...], right: tuple[int, ...], width: int = 64) -> Picture:
    mask = np.zeros((48, width, 3), np.uint8)
    mask[:, : width // 2] = left
    mask[:, width // 2 :] = right
    return mask


def test_masks_pair_the_parts_of_both_pictures(method: str, tmp_path: Path):
    style = np.hstack([blobs(1, 48, 32, (190, 80, 80)), blobs(2, 48, 32, (70, 80, 190))])
    shown = painted(
        tmp_path,
        blobs(5),
        style=str(saved(tmp_path / "s.png", style)),
        method=method,
        content_mask=str(saved(tmp_path / "cm.png", halves((0, 0, 255), (255, 0, 0)))),
        style_mask=[str(saved(tmp_path / "sm.png", halves((255, 0, 0), (0, 0, 255))))],
    )
    assert np.allclose(shown[:, :32].mean((0, 1)), style[:, 32:].mean((0, 1)), atol=3)
    assert np.allclose(shown[:, 32:].mean((0, 1)), style[:, :32].mean((0, 1)), atol=3)


def test_a_mask_may_have_many_labels(method: str, tmp_path: Path):
    mask = np.zeros((48, 64, 3), np.uint8)
    for k, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (9, 9, 9))):
        mask[:, 13 * k : 13 * (k + 1)] = colour
    names = {"content_mask": str(saved(tmp_path / "m.png", mask))}
    style = saved(tmp_path / "s.png", blobs(1, 96, 128, (190, 80, 80)))
    shown = painted(
        tmp_path,
        blobs(5),
        style=str(style),
        method=method,
        style_mask=[names["content_mask"]],
        **names,
    )
    assert np.allclose(shown.mean((0, 1)), (190, 80, 80), atol=6)


def test_a_label_that_the_style_lacks_stays_as_it_is(method: str, tmp_path: Path):
    content = blobs(5)
    shown = painted(
        tmp_path,
        content,
        style=str(saved(tmp_path / "s.png", blobs(1, mean=(190, 80, 80)))),
        method=method,
        content_mask=str(saved(tmp_path / "cm.png", halves((0, 0, 255), (255, 255, 255)))),
        style_mask=[str(saved(tmp_path / "sm.png", halves((0, 0, 255), (0, 0, 255))))],
    )
    assert np.abs(shown[:, 33:].astype(int) - content[:, 33:]).max() <= 1
    assert shown[:, :31, 0].mean() > content[:, :31, 0].mean() + 30


def film(path: Path, pictures: list[Picture]) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264rgb", rate=25, options={"crf": "0", "g": "1"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "rgb24"
        for rgb in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        out.mux(stream.encode(None))
    return path


def test_a_mask_may_be_a_video(method: str, tmp_path: Path):
    content = blobs(5)
    style = np.hstack([blobs(1, 48, 32, (190, 80, 80)), blobs(2, 48, 32, (70, 80, 190))])
    first, then = halves((255, 0, 0), (0, 0, 255)), halves((0, 0, 255), (255, 0, 0))
    source = film(tmp_path / "in.mkv", [content] * 8)
    masks = film(tmp_path / "mask.mkv", [first] * 4 + [then] * 4)
    values = Settings.model_validate(
        {
            "style": str(saved(tmp_path / "s.png", style)),
            "method": method,
            "content_mask": str(masks),
            "style_mask": [str(saved(tmp_path / "sm.png", first))],
            "steady": "off",
            "device": "cpu",
        }
    )
    stylize(source, tmp_path / "frames", values)
    shown = [cv2.imread(str(p))[..., ::-1] for p in sorted((tmp_path / "frames").iterdir())]
    red = [rgb[:, :32, 0].mean() > rgb[:, 32:, 0].mean() for rgb in shown]
    assert red == [True] * 4 + [False] * 4


def test_masks_that_do_not_go_together_are_refused(method: str, tmp_path: Path):
    style = str(saved(tmp_path / "s.png", blobs(1)))
    with pytest.raises(SettingsError, match="go together"):
        painted(tmp_path, blobs(2), style=style, method=method, content_mask=style)
    with pytest.raises(SourceError, match="--content-mask"):
        painted(
            tmp_path,
            blobs(2),
            style=style,
            method=method,
            content_mask=str(tmp_path / "no.png"),
            style_mask=[style],
        )


def test_a_photograph_is_no_segmentation():
    noise = np.random.default_rng(0).integers(0, 5, (64, 64, 3)).astype(np.uint8) * 60
    with pytest.raises(SettingsError, match="one flat colour for each label"):
        palette([noise])


def test_colours_that_jpeg_has_changed_are_still_labels():
    mask = halves((0, 128, 0), (128, 0, 128), width=512)
    _, coded = cv2.imencode(".jpg", mask[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    lossy = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
    colours = palette([mask, np.ascontiguousarray(lossy)])
    assert len(colours) == 2
    assert (label_pixels(lossy, colours) == label_pixels(mask, colours)).mean() > 0.98


def test_a_picture_and_a_net_can_not_be_mixed(method: str, tmp_path: Path):
    style = str(saved(tmp_path / "s.png", blobs(1)))
    with pytest.raises(SettingsError, match="only styles of one kind"):
        painted(tmp_path, blobs(2), style=["udnie", style], method=method)


def test_a_method_that_is_missing_is_named(tmp_path: Path):
    style = str(saved(tmp_path / "s.png", blobs(1)))
    with pytest.raises(ModelError, match=r"no\.prepare\.onnx does not exist"):
        painted(tmp_path, blobs(2), style=style, method=str(tmp_path / "no.prepare.onnx"))


@pytest.fixture(scope="module")
def deep(make_once: MakeOnce) -> UniversalFiles:
    """A net of full depth, thin, that has learned nothing."""

    def fill(folder: Path) -> None:
        widths = ((4, 4), (5, 5), (6,) * 4, (7,))
        torch.manual_seed(0)
        net = WCT2(Encoder(widths, 4, "cat5"), Decoder(widths, 4, "cat5"), ("encoder",))
        for conv in (m for m in net.modules() if isinstance(m, torch.nn.Conv2d)):
            torch.nn.init.kaiming_normal_(conv.weight)
        path = folder / "deep.prepare.onnx"
        export_universal(net, ModelCard("deep", "wct"), path, [blobs(1)], blobs(3))

    return UniversalFiles(make_once("deep", fill) / "deep.prepare.onnx", opened)


def opened(model: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("labelled", [False, True])
def test_tiles_are_painted_as_the_whole(deep: UniversalFiles, labelled: bool):
    frame = blobs(5, 333, 501)
    labels = np.repeat(frame[..., :1], 2, axis=2) if labelled else None
    look = StyleMix(deep.statistics(blobs(6), blobs(7)[..., :2] if labelled else None))
    model = with_labels(deep.apply, deep.scales) if labelled else deep.apply
    session = opened(model.SerializeToString())
    affine_maps = deep.affine_maps([(frame, labels)], look)
    whole, tiled = (
        CompiledUniversal(session, affine_maps, deep.card, PaintSize(tile=tile)).paint(
            frame, labels
        )
        for tile in (0, 256)
    )
    assert np.abs(np.asarray(whole, int) - np.asarray(tiled)).max() <= 1


def test_what_is_photographic_is_carried_from_fewer_lines(deep: UniversalFiles):
    look = StyleMix(deep.statistics(blobs(6)))
    large = blobs(5, 1024, 1536)
    card = replace(deep.card, kind="wct2")
    affine_maps = deep.affine_maps([(np.ascontiguousarray(large[::4, ::4]), None)], look)
    player = CompiledUniversal(opened(deep.apply.SerializeToString()), affine_maps, card)
    assert player.size.reduce(large, card).shape == (256, 384, 3)
    assert PaintSize(smooth="off").reduce(large, card).shape == (512, 768, 3)
    assert player.size.reduce(large[:300], card).shape == (300, 1536, 3)
    assert np.asarray(player.paint(large)).shape == large.shape
