import math

import pytest
import torch
from torch import nn
from torchvision import models

from sig.certainty import CertaintyAware, with_certainty
from sig.explicand import Explicand
from sig.registry import methods
from training.certainty_resnet import CertaintyResNet50, PixelCertainty, damage_pixels

SIDE = 64


def test_the_network_is_the_papers_with_a_channel_of_certainty_and_a_convolution_before_the_stem() -> None:
    network = CertaintyResNet50(10).eval()
    assert (network.mix.in_channels, network.mix.out_channels, network.mix.kernel_size) == (4, 64, (1, 1))
    assert (network.resnet.conv1.in_channels, network.resnet.conv1.kernel_size) == (64, (7, 7))
    # torchvision's ResNet-50 with 1000 classes has 25,557,032 weights.
    stem, last = 64 * 7 * 7 * (64 - 3), 2049 * (1000 - 10)
    assert sum(weights.numel() for weights in network.parameters()) == 25_557_032 + stem - last + 64 * 5
    with torch.no_grad():
        shown = with_certainty(torch.rand(2, 3, SIDE, SIDE), torch.rand(2, 3, SIDE, SIDE))
        outputs = network(shown)
    assert outputs.shape == (2, 10)
    assert outputs.isfinite().all()


def test_the_first_layers_are_convolution_then_relu_without_normalisation() -> None:
    network = CertaintyResNet50(2, depth="resnet18").eval()
    seen = []
    network.resnet.conv1.register_forward_hook(lambda layer, given, made: seen.append(given[0]))
    x = torch.rand(1, 6, 32, 32)
    with torch.no_grad():
        network(x)
        pixel = torch.cat((x[0, :3, 5, 7], x[0, 3:, 5, 7].mean().view(1)))
        weights, biases = network.mix.parameters()
        expected = (weights[:, :, 0, 0] @ pixel + biases).clamp(min=0)
    torch.testing.assert_close(seen[0][0, :, 5, 7], expected)


def test_weights_are_drawn_as_xavier_has_them_and_biases_are_zero() -> None:
    torch.manual_seed(0)
    network = CertaintyResNet50(10, depth="resnet18")
    for layer in (network.mix, network.resnet.layer1[0].conv1, network.resnet.fc):
        weights = layer.weight
        fan_in, fan_out = weights[0].numel(), weights[:, 0].numel()
        bound = math.sqrt(6 / (fan_in + fan_out))
        assert 0.9 * bound < weights.abs().max() <= bound
    for layer in (network.mix, network.resnet.fc):
        _, biases = layer.parameters()
        assert not biases.any()


def test_pretrained_weights_are_kept_but_in_the_layers_that_are_new(monkeypatch) -> None:
    def make_pretrained(depth, *, weights):
        assert weights == "some"
        resnet = make_resnet(depth)
        for parameter in resnet.parameters():
            nn.init.constant_(parameter, 0.5)
        return resnet

    make_resnet = models.get_model
    monkeypatch.setattr(models, "get_model", make_pretrained)
    network = CertaintyResNet50(3, weights="some", depth="resnet18")
    assert (network.resnet.layer1[0].conv1.weight == 0.5).all()
    for layer in (network.mix, network.resnet.conv1, network.resnet.fc):
        assert layer.weight.std() > 0


def test_a_pixel_has_the_mean_certainty_of_its_colours() -> None:
    colours, certainty = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    seen = PixelCertainty()(with_certainty(colours, certainty))
    assert torch.equal(seen[:, :3], colours)
    torch.testing.assert_close(seen[:, 3], (certainty[:, 0] + certainty[:, 1] + certainty[:, 2]) / 3)


class TestDamage:
    BATCH = 400

    @pytest.fixture
    def pictures(self):
        """Each picture has its number, from 2 on, in all colours, plus tenths that tell the colours apart."""
        numbers = torch.arange(2, 2 + self.BATCH).float().view(-1, 1, 1, 1)
        return (numbers + torch.tensor([0.0, 0.1, 0.2]).view(1, 3, 1, 1)).expand(-1, -1, 8, 8).clone()

    def test_a_pixel_is_kept_swapped_or_noise_as_a_whole(self, pictures, generator) -> None:
        damaged, certainty = damage_pixels(pictures, generator)
        assert (certainty == certainty[:, :1]).all()
        kept = (damaged == pictures).all(1)
        noise = (damaged <= 1).all(1)
        shifted = damaged - torch.tensor([0.0, 0.1, 0.2]).view(1, 3, 1, 1)
        swapped = (shifted >= 1.99).all(1) & ~kept
        assert (kept.int() + noise.int() + swapped.int() == 1).all()
        assert ((shifted[:, 0] - shifted[:, 1]).abs()[swapped] < 1e-3).all()  # all colours are of one picture
        noisy = damaged.permute(0, 2, 3, 1)[noise]
        assert abs(torch.corrcoef(noisy.T)[0, 1]) < 0.05

    def test_it_is_kept_with_the_probability_of_its_certainty_and_half_is_noise(self, pictures, generator) -> None:
        damaged, certainty = damage_pixels(pictures, generator)
        kept = (damaged == pictures).all(1).double()
        for low in (0.0, 0.25, 0.5, 0.75):
            near = (certainty[:, 0] >= low) & (certainty[:, 0] <= low + 0.25)
            spread = 0.5 / near.sum().item() ** 0.5
            assert abs((kept - certainty[:, 0])[near].mean().item()) < 4 * spread
        noisy = (damaged <= 1).all(1).flatten(1).any(1)
        swapped = ((damaged > 1).all(1) & (kept == 0)).flatten(1).any(1)
        assert not (noisy & swapped).any()  # a picture has one kind of damage
        assert noisy.double().mean().item() == pytest.approx(0.5, abs=0.05)

    def test_a_swapped_pixel_is_that_of_the_same_place(self, generator) -> None:
        places = torch.arange(64.0).view(1, 1, 8, 8) + 1
        pictures = places + torch.arange(8.0).view(-1, 1, 1, 1) * 100
        damaged, _ = damage_pixels(pictures.expand(-1, 3, -1, -1).contiguous(), generator)
        whole = damaged[damaged > 1]
        assert torch.equal(whole % 100, (places + 0 * damaged)[damaged > 1])


def test_certainty_gradients_run_on_it_and_give_colours_equal_shares(generator) -> None:
    """Each colour's share is a third of the gradient by the pixel's certainty, integrated here step by step."""
    torch.manual_seed(0)
    network = CertaintyResNet50(2, depth="resnet18").eval().requires_grad_(False)
    x = torch.rand(1, 3, 32, 32)
    e = Explicand.of(CertaintyAware(network, (3, 32, 32)).eval(), x, background=x, input_range=(0.0, 1.0))
    found = methods["icg"](e, steps=3, generator=generator)
    torch.testing.assert_close(found[:, :1].expand(-1, 3, -1, -1), found)
    expected = torch.zeros(1, 1, 32, 32)
    for level in (1 / 6, 1 / 2, 5 / 6):
        certainty = torch.full((1, 1, 32, 32), level, requires_grad=True)
        mixed = network.mix(torch.cat((x, certainty), 1)).relu()
        score = network.resnet(mixed)[0, e.target[0]]
        expected += torch.autograd.grad(score, certainty)[0] / 3
    torch.testing.assert_close(found.sum(1, keepdim=True), expected, rtol=1e-3, atol=1e-6)
    smoothed = methods["icg-smoothed"](e, samples=2, steps=2, generator=generator)
    assert smoothed.shape == x.shape
    assert smoothed.isfinite().all()
    assert smoothed.any()
