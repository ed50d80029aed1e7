import json
import math

import numpy as np
import pytest
import torch

from datasets import faces
from training.expression_network import ExpressionNetwork, Nearness, load_network


@pytest.fixture(scope="module")
def network() -> ExpressionNetwork:
    return load_network()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return faces.load().images


def stored(wanted: str) -> np.ndarray:
    """An array of the file, as float64 in TensorFlow's order of axes."""
    content, start = (faces.FOLDER / faces.WEIGHTS).read_bytes(), 0
    manifest = json.loads((faces.FOLDER / faces.MANIFEST).read_text())
    for entry in manifest[0]["weights"]:
        size, law = math.prod(entry["shape"]), entry.get("quantization")
        length = size if law else 4 * size
        if entry["name"] == wanted:
            part = content[start : start + length]
            values = np.frombuffer(part, np.uint8) * law["scale"] + law["min"] if law else np.frombuffer(part, "<f4")
            return np.asarray(values.reshape(entry["shape"]), dtype=float)
        start += length
    raise KeyError(wanted)


def pad_same(x: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's rule: as many outputs as ceil(n / stride); where the padding is odd, there is more at the end."""
    widths = []
    for n in x.shape[:2]:
        total = max((-(-n // stride) - 1) * stride + 3 - n, 0)
        widths.append((total // 2, total - total // 2))
    return np.pad(x, (*widths, (0, 0)))


def windows(x: np.ndarray, stride: int) -> np.ndarray:
    """(rows, columns, 3, 3, channels), window by window."""
    padded = pad_same(x, stride)
    rows, columns = (-(-n // stride) for n in x.shape[:2])
    starts = [[(i * stride, j * stride) for j in range(columns)] for i in range(rows)]
    return np.array([[padded[i : i + 3, j : j + 3] for i, j in row] for row in starts])


def separable(x: np.ndarray, name: str, stride: int) -> np.ndarray:
    depthwise, pointwise = stored(f"{name}/depthwise_filter")[..., 0], stored(f"{name}/pointwise_filter")[0, 0]
    return np.asarray((windows(x, stride) * depthwise).sum((2, 3)) @ pointwise + stored(f"{name}/bias"))


def test_probabilities_are_those_stated_with_the_data(network, images) -> None:
    found = network(images).softmax(1)
    assert (found - faces.load().probabilities).abs().max() < 1e-5


def test_it_has_the_weights_of_the_file(network) -> None:
    assert sum(weights.numel() for weights in network.parameters()) == 323_687
    assert not any(weights.requires_grad for weights in network.parameters())
    assert not network.training


def test_the_first_two_blocks_are_as_written_out_with_numpy(network, images) -> None:
    x = images[2].permute(1, 2, 0).double().numpy() - np.array([122.782, 117.001, 104.298]) / 255
    first = np.einsum("ijabc,abcd->ijd", windows(x, 2), stored("dense0/conv0/filters")) + stored("dense0/conv0/bias")
    for block in (0, 1):
        o1 = (first if block == 0 else separable(x, "dense1/conv0", 2)).clip(0)
        o2 = separable(o1, f"dense{block}/conv1", 1)
        o3 = separable((o1 + o2).clip(0), f"dense{block}/conv2", 1)
        o4 = separable((o1 + o2 + o3).clip(0), f"dense{block}/conv3", 1)
        x = (o1 + o2 + o3 + o4).clip(0)
    found = network.blocks[:2](images[2:3] - network.mean)[0].permute(1, 2, 0).numpy()
    assert x.shape == found.shape == (28, 28, 64)
    np.testing.assert_allclose(found, x, rtol=1e-4, atol=1e-4 * x.max())


def test_nearness_is_minus_the_distance_of_unit_vectors(network, images) -> None:
    features = network.features(images[:4]).double().numpy()
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = -np.sqrt(((units - units[3]) ** 2).sum(1))
    found = Nearness(network, images[3])(images[:4])
    assert found.shape == (4, 1)
    np.testing.assert_allclose(found[:, 0].numpy(), expected, atol=1e-5)
    assert found[3] == 0
    assert (found[:3] < -0.1).all()


@pytest.mark.parametrize("rows", [1, 5])
def test_the_reference_itself_has_no_gradient_and_no_nan(network, images, rows) -> None:
    """In a batch too, where sums come out differently in the last bits."""
    x = images[:rows].clone().requires_grad_()
    found = Nearness(network, images[0])(x)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert found[0] == 0
    assert (gradient[0] == 0).all()
    assert gradient.isfinite().all()
    assert all((of_face != 0).any() for of_face in gradient[1:])


def test_a_step_along_the_gradient_brings_a_face_nearer(network, images) -> None:
    near = Nearness(network, images[0])
    x = images[1:2].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(near(x).sum(), x)
    step = 1e-3 * gradient / gradient.norm()
    assert near(x + step) > near(x) > near(x - step)


def test_damaged_weights_are_refused(tmp_path, monkeypatch) -> None:
    for name in (faces.WEIGHTS, faces.MANIFEST):
        (tmp_path / name).write_bytes((faces.FOLDER / name).read_bytes())
    with (tmp_path / faces.WEIGHTS).open("ab") as file:
        file.write(b"\0")
    monkeypatch.setattr(faces, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"face_expression_model.bin has SHA-256 \w+, expected 9a9840f2\w+; restore"):
        load_network()
