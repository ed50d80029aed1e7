import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sig.explicand import Explicand
from sig.players import patch_players, rectangle_players, superpixel_players

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))


def two_halves() -> torch.Tensor:
    """Red on the left, blue on the right, meeting at column 7 of 20."""
    picture = torch.zeros(3, 16, 20)
    picture[0, :, :7] = 1
    picture[2, :, 7:] = 1
    return picture


def test_patches_are_numbered_row_by_row() -> None:
    assert patch_players((1, 4, 6), 2).tolist() == [
        [
            [0, 0, 1, 1, 2, 2],
            [0, 0, 1, 1, 2, 2],
            [3, 3, 4, 4, 5, 5],
            [3, 3, 4, 4, 5, 5],
        ]
    ]


def test_channels_of_a_pixel_share_their_player() -> None:
    players = patch_players((3, 8, 8), 4)
    assert players.shape == (3, 8, 8)
    assert torch.equal(players[0], players[1])
    assert torch.equal(players[0], players[2])


@pytest.mark.parametrize("patch", [-1, 0, 4, 12])
def test_patches_must_fill_the_picture(patch) -> None:
    with pytest.raises(ValueError, match=rf"patch is {patch}, expected .* height 6 and width 9; choose 1 or 3"):
        patch_players((1, 6, 9), patch)


def test_what_is_left_at_the_borders_are_smaller_rectangles() -> None:
    assert rectangle_players((1, 3, 5), 2, 3).tolist() == [
        [
            [0, 0, 0, 1, 1],
            [0, 0, 0, 1, 1],
            [2, 2, 2, 3, 3],
        ]
    ]


def test_patches_of_the_papers_size_on_imagenets_pictures() -> None:
    sizes = torch.bincount(rectangle_players((3, 224, 224), 80, 80).flatten()) // 3
    a, b = 80, 64
    assert sizes.tolist() == [a * a, a * a, a * b, a * a, a * a, a * b, b * a, b * a, b * b]


@given(SIZES, st.data())
@settings(max_examples=50, deadline=None)
def test_rectangles_are_a_partition_into_boxes_of_at_most_their_size(features, data) -> None:
    _, height, width = features
    size = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    players = rectangle_players(features, *size)
    found = players.unique().tolist()
    assert found == list(range(len(found)))
    for player in found:
        _, y, x = (players == player).nonzero().T
        tall, wide = int(y.max() - y.min()) + 1, int(x.max() - x.min()) + 1
        assert (players == player).sum() == features[0] * tall * wide
        assert tall == (size[0] if int(y.max()) < height - 1 else min(size[0], tall))
        assert tall <= size[0]
        assert wide <= size[1]
        assert wide == size[1] or int(x.max()) == width - 1


@pytest.mark.parametrize("size", [(0, 2), (2, 0), (7, 2), (2, 10)])
def test_rectangles_lie_within_the_picture(size) -> None:
    with pytest.raises(ValueError, match=rf"patches are {size[0]} x {size[1]}, expected 1 x 1 .. 6 x 9"):
        rectangle_players((1, 6, 9), *size)


def test_superpixels_follow_edges() -> None:
    players = superpixel_players(two_halves(), 12)
    left, right = set(players[0, :, :7].flatten().tolist()), set(players[0, :, 7:].flatten().tolist())
    assert not left & right
    assert len(left | right) > 2


def test_superpixels_can_be_players_of_an_explicand() -> None:
    y, x = torch.linspace(0, 1, 30).view(-1, 1), torch.linspace(0, 1, 40)
    picture = torch.stack([x.expand(30, 40), y.expand(30, 40), x * y])
    players = superpixel_players(picture, 10)
    assert torch.equal(players, players[:1].expand_as(players))
    e = Explicand(lambda x: x.flatten(1), picture[None], torch.tensor([0]), picture[None], players)
    assert 3 <= e.n_players <= 20
    sums = e.player_sums(picture[None])
    by_hand = [picture[players == player].sum() for player in range(e.n_players)]
    torch.testing.assert_close(sums[0], torch.stack(by_hand))


def test_superpixels_of_a_grey_picture_are_those_of_its_brightness() -> None:
    grey = torch.zeros(1, 16, 20)
    grey[:, :, 7:] = 1
    players = superpixel_players(grey, 8)
    assert players.shape == grey.shape
    assert not set(players[..., :7].flatten().tolist()) & set(players[..., 7:].flatten().tolist())


@pytest.mark.parametrize("segments", [0, 321])
def test_there_are_no_more_superpixels_than_pixels(segments) -> None:
    with pytest.raises(ValueError, match=rf"segments is {segments}, expected 1 .. 320"):
        superpixel_players(two_halves(), segments)


def test_superpixels_are_compact_to_some_degree() -> None:
    with pytest.raises(ValueError, match="compactness is 0.0, expected a number above 0"):
        superpixel_players(two_halves(), 5, compactness=0.0)


def test_superpixels_say_what_they_need(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-image"):
        superpixel_players(two_halves(), 5)
