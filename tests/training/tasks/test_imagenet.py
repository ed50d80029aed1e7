import shutil

import pytest
import torch

from datasets import imagenet as data
from sig import path
from sig.players import superpixel_players
from training.imagenet_models import load_pretrained
from training.tasks import imagenet as task
from training.tasks.imagenet import imagenet

FEW = {"pictures": 2, "background": 4}


@pytest.fixture(scope="module")
def packaged():
    """All packaged photographs, and the probabilities of their classes."""
    photographs = data.load_packaged()
    images = photographs.read(range(len(photographs)))
    with torch.no_grad():
        return images, torch.cat(
            [load_pretrained("efficientnet-lite0").network(chunk).softmax(1) for chunk in images.split(8)]
        )


def positions_of(images, among):
    known = {image.numpy().tobytes(): position for position, image in enumerate(among)}
    return [known[image.numpy().tobytes()] for image in images]


def test_pictures_are_the_first_ones_that_the_network_is_sure_of(packaged) -> None:
    images, probabilities = packaged
    problem = imagenet(seed=0)
    largest = probabilities.max(1)
    expected = (largest.values >= 0.7).nonzero().flatten()[:16]
    assert positions_of(problem.explicand.inputs, images) == expected.tolist()
    assert torch.equal(problem.explicand.target, largest.indices[expected])
    seen = int(expected[-1]) + 1
    assert problem.checks == {
        "sure": pytest.approx(16 / seen),
        "probability": pytest.approx(largest.values[expected].mean().item()),
    }
    assert problem.shown == (0, 1, 2, 3, 4, 5)


def test_eighteen_of_imagenets_own_pictures_are_recognised_surely(packaged) -> None:
    _, probabilities = packaged
    assert int((probabilities[:31].amax(1) >= 0.7).sum()) == 18


def test_all_pictures_can_be_explained(packaged) -> None:
    problem = imagenet(pictures=5, confident=0, background=2, seed=0)
    assert positions_of(problem.explicand.inputs, packaged[0]) == [0, 1, 2, 3, 4]
    assert problem.checks["sure"] == pytest.approx((packaged[1][:5].amax(1) >= 0.7).float().mean().item())


def test_background_and_tuning_are_other_pictures(packaged) -> None:
    problem = imagenet(**FEW, seed=0)
    parts = [
        positions_of(images, packaged[0])
        for images in (problem.explicand.inputs, problem.tuning, problem.explicand.background)
    ]
    assert [len(part) for part in parts] == [2, 1, 4]
    assert len({position for part in parts for position in part}) == 7
    again = imagenet(**FEW, seed=1)
    assert torch.equal(again.explicand.inputs, problem.explicand.inputs)
    assert not torch.equal(again.explicand.background, problem.explicand.background)


@pytest.mark.parametrize(("patch", "players"), [(80, 9), ([112, 56], 8)])
def test_players_are_patches(patch, players) -> None:
    assert imagenet(**FEW, patch=patch, seed=0).explicand.n_players == players


def test_superpixels_are_those_of_the_one_picture_explained() -> None:
    e = imagenet(**FEW, players="superpixels", segments=20, seed=0).explicand
    assert len(e.inputs) == 1
    assert torch.equal(e.players, superpixel_players(e.inputs[0], 20))
    assert 5 <= e.n_players <= 40


@pytest.mark.slow
def test_superpixels_explain_a_picture_that_the_seed_draws(packaged) -> None:
    candidates = positions_of(imagenet(**FEW, seed=0).explicand.inputs, packaged[0])
    drawn: list[int] = []
    for seed in range(6):
        drawn += positions_of(imagenet(**FEW, players="superpixels", seed=seed).explicand.inputs, packaged[0])
    assert len(drawn) == 6
    assert set(drawn) == set(candidates)


@pytest.mark.slow
def test_integrated_gradients_are_complete_up_to_the_steps() -> None:
    e = imagenet(**FEW, seed=0).explicand.only(0)
    attribution = path.integrate(e, torch.zeros_like(e.inputs).unsqueeze(1), steps=50)
    with torch.no_grad():
        explained, black = e.model(torch.cat([e.inputs, torch.zeros_like(e.inputs)]))[:, e.target[0]].tolist()
    assert attribution.sum().item() == pytest.approx(explained - black, abs=0.05)
    assert e.player_sums(attribution).sum().item() == pytest.approx(attribution.sum().item(), abs=1e-3)


def test_logits_are_those_of_the_network() -> None:
    probability, logit = (imagenet(**FEW, output=output, seed=0).explicand for output in ("probability", "logit"))
    torch.testing.assert_close(logit.outputs(logit.inputs).softmax(1), probability.outputs(probability.inputs))


def test_a_folder_of_ones_own_has_an_accuracy(tmp_path) -> None:
    photographs = data.load_packaged()
    labels = {"coffee": "espresso", "camera": "tripod", "chelsea": "Egyptian cat", "ILSVRC2012_val_00000014": "0"}
    files = dict(zip(photographs.names, photographs.files, strict=True))
    for name, label in labels.items():
        (tmp_path / label).mkdir()
        shutil.copy(files[name], tmp_path / label)
    problem = imagenet(folder=tmp_path, pictures=1, confident=0.945, background=1, seed=0)
    # in the order of classes: the vehicle (wrong, .944), the cat (wrong, .39), the tripod (.939), the espresso (.951)
    assert problem.checks == {
        "sure": pytest.approx(3 / 4),
        "probability": pytest.approx(0.951, abs=0.002),
        "accuracy": pytest.approx(2 / 4),
    }
    assert problem.explicand.target.tolist() == [967]


def test_any_network_can_be_explained() -> None:
    problem = imagenet(**FEW, confident=0, model="timm:test_resnet", pretrained=False, seed=0)
    assert problem.explicand.outputs(problem.explicand.inputs).sum(1).tolist() == pytest.approx([1, 1])
    assert problem.provenance["weights"] == load_pretrained("timm:test_resnet", pretrained=False).sha256


@pytest.mark.parametrize(("pictures", "expected"), [(0, "at least 1"), (21, "1 .. 20: of 34 there are so many")])
def test_a_number_of_pictures_that_there_is_not_is_refused(pictures, expected) -> None:
    with pytest.raises(ValueError, match=rf"{pictures} pictures were asked for, expected {expected}"):
        imagenet(pictures=pictures, seed=0)


@pytest.mark.parametrize("background", [0, 32])
def test_a_background_that_there_is_not_is_refused(background) -> None:
    with pytest.raises(
        ValueError, match=rf"a background of {background} pictures .* expected 1 \.\. 31: .* {task.TUNING} kept"
    ):
        imagenet(pictures=2, background=background, seed=0)
