"""Imports ONNX Runtime with its telemetry off; every other module gets it from here.

Left to itself, ONNX Runtime stores a device id in ``~/.cache/Microsoft`` and opens a connection.
Who wants that sets ``ORT_DISABLE_TELEMETRY=0``.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded

import onnxruntime

__all__ = ["onnxruntime"]
