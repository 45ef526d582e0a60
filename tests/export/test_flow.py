from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from stylize_video.export import flow as export_room
from stylize_video.export.flow import export_flow
from stylize_video.models.nets import raft
from stylize_video.pipeline.core.errors import SinkError, TrainingError
from stylize_video.pipeline.temporal.flow import open_flow

from ..helpers.command import run_command
from ..helpers.weights import untrained_raft

# End-point error of RAFT-small with 12 updates on three FlyingChairs pairs, in pixels.
CHAIRS = {1: 1.14, 2: 0.58, 3: 1.50}


def run_flow(file: Path, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (flow,) = session.run(["flow"], {"first": first[None], "second": second[None]})
    return np.asarray(flow)[0]


def run_net(
    net: torch.nn.Module, first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> NDArray[Any]:
    """The flow by PyTorch, of pictures padded to multiples of eight."""
    height, width = first.shape[:2]
    rgb = torch.from_numpy(np.stack([first, second])).permute(0, 3, 1, 2) / 127.5 - 1
    rim = (0, -width % 8, 0, -height % 8)
    padded = torch.nn.functional.pad(rgb, rim, mode="replicate")
    with torch.no_grad():
        flow = net(padded[:1], padded[1:])
    return flow[0, :, :height, :width].permute(1, 2, 0).numpy()


# ---- without the real weights ----


@pytest.mark.slow
def test_the_file_finds_the_flow_that_pytorch_finds_at_an_odd_size(exported_flow: Path):
    rng = np.random.default_rng(0)
    pair = rng.integers(0, 256, (2, 131, 203, 3), dtype=np.uint8)
    flow = run_flow(exported_flow, *pair)
    assert flow.dtype == np.float32

    wanted = run_net(untrained_raft(), *pair)
    assert np.abs(wanted).mean() > 0.1
    np.testing.assert_allclose(flow, wanted, atol=0.01)


@pytest.mark.slow
def test_the_file_says_what_it_is(exported_flow: Path):
    session = onnxruntime.InferenceSession(exported_flow, providers=["CPUExecutionProvider"])
    ports = [(p.name, p.type, p.shape) for p in (*session.get_inputs(), *session.get_outputs())]
    assert ports == [
        ("first", "tensor(uint8)", [1, "height", "width", 3]),
        ("second", "tensor(uint8)", [1, "height", "width", 3]),
        ("flow", "tensor(float)", [1, "height", "width", 2]),
    ]
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["stylize.kind"] == "flow"
    assert facts["stylize.name"] == "raft-small"
    assert facts["stylize.licence"] == "BSD-3-Clause (princeton-vl/RAFT)"
    (opset,) = [o.version for o in onnx.load(exported_flow).opset_import if not o.domain]
    assert opset == 20


@pytest.mark.slow
def test_a_file_that_is_off_is_not_written(
    tmp_path: Path, exported_flow: Path, monkeypatch: pytest.MonkeyPatch
):
    other = untrained_raft()
    assert other.update_block.flow_head.conv2.bias is not None
    other.update_block.flow_head.conv2.bias += 0.1
    monkeypatch.setattr(export_room, "_trace", lambda _: onnx.load(exported_flow))
    with pytest.raises(TrainingError, match=r"off by .* nothing was written"):
        export_flow(other, tmp_path / "flow.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_plays_as_flow_raft_at_any_size(exported_flow: Path):
    rng = np.random.default_rng(0)
    pair = rng.integers(0, 256, (2, 141, 203, 3), dtype=np.uint8)
    raft = open_flow("raft", exported_flow, "cpu", 1)
    assert np.array_equal(raft.between(*pair), run_flow(exported_flow, *pair))
    small = np.ascontiguousarray(pair[:, :77, :5])  # below the least that the net takes
    found = raft.between(*small)
    assert found.shape == (77, 5, 2) and np.isfinite(found).all()


@pytest.mark.slow
def test_an_export_that_cannot_be_written_is_one_line(
    exported_flow: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(export_room, "_trace", lambda _: onnx.load(exported_flow))
    with pytest.raises(SinkError, match="can't be written"):
        export_flow(untrained_raft(), Path("/proc/flow.onnx"))


@pytest.mark.slow
def test_export_flow_writes_what_flow_raft_plays(
    tmp_path: Path, exported_flow: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(raft, "load_raft_small", lambda weights: untrained_raft())
    monkeypatch.setattr(export_room, "_trace", lambda _: onnx.load(exported_flow))
    out = tmp_path / "flow.onnx"
    done = run_command("export-flow", out)
    assert done.returncode == 0 and f"wrote {out}" in done.stdout + done.stderr
    assert open_flow("raft", out).between(*np.zeros((2, 130, 140, 3), np.uint8)).shape[2] == 2
    again = run_command("export-flow", out)
    assert again.returncode == 1 and "--overwrite" in again.stderr


# ---- with them ----


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("number", CHAIRS)
def test_end_point_error_on_flying_chairs(shared: Path, number: int):
    net = raft.load_raft_small(shared / "weights" / "raft-small.safetensors")
    folder = shared / "flow" / "chairs"
    pictures = [cv2.imread(str(folder / f"{number}_img{i}.png")) for i in (1, 2)]
    first, second = (np.ascontiguousarray(bgr[..., ::-1], np.uint8) for bgr in pictures)
    with np.load(folder / f"{number}_flow.npz") as truth:
        error = np.linalg.norm(run_net(net, first, second) - truth["flow"], axis=-1).mean()
    assert error == pytest.approx(CHAIRS[number], rel=0.15)
