import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from datasets import suppressors as data

SCENARIOS = ["linear", "multiplicative", "xor", "rotated"]
T_AND_L = [
    "........",
    ".T......",
    ".TT.....",
    ".T......",
    ".....L..",
    ".....L..",
    ".....LL.",
    "........",
]
SOME, MANY = 500, 20_000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(count: int, scenario: data.Scenario, noise: data.Noise = "white", seed: int = 0) -> data.SuppressorPictures:
    return data.generate(count, seeded(seed), scenario=scenario, noise=noise)


def drawn(letters: str) -> torch.Tensor:
    """The pixels of these letters."""
    return torch.tensor([[float(pixel in letters) for pixel in row] for row in T_AND_L])


def impulse_responses() -> np.ndarray:
    """What the filter makes of each pixel alone, ``(pixels, 8, 8)``."""
    return np.array([gaussian_filter(one.reshape(8, 8), 3.0) for one in np.eye(64)])


def signals_of(scenario: data.Scenario, label: int, count: int = SOME) -> torch.Tensor:
    return data.SIGNALS[scenario](torch.full((count,), label), seeded())


@pytest.mark.parametrize("scenario", ["linear", "multiplicative"])
def test_a_tetromino_at_its_place_tells_the_class(scenario) -> None:
    for label, letter in enumerate("TL"):
        assert torch.equal(signals_of(scenario, label, 3), drawn(letter).expand(3, -1, -1))


def test_signs_tell_the_class_together_and_not_alone() -> None:
    for label in (0, 1):
        signals = signals_of("xor", label)
        of_t, of_l = signals[:, 2, 2], signals[:, 5, 5]
        assert (of_t * of_l == 1 - 2 * label).all()
        assert abs(float(of_t.mean())) < 0.2
        assert torch.equal(signals, of_t.view(-1, 1, 1) * drawn("T") + of_l.view(-1, 1, 1) * drawn("L"))


def test_rotated_tetrominoes_are_everywhere_and_never_mirrored() -> None:
    for label, shape in enumerate(data.SHAPES.values()):
        found = {tuple(signal.flatten().tolist()) for signal in signals_of("rotated", label, MANY)}
        expected = set()
        for turn in range(4):
            turned = np.rot90(np.array(shape), turn)
            for row in range(9 - turned.shape[0]):
                for column in range(9 - turned.shape[1]):
                    picture = np.zeros((8, 8))
                    picture[row : row + turned.shape[0], column : column + turned.shape[1]] = turned
                    expected.add(tuple(picture.ravel().tolist()))
        assert len(expected) == 4 * 42
        assert found == expected


def test_correlated_noise_is_filtered_white_noise() -> None:
    white, correlated = (data.draw_noise(5, noise, seeded()) for noise in ("white", "correlated"))
    for one, smoothed in zip(white, correlated, strict=True):
        np.testing.assert_allclose(smoothed, gaussian_filter(one.double().numpy(), 3.0), atol=1e-5)


def test_the_spread_of_the_noise() -> None:
    expected = np.sqrt((impulse_responses() ** 2).sum(0))
    np.testing.assert_allclose(data.measure_spread("correlated"), expected, rtol=1e-5)
    assert torch.equal(data.measure_spread("white"), torch.ones(8, 8))


@pytest.mark.parametrize("noise", ["white", "correlated"])
@pytest.mark.parametrize("scenario", ["linear", "xor", "rotated"])
def test_signal_and_noise_have_the_ratio_alpha(scenario, noise) -> None:
    """Their Frobenius norms over many pictures are as alpha to 1 - alpha."""
    signal = data.SIGNALS[scenario](torch.randint(2, (MANY,), generator=seeded()), seeded())
    background = data.draw_noise(MANY, noise, seeded(1))
    parts = [(signal, torch.zeros_like(background)), (torch.zeros_like(signal), background)]
    of_signal, of_noise = (data.combine(*part, scenario=scenario, noise=noise).norm() for part in parts)
    alpha = data.ALPHA[scenario, noise]
    assert float(of_signal / of_noise) == pytest.approx(alpha / (1 - alpha), rel=0.03)


def test_multiplied_noise() -> None:
    background = data.draw_noise(2, "white", seeded())
    found = data.combine(drawn("T").expand(2, -1, -1), background, scenario="multiplicative", noise="white")
    expected = (torch.where(drawn("T") > 0, 0.3, 1.0) * background / 4).clamp(-1, 1)
    torch.testing.assert_close(found.squeeze(1), expected)


@pytest.mark.parametrize("noise", ["white", "correlated"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_pictures_are_in_range_and_seeded_and_their_classes_balanced(scenario, noise) -> None:
    pictures, same, other = (draw(MANY, scenario, noise, seed) for seed in (0, 0, 1))
    assert torch.equal(pictures.images, same.images)
    assert torch.equal(pictures.labels, same.labels)
    assert not torch.equal(pictures.images, other.images)
    assert pictures.images.shape == pictures.informative.shape == (MANY, 1, 8, 8)
    assert pictures.images.abs().max() <= 1
    assert (pictures.images.abs() == 1).float().mean() < 1e-4
    assert abs(float(pictures.labels.float().mean()) - 0.5) < 0.02


def test_informative_pixels() -> None:
    for scenario in ("linear", "multiplicative", "xor"):
        assert torch.equal(draw(3, scenario).informative, drawn("TL").bool().expand(3, 1, -1, -1))
    pictures = draw(SOME, "rotated")
    assert (pictures.informative.sum((1, 2, 3)) == 4).all()
    contrast = pictures.images.where(pictures.informative, 0).sum((1, 2, 3)) / 4
    assert float(contrast.mean()) > 0.3  # there the tetromino is, and not elsewhere
    assert abs(float(pictures.images.where(~pictures.informative, 0).mean())) < 0.01


@pytest.mark.parametrize("noise", ["white", "correlated"])
@pytest.mark.parametrize("scenario", ["linear", "multiplicative"])
def test_the_class_changes_informative_pixels_alone(scenario, noise) -> None:
    """Their mean by more than chance does, or their spread."""
    pictures = draw(MANY, scenario, noise)
    first, second = (pictures.images[pictures.labels == label].squeeze(1) for label in (0, 1))
    spread = pictures.images.std(0).squeeze(0)
    if scenario == "linear":
        change = (first.mean(0) - second.mean(0)) / (spread * 2 * MANY**-0.5)
    else:
        change = (first.std(0) - second.std(0)) / (spread * 2 * (2 * MANY) ** -0.5)
    inside = drawn("TL") > 0
    assert change[~inside].abs().max() < 4.5
    if (scenario, noise) != ("linear", "correlated"):  # where a single pixel hardly tells anything
        assert change[inside].abs().min() > 4.5


@pytest.mark.parametrize(("noise", "least", "most"), [("white", 0, 0.01), ("correlated", 0.99, 1)])
def test_suppressors_tell_the_noise_under_the_tetrominoes(noise, least, most) -> None:
    """R^2 of a regression of the pixels of the tetrominoes on all others, in pictures without a signal."""
    empty = data.draw_empty(MANY, seeded(), scenario="linear", noise=noise).flatten(1).double()
    inside = drawn("TL").flatten() > 0
    others, wanted = empty[:, ~inside], empty[:, inside]
    fitted = others @ torch.linalg.lstsq(others, wanted, driver="gelsd").solution
    left = (wanted - fitted).square().sum() / wanted.square().sum()
    assert least <= 1 - float(left) <= most


def test_pictures_without_a_signal_have_the_noise_of_those_with_one() -> None:
    empty = data.draw_empty(MANY, seeded(), scenario="linear", noise="correlated")
    pictures = draw(MANY, "linear", "correlated", seed=1)
    assert abs(float(empty.mean())) < 0.01
    torch.testing.assert_close(empty.std(0), pictures.images.std(0), rtol=0.05, atol=0)
