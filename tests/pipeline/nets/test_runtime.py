from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ...helpers.architecture import MODULES, imported


def run_a_net(home: Path, environment: dict[str, str]) -> str:
    """Run a tiny net in a fresh process; what the process then has as the variable."""
    code = (
        "import os\n"
        "from stylize_video.pipeline.nets.quantize import sums_bytes_exactly\n"
        "sums_bytes_exactly()\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    own = {key: v for key, v in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    own |= {"HOME": str(home), "USERPROFILE": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, env=own | environment)
    return done.stdout.decode().strip()


def test_a_run_stores_no_device_id(tmp_path: Path):
    assert run_a_net(tmp_path, {}) == "1"
    assert not (tmp_path / ".cache" / "Microsoft").exists()


def test_the_users_environment_goes_before(tmp_path: Path):
    assert run_a_net(tmp_path, {"ORT_DISABLE_TELEMETRY": "0"}) == "0"


def test_onnx_runtime_is_imported_in_one_place():
    importers = {m for m in MODULES for n in imported(m) if n.split(".")[0] == "onnxruntime"}
    assert importers == {"pipeline.nets.runtime"}
