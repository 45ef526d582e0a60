"""Generated clips, pictures and models; and the folder of real ones where it exists."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.pipeline.nets.graph import Net
from stylize_video.pipeline.styles.zoo import find_base, find_style

from .helpers.compiled_nets import load_net
from .helpers.onnx_files import write_contract_model
from .helpers.threads import assert_ended, threads_of
from .helpers.video import MakeClip, Pictures, write_clip


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threads_of()
    yield
    assert_ended(threads_of() - before, grace=5)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips and photographs; its absence is an error where CI demands it."""
    root = Path(__file__).parents[1]
    folder = Path(os.environ.get("STYLIZE_SHARED", root / ".." / "shared")).resolve()
    if not folder.is_dir():
        if os.environ.get("STYLIZE_REQUIRE_SHARED"):
            pytest.fail(f"{folder} is demanded and not there")
        pytest.skip(f"no real clips in {folder}; STYLIZE_SHARED names the folder")
    return folder


@pytest.fixture(scope="session")
def browser() -> str:
    """The Chromium of the tests marked ``browser``; its absence is an error in CI."""
    program = os.environ.get("STYLIZE_CHROMIUM") or shutil.which("chromium")
    if program is None:
        if os.environ.get("STYLIZE_REQUIRE_SHARED") or os.environ.get("CI") == "true":
            pytest.fail("a browser is demanded: STYLIZE_CHROMIUM names no Chromium")
        pytest.skip("no browser; STYLIZE_CHROMIUM names a Chromium")
    return program


@pytest.fixture(scope="session")
def clips(shared: Path) -> Path:
    return shared / "videos"


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Writes a clip into the test's folder: see ``write_clip``."""

    def make(name: str = "in.mp4", frames: Pictures | None = None, **how: Any) -> Path:
        return write_clip(tmp_path / name, frames, **how)

    return make


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the contract that paints nothing: pixels, times and colours can be compared."""
    return write_contract_model(tmp_path_factory.mktemp("model") / "identity.onnx")


@pytest.fixture(scope="session")
def udnie() -> Net:
    """The built-in style *udnie*, read."""
    return load_net(find_style("udnie"))


@pytest.fixture(scope="session")
def base(udnie: Net) -> Net:
    """The base of ``udnie``, which gives the picture back."""
    return load_net(find_base(udnie.card.family, Path("udnie.onnx")))


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of VGG-19's shape, not its knowledge: torchvision's keys, in a .pth."""
    torch.manual_seed(0)
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512]
    places = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]
    state: dict[str, torch.Tensor] = {}
    for place, c_in, c_out in zip(places, widths[:-1], widths[1:], strict=True):
        state[f"features.{place}.weight"] = torch.randn(c_out, c_in, 3, 3) * (2 / 9 / c_in) ** 0.5
        state[f"features.{place}.bias"] = torch.zeros(c_out)
    state["classifier.0.bias"] = torch.zeros(10)
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="session")
def vgg(vgg_file: Path) -> VGG19:
    return VGG19(vgg_file)
