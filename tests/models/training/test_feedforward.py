from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from stylize_video.models.data import list_photos, read_rgb
from stylize_video.models.nets.canvas import noise_canvas
from stylize_video.models.nets.feedforward import (
    RecurrentNet,
)
from stylize_video.models.nets.slim_vgg import SlimVGG
from stylize_video.models.recipe import Recipe
from stylize_video.models.training.feedforward import (
    evaluate,
    next_unsteadiness,
    one_cycle,
    rate_at,
    train,
)
from stylize_video.models.training.paint_loss import PaintLoss, paint_loss
from stylize_video.models.training.state import (
    begin,
    fingerprint,
    load_checkpoint,
    read_base,
    save_checkpoint,
)
from stylize_video.models.training.synthetic_motion import FakeMotion
from stylize_video.pipeline.core.errors import TrainingError

from ...helpers.pictures import write_photos

RECIPE = Recipe(steps=4, batch=2, crop=64, style_size=64, validation_photos=1)


Judge = Callable[[str], PaintLoss]


def judge(recipe: Recipe, style: NDArray[np.uint8]) -> Judge:
    """The slim net, whichever is asked for."""
    loss = paint_loss(recipe, style, SlimVGG(), torch.device("cpu"))
    return lambda _: loss


def test_the_rate_rises_then_falls_to_nothing():
    rates = [one_cycle(step, 100, 1.0) for step in range(101)]
    assert rates.index(max(rates)) == 20
    assert rates[20] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    assert rates[0] == pytest.approx(0.04)


def test_a_stopped_training_resumes_to_the_same_weights(tmp_path: Path):
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    cpu = torch.device("cpu")
    loss = judge(RECIPE, style)

    whole = begin(RECIPE, cpu)
    list(train(whole, loss, photos, workers=0))

    first = begin(RECIPE, cpu)
    steps = train(first, loss, photos, workers=0)
    next(steps), next(steps)
    steps.close()
    save_checkpoint(first, tmp_path / "c.pt")
    second = load_checkpoint(tmp_path / "c.pt", cpu)
    assert second.step == 2
    list(train(second, loss, photos, workers=0))

    assert second.step == whole.step == 4
    for a, b in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(a, b)
    assert second.history == whole.history


@pytest.mark.parametrize("tier", ["fast", "recurrent"])
def test_training_for_steadiness_makes_the_net_steadier(tmp_path: Path, tier: str):
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    cpu = torch.device("cpu")

    def unsteadiness_after(weight: float) -> float:
        recipe = RECIPE.model_copy(
            update={"tier": tier, "steps": 40, "steady_weight": weight, "style_weight": 1.0}
        )
        training = begin(recipe, cpu)
        loss = judge(recipe, style)
        list(train(training, loss, photos, workers=0))
        picture = torch.from_numpy(np.stack([read_rgb(p) for p in photos]))  # pyright: ignore
        content = picture.permute(0, 3, 1, 2)[:, :, :96, :96].float() / 255
        motion = FakeMotion(4, 96, 96, 5, cpu)
        with torch.no_grad():
            result = training.net.eval()(content)
            return next_unsteadiness(training.net, content, result, motion).item()

    assert unsteadiness_after(300.0) < 0.7 * unsteadiness_after(0.0)


def test_a_recurrent_net_is_trained_on_what_it_is_told(tmp_path: Path):
    """Weights that see nothing but the memory get no gradient from a net that is told nothing."""
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    recipe = RECIPE.model_copy(update={"tier": "recurrent"})
    cpu = torch.device("cpu")
    training, fresh = begin(recipe, cpu), begin(recipe, cpu).net
    list(train(training, judge(recipe, style), photos, workers=0))
    assert isinstance(training.net, RecurrentNet) and isinstance(fresh, RecurrentNet)
    for name in ("before", "trust"):
        now, then = (getattr(net, name).free.weight for net in (training.net, fresh))
        assert (now - then).abs().max() > 1e-4


def test_a_training_can_begin_from_a_checkpoint(tmp_path: Path):
    cpu = torch.device("cpu")
    first = begin(RECIPE, cpu)
    save_checkpoint(first, tmp_path / "base.pt")
    other = RECIPE.model_copy(update={"seed": RECIPE.seed + 1, "steps": 7})
    second = begin(other, cpu, read_base(tmp_path / "base.pt"))
    assert second.recipe == other and second.step == 0
    for a, b in zip(first.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(TrainingError, match="is a fast net; train with --tier fast"):
        begin(RECIPE.model_copy(update={"tier": "recurrent"}), cpu, read_base(tmp_path / "base.pt"))


def test_a_canvas_is_inherited_or_refused(tmp_path: Path):
    cpu = torch.device("cpu")
    recipe = RECIPE.model_copy(update={"canvas": 4})
    save_checkpoint(begin(recipe, cpu), tmp_path / "base.pt")
    assert load_checkpoint(tmp_path / "base.pt", cpu).average.canvas == 4
    begin(recipe.model_copy(update={"tier": "quality"}), cpu, read_base(tmp_path / "base.pt"))
    with pytest.raises(TrainingError, match="canvas of 4 channels, not 2; train with --canvas 4"):
        begin(recipe.model_copy(update={"canvas": 2}), cpu, read_base(tmp_path / "base.pt"))


def test_the_canvas_is_painted_with(tmp_path: Path):
    """Two canvases give two paintings of the same wall, and what is learned moves with it."""
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    recipe = RECIPE.model_copy(update={"canvas": 4, "steps": 20})
    training = begin(recipe, torch.device("cpu"))
    list(train(training, judge(recipe, style), photos, workers=0))
    wall = torch.full((1, 3, 64, 64), 0.5)
    with torch.no_grad():
        painted = [
            training.average(wall, canvas=noise_canvas(1, 4, 16, 16, torch.manual_seed(seed)))
            for seed in (1, 1, 2)
        ]
    assert torch.equal(painted[0], painted[1])
    assert (painted[0] - painted[2]).abs().mean() > 0.01


def test_a_vgg_finish_comes_last_at_a_small_rate(tmp_path: Path):
    recipe = RECIPE.model_copy(update={"steps": 6, "finish_steps": 2})
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    asked: list[str] = []
    loss = judge(recipe, style)

    def judges(kind: str) -> PaintLoss:
        asked.append(kind)
        return loss(kind)

    list(train(begin(recipe, torch.device("cpu")), judges, photos, workers=0))
    assert asked == ["slim", "vgg"]
    assert rate_at(4, recipe) == pytest.approx(0.05 * recipe.learning_rate)
    assert rate_at(5, recipe) < rate_at(4, recipe)


def test_a_checkpoint_with_older_names_of_settings_still_loads(tmp_path: Path):
    cpu = torch.device("cpu")
    save_checkpoint(begin(RECIPE, cpu), tmp_path / "c.pt")
    state = torch.load(tmp_path / "c.pt")
    state["recipe"]["held_back"] = state["recipe"].pop("validation_photos")
    torch.save(state, tmp_path / "c.pt")
    assert load_checkpoint(tmp_path / "c.pt", cpu).recipe == RECIPE


def test_a_quality_net_can_begin_where_a_fast_one_ended(tmp_path: Path):
    cpu = torch.device("cpu")
    fast = begin(RECIPE, cpu)
    save_checkpoint(fast, tmp_path / "fast.pt")
    base = read_base(tmp_path / "fast.pt")
    wider = RECIPE.model_copy(update={"tier": "quality"})
    first = begin(wider, cpu, base)
    second = begin(wider.model_copy(update={"seed": 9}), cpu, base)
    picture = torch.rand(1, 3, 40, 52)
    with torch.no_grad():
        assert (first.net(picture) - fast.net(picture)).abs().max() < 1e-4
    for a, b in zip(first.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(a, b)  # so that what is trained from both can be mixed
    assert first.family == second.family != fingerprint(fast.net)
    first.net(picture).square().mean().backward()
    added = first.net.body[3].body[4].weight.grad  # a block that answers nothing yet
    assert added is not None and added.abs().max() > 0


def test_training_lowers_the_loss(tmp_path: Path):
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.zeros((64, 64, 3), np.uint8)
    style[::8] = (255, 30, 30)
    recipe = RECIPE.model_copy(update={"steps": 25, "style_weight": 1.0, "content_weight": 0.1})
    training = begin(recipe, torch.device("cpu"))
    loss = judge(recipe, style)
    before = evaluate(training, loss("slim"), photos, size=64)
    list(train(training, loss, photos, workers=0))
    after = evaluate(training, loss("slim"), photos, size=64)
    assert after.total < 0.8 * before.total


def test_a_checkpoint_is_data(tmp_path: Path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "pwned",))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(TrainingError, match="checkpoint"):
        load_checkpoint(tmp_path / "evil.pt", torch.device("cpu"))
    torch.save({"net": Evil()}, tmp_path / "evil2.pt")
    with pytest.raises(TrainingError, match="not a checkpoint that can be resumed"):
        load_checkpoint(tmp_path / "evil2.pt", torch.device("cpu"))
    assert not (tmp_path / "pwned").exists()
