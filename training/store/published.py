"""Trained models that are published, so that every machine explains the same ones.

Each is the three files of a checkpoint (``training.store.checkpoints``), in one folder, named ``<name>-<key>``. The key
is a hash of what ``fit`` is asked for: the model's name, its config and its seed. Unlike a checkpoint's it does not
depend on code, device and versions of packages, which differ between machines.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from datasets.digest import hash_bytes, hash_content, hash_folder
from training.store.checkpoints import KINDS, Checkpoint, checkpoint_folder, read_checkpoint


class MissingModel(LookupError):
    """A model that is not among the published ones."""


class DamagedModel(ValueError):
    """A published model that cannot be read, or is not the one that was published."""


@dataclass(frozen=True)
class PublishedModels:
    """The models in a folder."""

    folder: Path

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all files of models there, by name: another one where any of them differs."""
        return hash_folder(self.folder, (file for kind in KINDS for file in self.folder.glob(f"*.{kind}")))

    def find(self, name: str, config: Mapping[str, Any], seed: int) -> Checkpoint | None:
        """The model that ``fit`` is asked for by this name, config and seed; None where it isn't there.

        Raises:
            DamagedModel: when its weights do not have the SHA-256 that its record states, or a file is missing or no
                such file.
        """
        stem = self.folder / name_model(name, config, seed)
        if not any(stem.with_name(f"{stem.name}.{kind}").exists() for kind in KINDS):
            return None
        try:
            return read_checkpoint(stem)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedModel(
                f"the published model {str(stem)!r} is damaged ({error}); restore its files {', '.join(KINDS)}"
            ) from None

    def require(self, name: str, config: Mapping[str, Any], seed: int) -> Checkpoint:
        """The model that ``find`` finds.

        Raises:
            MissingModel: when the model isn't there.
            DamagedModel: as in ``find``.
        """
        found = self.find(name, config, seed)
        if found is None:
            raise MissingModel(
                f"no model {name!r} with seed {seed} and this config in {str(self.folder)!r} "
                f"({name_model(name, config, seed)}.*); to train it, run with --models train"
            )
        return found


def name_model(name: str, config: Mapping[str, Any], seed: int) -> str:
    """The stem of a published model's files."""
    return f"{name}-{hash_content(name, dict(config), seed)[:16]}"


def collect_models(hashes: Collection[str], folder: Path, *others: Path) -> None:
    """Copy the models with these SHA-256 into a folder, from the cache of checkpoints or ``others``, folders of models.

    Raises:
        MissingModel: when one of them is in none of these folders.
        DamagedModel: when one is damaged, or two have the same name, config and seed.
    """
    sources = [checkpoint_folder(), *others]
    chosen: dict[str, tuple[str, Path]] = {}
    for sha256, name, stem in _list_models(sources):
        if sha256 in hashes:
            other, _ = chosen.setdefault(name, (sha256, stem))
            if other != sha256:
                raise DamagedModel(
                    f"models {other} and {sha256} are both {name}, trained by different code or on different machines; "
                    "run the suite again, with --fresh"
                )
    for sha256 in sorted(set(hashes) - {sha256 for sha256, _ in chosen.values()}):
        places = " or ".join(repr(str(source)) for source in sources)
        raise MissingModel(f"no model with SHA-256 {sha256} in {places}; run the suite again, with --fresh")
    folder.mkdir(parents=True, exist_ok=True)
    for name, (sha256, stem) in chosen.items():
        _copy(stem, folder / name, sha256)


def _list_models(folders: Iterable[Path]) -> Iterator[tuple[str, str, Path]]:
    """SHA-256, published name and stem of all models, the newest of each folder first."""
    for folder in folders:
        for file in sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True):
            try:
                facts = json.loads(file.read_bytes())
                yield facts["sha256"], name_model(facts["name"], facts["config"], facts["seed"]), file.with_suffix("")
            except (ValueError, KeyError, TypeError):  # not a whole checkpoint; those may be made again at any time
                continue


def _copy(stem: Path, to: Path, sha256: str) -> None:
    contents = {kind: stem.with_name(f"{stem.name}.{kind}").read_bytes() for kind in KINDS}
    if hash_bytes(contents["pt"]) != sha256:
        raise DamagedModel(f"the weights {str(stem)!r} are not those with SHA-256 {sha256}; run the suite again")
    for kind, content in contents.items():
        to.with_name(f"{to.name}.{kind}").write_bytes(content)
