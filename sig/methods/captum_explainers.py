"""captum's explainers on the same board, under captum's names, with captum's own defaults but for the budget.

captum draws from the global random state; each call runs with that state seeded from the generator and put back.
"""

from functools import partial
from typing import Any

import captum.attr
import torch
from torch import Generator, Tensor

from sig import baselines
from sig.explicand import Explicand
from sig.foreign import global_seed, shared_among_features
from sig.registry import NotApplicable, method

FAMILY = "captum"


@method(
    "captum/IntegratedGradients",
    family=FAMILY,
    source="captum, IntegratedGradients",
    spend=("steps",),
    same_as="ig-zero",
)
def integrated_gradients(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """IG from zero by the midpoint rule, as ig-zero. (captum's default nodes take O(steps^3) to compute.)

    Raises:
        NotApplicable: when there is a single step, of which captum makes no integral.
    """
    if steps < 2:
        raise NotApplicable("captum integrates over at least 2 steps")
    e.tally.paths = (baselines.zero(e), e.inputs.unsqueeze(1))
    attribution: Tensor = captum.attr.IntegratedGradients(e.outputs).attribute(
        e.inputs,
        target=e.target,
        n_steps=steps,
        method="riemann_middle",
        internal_batch_size=max(e.rows_per_batch, len(e.inputs)),
    )
    return attribution


@method("captum/GradientShap", family=FAMILY, source="captum, GradientShap", spend=("samples",))
def gradient_shap(e: Explicand, *, samples: int = 50, generator: Generator) -> Tensor:
    """Gradients at random positions between background samples and the explicand; compare expected-gradients."""
    at_once = max(1, e.rows_per_batch // samples)
    attributions = []
    with global_seed(generator):
        for chunk in torch.arange(len(e.inputs), device=e.device).split(at_once):
            explainer = captum.attr.GradientShap(partial(_score_rows, e, chunk.repeat_interleave(samples)))
            attributions.append(explainer.attribute(e.inputs[chunk], baselines=e.background, n_samples=samples))
    return torch.cat(attributions)


def _score_rows(e: Explicand, owner: Tensor, x: Tensor) -> Tensor:
    scores: Tensor = _ScoresOfBatches.apply(x, e, owner)
    return scores


class _ScoresOfBatches(torch.autograd.Function):
    """Target outputs, whose gradients are taken batch by batch at once: captum differentiates all rows of a call
    together, and the graph of all of them would take gigabytes for photographs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, e: Explicand, owner: Tensor) -> Tensor:
        scores, gradients = [], []
        for points, owners in zip(x.split(e.rows_per_batch), owner.split(e.rows_per_batch), strict=True):
            points = points.detach().requires_grad_()
            with torch.enable_grad():
                found = e.scores(points, owners)
                gradients.append(torch.autograd.grad(found.sum(), points)[0])
            scores.append(found.detach())
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(scores)

    @staticmethod
    def backward(ctx: Any, *found: Tensor) -> tuple[Tensor, None, None]:
        (gradients,) = ctx.saved_tensors
        return found[0].view(-1, *[1] * (gradients.ndim - 1)) * gradients, None, None


@method("captum/KernelShap", family=FAMILY, source="captum, KernelShap", spend=("evaluations",), gradient=False)
def kernel_shap(e: Explicand, *, evaluations: int = 1000, generator: Generator) -> Tensor:
    """Weighted linear regression over sampled coalitions; compare kernel-shap.

    captum evaluates the two ends besides, so that it samples two coalitions fewer.

    Raises:
        NotApplicable: when the evaluations do not suffice for the ends and one coalition.
    """
    if evaluations < 3:
        raise NotApplicable(f"two ends and a coalition take 3 model rows, more than the {evaluations} given")
    e.tally.paths = (baselines.zero(e), e.inputs.unsqueeze(1))
    explainer = captum.attr.KernelShap(e.outputs)
    with global_seed(generator):
        values = [
            explainer.attribute(
                e.inputs[i : i + 1],
                target=e.target[i : i + 1],
                feature_mask=e.players.unsqueeze(0),
                n_samples=evaluations - 2,
                perturbations_per_eval=e.rows_per_batch,
            )
            for i in range(len(e.inputs))
        ]
    return shared_among_features(e, torch.cat(values))


@method("captum/Saliency", family=FAMILY, source="captum, Saliency")
def saliency(e: Explicand, *, generator: Generator) -> Tensor:
    """|dF/dx_i|; compare gradient."""
    attribution: Tensor = captum.attr.Saliency(e.outputs).attribute(e.inputs.clone().requires_grad_(), target=e.target)
    return attribution


@method("captum/FeatureAblation", family=FAMILY, source="captum, FeatureAblation", gradient=False)
def feature_ablation(e: Explicand, *, generator: Generator) -> Tensor:
    """F(x) - F(x with one player at zero), player by player."""
    values = captum.attr.FeatureAblation(e.outputs).attribute(
        e.inputs, target=e.target, feature_mask=e.players.unsqueeze(0)
    )
    return shared_among_features(e, values)
