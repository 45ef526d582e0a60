"""Open a net on the hardware of ``--device``, without silent fallbacks."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import DeviceError, ModelError, reason
from .runtime import onnxruntime

# Device → provider, best first: the order in which ``auto`` tries them.
PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}

# TensorRT builds an engine for minutes for each size, so it must be named.
_AUTO = ("cuda", "coreml", "directml", "openvino", "cpu")

_NEEDED = {
    "tensorrt": "onnxruntime-gpu and the TensorRT libraries (pip install tensorrt)",
    "cuda": "onnxruntime-gpu, an NVIDIA driver, CUDA 13 and cuDNN 9 "
    "(pip install 'onnxruntime-gpu[cuda,cudnn]')",
    "coreml": "onnxruntime on macOS",
    "directml": "onnxruntime-directml, on Windows",
    "openvino": "onnxruntime-openvino",
}


def open_session(
    model: Path | bytes,
    device: str,
    threads: int = 0,
    *,
    low_memory: bool = False,
    in_order: bool = False,
    recorded: bool = False,
) -> tuple[onnxruntime.InferenceSession, str]:
    """Open an ONNX Runtime session; returns it and the device that really runs it.

    ONNX Runtime goes on with the CPU when a provider's library is missing. Here that is an error
    for a named device, and ``auto`` tries the next one.

    Args:
        model: the file, or its bytes.
        device: a key of ``PROVIDERS``, or ``auto``.
        threads: the number of threads on the CPU; 0: one for each core.
        low_memory: free memory after every run: slower, for nets that run rarely and need much.
        in_order: run the nodes in the order of the model, which says when memory can be used again.
        recorded: record the work as a CUDA graph, on CUDA; for ``BoundSession``.

    Raises:
        DeviceError: the named device is not available; the message names the missing library.
        ModelError: the file is not ONNX.
    """
    source = model if isinstance(model, bytes) else str(model)
    options = _options(threads, low_memory, in_order)
    if device != "auto":
        return _session(source, device, options, recorded), device
    available = onnxruntime.get_available_providers()
    for name in _AUTO:
        if PROVIDERS[name] in available and (name != "cuda" or _has_nvidia_driver()):
            try:
                return _session(source, name, options, recorded), name
            except DeviceError:
                continue
    raise DeviceError("ONNX Runtime has no provider at all; reinstall onnxruntime")


class BoundSession:
    """Runs a session of fixed shapes with its buffers on the GPU, as one recorded CUDA graph.

    The first run records all GPU operations; each later run replays them. A frame then costs one
    copy to the GPU, one launch and one copy back.

    Args:
        session: the session of a model whose inputs and outputs are uint8.
        shapes: the shape of each input, by its name; the model says those of its outputs.
        device: the device that holds the buffers.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        shapes: Mapping[str, tuple[int, ...]],
        device: str = "cuda",
    ) -> None:
        self._session = session
        self._binding = session.io_binding()
        make = onnxruntime.OrtValue.ortvalue_from_shape_and_type
        self._inputs = {name: make(shape, np.uint8, device, 0) for name, shape in shapes.items()}
        self._outputs = [
            make(tuple(port.shape), np.uint8, device, 0) for port in session.get_outputs()
        ]
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for port, value in zip(session.get_outputs(), self._outputs, strict=True):
            self._binding.bind_ortvalue_output(port.name, value)

    def run(self, names: None, fed: Mapping[str, NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Run the net as ``InferenceSession.run`` does.

        Args:
            names: ``None``: all outputs are returned; other values have no effect.
            fed: for each input, by name, an array of its shape, uint8, 0–255.

        Returns:
            All outputs, uint8, 0–255, on the CPU.
        """
        for name, value in fed.items():
            self._inputs[name].update_inplace(value)
        self._session.run_with_iobinding(self._binding)
        return [np.asarray(value.numpy(), np.uint8) for value in self._outputs]


def _options(threads: int, low_memory: bool, in_order: bool) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = not low_memory
    if in_order:
        options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.log_severity_level = 4  # failures are raised or compared later, in one line
    # Spinning threads would occupy the cores that decode and encode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _session(
    source: str | bytes, device: str, options: onnxruntime.SessionOptions, recorded: bool
) -> onnxruntime.InferenceSession:
    provider = PROVIDERS[device]
    if provider not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"--device {device} can't be had: this ONNX Runtime is built without it; "
            f"it needs {_NEEDED.get(device, device)}, or use --device auto"
        )
    missing = _missing_cuda_libraries() if device in ("cuda", "tensorrt") else ""
    onnxruntime.set_default_logger_severity(4)  # it would write ten lines about libraries
    settings = {"enable_cuda_graph": "1"} if recorded and device == "cuda" else {}
    try:
        session = onnxruntime.InferenceSession(source, options, providers=[(provider, settings)])
    except Exception as error:
        # ONNX Runtime's errors share no base class below Exception.
        raise ModelError(reason(error)) from error
    if session.get_providers()[0] != provider:
        raise DeviceError(
            f"--device {device} can't be had: {missing or 'its library'} did not load; "
            f"it needs {_NEEDED.get(device, device)}, or use --device auto"
        )
    return session


def _has_nvidia_driver() -> bool:
    """Checked before CUDA is tried: loading its libraries takes seconds where there is no GPU."""
    import ctypes

    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _missing_cuda_libraries() -> str:
    """Load CUDA's libraries, from PyTorch's wheels if they are there; returns the missing ones."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        onnxruntime.preload_dlls()
    return ", ".join(re.findall(r"Failed to load ([^\s:]+)", output.getvalue()))
