"""Generated clips, pictures and models; and the folder of real ones where it exists."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from stylize_video.export.flow import export_flow
from stylize_video.export.parity import parity_frames
from stylize_video.export.style import export_style
from stylize_video.models.nets.feedforward import FastNet
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.pipeline.core.concurrency import available_cores
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.nets.graph import Net
from stylize_video.pipeline.styles.zoo import base_file, find_style

from .helpers.compiled_nets import load_net
from .helpers.once import MakeOnce, filled_once, run_folder
from .helpers.onnx_files import write_contract_model
from .helpers.pictures import write_photos
from .helpers.threads import assert_ended, threads_of
from .helpers.video import MakeClip, Pictures, write_clip
from .helpers.weights import untrained_raft, write_vgg19


def pytest_configure() -> None:
    """Workers side by side share the cores: each has its part of them for PyTorch."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    torch.set_num_threads(max(1, available_cores() // workers))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Figures that tests have recorded; none of them may fail by its size."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


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
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Makes a folder of files once for the whole run, whichever worker needs it first."""
    root = run_folder(tmp_path_factory.getbasetemp()) / "once"
    root.mkdir(exist_ok=True)
    return lambda name, fill: filled_once(root / name, fill)


@pytest.fixture(scope="session")
def identity(make_once: MakeOnce) -> Path:
    """A model of the contract that paints nothing: pixels, times and colours can be compared."""
    made = make_once("identity", lambda folder: write_contract_model(folder / "identity.onnx"))
    return made / "identity.onnx"


@pytest.fixture(scope="session")
def photo_frames(make_once: MakeOnce) -> list[Rgb]:
    """The pictures at which an export compares its file with PyTorch."""
    photos = make_once("photos", lambda folder: write_photos(folder, 3))
    return parity_frames(sorted(photos.glob("*.png")))


@pytest.fixture(scope="session")
def exported_style(make_once: MakeOnce, photo_frames: list[Rgb]) -> Path:
    """The file of a net of the ``fast`` tier that has learned nothing."""

    def fill(folder: Path) -> None:
        torch.manual_seed(1)
        export_style(FastNet(), ModelCard("test", "fast"), folder / "test.onnx", photo_frames)

    return make_once("exported-style", fill) / "test.onnx"


@pytest.fixture(scope="session")
def canvas_style(make_once: MakeOnce, photo_frames: list[Rgb]) -> Path:
    """The file of an untrained net of the ``fast`` tier that takes a canvas of four channels."""

    def fill(folder: Path) -> None:
        torch.manual_seed(1)
        net = FastNet(canvas=4)
        export_style(net, ModelCard("canvas", "fast"), folder / "canvas.onnx", photo_frames)

    return make_once("canvas-style", fill) / "canvas.onnx"


@pytest.fixture(scope="session")
def exported_flow(make_once: MakeOnce) -> Path:
    """The file of a RAFT that has learned nothing, with two updates."""

    def fill(folder: Path) -> None:
        path = folder / "flow.onnx"
        path.write_bytes(b"an older file")
        assert export_flow(untrained_raft(), path) < 0.001
        assert list(folder.iterdir()) == [path]

    return make_once("exported-flow", fill) / "flow.onnx"


@pytest.fixture(scope="session")
def udnie() -> Net:
    """The built-in style *udnie-quality*, read."""
    return load_net(find_style("udnie-quality"))


@pytest.fixture(scope="session")
def base(udnie: Net) -> Net:
    """A net of ``udnie``'s form and family, which gives the picture back."""
    net = load_net(base_file("quality"))
    return replace(net, card=replace(net.card, family=udnie.card.family))


@pytest.fixture(scope="session")
def vgg_file(make_once: MakeOnce) -> Path:
    """Weights of VGG-19's shape, not its knowledge: torchvision's keys, in a .pth."""
    return make_once("vgg", lambda folder: write_vgg19(folder / "vgg19.pth")) / "vgg19.pth"


@pytest.fixture(scope="session")
def vgg(vgg_file: Path) -> VGG19:
    return VGG19(vgg_file)
