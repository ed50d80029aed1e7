from dataclasses import replace

import pytest
import torch
from captum.metrics import sensitivity_max

from sig.explicand import Tally
from sig.registry import Cost, NotApplicable, Trial, methods, metrics

RADIUS, SAMPLES = 0.05, 6


def trial_of(e, attribute):
    return Trial(e, attribute(e), Cost(0.0, 0, 0, None), attribute=attribute)


def run(trial, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return metrics["max_sensitivity"](trial, generator=generator, **{"radius": RADIUS, "samples": SAMPLES} | options)


@pytest.mark.parametrize("explicand", ["vector_explicand", "picture_explicand"])
def test_captum_agrees_on_the_same_perturbations(request, explicand):
    e = request.getfixturevalue(explicand)
    seen = []

    def attribute(other):
        seen.append(other.inputs)
        generator = torch.Generator().manual_seed(1)
        return methods["ig-zero"](other.with_tally(Tally()), steps=8, generator=generator)

    scores = run(trial_of(e, attribute))
    moved = torch.stack(seen[1:], 1).flatten(0, 1)  # by explicand, then by draw
    assert len(seen) == 1 + SAMPLES

    def explain(inputs):
        (inputs,) = inputs if isinstance(inputs, tuple) else (inputs,)  # captum's own come as a tuple
        times = len(inputs) // len(e.inputs)
        with torch.enable_grad():  # captum is in no-gradient mode here
            return (attribute(replace(e, inputs=inputs.detach(), target=e.target.repeat_interleave(times))),)

    expected = sensitivity_max(explain, e.inputs, perturb_func=lambda *_: moved, n_perturb_samples=SAMPLES)
    torch.testing.assert_close(scores.float(), expected, rtol=1e-4, atol=1e-6)


def test_perturbations_stay_in_the_cube_and_in_the_input_range(picture_explicand):
    e = replace(picture_explicand, input_range=(-1.0, 3.0))
    seen = []

    def attribute(other):
        seen.append(other.inputs)
        return other.inputs

    run(trial_of(e, attribute), samples=40, radius=0.25)
    moved = torch.stack(seen[1:])
    assert moved.min() >= -1
    assert moved.max() <= 3
    assert 0.95 < (moved - e.inputs).abs().max() <= 1 + 1e-6  # a quarter of the width of the range


def test_by_hand(vector_explicand):
    e = vector_explicand
    assert not run(trial_of(e, lambda other: torch.ones_like(other.inputs))).any()  # a constant map wins
    assert run(trial_of(e, lambda other: torch.zeros_like(other.inputs))).isnan().all()
    linear = run(trial_of(e, lambda other: other.inputs))
    scaled = run(trial_of(e, lambda other: 7 * other.inputs))
    torch.testing.assert_close(linear, scaled)
    size = e.inputs.double().flatten(1).norm(dim=1)
    reach = RADIUS * (e.input_range[1] - e.input_range[0]) * e.inputs[0].numel() ** 0.5
    assert ((linear > 0) & (linear * size <= reach + 1e-6)).all()


def test_a_mistake_is_named(vector_explicand):
    trial = trial_of(vector_explicand, lambda other: other.inputs)
    with pytest.raises(ValueError, match="radius is -0.5 and samples 6"):
        run(trial, radius=-0.5)
    with pytest.raises(NotApplicable, match="needs the method"):
        run(replace(trial, attribute=None))
