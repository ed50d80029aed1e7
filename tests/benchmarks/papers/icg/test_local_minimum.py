import numpy as np
import pandas as pd
import pytest

from benchmarks.papers.icg.local_minimum import (
    compare_highest,
    measure_instability,
    measure_uniform_negative,
    read_minimum,
)

AT = [0.1, 0.2, 0.3, 0.6, 0.7, 0.9]


def test_two_models_say_nothing_of_stability():
    rows = pd.DataFrame([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert measure_instability(rows[:2]).isna().all()
    by_hand = [np.sqrt(((row - rows.to_numpy().mean(0)) ** 2).mean()) for row in rows.to_numpy()]
    assert measure_instability(rows).tolist() == pytest.approx(by_hand)


def test_what_the_paper_prints_is_as_it_says():
    rows = pd.DataFrame(
        [
            [-0.75, -0.75, -0.74, 1, 0.48, 0.74],  # ICG
            [-0.30, -0.73, -0.66, 0.82, 0.70, 1],  # expected gradients
            [0.004, -0.004, 0.004, 1, -0.42, -0.02],  # Gaussian noise
            [0.001, 0.002, 0.003, 1, -0.24, 0.23],  # zero
        ],
        columns=AT,
    )
    assert measure_uniform_negative(rows).tolist() == pytest.approx([0.74 / 0.75, 0.30 / 0.73, 0, 0])
    assert read_minimum(rows).tolist() == [0.48, 0.70, -0.42, -0.24]
    assert compare_highest(rows).tolist() == pytest.approx([0.74, 0.82, -0.02, 0.23])
