"""The task of explaining a certainty-aware ResNet on Imagenette, for whoever has the pictures (ICG, A.4.1)."""

from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from datasets.digest import hash_tensors
from datasets.problem import PHOTOGRAPHS, Problem, task
from sig.players import patch_players
from training.explain import Output, explain
from training.imagenette import find_model, load_model
from training.picture_folder import FolderPictures, PictureFolder
from training.seeds import generator_for

ROWS_PER_BATCH: Final = 16
TUNING: Final = 2
SHOWN: Final = 6


@task("imagenette")
def imagenette(
    *,
    folder: Path | None = None,
    model: str | None = None,
    pictures: int = 10,
    patch: int = 32,
    background: int = 50,
    output: Output = "probability",
    seed: int,
) -> Problem:
    """Random pictures held out of a folder, explained for the class that a certainty-aware ResNet predicts.

    Checks are ``accuracy``, ``neutrality_gap`` and ``absence_spread`` on all pictures held out, from the model's
    record. The network has one certainty for each pixel; see ``training.certainty_resnet``. For most options see
    ``training.tasks``.

    Args:
        folder: with ``train`` and ``val``, such as Imagenette's.
        model: SHA-256 of the weights that ``python -m training.imagenette`` wrote, as it printed it: what is explained
            depends on them, and not on where they are (``training.imagenette.find_model``).

    Raises:
        FileNotFoundError: without a folder or a model.
        ValueError: when the two do not belong together, are damaged or too small, or squares do not fill a picture.
    """
    if folder is None or model is None:
        raise FileNotFoundError(
            f"folder is {str(folder)!r} and model is {model!r}, expected Imagenette's folder and the SHA-256 of a "
            "model trained on it; train one: python -m training.imagenette FOLDER --output DIRECTORY"
        )
    trained, config = load_model(find_model(model))
    side = config["side"]
    players = patch_players((3, side, side), patch)
    data = PictureFolder(folder, side=side, batch=2, seed=seed)
    if data.classes != config["classes"]:
        raise ValueError(f"the folder has classes {data.classes}, expected the model's, {config['classes']}")
    held_out, _ = _choose(data.val, pictures + TUNING, generator_for(seed, "explained"))
    others, classes = _choose(
        FolderPictures(folder / "train", side=side, seed=seed, augmented=False),
        background,
        generator_for(seed, "background"),
    )
    return explain(
        trained,
        held_out[:pictures],
        background=others,
        background_classes=classes,
        tuning=held_out[pictures:],
        output=output,
        players=players,
        rows_per_batch=ROWS_PER_BATCH,
        provenance={PHOTOGRAPHS: hash_tensors(held_out, others)},
        shown=range(min(pictures, SHOWN)),
    )


def _choose(
    pictures: FolderPictures, count: int, generator: Generator
) -> tuple[Float[Tensor, "count 3 side side"], Int[Tensor, " count"]]:
    """That many different pictures, and their classes."""
    if not 1 <= count <= len(pictures):
        raise ValueError(f"{count} pictures are needed, expected 1 .. {len(pictures)}, what there is; ask for fewer")
    chosen = torch.randperm(len(pictures), generator=generator)[:count].tolist()
    found, classes = zip(*(pictures[0, index] for index in chosen), strict=True)
    return torch.stack(found), torch.tensor(classes)
