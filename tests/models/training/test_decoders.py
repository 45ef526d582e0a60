from __future__ import annotations

from pathlib import Path

import pytest
import torch
from stylize_video.models.data import list_photos
from stylize_video.models.nets.autoencoder import SLIM
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.models.recipe import DecoderRecipe
from stylize_video.models.training.decoders import (
    begin,
    learn,
    levels,
    load_learning,
    reconstruction,
    save_learning,
    take_over,
)
from stylize_video.pipeline.core.errors import TrainingError

from ...helpers.pictures import write_photos

CPU = torch.device("cpu")
RECIPE = DecoderRecipe(stage_steps=4, steps=4, batch=2, crop=64, seed=3)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    write_photos(tmp_path / "photos", 5)
    return list_photos(tmp_path / "photos")


def tuned(**values: object) -> DecoderRecipe:
    return RECIPE.model_copy(update=values)


def test_a_decoder_learns_to_give_the_picture_back(vgg: VGG19, photos: list[Path]):
    recipe = tuned(method="wct", stage_steps=60, learning_rate=5e-3)
    learning = begin(recipe, 1, vgg, CPU)
    before = reconstruction(learning.net, photos, 64)
    kept = learning.net.encoder.state_dict()["firsts.0.weight"].clone()
    list(learn(learning, vgg, photos, workers=0))
    assert reconstruction(learning.net, photos, 64) > before + 3
    assert torch.equal(learning.net.encoder.state_dict()["firsts.0.weight"], kept)


@pytest.mark.parametrize("method", ["wct", "photowct", "wct2", "styleswap"])
def test_every_method_learns_and_resumes(
    method: str, vgg: VGG19, photos: list[Path], tmp_path: Path
):
    recipe = tuned(method=method)
    level = 3 if method == "styleswap" else 2
    stages = begin(recipe, level, vgg, CPU)
    for alone in (True, False):
        known = None if alone else stages.net
        straight = begin(recipe, level, vgg, CPU, known)
        list(learn(straight, vgg, photos, workers=0))
        stopped = begin(recipe, level, vgg, CPU, known)
        steps = learn(stopped, vgg, photos, workers=0)
        next(steps), next(steps)
        save_learning(stopped, tmp_path / "level.pt")
        resumed = load_learning(tmp_path / "level.pt", CPU)
        assert (resumed.step, resumed.stages_alone) == (2, alone)
        list(learn(resumed, vgg, photos, workers=0))
        for a, b in zip(resumed.net.parameters(), straight.net.parameters(), strict=True):
            assert torch.equal(a, b)


def test_stages_that_learned_apart_fit_together(vgg: VGG19, photos: list[Path]):
    stages = begin(tuned(method="wct", stage_steps=80, learning_rate=5e-3), 2, vgg, CPU)
    before = reconstruction(stages.net, photos, 64)
    list(learn(stages, vgg, photos, workers=0))
    assert reconstruction(stages.net, photos, 64) > before + 3


@pytest.mark.parametrize("level", [1, 2])
def test_a_whole_decoder_begins_with_what_its_stages_learned(level: int, vgg: VGG19):
    recipe = tuned(method="wct")
    stages = begin(recipe, 3, vgg, CPU)
    stages.net.decoder.sizes.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    own = begin(recipe, level, vgg, CPU, stages.net).net.state_dict()
    known = stages.net.state_dict()
    assert own["decoder.sizes"].tolist() == known["decoder.sizes"][: level + 1].tolist()
    assert all(torch.equal(own[key], known[key]) for key in own if "sizes" not in key)


@pytest.mark.parametrize(("method", "level"), [("wct2", 4), ("styleswap", 3), ("photowct", 4)])
def test_a_slim_encoder_learns_too(method: str, level: int, vgg: VGG19, photos: list[Path]):
    stages = begin(tuned(method=method, width="slim", stage_steps=2), level, vgg, CPU)
    first = stages.net.encoder.state_dict()["firsts.0.weight"].clone()
    list(learn(stages, vgg, photos, workers=0))
    learned = stages.net.encoder.state_dict()["firsts.0.weight"].clone()
    assert learned.shape[0] == SLIM[0][0] and not torch.equal(first, learned)
    whole = begin(tuned(method=method, width="slim", steps=2), level, vgg, CPU, stages.net)
    list(learn(whole, vgg, photos, workers=0))  # all levels share the encoder that was learned
    assert torch.equal(whole.net.encoder.state_dict()["firsts.0.weight"], learned)


def test_a_deeper_decoder_begins_with_what_a_shallower_one_has_learned(vgg: VGG19):
    recipe = tuned(method="wct")
    stages = begin(recipe, 3, vgg, CPU)
    whole = begin(recipe, 2, vgg, CPU, stages.net)
    for p in whole.net.decoder.parameters():
        p.data.add_(1)
    third = stages.net.decoder.state_dict()["lasts.2.weight"].clone()
    take_over(stages.net, whole.net)
    own = begin(recipe, 3, vgg, CPU, stages.net).net.decoder.state_dict()
    known = whole.net.decoder.state_dict()
    assert all(torch.equal(own[key], known[key]) for key in known if "sizes" not in key)
    assert torch.equal(own["lasts.2.weight"], third)


def test_shallower_levels_get_more_steps(vgg: VGG19):
    recipe = tuned(method="wct", width="slim")
    assert levels(recipe) == (1, 2, 3, 4)
    stages = begin(recipe, 4, vgg, CPU)
    assert stages.steps == recipe.stage_steps
    steps = [begin(recipe, level, vgg, CPU, stages.net).steps for level in levels(recipe)]
    assert steps == [32, 16, 8, 4]


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path):
    torch.save({"net": {}}, tmp_path / "no.pt")
    with pytest.raises(TrainingError, match="no checkpoint of decoders"):
        load_learning(tmp_path / "no.pt", CPU)
