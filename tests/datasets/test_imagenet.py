import hashlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datasets import imagenet as data

PACKAGED = data.load_packaged()


def file_of(name: str) -> Path:
    return PACKAGED.files[PACKAGED.names.index(name)]


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A folder of classes: a WordNet id with one picture, a name with two."""
    for name, place in (("coffee", "n07920052/b"), ("chelsea", "Tripod/a"), ("camera", "Tripod/c")):
        file = tmp_path / f"{place}.png"
        file.parent.mkdir(exist_ok=True)
        shutil.copy(file_of(name), file)
    return tmp_path


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A folder without classes, and a table of them."""
    shutil.copy(file_of("coffee"), tmp_path / "one.png")
    shutil.copy(file_of("camera"), tmp_path / "two.png")
    (tmp_path / "labels.csv").write_text("file,label\none.png,espresso\ntwo.png,872\n")
    return tmp_path


def test_photographs_come_in_packages() -> None:
    assert len(PACKAGED) == 34
    assert PACKAGED.names == tuple(sorted(PACKAGED.names))
    assert sum(name.startswith("ILSVRC2012_val_") for name in PACKAGED.names) == 31
    assert PACKAGED.names[-3:] == ("camera", "chelsea", "coffee")
    assert PACKAGED.labels is None


def test_looking_for_packaged_photographs_imports_neither_package() -> None:
    code = "import sys; from datasets import imagenet; imagenet.load_packaged(); "
    code += "assert not {'shapiq', 'shapiq_games', 'skimage', 'torchvision', 'timm'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(data.__file__).parents[1])


def test_pictures_are_resized_and_cut_as_pillow_does_it_by_hand() -> None:
    with Image.open(file_of("ILSVRC2012_val_00000014")) as image:
        assert image.size == (500, 376)
        resized = image.resize((340, 256), Image.Resampling.BICUBIC)  # 500 * 256 // 376
    pixels = np.asarray(resized)[16:240, 58:282]
    expected = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)
    torch.testing.assert_close(PACKAGED.read([0])[0], expected, rtol=0, atol=1e-7)


def test_a_grey_picture_becomes_one_of_three_channels() -> None:
    camera = PACKAGED.read([PACKAGED.names.index("camera")])[0]
    assert torch.equal(camera[0], camera[1])
    assert torch.equal(camera[0], camera[2])


@pytest.mark.parametrize("module", ["shapiq_games", "skimage"])
def test_a_missing_package_is_named(monkeypatch, module) -> None:
    monkeypatch.setattr(data, "find_spec", lambda name: None if name == module else find_spec(name))
    with pytest.raises(ModuleNotFoundError, match=r"pip install (shapiq|scikit-image)"):
        data.load_packaged()


def test_folders_are_classes_that_take_turns(classes) -> None:
    found = data.load_folder(classes)
    assert found.names == ("Tripod/a.png", "n07920052/b.png", "Tripod/c.png")
    assert found.labels == (872, 967, 872)
    coffee = PACKAGED.read([PACKAGED.names.index("coffee")])
    assert torch.equal(found.read([1]), coffee)


def test_folders_named_otherwise_are_mapped(classes, tmp_path_factory) -> None:
    (classes / "Tripod").rename(classes / "legs")
    with pytest.raises(ValueError, match=r"legs/a.png.* unknown class 'legs', .* columns folder,label"):
        data.load_folder(classes)
    table = tmp_path_factory.mktemp("mapping") / "classes.csv"
    table.write_text("folder,label\nlegs,tripod\n")
    assert data.load_folder(classes, mapping=table).labels == (872, 967, 872)


def test_a_table_labels_a_flat_folder(flat) -> None:
    found = data.load_folder(flat)
    assert found.names == ("two.png", "one.png")
    assert found.labels == (872, 967)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("0", 0),
        ("999", 999),
        ("n01440764", 0),
        ("n15075141", 999),
        ("Toilet-Tissue", 999),
        ("Cardigan", 264),
        ("cardigan", 474),
    ],
)
def test_a_class_has_a_number_an_id_and_a_name(name, number) -> None:
    assert data.find_class(name) == number


@pytest.mark.parametrize("name", ["1000", "n00000000", "CARDIGAN", "", "espreso"])
def test_an_unknown_class_is_named(name) -> None:
    with pytest.raises(ValueError, match=f"unknown class '{name}', expected a number 0 .. 999"):
        data.find_class(name)


def test_a_missing_folder_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere' does not exist; check its path"):
        data.load_folder(tmp_path / "nowhere")


def test_a_folder_without_pictures_is_named(tmp_path) -> None:
    (tmp_path / "readme.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"no picture in .*\.jpeg.*labels\.csv"):
        data.load_folder(tmp_path)


def test_an_unlabelled_picture_is_named(flat) -> None:
    (flat / "labels.csv").write_text("file,label\none.png,espresso\n")
    with pytest.raises(ValueError, match=r"two\.png' has no label, expected it in a folder .* add the row"):
        data.load_folder(flat)


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ("file,label\none.png,1\ntwo.png,2\nthree.png,3\n", FileNotFoundError, "'three.png', which is not there"),
        ("file,label\none.png,1\none.png,2\n", ValueError, "several rows for 'one.png'"),
        ("file,label\none.png,1\ntwo.png,no such\n", ValueError, "labels.csv' has an unknown class 'no such'"),
        ("name,label\none.png,1\n", ValueError, "no table with columns file,label"),
        ("", ValueError, "no table with columns file,label"),
    ],
)
def test_a_wrong_table_is_named(flat, table, error, message) -> None:
    (flat / "labels.csv").write_text(table)
    with pytest.raises(error, match=message):
        data.load_folder(flat)


@pytest.mark.parametrize("content", [b"", b"no picture", file_of("coffee").read_bytes()[:5000]])
def test_a_damaged_picture_is_named(flat, content) -> None:
    (flat / "one.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"one\.png' cannot be read as a picture .* restore or remove it"):
        data.load_folder(flat).read([1])


def test_a_picture_that_is_gone_is_named(flat) -> None:
    found = data.load_folder(flat)
    (flat / "one.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"one\.png' is missing; restore it"):
        found.read([1])


def test_the_manifest_is_one_of_sha256sum(flat, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["imagenet", str(flat)])
    data.main()
    assert capsys.readouterr().out.strip() == str(flat / "manifest.sha256")
    checked = subprocess.run(
        ["sha256sum", "-c", "manifest.sha256"], cwd=flat, capture_output=True, text=True, check=True
    )
    assert checked.stdout.splitlines() == ["labels.csv: OK", "one.png: OK", "two.png: OK"]
    assert data.load_folder(flat).read([0, 1]).shape == (2, 3, 224, 224)


def test_what_differs_from_the_manifest_is_named(flat) -> None:
    data.write_folder_manifest(flat)
    shutil.copy(flat / "two.png", flat / "one.png")
    with pytest.raises(ValueError, match=r"one\.png' has SHA-256 \w+, expected \w+ as manifest.sha256 states; restore"):
        data.load_folder(flat).read([1])


def test_a_table_that_differs_from_the_manifest_is_named(flat) -> None:
    data.write_folder_manifest(flat)
    (flat / "labels.csv").write_text("file,label\none.png,1\ntwo.png,2\n")
    with pytest.raises(ValueError, match=r"labels\.csv' has SHA-256"):
        data.load_folder(flat)


def test_a_picture_that_the_manifest_does_not_have_is_named(flat) -> None:
    data.write_folder_manifest(flat)
    shutil.copy(flat / "one.png", flat / "three.png")
    with pytest.raises(ValueError, match=r"three\.png' is not in manifest\.sha256"):
        data.load_folder(flat)


@pytest.mark.parametrize("name", ["one.png", "labels.csv"])
def test_a_file_that_only_the_manifest_has_is_named(flat, name) -> None:
    data.write_folder_manifest(flat)
    (flat / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name}' is missing, expected it as manifest.sha256 states"):
        data.load_folder(flat)


def test_a_damaged_manifest_is_named(flat) -> None:
    (flat / "manifest.sha256").write_text("one.png\n")
    with pytest.raises(ValueError, match=r"the line 'one\.png', expected one as sha256sum writes"):
        data.load_folder(flat)


def test_the_digest_is_that_of_the_manifests_lines(flat) -> None:
    (flat / "labels.csv").unlink()
    manifest = data.write_folder_manifest(flat).read_bytes()
    found = data.Photographs((flat / "one.png", flat / "two.png"), ("one.png", "two.png"))
    assert found.digest([1, 0]) == hashlib.sha256(manifest).hexdigest()
    assert found.digest([0]) != found.digest([1])
