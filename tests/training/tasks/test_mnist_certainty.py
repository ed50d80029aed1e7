import pytest
import torch

from datasets.problem import Problem, make_columns
from training.certainty_classifier import fit_certainty
from training.tasks import mnist_certainty as task
from training.tasks.mnist_certainty import mnist_certainty


def test_the_problem_is_of_held_out_digits_in_turn_and_a_sample_of_those_for_training(short_training, few) -> None:
    problem = mnist_certainty(digits=20, background=30, seed=0)
    rows = {
        image.numpy().tobytes(): label
        for image, label in zip(few.held_out.images, few.held_out.labels.tolist(), strict=True)
    }
    assert [rows[image.numpy().tobytes()] for image in problem.explicand.inputs] == list(range(10)) * 2
    training = {image.numpy().tobytes() for image in few.train.images}
    drawn = {image.numpy().tobytes() for image in problem.explicand.background}
    assert len(drawn) == 30
    assert drawn <= training
    assert problem.explicand.n_players == 49
    assert problem.shown == tuple(range(10))
    assert mnist_certainty(digits=3, seed=0).shown == (0, 1, 2)


def test_checks_are_those_of_the_explained_model(short_training, few) -> None:
    problem = mnist_certainty(digits=10, seed=0)
    held_out = few.held_out
    right = problem.explicand.model(held_out.images).argmax(1) == held_out.labels
    assert problem.checks["accuracy"] == pytest.approx(right.float().mean().item())


def test_the_seed_and_the_network_make_another_model(short_training, few, use_cache) -> None:
    def weights(place: str, network: task.Network = "strided", seed: int = 0) -> str:
        use_cache(place)
        trained = fit_certainty(task.specify_model(few, network), damage="mixture", compare=False, seed=seed)
        return trained.provenance["checkpoint"]

    models = [weights("a"), weights("a", seed=1), weights("a", network="paper")]
    assert len(set(models)) == 3
    assert weights("b") == models[0]


def test_digits_are_moved_by_up_to_a_pixel_in_training(few) -> None:
    assert task.SHIFT == 1
    batches = task.make_data(task.RECIPES["strided"], digits=few, seed=0).batches
    images, _ = next(iter(batches))
    padded = torch.nn.functional.pad(few.train.images, (1, 1, 1, 1))
    known = {
        image[:, down : down + 28, right : right + 28].numpy().tobytes(): (down, right)
        for image in padded
        for down in range(3)
        for right in range(3)
    }
    seen = [known[image.numpy().tobytes()] for image in images]
    assert len(set(seen)) == 9
    assert max(seen.count(offset) for offset in set(seen)) < len(seen) / 4


@pytest.mark.parametrize(("network", "weights"), [(task.make_strided, 156_442), (task.make_paper, 262_250)])
def test_networks_map_digits_with_certainty_to_ten_logits(network, weights) -> None:
    assert network()(torch.rand(3, 2, 28, 28)).shape == (3, 10)
    assert sum(parameters.numel() for parameters in network().parameters()) == weights


@pytest.mark.slow
@pytest.mark.parametrize("network", ["strided", "paper"])
def test_damage_costs_no_accuracy_and_teaches_what_certainty_means(network) -> None:
    def prepare(seed: int) -> Problem:
        return mnist_certainty(network=network, seed=seed)

    for seed in range(3) if network == "strided" else (0,):
        problem = prepare(seed)
        checks = problem.checks
        assert checks["accuracy"] >= 0.975
        assert checks["accuracy"] >= checks["accuracy_without_damage"] - 0.005
        assert checks["accuracy_damaged"] >= 0.75
        assert checks["neutrality_gap"] <= 0.03
        assert checks["absence_spread"] <= 0.04
        profile = make_columns("certainty", problem.series["certainty"])
        width = profile["p95"] - profile["p05"]
        assert width[0] < 0.1 < 0.9 < width[-1]
