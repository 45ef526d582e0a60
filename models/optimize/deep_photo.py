"""Deep Photo Style Transfer (Luan, Paris, Shechtman, Bala 2017).

Gatys's transfer, label by label, held to changes of colour that are locally affine in the content:
straight lines stay straight. Pictures are (1, 3, H, W), RGB, 0–255.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..recipe import PaintRecipe
from .descent import Stage, Terms, coarse_to_fine
from .gatys import Describer, Masks
from .image import Painting, Subject, size_of

Laplacian = Callable[[tuple[int, int]], Any]
"""(height, width) → the content's matting Laplacian at that size, (H·W, H·W), SciPy's sparse."""

_LEAST = 0.001  # of a picture: a smaller label is not there

_UNIT = 1e4
"""The unit of λ: the other losses have the scale of ``gatys``, the paper's have another."""


class _Quadratic(torch.autograd.Function):
    """Σ_c V_cᵀ M V_c of (H·W, 3); its gradient is 2 M V, equation 5."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, matrix: Tensor) -> Tensor:
        product = torch.sparse.mm(matrix, values)
        ctx.save_for_backward(product)
        return (values * product).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (product,) = ctx.saved_tensors
        return 2 * grads[0] * product, None


def photorealism(picture: Tensor, laplacian: Tensor) -> Tensor:
    """L_m = Σ_c V_cᵀ M V_c, colours in 0..1: equation 4.

    Args:
        picture: (1, 3, H, W) float32, 0–255, RGB.
        laplacian: (H·W, H·W) float32, sparse, symmetric.

    Returns:
        A scalar.
    """
    values = (picture / 255).permute(0, 2, 3, 1).reshape(-1, 3)
    return _Quadratic.apply(values.to(laplacian.dtype), laplacian)  # pyright: ignore[reportReturnType]


class DeepPhoto(Painting):
    """Paints in two stages as the authors do: Gatys's, then from there with the photorealism term.

    Args:
        describe: VGG-19 with the recipe's pooling.
        recipe: layers, weights and iterations; each stage takes half of the iterations.
        subject: what is painted.
        laplacian: of the content.
    """

    def __init__(
        self, describe: Describer, recipe: PaintRecipe, subject: Subject, laplacian: Laplacian
    ) -> None:
        super().__init__(describe, recipe, subject)
        self._laplacian = laplacian

    def stages(self) -> list[Stage]:
        """Gatys's stages, coarse to fine, then one at the content's size with one term more."""
        size, extra_terms = size_of(self._subject.content), self._subject.extra_terms
        half = self.recipe.model_copy(update={"iterations": self.recipe.iterations // 2})
        return [
            *coarse_to_fine(size, self.goal(extra_terms), half),
            Stage(size, self.recipe.iterations, self.goal((*extra_terms, self._photo_term))),
        ]

    def _photo_term(self, size: tuple[int, int]) -> Callable[[Tensor], Terms]:
        matrix = as_torch(self._laplacian(size))
        weight = _UNIT * self.recipe.photo_weight

        def goal(picture: Tensor) -> Terms:
            return {"photo": weight * photorealism(picture, matrix.to(picture.device))}

        return goal


def as_torch(matrix: Any) -> Tensor:
    """A sparse matrix of SciPy, (M, M), as one of PyTorch, (M, M) float32."""
    coo = matrix.tocoo()
    places = torch.stack([torch.from_numpy(coo.row).long(), torch.from_numpy(coo.col).long()])
    values = torch.from_numpy(coo.data).float()
    return torch.sparse_coo_tensor(places, values, coo.shape, check_invariants=False).coalesce()


@torch.no_grad()
def merged(describe: Describer, subject: Subject) -> Subject:
    """The subject with each label that a style lacks merged into the most similar one it has.

    The authors merge by the labels' names (lake into sea). Masks have no names, so the mean
    responses at conv4_1 are compared. With no common label there is one label, everywhere.
    """
    labels = subject.labels
    if labels is None:
        return subject
    theirs = [s.labels.mean(dim=(0, 2, 3)) for s in subject.styles if s.labels is not None]
    there = torch.stack(theirs).amin(dim=0) > _LEAST
    if not bool(there.any()):
        return replace(
            subject, labels=None, styles=[replace(s, labels=None) for s in subject.styles]
        )
    features = describe(subject.content, ("conv4_1",))["conv4_1"]
    sums = Masks(labels, size_of(subject.content), describe.margin).sums(features)
    alike = F.cosine_similarity(sums[:, None], sums[None], dim=2)
    # A label that the content lacks has no responses to compare.
    absent = labels.mean(dim=(0, 2, 3)) <= _LEAST
    alike[:, absent] = -1
    alike.fill_diagonal_(1)
    goes_to = alike.masked_fill(~there[None], -2).argmax(dim=1)
    goes_to = torch.where(there, torch.arange(len(there), device=there.device), goes_to)
    moved = torch.zeros_like(labels).index_add_(1, goes_to, labels)
    remaining = there.nonzero()[:, 0]
    styles = [
        replace(s, labels=None if s.labels is None else s.labels[:, remaining])
        for s in subject.styles
    ]
    return replace(subject, labels=moved[:, remaining], styles=styles)
