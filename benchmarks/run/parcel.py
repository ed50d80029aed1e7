"""What workers on other machines are sent: the setting of a run, with files by their content instead of their path.

Problems are made on whatever worker comes first, and training gives other weights on another processor. So the models
that a problem was made with go along with its cells: whoever runs those has the same models, or says that it has not.
"""

import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.run.provenance import is_model
from benchmarks.run.records import ProblemRecord
from benchmarks.run.storage import write_atomically
from benchmarks.run.worker import Setting
from datasets.cache import PROJECT
from datasets.digest import hash_bytes, hash_content, hash_folder
from training.store.published import collect_models

PACKAGES: Final = ("sig", "datasets", "training", "benchmarks")
VERSIONS: Final = ("torch", "numpy", "scipy", "pandas", "pytorch-lightning", "distributed")
Files = Mapping[str, bytes]


class DifferentWorker(ValueError):
    """A worker whose code or packages are not those of the run."""


@dataclass(frozen=True)
class Parcel:
    """A setting without paths.

    Attributes:
        setting: whose plug-ins and models are left out.
        plugins: the files of plug-ins.
        models: the files of models to use; None to train them.
        code: what the worker must have, as ``describe_code`` has it.
    """

    setting: Setting
    plugins: Files
    models: Files | None
    code: Mapping[str, str]

    @classmethod
    def of(cls, setting: Setting) -> "Parcel":
        models = None if setting.models is None else _read_folder(setting.models)
        plugins = {f"{i}/{file.name}": file.read_bytes() for i, file in enumerate(setting.plugins)}
        return cls(replace(setting, plugins=(), models=None), plugins, models, describe_code())

    def with_models(self, models: Files) -> "Parcel":
        """The same for cells of a problem that was made with these models."""
        return replace(self, models=models or None)

    def unpack(self) -> Setting:
        """The setting on this machine.

        Raises:
            DifferentWorker: when code or packages here are not those of the run.
        """
        if differences := find_differences(self.code, describe_code()):
            raise DifferentWorker(f"{platform.node()} has {differences}")
        plugins, models = _write_folder(self.plugins), None if self.models is None else _write_folder(self.models)
        return replace(self.setting, plugins=tuple(plugins / name for name in self.plugins), models=models)


@cache
def describe_code() -> dict[str, str]:
    """Facts that decide numbers on this machine: versions of Python and packages, and a hash of the project's files."""
    code = hash_folder(PROJECT, (file for package in PACKAGES for file in (PROJECT / package).rglob("*.py")))
    versions = {name: version(name) for name in VERSIONS}
    return {"python": platform.python_version(), **versions, "code": code[:12]}


def find_differences(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """The differences in words, such as ``torch 2.7.0 instead of 2.8.0``; empty where there is none."""
    names = [name for name in expected if found.get(name) != expected[name]]
    return ", ".join(f"{name} {found.get(name, 'missing')} instead of {expected[name]}" for name in names)


def collect_files(record: ProblemRecord, setting: Setting) -> Files:
    """The models that a problem was made with, from this machine's cache or the setting's folder."""
    hashes = {sha256 for name, sha256 in record.provenance.data.items() if is_model(name)}
    with tempfile.TemporaryDirectory() as folder:
        collect_models(hashes, Path(folder), *([setting.models] if setting.models else []))
        return _read_folder(Path(folder))


def _read_folder(folder: Path) -> Files:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}


def _write_folder(files: Files) -> Path:
    """A folder with these files, named by their content, so that each is written once on a machine."""
    digest = hash_content([[name, hash_bytes(content)] for name, content in files.items()])
    folder = Path(tempfile.gettempdir()) / "benchmarks-parcels" / digest[:32]
    for name, content in files.items():
        file = folder / name
        if not file.exists() or file.read_bytes() != content:
            write_atomically(content, file)
    return folder
