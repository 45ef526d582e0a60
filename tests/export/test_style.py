from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from stylize_video.export.style import export_style, read_net
from stylize_video.models.nets.feedforward import FastNet, QualityNet, RecurrentNet, StyleNet
from stylize_video.models.nets.johnson import JohnsonNet
from stylize_video.pipeline.core.errors import ModelError, TrainingError
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.nets.quantize import sums_bytes_exactly
from stylize_video.pipeline.styles.per_shot import paint_picture

from ..helpers.compiled_nets import load_net, paint_alone
from ..helpers.open_styles import open_file
from ..helpers.pictures import psnr
from ..helpers.scenes import texture

ZOO = Path(str(files("stylize_video.models.zoo")))


def _fast_on_canvas() -> FastNet:
    return FastNet(canvas=3)


@pytest.mark.parametrize("make", [FastNet, _fast_on_canvas, QualityNet, RecurrentNet, JohnsonNet])
def test_the_file_paints_what_pytorch_paints_at_any_size(
    tmp_path: Path, photo_frames: list[Rgb], make: Callable[[], StyleNet]
):
    torch.manual_seed(1)
    net = make()
    sizes = [(1, 1), (3, 50), (97, 64)]
    rng = np.random.default_rng(0)
    odd = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in sizes]
    card = ModelCard("test", net.name, recipe="{}", macs_per_pixel=net.macs_per_pixel())
    parity = export_style(net, card, tmp_path / "s.onnx", [*photo_frames, *odd])
    assert parity.mean < 0.1
    assert parity.largest <= 2
    assert parity.sizes[:3] == ("256x256", "640x360", "407x271")

    model = onnx.load(tmp_path / "s.onnx")
    card = ModelCard.from_metadata({p.key: p.value for p in model.metadata_props})
    assert card is not None and card.kind == net.name
    assert card.macs_per_pixel == net.macs_per_pixel()
    assert json.loads(card.parity)["largest"] == parity.largest
    style = open_file(tmp_path / "s.onnx")
    assert paint_picture(style, odd[1]).shape == odd[1].shape
    assert style.info.recurrent == net.recurrent


@pytest.mark.parametrize("tier", [FastNet, QualityNet])
def test_a_file_is_read_back_as_the_net_that_it_was_written_from(
    tmp_path: Path, photo_frames: list[Rgb], tier: type[FastNet]
):
    torch.manual_seed(2)
    net = tier(canvas=4)
    for weights in net.parameters():  # of a fresh net, some are zeros, and of those one is written
        torch.nn.init.normal_(weights, std=0.1)
    export_style(net, ModelCard("test", "fast"), tmp_path / "s.onnx", photo_frames)
    again = read_net(tmp_path / "s.onnx")
    assert again.name == net.name
    rgb = torch.from_numpy(photo_frames[0]).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        assert (again(rgb) - net(rgb)).abs().mean() * 255 < 0.2  # the file has half the digits
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"no\.onnx holds no net of the tiers fast and quality"):
        read_net(tmp_path / "no.onnx")


def notes_of(path: Path) -> int:
    """Notes of the exporter in a file: they hold the paths of the machine that wrote it."""
    graph = onnx.load(path).graph
    parts = (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer)
    return sum(len(part.metadata_props) for part in (*parts, graph))


def test_no_path_of_this_machine_is_in_a_file(exported_style: Path):
    assert notes_of(exported_style) == 0
    assert str(ZOO.parents[1]).encode() not in exported_style.read_bytes()


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.onnx")), ids=lambda path: path.name)
def test_no_path_of_a_machine_is_in_a_file_that_ships(path: Path):
    assert notes_of(path) == 0
    assert not re.search(rb"[/\\](home|tmp|Users|root)[/\\]", path.read_bytes())


def test_plain_onnxruntime_opens_it(exported_style: Path):
    session = onnxruntime.InferenceSession(exported_style, providers=["CPUExecutionProvider"])
    (port,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (port.name, port.type, answer.name, answer.type) == (
        "frame", "tensor(uint8)", "stylized", "tensor(uint8)",
    )  # fmt: skip
    assert port.shape[0] == 1 and port.shape[3] == 3
    assert all(isinstance(side, str) for side in port.shape[1:3])


def test_a_file_that_is_off_is_not_written(tmp_path: Path, photo_frames: list[Rgb]):
    class Liar(FastNet):
        def forward(
            self, rgb: torch.Tensor, memory: tuple[torch.Tensor, torch.Tensor] | None = None
        ) -> torch.Tensor:
            return (super().forward(rgb, memory) + 0.02).clamp(0, 1)

    with pytest.raises(TrainingError, match=r"off by .* nothing was written"):
        export_style(Liar(), ModelCard("test", "fast"), tmp_path / "s.onnx", photo_frames)
    assert list(tmp_path.iterdir()) == []


def test_johnsons_net_is_folded_tiled_and_played_in_8_bits(tmp_path: Path):
    torch.manual_seed(3)
    picture = texture(4, 400, 304)
    path = tmp_path / "q.onnx"
    export_style(JohnsonNet(), ModelCard("j", "johnson"), path, [picture])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = np.asarray(session.run(["stylized"], {"frame": picture[None]})[0])[0]
    net = load_net(path)
    folded = np.asarray(paint_alone(net, picture))
    assert np.abs(folded.astype(int) - wanted).max() <= 1
    if sums_bytes_exactly():  # elsewhere nets run in floats
        quick = np.asarray(paint_alone(net, picture, eight_bit=True))
        assert psnr(quick, folded) > 26  # untrained, it paints noise
    tiled = np.asarray(paint_alone(net, picture, tile=256))
    assert np.abs(tiled.astype(int) - folded).max() <= 1


def test_kernels_are_kept_in_half_the_bytes(exported_style: Path):
    model = onnx.load(exported_style)
    kept = {i.data_type for i in model.graph.initializer if np.prod(i.dims) >= 256}
    assert kept == {onnx.TensorProto.FLOAT16}
    card = load_net(exported_style).card
    assert (card.margin, card.multiple) == (FastNet.margin, FastNet.multiple)
    assert len(load_net(exported_style).deviations) == 8
