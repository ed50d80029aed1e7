import pytest
import torch
from torch import nn

from sig.certainty import CertaintyAware, with_certainty
from training.explain import TrainedNetwork, explain


def linear(inputs, outputs=3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs)).eval().requires_grad_(False)


@pytest.fixture(params=["plain", "certainty-aware"])
def trained(request):
    """A classifier of four features, trained in name only."""
    network = linear(4) if request.param == "plain" else CertaintyAware(linear(8), (4,)).eval()
    series = {"training": {"images": torch.arange(2), "accuracy": torch.tensor([0.5, 0.9])}}
    return TrainedNetwork(network, {"accuracy": 0.9}, {"checkpoint": "abc"}, series)


INPUTS = torch.linspace(0, 1, 20).view(5, 4)


def test_what_is_not_given_is_filled_in(trained) -> None:
    problem = explain(trained, INPUTS, background=INPUTS[:2])
    e = problem.explicand
    assert torch.equal(e.target, trained.network(INPUTS).argmax(1))
    assert torch.equal(e.players, torch.arange(4))
    assert e.input_range == (0.0, 1.0)
    assert problem.checks == {"accuracy": 0.9}
    assert problem.provenance == {"checkpoint": "abc"}
    assert problem.series == trained.series
    assert (problem.shown, problem.truths, problem.regions) == ((), {}, {})
    assert (problem.tuning, problem.exact) == (None, {})


def test_outputs_are_probabilities_or_the_logits_themselves(trained) -> None:
    probability, logit, raw = (
        explain(trained, INPUTS, background=INPUTS, output=output).explicand.model
        for output in ("probability", "logit", None)
    )
    z = trained.network(INPUTS)
    torch.testing.assert_close(probability(INPUTS), z.exp() / z.exp().sum(1, keepdim=True))
    assert torch.equal(logit(INPUTS), z)
    assert raw is logit is trained.network
    assert isinstance(probability, CertaintyAware) == isinstance(trained.network, CertaintyAware)
    if isinstance(trained.network, CertaintyAware):
        unsure = with_certainty(INPUTS, INPUTS.flip(0))
        torch.testing.assert_close(probability(unsure), trained.network(unsure).softmax(1))


def test_what_is_given_is_taken(trained) -> None:
    region = torch.zeros(5, 4, dtype=torch.bool)
    problem = explain(
        trained,
        INPUTS * 3,
        background=INPUTS[:2],
        target=torch.tensor([2, 2, 0, 0, 1]),
        players=torch.tensor([0, 0, 1, 1]),
        input_range=(0.0, 3.0),
        rows_per_batch=2,
        truths={"zero": torch.zeros(5, 2)},
        regions={"nowhere": region},
        shown=range(2),
        checks={"boundary": 0.5},
        provenance={"data": "def"},
        series={"more": {"x": torch.zeros(1)}},
        tuning=INPUTS[3:],
        exact={"zero": ["bshap"]},
    )
    e = problem.explicand
    assert e.target.tolist() == [2, 2, 0, 0, 1]
    assert (e.n_players, e.input_range, e.rows_per_batch) == (2, (0.0, 3.0), 2)
    assert problem.truths["zero"].shape == (5, 2)
    assert problem.regions["nowhere"] is region
    assert problem.shown == (0, 1)
    assert problem.checks == {"accuracy": 0.9, "boundary": 0.5}
    assert problem.provenance == {"checkpoint": "abc", "data": "def"}
    assert list(problem.series) == ["training", "more"]
    assert problem.tuning is not None
    assert torch.equal(problem.tuning, INPUTS[3:])
    assert problem.exact == {"zero": ["bshap"]}


def test_a_truth_is_made_from_the_explicand_and_costs_it_nothing(trained) -> None:
    def scores(e):
        return e.scores(e.inputs, torch.arange(5)).unsqueeze(1).expand(5, 4)

    problem = explain(trained, INPUTS, background=INPUTS, truths={"scores": scores})
    probabilities = trained.network(INPUTS).softmax(1).amax(1)
    torch.testing.assert_close(problem.truths["scores"][:, 0].float(), probabilities)
    assert problem.explicand.tally.forward_rows == 0


def test_a_number_of_pixels_makes_patches() -> None:
    trained = TrainedNetwork(linear(16), {}, {})
    pictures = torch.rand(3, 1, 4, 4)
    assert explain(trained, pictures, background=pictures, players=2).explicand.n_players == 4


def test_a_network_in_training_mode_is_refused(trained) -> None:
    trained.network.train()
    with pytest.raises(ValueError, match=r"training mode.*call model.eval"):
        explain(trained, INPUTS, background=INPUTS, output="logit")
