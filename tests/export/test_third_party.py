"""Other projects' checkpoints, in exactly the names and shapes of their tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from stylize_video.export.third_party import compressed_wct, photowct, wct2
from stylize_video.pipeline.core.errors import ModelError

from ..helpers.universal_nets import noise_picture

Shapes = dict[str, tuple[int, int]]

ENCODER: Shapes = {
    "conv1_1": (3, 64),
    "conv1_2": (64, 64),
    "conv2_1": (64, 128),
    "conv2_2": (128, 128),
    "conv3_1": (128, 256),
    "conv3_2": (256, 256),
    "conv3_3": (256, 256),
    "conv3_4": (256, 256),
    "conv4_1": (256, 512),
}


def state(shapes: Shapes) -> dict[str, torch.Tensor]:
    found = {"conv0.weight": torch.randn(3, 3, 1, 1), "conv0.bias": torch.randn(3)}
    for name, (c_in, c_out) in shapes.items():
        found[f"{name}.weight"] = torch.randn(c_out, c_in, 3, 3) * (2 / 9 / c_in) ** 0.5
        found[f"{name}.bias"] = 0.1 * torch.randn(c_out)
    return found


def backwards(factor: int = 1, mark: str = "") -> Shapes:
    """A decoder of theirs: each convolution turned round; the first of a block reads ``factor``."""
    found = {name: (c_out, c_in) for name, (c_in, c_out) in ENCODER.items()}
    for name in ("conv3_4", "conv2_2", "conv1_2"):
        c_in, c_out = found.pop(name)
        found[name + mark] = (factor * c_in, c_out)
    return found


@pytest.mark.parametrize("option", ["sum", "cat5"])
def test_wct2_of_clovaai(option: str, tmp_path: Path):
    torch.manual_seed(1)
    coding = state(ENCODER)
    for number, channels in ((1, 64), (2, 128), (3, 256)):
        for band in ("LL", "LH", "HL", "HH"):
            coding[f"pool{number}.{band}.weight"] = torch.randn(channels, 1, 2, 2)
    decoding = state(backwards(5, "_2") if option == "cat5" else backwards())
    del decoding["conv0.weight"], decoding["conv0.bias"]
    torch.save(coding, tmp_path / "wave_encoder.pth")
    torch.save(decoding, tmp_path / "wave_decoder.pth")
    net = wct2(tmp_path / "wave_encoder.pth", tmp_path / "wave_decoder.pth")
    x = noise_picture(1, 32, 48)
    with torch.no_grad():
        mixed = torch.nn.functional.conv2d(x, coding["conv0.weight"], coding["conv0.bias"])
        padded = torch.nn.functional.pad(mixed, (1, 1, 1, 1), mode="reflect")
        wanted = torch.nn.functional.conv2d(
            padded, coding["conv1_1.weight"], coding["conv1_1.bias"]
        ).relu()
        assert torch.allclose(net.encoder.stage(x, 1)[0], wanted, atol=1e-4)
        assert net.forward_pass(x, lambda layer, f: f).shape == x.shape
    name = "conv3_4_2" if option == "cat5" else "conv3_4"
    assert torch.equal(net.decoder.state_dict()["rests.3.0.weight"], decoding[name + ".weight"])


def test_photowct_of_nvidia(tmp_path: Path):
    blocks = {1: 1, 2: 3, 3: 5, 4: 9}
    whole: dict[str, torch.Tensor] = {}
    for level, count in blocks.items():
        names = list(ENCODER)[:count]
        whole |= {f"e{level}.{k}": v for k, v in state({n: ENCODER[n] for n in names}).items()}
        turned = {n: ENCODER[n][::-1] for n in names}
        whole |= {f"d{level}.{k}": v for k, v in state(turned).items() if "conv0" not in k}
    torch.save(whole, tmp_path / "photo_wct.pth")
    net = photowct(tmp_path / "photo_wct.pth")
    assert list(net.layers) == ["relu4_1", "relu3_1", "relu2_1", "relu1_1"]
    assert net.stylize(noise_picture(1, 32, 48), noise_picture(2)).shape == (1, 3, 32, 48)
    weight = net.decoders["4"].state_dict()["rests.3.2.weight"]
    assert torch.equal(weight, whole["d4.conv3_2.weight"])


def test_what_is_missing_or_misshapen_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match="does not exist"):
        photowct(tmp_path / "no.pth")
    torch.save({"e1.conv0.weight": torch.zeros(3)}, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match=r"conv1_1.weight: expected shape .*, found nothing"):
        photowct(tmp_path / "odd.pth")


@pytest.mark.real_data
def test_the_compressed_wct_gives_pictures_back(shared: Path):
    net = compressed_wct(shared / "checkpoints" / "wct_16x")
    x = noise_picture(1, 64, 64)
    with torch.no_grad():
        features, skips = net.encoders["1"](x)
        assert (net.decoders["1"](features, skips) - x).abs().mean() < 0.01
