"""A folder of pictures such as Imagenette, as a data module: ``train`` and ``val``, with one folder a class in each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from training.seeds import generator_for, seed_for

PARTS: Final = ("train", "val")
ENLARGED: Final = 256 / 224  # of the shorter side before the middle is cut out


class FolderPictures(Dataset[tuple[Tensor, int]]):
    """One part of the folder, as pictures ``(3, side, side)`` in [0, 1] with their classes.

    An item is asked for by its epoch and its number, and augmentation is a function of both, and of the seed, so that
    neither workers nor a training that was interrupted change it.

    **Reading.** The paper prints no augmentation. Here a picture is a random part of it, at least a quarter of its
    area, flipped from left to right at random; those held out are their middle.
    """

    def __init__(self, folder: Path, *, side: int, seed: int, augmented: bool):
        from torchvision.datasets import ImageFolder  # slow to import
        from torchvision.transforms import v2

        self.files = ImageFolder(str(folder), loader=read_picture)
        self.seed, self.augmented = seed, augmented
        changes: list[v2.Transform] = [v2.Resize(round(side * ENLARGED)), v2.CenterCrop(side)]
        if augmented:
            changes = [v2.RandomResizedCrop(side, scale=(0.25, 1.0)), v2.RandomHorizontalFlip()]
        self.transform = v2.Compose([v2.ToImage(), *changes, v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, int]:
        epoch, index = item
        image, label = self.files[index]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(self.seed, f"augmentation {epoch} {index}"))
            picture: Tensor = self.transform(image)
        return picture.as_subclass(Tensor), label


class EpochSampler(Sampler[tuple[int, int]]):
    """Epoch and number of every picture, in an order that depends on the epoch where ``shuffled``.

    Lightning sets the epoch, that of a resumed training too.
    """

    def __init__(self, pictures: FolderPictures, *, shuffled: bool):
        self.pictures, self.shuffled, self.epoch = pictures, shuffled, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        count = len(self.pictures)
        generator = generator_for(self.pictures.seed, f"order {self.epoch}")
        order = torch.randperm(count, generator=generator).tolist() if self.shuffled else range(count)
        return ((self.epoch, index) for index in order)


class PictureFolder(pl.LightningDataModule):
    """The pictures of a folder with ``train`` and ``val``.

    Raises:
        FileNotFoundError: when the folder, a part, or the pictures of a class are missing.
        ValueError: when the parts have different classes, or a batch is smaller than 2 or more than there is.
    """

    def __init__(self, folder: Path, *, side: int, batch: int, seed: int, workers: int = 0):
        super().__init__()
        self.classes = find_classes(folder)
        self.train = FolderPictures(folder / "train", side=side, seed=seed, augmented=True)
        self.val = FolderPictures(folder / "val", side=side, seed=seed, augmented=False)
        if not 2 <= batch <= len(self.train):
            raise ValueError(f"a batch takes {batch} pictures, expected 2 .. {len(self.train)}; choose another size")
        self.batch, self.workers = batch, workers

    def train_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self._load(self.train, shuffled=True)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self._load(self.val, shuffled=False)

    def _load(self, pictures: FolderPictures, *, shuffled: bool) -> DataLoader[tuple[Tensor, int]]:
        return DataLoader(
            pictures,
            batch_size=self.batch,
            sampler=EpochSampler(pictures, shuffled=shuffled),
            num_workers=self.workers,
            drop_last=shuffled,
        )


def find_classes(folder: Path) -> list[str]:
    """The names of the classes' folders, which are those of both parts.

    Raises:
        FileNotFoundError: when the folder, a part, or the folders of the classes are missing.
        ValueError: when the parts have different classes.
    """
    found = {}
    for part in PARTS:
        place = folder / part
        if not place.is_dir():
            raise FileNotFoundError(f"{str(place)!r} is no folder, expected train and val with one folder a class")
        found[part] = sorted(entry.name for entry in place.iterdir() if entry.is_dir())
        if not found[part]:
            raise FileNotFoundError(f"{str(place)!r} holds no folder, expected one for each class")
    if found["train"] != found["val"]:
        differing = sorted(set(found["train"]) ^ set(found["val"]))
        raise ValueError(f"classes {differing} are in one of train and val only; complete or remove their folders")
    return found["train"]


def read_picture(path: str) -> Image.Image:
    """A picture in colours.

    Raises:
        ValueError: when the file is damaged.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path!r} cannot be read as a picture ({error}); restore or remove it") from None
