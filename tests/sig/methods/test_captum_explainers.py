from dataclasses import replace

import captum.attr
import numpy as np
import pytest
import torch

from sig.explicand import Explicand, Tally
from sig.registry import methods


@pytest.mark.parametrize("rows", [2, 5, 64])
def test_gradient_shap_is_captums_whatever_is_differentiated_at_once(picture_explicand: Explicand, rows: int) -> None:
    e, samples = replace(picture_explicand, rows_per_batch=rows, tally=Tally()), 7
    found = methods["captum/GradientShap"](e, samples=samples, generator=torch.Generator().manual_seed(3))
    assert (e.tally.forward_rows, e.tally.backward_rows) == (samples * len(e.inputs),) * 2
    seed = int(torch.randint(2**31, (1,), generator=torch.Generator().manual_seed(3)))
    explainer, at_once = captum.attr.GradientShap(e.model), max(1, rows // samples)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - captum draws from the legacy global state
        expected = [
            explainer.attribute(inputs, baselines=e.background, target=target, n_samples=samples)
            for inputs, target in zip(e.inputs.split(at_once), e.target.split(at_once), strict=True)
        ]
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-5, atol=1e-7)
