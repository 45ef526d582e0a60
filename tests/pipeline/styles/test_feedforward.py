from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from stylize_video.pipeline.core.errors import DeviceError, ModelError
from stylize_video.pipeline.core.frame import Frame, Rgb, as_rgb
from stylize_video.pipeline.nets.quantize import precision_on
from stylize_video.pipeline.nets.session import BoundSession, open_session
from stylize_video.pipeline.styles.per_shot import paint_picture, paint_shots
from stylize_video.pipeline.styles.zoo import find_style
from stylize_video.pipeline.temporal.canvas import still_canvas

from ...helpers.onnx_files import foreign_onnx, write_contract_model
from ...helpers.open_styles import open_file
from ...helpers.pictures import psnr
from ...helpers.scenes import texture


@pytest.fixture
def picture() -> Rgb:
    return np.random.default_rng(0).integers(0, 256, (30, 44, 3), dtype=np.uint8)


def test_bytes_go_in_and_bytes_come_out(identity: Path, picture: Rgb):
    style = open_file(identity)
    assert np.array_equal(paint_picture(style, picture), picture)
    assert style.info.name == "identity"


@pytest.mark.parametrize(
    ("range_in", "add"), [("0..255", 10.0), ("0..1", 10 / 255), ("-1..1", 10 / 127.5)]
)
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_foreign_net_gets_the_range_and_layout_it_states(
    tmp_path: Path, picture: Rgb, range_in: str, add: float, layout: str
):
    shape = [1, 3, "h", "w"] if layout == "nchw" else [1, "h", "w", 3]
    path = foreign_onnx(tmp_path / "f.onnx", shape, add=add)
    painted = paint_picture(open_file(path, model_range=range_in), picture)
    wanted = np.minimum(picture.astype(int) + 10, 255)
    assert np.abs(painted - wanted).max() <= 1


def test_bgr_is_swapped_both_ways(tmp_path: Path, picture: Rgb):
    path = foreign_onnx(tmp_path / "f.onnx", [1, 3, "h", "w"])
    painted = paint_picture(open_file(path, model_channels="bgr"), picture)
    assert np.array_equal(painted, picture)


def test_imagenet_range_in_answers_zero_to_one(tmp_path: Path, picture: Rgb):
    path = foreign_onnx(tmp_path / "f.onnx", [1, 3, "h", "w"], scale=0.0, add=0.5)
    painted = paint_picture(open_file(path, model_range="imagenet"), picture)
    assert np.all(np.abs(painted.astype(int) - 128) <= 1)


def test_a_fixed_size_is_met_by_resizing_with_a_note(tmp_path: Path, caplog):
    smooth = np.zeros((60, 80, 3), np.uint8)
    smooth[..., 0] = np.linspace(0, 255, 80)
    path = foreign_onnx(tmp_path / "f.onnx", [1, 3, 32, 40])
    painted = paint_picture(open_file(path), smooth)
    assert painted.shape == smooth.shape
    assert psnr(painted, smooth) > 30
    assert "fixed 40x32" in caplog.text


@pytest.mark.parametrize("shape", [[1, 10], [1, 1, "h", "w"], [3, 3]])
def test_an_onnx_file_that_is_no_style_model_is_refused(tmp_path: Path, shape: list[Any]):
    path = foreign_onnx(tmp_path / "f.onnx", shape)
    with pytest.raises(ModelError, match="not a style model"):
        open_file(path)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_net_that_answers_no_picture_is_refused(tmp_path: Path, picture: Rgb, axis: int):
    """A depth net answers one channel, a classifier's trunk one row."""
    ports = [
        helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 3, "h", "w"]),
        helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, "c", "i", "j"]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [axis])
    node = helper.make_node("ReduceMean", ["in", "axes"], ["out"], keepdims=1)
    graph = helper.make_graph([node], "g", ports[:1], ports[1:], [axes])
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "n.onnx")
    with pytest.raises(ModelError, match="is not a style model"):
        paint_picture(open_file(tmp_path / "n.onnx"), picture)


def test_a_truncated_file_is_refused_in_one_line(tmp_path: Path, identity: Path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(identity.read_bytes()[:-40])
    with pytest.raises(ModelError, match="not an ONNX file that can be read") as refused:
        open_file(path)
    assert "\n" not in str(refused.value)


def test_a_net_that_fails_on_a_frame_is_one_line(tmp_path: Path, picture: Rgb):
    path = foreign_onnx(tmp_path / "f.onnx", [1, 3, "n", "n"])
    style: Any = open_file(path)
    style._net._input = "another"
    with pytest.raises(ModelError, match=r"f failed on cpu at 44x30: .*; try a smaller --size"):
        paint_picture(style, picture)


def test_a_newer_contract_is_refused(tmp_path: Path):
    path = write_contract_model(tmp_path / "new.onnx", contract=2)
    with pytest.raises(ModelError, match="keeps contract 2"):
        open_file(path)


def test_auto_says_what_really_runs(identity: Path):
    style = open_file(identity, device="auto")
    assert style.info.device in {"cpu", "cuda", "coreml", "directml", "openvino"}


def test_a_device_that_the_runtime_lacks_is_an_error_that_names_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, identity: Path
):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match=r"--device cuda can't be had.*onnxruntime-gpu.*CUDA 13"):
        open_session(identity, "cuda")


def test_a_silent_fallback_to_the_cpu_is_an_error(monkeypatch: pytest.MonkeyPatch, identity: Path):
    class FallenBack:
        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["OpenVINOExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", FallenBack)
    with pytest.raises(DeviceError, match=r"did not load; it needs onnxruntime-openvino"):
        open_session(identity, "openvino")


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["udnie", "mosaic"])
def test_another_projects_net_plays(shared: Path, name: str):
    photo = np.asarray(np.random.default_rng(0).integers(60, 190, (90, 120, 3)), np.uint8)
    style = open_file(shared / "checkpoints" / "foreign_onnx" / f"{name}.onnx")
    painted = paint_picture(style, photo)
    assert painted.shape == photo.shape
    assert painted.std() > 20


class OnDevice:
    """Stands for buffers on a GPU, and for ONNX Runtime's binding to them."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.values = np.zeros(shape, np.uint8)
        self.updates = 0

    def update_inplace(self, values: Any) -> None:
        self.values[:] = values
        self.updates += 1

    def numpy(self) -> Any:
        return self.values.copy()


class FakeSession:
    """A session on a device that is not here: it paints negatives, into the buffers bound."""

    def __init__(self) -> None:
        self.bound_in: dict[str, OnDevice] = {}
        self.bound_out: dict[str, OnDevice] = {}
        self.runs = 0

    def io_binding(self) -> Any:
        session = self

        class Binding:
            def bind_ortvalue_input(self, name: str, value: OnDevice) -> None:
                session.bound_in[name] = value

            def bind_ortvalue_output(self, name: str, value: OnDevice) -> None:
                session.bound_out[name] = value

        return Binding()

    def get_outputs(self) -> list[Any]:
        shapes = {"y_out": [4, 6], "u_out": [2, 3]}
        return [type("Port", (), {"name": name, "shape": shapes[name]})() for name in shapes]

    def run_with_iobinding(self, binding: Any) -> None:
        self.runs += 1
        for taken, given in zip(self.bound_in.values(), self.bound_out.values(), strict=True):
            given.values[:] = 255 - taken.values


def test_a_gpu_plays_from_buffers_that_are_made_once(monkeypatch: pytest.MonkeyPatch):
    made: list[OnDevice] = []

    def make(shape: tuple[int, ...], kind: Any, device: str, number: int) -> OnDevice:
        assert (kind, device, number) == (np.uint8, "cuda", 0)
        made.append(OnDevice(shape))
        return made[-1]

    monkeypatch.setattr(onnxruntime.OrtValue, "ortvalue_from_shape_and_type", make)
    session = FakeSession()
    runner = BoundSession(session, {"y": (4, 6), "u": (2, 3)})  # type: ignore[arg-type]
    for value in (10, 200):
        y, u = runner.run(None, {"y": np.full((4, 6), value), "u": np.full((2, 3), 1)})
        assert np.all(y == 255 - value) and np.all(u == 254)
    assert session.runs == 2 and len(made) == 4
    assert made[0].updates == 2


@pytest.mark.parametrize(
    ("device", "wanted", "found"),
    [("cuda", "auto", "half"), ("coreml", "auto", "float"), ("cuda", "float", "float"),
     ("cpu", "int8", "int8")],
)  # fmt: skip
def test_every_device_has_its_numbers(device: str, wanted: str, found: str):
    assert precision_on(device, wanted) == found


def test_cuda_is_asked_to_record_its_work(monkeypatch: pytest.MonkeyPatch, identity: Path):
    asked: list[Any] = []

    class Session:
        def __init__(self, source: Any, options: Any, providers: list[Any]) -> None:
            asked.extend(providers)

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr("stylize_video.pipeline.nets.session._missing_cuda_libraries", lambda: "")
    open_session(identity, "cuda", recorded=True)
    open_session(identity, "cuda")
    assert asked == [
        ("CUDAExecutionProvider", {"enable_cuda_graph": "1"}),
        ("CUDAExecutionProvider", {}),
    ]


def test_a_graph_that_holds_more_is_played_as_it_is(tmp_path: Path):
    """It keeps the contract, and swaps red and blue before the part that can be folded."""
    model = onnx.load(find_style("udnie"))
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = "swapped" if name == "frame" else name
    model.graph.initializer.append(helper.make_tensor("order", TensorProto.INT64, [3], [2, 1, 0]))
    swap = helper.make_node("Gather", ["frame", "order"], ["swapped"], axis=3)
    model.graph.node.insert(0, swap)
    onnx.save(model, tmp_path / "swapped.onnx")
    picture = texture(2, 96, 64)
    swapped, plain = open_file(tmp_path / "swapped.onnx"), open_file("udnie")
    assert plain.info.per_shot and not swapped.info.per_shot
    frame = Frame(picture, 0, Fraction(1), canvas=still_canvas(picture))
    turned = replace(frame, source=np.ascontiguousarray(picture[..., ::-1]))
    shown = swapped.compile([turned]).paint(turned)
    by_frame = open_file("udnie", statistics="frame").compile([frame]).paint(frame)
    assert np.abs(as_rgb(shown).astype(int) - as_rgb(by_frame)).max() <= 1


def test_a_failure_names_its_style_once(identity: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*told: Any) -> Rgb:
        raise ModelError("no memory")

    style: Any = open_file(identity)
    monkeypatch.setattr(style._net, "paint", broken)
    frame = Frame(texture(1, 32, 32), 0, Fraction(1, 25))
    with pytest.raises(ModelError, match=r"^identity: no memory$"):
        list(paint_shots([frame], style))
