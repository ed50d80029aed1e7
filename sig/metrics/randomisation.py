"""Randomisation: does the attribution change with the model's weights? (Adebayo et al. 2018, sanity checks)"""

import math
from copy import deepcopy
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sig.metrics.rank import spearman
from sig.registry import NotApplicable, Trial, metric


@metric("randomisation", better="lower", range=(0.0, 1.0), source="Adebayo et al. 2018, 3", judges=False)
def randomisation(trial: Trial, *, draws: int = 3, generator: Generator) -> Float[Tensor, " batch"]:
    """The mean over ``draws`` of |rho(A, A')|: Spearman's correlation over all features of the attribution with that of
    the same model with all its weights drawn anew (``randomise``), for the same output, options and seed.

    1 is a method that never looks at the weights. Independent orders of n features have about sqrt(2 / (pi (n - 1))):
    0.30 of 8 features, 0.10 of 64. NaN where either attribution is the same everywhere, in all draws.

    **Reading.** All weights are drawn at once. The paper goes from the last layer down, where the layers below keep
    their activations, and with them the explanation (Binder et al. 2023; Hedström et al. 2024). Signed attributions are
    compared: of absolute ones, the input that many methods multiply by makes the correlation, whatever the model
    (Sundararajan and Taly 2018; Kokhlikyan et al. 2021). The correlation itself counts without its sign, since output
    weights of the other sign turn an attribution round, and the mean over draws would hide what does not depend on the
    model. Several draws take the place of the noise over which Hedström et al. average.

    It describes and does not judge: a test to pass beside the board, and no rank. What is contested: attributions that
    say nothing pass it best (Binder et al. 2023); multiplying by the input raises it still, where many inputs are 0 or
    their sizes differ; and what the task itself puts into the input is in the attributions of a random model as well,
    so that failing may be the task's doing (Yona and Greenfeld 2021).

    Raises:
        ValueError: on no draws.
        NotApplicable: when there is no method to run again, or the model is no module with weights.
    """
    if draws < 1:
        raise ValueError(f"draws is {draws}, expected at least 1")
    e = trial.explicand
    if not isinstance(e.model, nn.Module) or not any(True for _ in e.model.parameters()):
        raise NotApplicable("the model has no weights that could be drawn anew")
    found = []
    for _ in range(draws):
        other = trial.attribute_again(replace(e, model=randomise(e.model, generator)))
        found.append(spearman(trial.attribution.flatten(1), other.flatten(1)).abs())
    return torch.stack(found).nanmean(0)


def randomise(model: nn.Module, generator: Generator) -> nn.Module:
    """A copy of the model with all weights drawn anew: by the law that layers start training with, where they have one
    (``reset_parameters``), else from N(mean, std) of each tensor.

    Global random numbers are as before afterwards.
    """
    copy = deepcopy(model)
    devices = {weight.device for weight in copy.parameters() if weight.device.type == "cuda"}
    seed = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng(devices=list(devices)), torch.no_grad():
        torch.manual_seed(seed)
        for module in copy.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
            else:
                for weight in module.parameters(recurse=False):
                    spread = float(weight.std()) if weight.numel() > 1 else 0.0
                    weight.normal_(float(weight.mean()), 0.0 if math.isnan(spread) else spread)
    return copy
