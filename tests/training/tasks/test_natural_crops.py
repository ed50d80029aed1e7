import pytest
import torch

from datasets import natural_crops as data
from sig.certainty import CertaintyAware
from training.tasks import natural_crops as task


def test_the_network_sees_each_tile_by_itself_wherever_it_is() -> None:
    torch.manual_seed(0)
    network = task.make_network().eval()
    x = torch.rand(2, 6, data.SIDE, data.SIDE)
    tiles = [x[:, :, y : y + data.TILE, left : left + data.TILE] for y in (0, 16, 32) for left in (0, 16, 32)]
    moved = [tiles[at] for at in (4, 7, 0, 2, 8, 1, 6, 3, 5)]
    shuffled = torch.cat([torch.cat(moved[row : row + 3], 3) for row in (0, 3, 6)], 2)
    with torch.no_grad():
        outputs = network(x)
        torch.testing.assert_close(network(shuffled), outputs)
        assert not torch.allclose(network(x.roll(2, 3)), outputs, atol=1e-4)
    assert outputs.shape == (2, len(data.TARGETS))


@pytest.mark.usefixtures("short_training")
def test_pictures_are_explained_for_their_class_with_the_truth_of_their_tiles() -> None:
    problem = task.natural_crops(pictures=6, background=5, patch=16, seed=0)
    e = problem.explicand
    assert isinstance(e.model, CertaintyAware)
    assert e.n_players == 9
    assert problem.regions.keys() == {"target", "distractors"}
    blocks = [data.load("held out").targets[label] for label in e.target]
    for image, mask, of_class in zip(e.inputs, problem.regions["target"], blocks, strict=True):
        corner = image[mask].view(3, 16, 16)[:, 0]  # the first row of the tile, which may be flipped
        rows = of_class.unfold(3, 16, 1).permute(0, 2, 3, 1, 4).flatten(0, 2)
        assert any((rows == seen).flatten(1).all(1).any() for seen in (corner, corner.flip(1)))
