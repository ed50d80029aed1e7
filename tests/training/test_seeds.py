import torch

from training.seeds import generator_for, seed_for


def test_seeds_differ_by_seed_and_purpose_and_are_what_they_were() -> None:
    seeds = {seed_for(seed, purpose) for seed in range(50) for purpose in ("training", "held out", "damage")}
    assert len(seeds) == 150
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_for(0, "training") == seed_for(0, "training")


def test_generators_of_different_purposes_draw_different_numbers() -> None:
    first, again, other = (torch.rand(5, generator=generator_for(3, name)) for name in ("a", "a", "b"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
