"""Generated clips, pictures and models; and the folder of real ones where it exists."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.pipeline.nets.contract import ModelCard

Pictures = list[NDArray[np.uint8]]
MakeClip = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and t.name.startswith("prefetch")]
    assert not left


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


def moving_scene(count: int, width: int = 64, height: int = 48) -> Pictures:
    """A bright square that moves 2 px a frame over a gradient; every frame differs."""
    y, x = np.mgrid[0:height, 0:width]
    ground = np.stack([x * 2, y * 3, (x + y)], axis=-1).astype(np.uint8)
    frames: Pictures = []
    for number in range(count):
        frame = ground.copy()
        left = (2 * number) % (width - 8)
        frame[8:20, left : left + 8] = (250, 240, 30)
        frames.append(frame)
    return frames


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Writes a clip: H.264 without loss, 4:4:4, with a tone, at any timestamps."""

    def make(
        name: str = "in.mp4",
        frames: Pictures | None = None,
        pts: list[int] | None = None,
        time_base: Fraction = Fraction(1, 30000),
        step: int = 1001,
        audio: bool = True,
        subtitles: bool = False,
        chapters: bool = False,
        tags: tuple[int, int, int, int] = (1, 1, 1, 1),
    ) -> Path:
        frames = moving_scene(30) if frames is None else frames
        pts = [i * step for i in range(len(frames))] if pts is None else pts
        path = tmp_path / name
        with av.open(path, "w") as out:
            out.metadata["title"] = "A test"
            if chapters:
                out.set_chapters(
                    [
                        {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000),
                         "metadata": {"title": "one"}},
                        {"id": 2, "start": 500, "end": 1000, "time_base": Fraction(1, 1000),
                         "metadata": {"title": "two"}},
                    ]
                )  # fmt: skip
            video: Any = out.add_stream("libx264", rate=30, options={"qp": "0", "bf": "2"})
            video.width, video.height = frames[0].shape[1], frames[0].shape[0]
            video.pix_fmt = "yuv444p"
            context = video.codec_context
            context.time_base = time_base
            context.colorspace, context.color_range = tags[0], tags[1]
            context.color_trc, context.color_primaries = tags[2], tags[3]
            sound: Any = out.add_stream("aac", rate=48000) if audio else None
            words: Any = out.add_stream("mov_text") if subtitles else None
            if words is not None:
                words.codec_context.subtitle_header = b"[Script Info]\n\n[Events]\n"
                words.time_base = words.codec_context.time_base = Fraction(1, 1000)
            for rgb, moment in zip(frames, pts, strict=True):
                frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
                    format="yuv444p",
                    dst_colorspace={1: 1, 6: 5, 9: 9}.get(tags[0], 5),
                    dst_color_range=tags[1] or 1,
                )
                frame.pts, frame.time_base = moment, time_base
                out.mux(video.encode(frame))
            if sound is not None:
                _write_tone(out, sound, float((pts[-1] + step) * time_base))
            if words is not None:
                _write_words(out, words)
            out.mux(video.encode(None))
        return path

    return make


def _write_tone(out: Any, stream: Any, seconds: float) -> None:
    time = np.arange(int(seconds * 48000)) / 48000
    tone = (0.2 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
    frame.rate, frame.pts = 48000, 0
    resampler = av.AudioResampler("fltp", "stereo", 48000, frame_size=1024)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))


def _write_words(out: Any, stream: Any) -> None:
    text = b"Hello there"
    packet = av.Packet(len(text).to_bytes(2, "big") + text)
    packet.stream = stream
    packet.pts = packet.dts = 200
    packet.duration, packet.time_base = 400, Fraction(1, 1000)
    out.mux(packet)


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the contract that paints nothing: pixels, times and colours can be compared."""
    return write_contract_model(tmp_path_factory.mktemp("model") / "identity.onnx")


def write_contract_model(path: Path, operator: str = "Identity", **card: Any) -> Path:
    shape: list[Any] = [1, "height", "width", 3]
    ports = [
        helper.make_tensor_value_info(n, TensorProto.UINT8, shape) for n in ("frame", "stylized")
    ]
    node = helper.make_node(operator, ["frame"], ["stylized"])
    graph = helper.make_graph([node], "style", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    facts = ModelCard(**{"name": path.stem, "kind": "fast", **card}).to_metadata()
    helper.set_model_props(model, facts)
    onnx.save(model, path)
    return path


def foreign_onnx(path: Path, shape: list[Any], add: float = 0.0, scale: float = 1.0) -> Path:
    """y = x · scale + add, floats."""
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("in", "out")]
    numbers = [
        helper.make_tensor("s", TensorProto.FLOAT, [], [scale]),
        helper.make_tensor("a", TensorProto.FLOAT, [], [add]),
    ]
    nodes = [
        helper.make_node("Mul", ["in", "s"], ["t"]),
        helper.make_node("Add", ["t", "a"], ["out"]),
    ]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], numbers)
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def read_video(path: Path) -> tuple[Pictures, list[Fraction]]:
    """Every frame as RGB, and its time in seconds."""
    frames: Pictures = []
    times: list[Fraction] = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            assert frame.pts is not None and stream.time_base is not None
            frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            times.append(frame.pts * stream.time_base)
    return frames, times


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """(time, bytes) of every packet of the first stream of a kind."""
    with av.open(path) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [((p.pts or 0) * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    error = float(np.mean((a.astype(float) - b.astype(float)) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def run_command(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """``stylize-video`` as a user types it."""
    return subprocess.run(
        [sys.executable, "-c", "from stylize_video.cli.main import main; main()", *map(str, words)],
        capture_output=True, text=True, timeout=300, **options,
    )  # fmt: skip


def write_photos(folder: Path, count: int, size: int = 96) -> Path:
    """Pictures of smooth noise in which every one differs."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (size + 16, size), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)
    return folder


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
