import torch

from sig.metrics.regions import part_shares, parts


def test_parts_are_disjoint_and_cover_all() -> None:
    draws = torch.Generator().manual_seed(0)
    masks = {name: torch.rand(2, 3, 5, 5, generator=draws) < 0.4 for name in "abc"}
    found = parts(masks)
    assert list(found) == ["a", "b", "c", "a and b", "a and c", "b and c", "a and b and c", "(elsewhere)"]
    assert (torch.stack(list(found.values())).sum(0) == 1).all()
    for name, mask in masks.items():  # a region is all parts that are named after it
        own = [part for part_name, part in found.items() if name in part_name.split(" and ")]
        assert torch.equal(torch.stack(own).any(0), mask)


def test_only_parts_with_features_are_named() -> None:
    assert list(parts({"left": torch.tensor([[True, False]]), "right": torch.tensor([[False, True]])})) == [
        "left",
        "right",
    ]


def test_shares_by_hand() -> None:
    crack, scratch = torch.tensor([[1, 1, 0, 0]] * 2) > 0, torch.tensor([[0, 1, 1, 0]] * 2) > 0
    shares = part_shares(torch.tensor([[1.0, 2, 5, -9], [-1, -1, -1, -1]]), {"crack": crack, "scratch": scratch})
    assert {part: of[0].item() for part, of in shares.items()} == {
        "crack": 1 / 8,
        "scratch": 5 / 8,
        "crack and scratch": 2 / 8,
        "(elsewhere)": 0.0,
    }
    assert all(of[1].isnan() for of in shares.values())  # nothing is positive
