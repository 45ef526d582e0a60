"""What a device computes in, and the memory that it keeps."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch
from stylize_video.models.device import mixed_precision, quick_dtype
from stylize_video.models.nets.slim_vgg import SlimVGG

CPU = torch.device("cpu")

FAULTS = """
import resource, torch
from stylize_video.models.device import torch_device
if {kept}:
    torch_device("cpu")
for _ in range(20):
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize("quick", [True, False])
def test_bfloat16_is_used_only_where_the_cpu_has_it(monkeypatch: pytest.MonkeyPatch, quick: bool):
    """A CPU without AVX-512 took 20 seconds for a step that float32 does in one."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: quick)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True, raising=False)
    wanted = torch.bfloat16 if quick else torch.float32
    assert quick_dtype(CPU) == wanted
    with mixed_precision(CPU):
        assert (torch.ones(4, 4) @ torch.ones(4, 4)).dtype == wanted
    features = SlimVGG(device=CPU)(torch.rand(1, 3, 32, 32), ("relu2_1",))
    assert features["relu2_1"].dtype == wanted


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told to keep memory")
def test_memory_that_tensors_free_is_kept_for_the_next_ones():
    def faults(kept: bool) -> int:
        code = FAULTS.format(kept=kept)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        return int(done.stdout)

    assert faults(kept=True) * 10 < faults(kept=False)
