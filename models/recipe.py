"""The settings of trainings and paintings; they need no PyTorch to be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Universal = Literal["wct", "photowct", "wct2", "styleswap"]
"""A method that takes any style picture."""

Pooling = Literal["max", "unpool", "sum", "cat5"]
"""The pooling between two stages of an encoder, by what it passes to the decoder.

``max``: nothing. ``unpool``: the places of the maxima (PhotoWCT). ``sum``, ``cat5``: the bands that
Haar pooling leaves out, which are added to the features, or concatenated with the features before
the pooling (WCT²).
"""

CHECKPOINT_EVERY = 100
"""Steps between two checkpoints of a training."""


class Recipe(BaseModel):
    """Everything that a trained style depends on, beside its pictures; frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tier: Literal["fast", "quality", "recurrent", "johnson"] = Field(
        "fast",
        description="fast (slim, for real time on a CPU), quality (wide, for finer painting), "
        "recurrent (a little slower than fast; receives its previous output: Ruder 2018) or "
        "johnson (Johnson 2016 as published).",
    )
    steps: int = Field(1500, ge=1, description="Number of optimiser steps.")
    finish_steps: int = Field(
        0,
        ge=0,
        description="Of these, the last ones that VGG-19 itself judges: crisper strokes, sometimes "
        "duller colours; each costs five times as much.",
    )
    judge: Literal["slim", "vgg"] = Field(
        "slim",
        description="What compares pictures: slim (a small copy of VGG-19, which ships) or vgg "
        "(VGG-19 itself, for a GPU).",
    )
    batch: int = Field(4, ge=1, description="Pictures per step (batch size).")
    crop: int = Field(256, ge=64, description="Side of a crop, px.")
    crop_min: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Least share of the photograph's short side that a crop shows.",
    )
    crop_max: float = Field(1.0, gt=0, le=1, description="Largest share of it.")
    style_size: int = Field(
        768, ge=64, description="Short side of the style picture, px: larger gives larger strokes."
    )
    canvas: int = Field(
        4,
        ge=0,
        le=4,
        description="Channels that the net receives besides the picture, to paint flat areas with: "
        "fine noise, then facets of 16, 32 and 64 px; 0: none.",
    )
    content_weight: float = Field(
        2.0, ge=0, description="Weight of the content loss, at the beginning."
    )
    content_target: float | None = Field(
        None,
        ge=0,
        description="The content loss to which its weight is steered: lower keeps more of the "
        "photograph; 0: the weight stays. Default: 0.62; 0.95 in a finish by VGG-19.",
    )
    style_weight: float = Field(
        1.0, ge=0, description="Weight of the style loss: more style, less of the photograph."
    )
    stroke_weight: float = Field(
        0.7, ge=0, description="Weight of the strokes in the style loss: bolder strokes."
    )
    stroke_floor: float = Field(
        0.7, ge=0, le=1, description="Least strength of strokes, as a share of the painting's."
    )
    stroke_window: int = Field(
        64, ge=16, description="Side of the windows in which strokes are compared, px."
    )
    flat_weight: float = Field(
        0.15,
        ge=0,
        description="Weight of the edges of paint on flat parts of the photo, against clouds.",
    )
    wall_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of the least contrast of paint on flat parts: no bare walls.",
    )
    colour_weight: float = Field(
        1.0, ge=0, description="Weight of the painting's palette in full: its rare colours too."
    )
    colour_match: float = Field(
        0.8,
        ge=0,
        le=1,
        description="How far the finished net's colours are moved to the painting's: their mean "
        "and covariance over the photographs.",
    )
    tv_weight: float = Field(
        0.3, ge=0, description="Weight of total variation: smoother, less grain."
    )
    steady_weight: float = Field(
        3.0,
        ge=0,
        description="Weight of steadiness: a moved, noisy picture must give the moved result; "
        "0: off.",
    )
    pixel_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the difference to the photograph itself: 4 for a base of styles.",
    )
    learning_rate: float = Field(
        1e-2, gt=0, description="The peak rate, of Muon for kernels and of Adam for the rest."
    )
    content_layer: str = Field("relu4_2", description="VGG-19 layer at which content is compared.")
    style_layers: tuple[str, ...] = Field(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        description="VGG-19 layers whose covariances are compared; repeatable.",
    )
    validation_photos: int = Field(
        20,
        ge=1,
        description="Number of photographs, the last by name, that are for validation only.",
    )
    seed: int = Field(0, ge=0, description="Random seed of the weights, the crops and their order.")

    @model_validator(mode="after")
    def _crops_have_a_span(self) -> Self:
        if self.crop_min > self.crop_max:
            raise ValueError(
                f"--crop-min {self.crop_min:g} is larger than --crop-max {self.crop_max:g}"
            )
        return self

    def target_of(self, judge: Literal["slim", "vgg"]) -> float:
        """The content loss to which the weight is steered; 0: it stays."""
        if self.content_target is not None:
            return self.content_target
        return 0.62 if judge == self.judge else 0.95


def with_new_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a checkpoint, where those of older ones get today's names."""
    names = {"held_back": "validation_photos", "apart": "stage_steps"}
    return {names.get(name, name): value for name, value in settings.items()}


class DecoderRecipe(BaseModel):
    """Everything that trained decoders depend on, beside the photographs; frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Universal = Field("wct2", description="wct, photowct, wct2 or styleswap.")
    width: Literal["full", "slim"] = Field(
        "full", description="full (VGG-19's encoder) or slim (a thin one, distilled from it)."
    )
    unpooling: Literal["sum", "cat5"] = Field(
        "cat5", description="Of wct2: how the decoder receives what pooling leaves out."
    )
    stage_steps: int = Field(
        1000, ge=1, description="Number of optimiser steps in which each stage is trained alone."
    )
    steps: int = Field(
        500,
        ge=1,
        description="Number of steps for the deepest whole decoder; the next level gets twice as "
        "many.",
    )
    batch: int = Field(4, ge=1, description="Pictures per step (batch size).")
    crop: int = Field(
        256, ge=64, description="Side of a crop, px; a multiple of 16.", multiple_of=16
    )
    feature_weight: float = Field(1.0, ge=0, description="λ: weight of the features' difference.")
    learning_rate: float = Field(
        1e-3, gt=0, description="Adam's peak rate for stages; 0.3 of it for whole decoders."
    )
    validation_photos: int = Field(
        20,
        ge=1,
        description="Number of photographs, the last by name, that are for validation only.",
    )
    seed: int = Field(0, ge=0, description="Random seed of the weights, the crops and their order.")

    @property
    def pooling(self) -> Pooling:
        """What stands between the stages."""
        if self.method == "wct2":
            return self.unpooling
        return "unpool" if self.method == "photowct" else "max"


PAINT_LAYERS = (
    *(
        f"conv{block}_{n}"
        for block, last in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1))
        for n in range(1, last + 1)
    ),
    *(f"pool{block}" for block in range(1, 5)),
)
"""What a painting may look at, by the papers' names."""

PAINT_CHECKPOINT_EVERY = 25
"""Iterations between two checkpoints and previews of a painting."""


class PaintRecipe(BaseModel):
    """How a picture is painted by descent on its pixels (Gatys 2016); frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ratio: float = Field(
        1e-3,
        ge=0,
        description="α/β, content against style: 1e-3, 8e-4, 5e-3 are the paper's B, C, D; "
        "smaller: more style.",
    )
    content_layers: tuple[str, ...] = Field(
        ("conv4_2",), description="Where content is compared; repeatable."
    )
    style_layers: dict[str, float] = Field(
        {f"conv{block}_1": 0.2 for block in range(1, 6)},
        min_length=1,
        description="Where style is compared, LAYER=WEIGHT; repeatable. Names: conv1_1 … conv5_1, "
        "pool1 … pool4.",
    )
    tv_weight: float = Field(
        20.0, ge=0, description="Weight of total variation, against noise; 0 as in the paper."
    )
    iterations: int = Field(500, ge=1, description="Number of iterations, of all sizes together.")
    sizes: int = Field(
        2, ge=1, le=6, description="Number of sizes, coarse to fine, each twice the last."
    )
    optimizer: Literal["lbfgs", "adam", "rmsprop", "momentum"] = Field(
        "lbfgs", description="lbfgs (best), adam, rmsprop or momentum (0.9)."
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Of pixels in 0–255; default: lbfgs 1, adam 6, rmsprop 3, momentum 1 (of the "
        "first gradient's mean size).",
    )
    start: str = Field(
        "content",
        pattern=r"^(content|style|noise(:\d+)?)$",
        description="Begin with content, style or noise; noise:7 is noise of seed 7.",
    )
    pooling: Literal["average", "max"] = Field(
        "average", description="VGG-19's: average (smoother, the paper's) or max."
    )
    margin: int = Field(
        8,
        ge=0,
        le=15,
        description="Pixels of reflection around what VGG-19 sees, so that no frame is painted; 0: "
        "as the papers have it.",
    )
    style_scale: float = Field(
        1.0, ge=0.1, le=16, description="Size of the style picture in that of the content."
    )
    palette: Literal["source", "match", "none"] = Field(
        "none",
        description="Whose colours the painting has. source: the content's; only brightness is "
        "painted. match: the style is recoloured first. none: the style's.",
    )
    temporal_weight: float = Field(
        200.0,
        ge=0,
        description="γ: weight of the difference to earlier key frames, warped to this one.",
    )
    photo_weight: float = Field(
        1e4,
        ge=0,
        description="λ of --method deepphoto: higher keeps the result closer to a photograph, "
        "without painted strokes or bent lines.",
    )

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _layers_exist(cls, value: Iterable[str]) -> Iterable[str]:
        for name in value:
            if name not in PAINT_LAYERS:
                raise ValueError(f"there is no layer {name}; VGG-19 has {' '.join(PAINT_LAYERS)}")
        return value

    @property
    def seed(self) -> int:
        """Of the noise."""
        return int(self.start.partition(":")[2] or 0)


class SwapRecipe(BaseModel):
    """How a picture is made of the patches of another (Chen & Schmidt 2016, section 4.1); frozen.

    Its settings are options of ``paint --method styleswap``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: int = Field(100, ge=1, description="Number of L-BFGS steps.")
    tv_weight: float = Field(20.0, ge=0, description="λ: weight of total variation.")
    patch: int = Field(3, ge=1, le=31, description="Side of a patch, features; 1 is four pixels.")
    stride: int = Field(1, ge=1, description="Distance of the style's patches, features.")
    start: str = Field(
        "content",
        pattern=r"^(content|noise(:\d+)?)$",
        description="Begin with content or noise; noise:7 is noise of seed 7.",
    )

    @property
    def seed(self) -> int | None:
        """Seed of the noise; ``None`` where the start is no noise."""
        if self.start == "content":
            return None
        return int(self.start.partition(":")[2] or 0)


class DistilRecipe(BaseModel):
    """How a net learns from pairs of frames and their paintings; frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(500, ge=1, description="Number of optimiser steps.")
    batch: int = Field(2, ge=1, description="Patches per step (batch size).")
    crop: int = Field(256, ge=64, description="Side of a patch, px.")
    learning_rate: float = Field(4e-3, gt=0, description="Adam's peak rate.")
    pixel_weight: float = Field(1.0, ge=0, description="Weight of the colours' difference.")
    feature_weight: float = Field(1.0, ge=0, description="Weight of VGG-19's responses'.")
    texture_weight: float = Field(2.0, ge=0, description="Weight of their Gram matrices'.")
    steady_weight: float = Field(
        1.0, ge=0, description="Weight of steadiness under fake motion; 0: off."
    )
    seed: int = Field(0, ge=0, description="Random seed of the patches.")
