import pytest
import torch

from sig.players import patch_players


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
