import pydantic
import pytest
import torch

from datasets import faces as data
from datasets.problem import Problem, tasks
from sig.explicand import Tally
from sig.guard import Guard
from sig.metrics.regions import part_shares
from sig.registry import NotApplicable, Trial, methods, metrics


def problem_of(seed: int = 0, **options) -> Problem:
    return tasks["faces"](seed=seed, **{"faces": 3, **options})


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of()


@pytest.fixture(scope="module")
def attributed(problem):
    """The problem with its zero-baseline attribution, 50 steps, of one face."""
    e = problem.explicand.only(0)
    guard = Guard(e)
    regions = {name: region[:1] for name, region in problem.regions.items()}
    found = guard.attribute(methods["ig-zero"], {"steps": 50}, generator=torch.Generator(), budget=100)
    return guard, Trial(e, found.attribution, found.cost, None, regions, found.change)


def positions(images: torch.Tensor) -> list[int]:
    known = {image.numpy().tobytes(): i for i, image in enumerate(data.load().images)}
    return [known[image.numpy().tobytes()] for image in images]


def reference_of(problem: Problem) -> int:
    """The face at distance 0."""
    outputs = problem.explicand.with_tally(Tally()).outputs(data.load().images)
    (at,) = (outputs[:, 0] == 0).nonzero(as_tuple=True)
    assert len(at) == 1
    return int(at)


def test_every_face_has_one_purpose() -> None:
    problem = problem_of(faces=10)
    e = problem.explicand
    assert problem.tuning is not None
    used = [*positions(e.inputs), *positions(problem.tuning), *positions(e.background), reference_of(problem)]
    assert sorted(used) == list(range(23))
    assert (len(e.inputs), len(problem.tuning), len(e.background)) == (10, 2, 10)
    assert problem.shown == tuple(range(6))


def test_the_reference_can_be_the_background() -> None:
    one, other = problem_of(), problem_of(baseline="reference")
    assert positions(other.explicand.background) == [reference_of(one)]
    assert torch.equal(one.explicand.inputs, other.explicand.inputs)
    assert one.provenance == other.provenance


def test_seeds_choose_reference_and_faces(problem) -> None:
    others = [problem_of(seed) for seed in range(1, 4)]
    assert len({reference_of(one) for one in (problem, *others)}) > 1
    assert len({tuple(positions(one.explicand.inputs)) for one in (problem, *others)}) == 4
    assert all(one.provenance == problem.provenance for one in others)


def test_regions_are_those_of_the_faces_explained_in_every_channel(problem) -> None:
    marked = data.mark_regions(data.load().landmarks[positions(problem.explicand.inputs)])
    for name, region in problem.regions.items():
        assert all(torch.equal(region[:, channel], marked[name]) for channel in range(3))
    shares = part_shares(torch.ones_like(problem.explicand.inputs), problem.regions)
    assert list(shares) == ["mouth", "eyes", "face", "background"]  # and nothing elsewhere


def test_its_facts(problem) -> None:
    assert problem.checks["probability_gap"] < 1e-5
    assert problem.provenance["data"].startswith("ff6e591c")
    assert problem.provenance["weights"].startswith("9a9840f2")
    assert problem.provenance["weights_manifest"].startswith("5b349c17")
    assert problem.explicand.n_players == 256
    assert problem_of(patch=28).explicand.n_players == 16


def test_integrated_gradients_are_complete(attributed) -> None:
    """From black to the face the distance changes by what is attributed, up to a twentieth of the largest distance."""
    _, trial = attributed
    e = trial.explicand.with_tally(Tally())
    change = e.outputs(e.inputs) - e.outputs(torch.zeros_like(e.inputs))
    assert abs(float(trial.attribution.sum() - change)) < 0.05 * 2**0.5


def test_the_share_on_mouth_and_eyes_is_that_of_the_pixels(attributed) -> None:
    guard, trial = attributed
    organs = trial.regions["mouth"] | trial.regions["eyes"]
    expected = trial.attribution[organs].double().abs().sum() / trial.attribution.double().abs().sum()
    assert guard.score(metrics["region_share"], trial, {}).item() == pytest.approx(expected.item())
    assert 0 < expected < 1


def test_expressions_are_explained_for_the_predicted_one() -> None:
    problem = problem_of(explain="expression")
    e = problem.explicand
    expected = data.load().probabilities[positions(e.inputs)]
    torch.testing.assert_close(e.outputs(e.inputs), expected, atol=1e-5, rtol=0)
    assert torch.equal(e.target, expected.argmax(1))


def test_iaccuracy_is_of_expressions_only(problem) -> None:
    for explained in ("distance", "expression"):
        of_kind = problem_of(faces=1, explain=explained)
        guard = Guard(of_kind.explicand)
        found = guard.attribute(methods["input-x-gradient"], {}, generator=torch.Generator(), budget=2)
        trial = Trial(of_kind.explicand, found.attribution, found.cost)
        if explained == "distance":
            with pytest.raises(NotApplicable, match="single output"):
                guard.score(metrics["iaccuracy"], trial, {"points": 3})
        else:
            assert guard.score(metrics["iaccuracy"], trial, {"points": 3}).shape == (1, 3)


@pytest.mark.parametrize("count", [0, 20])
def test_as_many_faces_as_there_are(count) -> None:
    with pytest.raises(ValueError, match=rf"{count} faces were asked for, expected 1 \.\. 19 of the 23"):
        problem_of(faces=count)
    assert len(problem_of(faces=19).explicand.background) == 1


def test_players_fill_the_picture() -> None:
    with pytest.raises(ValueError, match=r"patch is 80, expected .* divides height 112"):
        problem_of(patch=80)


@pytest.mark.parametrize("options", [{"baseline": "zero"}, {"explain": "logit"}])
def test_options_that_do_not_exist(options) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(options))):
        problem_of(**options)
