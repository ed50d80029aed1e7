"""Photographs to classify into ImageNet's thousand classes: those that packages ship, or a folder of the user's own.

``python -m datasets.imagenet FOLDER`` writes the checksums of a folder's files to its ``manifest.sha256``; where a
folder has that file, all that is read from it is checked.

The packaged photographs stay where they are installed and are read from there: the photographers' rights remain.
"""

import argparse
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pandas as pd
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from datasets.checksums import format_manifest, read_checked, read_manifest, require_listed, write_manifest
from datasets.digest import hash_bytes

SIDE: Final = 224
RESIZED: Final = 256  # the shorter side, before the square in the middle is cut out
CLASSES: Final = 1000
LABELS: Final = "labels.csv"
KINDS: Final = (".jpeg", ".jpg", ".png", ".webp", ".bmp")

_PACKAGED: Final = {  # by module: the package to install, and the pictures below the module's folder
    "shapiq_games": ("shapiq", ("benchmark/imagenet_examples/*.JPEG", "benchmark/imagenet_examples/*.jpg")),
    "skimage": ("scikit-image", ("data/camera.png", "data/chelsea.png", "data/coffee.png")),
}


@dataclass(frozen=True)
class Photographs:
    """Photographs on disk, and what is known of them.

    Attributes:
        files: where they are.
        names: what they are called, each another name.
        labels: the class of each, 0 .. 999; None where classes are not known.
        stated: the SHA-256 that each file must have, by name; empty where there is no manifest.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...]
    labels: tuple[int, ...] | None = None
    stated: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, positions: Iterable[int]) -> Float[Tensor, "pictures 3 224 224"]:
        """Pictures as a network is shown them; see ``preprocess``.

        Raises:
            FileNotFoundError: when a file is gone.
            ValueError: when a file is no picture, or not the one that the manifest states.
        """
        pictures = [preprocess(_decode(self.files[i], self._content(i))) for i in positions]
        return torch.stack(pictures) if pictures else torch.empty(0, 3, SIDE, SIDE)

    def digest(self, positions: Iterable[int]) -> str:
        """SHA-256 of the lines that a manifest of these pictures has, in the order of their names.

        Raises:
            FileNotFoundError, ValueError: as ``read`` does.
        """
        hashes = {self.names[i]: hash_bytes(self._content(i)) for i in positions}
        return hash_bytes(format_manifest(hashes).encode())

    def _content(self, position: int) -> bytes:
        return read_checked(self.files[position], self.stated.get(self.names[position]))


def load_packaged() -> Photographs:
    """The 31 photographs of ImageNet's validation set that shapiq ships, and scikit-image's camera, chelsea and coffee.

    They are sorted by name. Neither package states the classes, so ``labels`` is None.

    Raises:
        ModuleNotFoundError: when one of the packages is not installed.
        FileNotFoundError: when an installed one has no such pictures.
    """
    files = sorted((file for module in _PACKAGED for file in _list_packaged(module)), key=lambda file: file.stem)
    return Photographs(tuple(files), tuple(file.stem for file in files))


def load_folder(folder: Path, *, mapping: Path | None = None) -> Photographs:
    """All pictures in a folder, with their classes; classes take turns, each sorted by name.

    A picture's class is that of the folder which it lies in (any ``ImageFolder``: ImageNet, Imagenette), or what the
    folder's ``labels.csv`` states, of columns ``file,label``. Classes are given as numbers 0 .. 999, WordNet ids
    (``n07920052``) or torchvision's names (``espresso``).

    Args:
        mapping: a CSV of columns ``folder,label``, for folders that are named otherwise.

    Raises:
        FileNotFoundError: when the folder, the mapping, or a picture that labels or manifest name is not there, or
            there are no pictures.
        ValueError: on a picture without a label or missing from the manifest, or a table or class that is not
            understood.
    """
    names, stated = _list_pictures(folder), read_manifest(folder)
    require_listed(folder, [*names, *_list_tables(folder)], stated)
    labels = _find_labels(folder, names, mapping, stated)
    order = _take_turns([labels[name] for name in names])
    return Photographs(
        tuple(folder / names[i] for i in order),
        tuple(names[i] for i in order),
        tuple(labels[names[i]] for i in order),
        stated,
    )


def preprocess(image: Image.Image) -> Float[Tensor, "3 224 224"]:
    """Red, green and blue in [0, 1]: the shorter side is resized to 256 (bicubic), the middle 224 x 224 are kept.

    What a network subtracts and divides by is up to the network.
    """
    from torchvision.transforms import InterpolationMode, functional  # slow to import, and of no use to other tasks

    resized = functional.resize(image.convert("RGB"), RESIZED, InterpolationMode.BICUBIC)
    pixels: Tensor = functional.to_tensor(functional.center_crop(resized, SIDE))
    return pixels


def class_names() -> tuple[str, ...]:
    """The names of the thousand classes, as torchvision has them."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    return tuple(_IMAGENET_CATEGORIES)


def find_class(name: str) -> int:
    """The number, 0 .. 999, of a class given as that number, as a WordNet id or by torchvision's name.

    Names may differ in case, spaces, hyphens and underscores, unless that leaves several (``Cardigan``, a dog).

    Raises:
        ValueError: when there is no such class.
    """
    exact, simplified = _class_numbers()
    number = exact.get(name, simplified.get(_simplify(name)))
    if number is None:
        raise ValueError(
            f"unknown class {name!r}, expected a number 0 .. {CLASSES - 1}, a WordNet id such as 'n07920052' or a name "
            "such as 'espresso' (datasets.imagenet.class_names)"
        )
    return number


def write_folder_manifest(folder: Path) -> Path:
    """Write ``manifest.sha256``, as ``sha256sum`` does, of all pictures in a folder and of its ``labels.csv``.

    Raises:
        FileNotFoundError: when the folder is not there, or has no pictures.
    """
    return write_manifest(folder, [*_list_pictures(folder), *_list_tables(folder)])


def _list_packaged(module: str) -> list[Path]:
    package, patterns = _PACKAGED[module]
    spec = find_spec(module)  # without importing it, which takes seconds
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the photographs of package {package} are needed, which is not installed; pip install {package}",
            name=module,
        )
    folder = Path(spec.submodule_search_locations[0])
    files = [file for pattern in patterns for file in folder.glob(pattern)]
    if not files:
        raise FileNotFoundError(
            f"package {package} has no photographs {', '.join(patterns)} in {str(folder)!r}; install it again"
        )
    return files


def _list_pictures(folder: Path) -> list[str]:
    """Names of all pictures below a folder, relative to it, sorted."""
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder of pictures {str(folder)!r} does not exist; check its path")
    found = (file for file in folder.rglob("*") if file.suffix.lower() in KINDS and file.is_file())
    names = sorted(file.relative_to(folder).as_posix() for file in found)
    if not names:
        raise FileNotFoundError(
            f"there is no picture in {str(folder)!r}, expected files {', '.join(KINDS)} in folders of classes or "
            f"beside a {LABELS}; check the path"
        )
    return names


def _list_tables(folder: Path) -> list[str]:
    return [LABELS] if (folder / LABELS).is_file() else []


def _find_labels(folder: Path, names: Sequence[str], mapping: Path | None, stated: Mapping[str, str]) -> dict[str, int]:
    """The class of each picture, by name."""
    labels: dict[str, int] = {}
    for table in _list_tables(folder):
        labels = _read_table(folder / table, "file", stated.get(table))
        _require_there(folder, labels, names)
    folders = {} if mapping is None else _read_table(mapping, "folder")
    return {name: labels[name] if name in labels else _class_of_folder(folder, name, folders) for name in names}


def _require_there(folder: Path, labels: Mapping[str, int], names: Sequence[str]) -> None:
    if gone := sorted(set(labels) - set(names)):
        raise FileNotFoundError(
            f"{str(folder / LABELS)!r} names the picture {gone[0]!r}, which is not there; restore the picture or "
            "remove the row"
        )


def _class_of_folder(folder: Path, name: str, folders: Mapping[str, int]) -> int:
    inside = Path(name).parent.name
    if not inside:
        raise ValueError(
            f"{str(folder / name)!r} has no label, expected it in a folder named after its class, or in a row of "
            f"{str(folder / LABELS)!r} (columns file,label); add the row"
        )
    if inside in folders:
        return folders[inside]
    try:
        return find_class(inside)
    except ValueError as error:
        raise ValueError(
            f"the folder of {str(folder / name)!r} is of an {error}; name the class in a CSV of columns folder,label "
            "and give that as the mapping"
        ) from None


def _read_table(file: Path, key: str, sha256: str | None = None) -> dict[str, int]:
    """Classes by what is in the column ``key`` of a CSV."""
    content = read_checked(file, sha256)
    try:
        rows = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        names, labels = rows[key], rows["label"]
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"{str(file)!r} is no table with columns {key},label ({error}); write it as a CSV with that header"
        ) from None
    if doubled := names[names.duplicated()].tolist():
        raise ValueError(f"{str(file)!r} has several rows for {doubled[0]!r}, expected one; remove the others")
    try:
        return {name: find_class(label) for name, label in zip(names, labels, strict=True)}
    except ValueError as error:
        raise ValueError(f"{str(file)!r} has an {error}; correct the row") from None


def _decode(file: Path, content: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # Pillow says what is wrong in any of these ways
        raise ValueError(
            f"{str(file)!r} cannot be read as a picture ({error}); it is damaged: restore or remove it"
        ) from None


def _take_turns(labels: Sequence[int]) -> list[int]:
    """Positions such that classes take turns, in the order that they had within a class."""
    seen: defaultdict[int, int] = defaultdict(int)
    turns = []
    for position, label in enumerate(labels):
        turns.append((seen[label], label, position))
        seen[label] += 1
    return [position for *_, position in sorted(turns)]


@cache
def _class_numbers() -> tuple[dict[str, int], dict[str, int]]:
    """Classes by number, WordNet id and name; and by simplified name where it is that of one class only."""
    from timm.data.imagenet_info import ImageNetInfo  # the WordNet ids in the order of the classes

    ids, names = ImageNetInfo("imagenet-1k").label_names(), class_names()
    exact: dict[str, int] = {}
    for known in (map(str, range(CLASSES)), ids, names):
        exact |= {name: number for number, name in enumerate(known)}
    simple = Counter(map(_simplify, names))
    return exact, {_simplify(name): number for number, name in enumerate(names) if simple[_simplify(name)] == 1}


def _simplify(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def main() -> None:
    """Write the manifest of the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m datasets.imagenet", description=write_folder_manifest.__doc__)
    parser.add_argument("folder", type=Path)
    print(write_folder_manifest(parser.parse_args().folder))


if __name__ == "__main__":
    main()
