"""How a budget is allocated: as brings a method closest to its own limit, by one rule for all, never by score.

A method with several spending options, such as baselines and steps, can spend the same rows in many ways. Its *limit*
is what it gives for as many rows as one could wish: all of them go into the first option, the others keep their
defaults. The distance of an attribution from it is |attribution - limit| / |limit|. Both are computed on inputs that
are never scored, with draws of their own, and the median over these inputs decides.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.run.fields import Provenance
from benchmarks.run.records import Allocation, AllocationRecord, AllocationSpec
from benchmarks.run.scoring import describe_error, seed_global_generators, to_number
from datasets.problem import Problem
from sig.explicand import Explicand, Tally
from sig.guard import Guard
from sig.registry import methods
from training.seeds import derive_seed

INPUTS: Final = 4  # at most


def try_allocations(problem: Problem, spec: AllocationSpec, where: Provenance) -> AllocationRecord:
    """The record of the method's allocations.

    Raises:
        Exception: whatever the method raises at its limit, ``NotApplicable`` where it has no meaning for the problem,
            ``Interference`` where it breaks the rules.
    """
    e, method = make_tuning_explicand(problem), methods[spec.method]
    guard = Guard(e)

    def attribute(budget: int, allocation: Mapping[str, int]) -> Float[Tensor, "batch *features"]:
        seed = derive_seed(spec.seed, budget, allocation)
        seed_global_generators(seed)
        generator = torch.Generator().manual_seed(seed)
        options = {**spec.options, **allocation}
        attribution, _, _ = guard.attribute_alone(method, options, generator=generator, budget=budget)
        return attribution

    def try_one(budget: int, allocation: dict[str, int]) -> Allocation:
        try:
            distance = to_number(measure_distance(attribute(budget, allocation), limit))
        except Exception as error:  # an allocation may be impossible, as a path in two halves in one step; others go on
            return Allocation(budget=budget, options=allocation, distance=None, reason=describe_error(error))
        return Allocation(budget=budget, options=allocation, distance=distance)

    limit_options = method.options_for(spec.limit, **spec.options)
    limit = attribute(spec.limit, limit_options)
    tried = [
        try_one(budget, allocation)
        for budget in spec.budgets
        for allocation in method.allocations(budget, **spec.options)
    ]
    return AllocationRecord(
        **dict(spec), status="ok", inputs=len(e.inputs), limit_options=limit_options, tried=tried, provenance=where
    )


def measure_distance(found: Float[Tensor, "batch *features"], limit: Float[Tensor, "batch *features"]) -> float:
    """The median over inputs of |found - limit| / |limit|, Euclidean norms; NaN where all limits are zero."""
    norms = limit.double().flatten(1).norm(dim=1)
    distances = (found.double() - limit.double()).flatten(1).norm(dim=1) / norms.where(norms > 0, torch.nan)
    return float(distances.nanquantile(0.5))


def make_tuning_explicand(problem: Problem) -> Explicand:
    """Inputs like the explicands that are never scored, as many as ``INPUTS``.

    They are the problem's ``tuning`` inputs, or else samples of the background, which then does without them. What is
    explained is the output that all explicands share, or else the one that is largest.
    """
    e = problem.explicand
    inputs, background, classes = problem.tuning, e.background, e.background_classes
    if inputs is None:
        taken = min(INPUTS, max(1, len(background) // 2))
        kept = slice(taken, None) if len(background) > 1 else slice(None)
        inputs, background = background[:taken], background[kept]
        classes = None if classes is None else classes[kept]
    inputs = inputs[:INPUTS].to(e.inputs)
    return replace(
        e,
        inputs=inputs,
        target=_choose_targets(e, inputs),
        background=background,
        background_classes=classes,
        tally=Tally(),
    )


@torch.no_grad()
def _choose_targets(e: Explicand, inputs: Float[Tensor, "batch *features"]) -> Int[Tensor, " batch"]:
    shared: Tensor = e.target.unique()
    if len(shared) == 1:
        return shared.expand(len(inputs))
    predicted: Tensor = e.with_tally(Tally()).outputs(inputs).argmax(1)
    return predicted
