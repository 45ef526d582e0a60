from __future__ import annotations

import torch
from stylize_video.models.training.synthetic_motion import FakeMotion


def test_fake_motion_moves_what_it_says_and_its_seed_alone_decides():
    cpu = torch.device("cpu")
    ramp = torch.linspace(0, 1, 64).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    motion, same = FakeMotion(1, 64, 64, 3, cpu), FakeMotion(1, 64, 64, 3, cpu)
    assert torch.equal(motion.move(ramp), same.move(ramp))
    assert torch.equal(motion.next_frame(ramp), same.next_frame(ramp))
    assert not torch.equal(FakeMotion(1, 64, 64, 4, cpu).move(ramp), motion.move(ramp))
    # A ramp along x is moved by as much as its values change; by no more than a few pixels.
    moved = ((motion.move(ramp) - ramp) * 63)[:, :, 12:52, 12:52]
    assert 0.01 < moved.abs().max() < 12
    assert motion.seen.mean() > 0.8
    assert ((motion.holes() > 0) & (motion.seen == 0)).sum() == 0
