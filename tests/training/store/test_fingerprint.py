import ast
import enum
import functools
import gc
import importlib.util
import inspect
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydantic
import pytest
import torch
from torch import nn

from datasets.cache import PROJECT
from datasets.digest import hash_content
from datasets.problem import tasks
from sig.registry import methods, metrics
from training.store import sources as module
from training.store.fingerprint import fingerprint
from training.store.sources import find_source, forget_files, source_files


@pytest.fixture
def fresh():
    """What a test changes is read anew by itself, and by those that follow."""
    forget_files()
    yield
    forget_files()


def source_of(function):
    return find_source(inspect.unwrap(function))


def names(function):
    return {str(file.relative_to(PROJECT)) for file in source_files(source_of(function))}


def load(file) -> Any:
    """What a plug-in's loader does, without its registry."""
    spec = importlib.util.spec_from_file_location(f"loaded_{hash_content(str(file))[:8]}", file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[loaded.__name__] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


PLUGIN = "import helper\ndef run(x):\n    return helper.double(x)\n"
HELPER = "def double(x):\n    from deep import two\n    return two * x\n"


@pytest.fixture
def plugin(tmp_path, monkeypatch, fresh):
    """A plug-in with a file beside it, which imports another within a function."""
    folder = write(tmp_path / "plugin", plugin=PLUGIN, helper=HELPER, deep="two = 2\n")
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in ("helper", "deep"):
        sys.modules.pop(name, None)


def again(function):
    forget_files()
    return fingerprint(function)


def test_imports_of_the_project_are_followed() -> None:
    found = names(methods["ig-zero"].run)
    assert {"sig/methods/integrated_gradients.py", "sig/path.py", "sig/baselines.py", "sig/explicand.py"} <= found
    assert "sig/methods/gradients.py" not in found
    assert not any(file.startswith(("benchmarks", "training")) for file in found)


def test_sources_of_a_task_are_its_data_and_its_training_but_not_where_that_is_tracked() -> None:
    found = names(tasks["gridworld"].run)
    assert {"training/tasks/gridworld.py", "datasets/gridworld.py", "training/fit.py", "sig/games.py"} <= found
    assert "training/tracking.py" not in found
    assert "sig/methods/integrated_gradients.py" not in found


def test_everything_that_is_registered_has_a_fingerprint_of_its_own() -> None:
    every = [fingerprint(entry.run) for registry in (tasks, methods, metrics) for entry in registry]
    assert len(set(every)) == len(every) > 40
    assert all(len(one) == 64 for one in every)


@pytest.mark.parametrize("edited", ["plugin", "helper", "deep"])
def test_editing_what_a_plugin_imports_gives_another(plugin, edited) -> None:
    run = load(plugin / "plugin.py").run
    before = fingerprint(run)
    (plugin / "unrelated.py").write_text("x = 1")
    assert again(run) == before
    file = plugin / f"{edited}.py"
    file.write_text(file.read_text() + "# edited\n")
    assert fingerprint(run) == before  # the process still runs what it has read
    assert again(run) != before


def test_relative_imports_within_a_package_are_followed(tmp_path, monkeypatch, fresh) -> None:
    package = tmp_path / "foreign_package"
    write(package, __init__="", methods="from .inner import two\nfrom . import beside\ndef run(x): return two * x\n")
    write(package / "inner", __init__="from ..constants import two\n")
    write(package, beside="", constants="two = 2\n", stranger="")
    monkeypatch.syspath_prepend(tmp_path)
    run = importlib.import_module("foreign_package.methods").run
    found = {str(file.relative_to(package)) for file in source_files(source_of(run))}
    assert found == {"methods.py", "inner/__init__.py", "beside.py", "constants.py", "__init__.py"}
    before = fingerprint(run)
    (package / "constants.py").write_text("two = 3\n")
    assert again(run) != before


def test_modules_elsewhere_on_the_path_are_followed(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(write(tmp_path / "elsewhere", far_away="two = 2\n"))
    write(tmp_path / "plugin", plugin="from far_away import two\ndef run(x): return two * x\n")
    found = source_files(tmp_path / "plugin" / "plugin.py")
    assert {file.name for file in found} == {"plugin.py", "far_away.py"}


def test_folders_without_an_init_file_are_packages_too(tmp_path, monkeypatch) -> None:
    write(tmp_path / "loose_helpers", tools="two = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path / "plugin", plugin="from loose_helpers import tools\n")
    assert {file.name for file in source_files(tmp_path / "plugin" / "plugin.py")} == {"plugin.py", "tools.py"}


def test_what_is_installed_counts_by_its_version_unless_it_is_a_plugin(tmp_path, monkeypatch, fresh) -> None:
    folder = tmp_path / "site-packages"
    write(
        folder / "installed_plugin", __init__="", methods="from .helper import two\ndef run(x): ...\n", helper="two = 2"
    )
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(module, "_distributions", lru_cache(lambda: {"installed_plugin": ["installed-plugin"]}))
    versions = {"installed-plugin": "1"}
    monkeypatch.setattr(module, "version", versions.get)
    run = importlib.import_module("installed_plugin.methods").run
    first = fingerprint(run)
    (folder / "installed_plugin" / "helper.py").write_text("two = 3")
    assert again(run) == first
    versions["installed-plugin"] = "2"
    assert again(run) != first
    monkeypatch.setattr(module, "entry_points", lambda group: [SimpleNamespace(module="installed_plugin.methods")])
    before = again(run)
    (folder / "installed_plugin" / "helper.py").write_text("two = 4")
    assert again(run) != before


IN_A_COPY = """
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from sig.registry import methods, metrics
from datasets.cache import PROJECT
from training.store.fingerprint import fingerprint
from training.store.sources import forget_files
def every():
    entries = methods["sig-game"], methods["random-attribution"], metrics["runtime"]
    return {entry.name: fingerprint(entry.run) for entry in entries}
before = every()
file = PROJECT / "sig" / "games.py"
file.write_text(file.read_text() + "# edited")
forget_files()
print(json.dumps([before, every()]))
"""


def test_a_copy_of_the_project_has_the_same_ones_until_it_is_edited(tmp_path) -> None:
    for package in ("sig", "datasets", "training"):
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    command = [sys.executable, "-W", "ignore", "-c", IN_A_COPY]
    before, after = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stdout)
    here = [sys.executable, "-W", "ignore", "-c", IN_A_COPY.partition("before =")[0] + "print(json.dumps(every()))"]
    assert before == json.loads(subprocess.run(here, cwd=PROJECT, capture_output=True, check=True, text=True).stdout)
    assert {name for name in before if before[name] != after[name]} == {"sig-game"}


def test_contents_count_by_the_names_of_files_and_not_by_their_place(tmp_path) -> None:
    text = "def run():\n    import a\n    import b\n"
    places = {"one": ("x = 1", "x = 2"), "same": ("x = 1", "x = 2"), "swapped": ("x = 2", "x = 1")}
    folders = [write(tmp_path / place, plugin=text, a=a, b=b) for place, (a, b) in places.items()]
    one, same, swapped = (fingerprint(load(folder / "plugin.py").run) for folder in folders)
    assert one == same != swapped


def test_packages_around_a_module_run_before_it(tmp_path, monkeypatch, fresh) -> None:
    package = write(tmp_path / "around", __init__="import around.start", start="x = 1", core="def two(): ...")
    monkeypatch.syspath_prepend(tmp_path)
    for line in ("import around.core", "from around.core import two", "from around import core"):
        write(tmp_path / "plugin", plugin=f"{line}\n")
        forget_files()
        found = {file.name for file in source_files(tmp_path / "plugin" / "plugin.py")}
        assert found == {"plugin.py", "__init__.py", "start.py", "core.py"}, line
    assert package.name == "around"


def test_of_the_project_only_what_is_taken_counts(tmp_path, fresh) -> None:
    def taken(line):
        write(tmp_path, plugin=f"{line}\n")
        forget_files()
        return {file.name for file in source_files(tmp_path / "plugin.py")}

    assert "coalitions.py" not in taken("from sig import path")
    assert "path.py" in taken("from sig import path")
    assert {"coalitions.py", "__init__.py"} <= taken("from sig import path, Explicand")
    assert {"coalitions.py", "__init__.py"} <= taken("import sig")


@pytest.mark.parametrize(
    ("package", "changed"), [("torch", True), ("numpy", True), ("scipy", True), ("pydantic", False), ("shapiq", False)]
)
def test_versions_count_of_packages_that_decide_numbers_and_are_imported(
    package, changed, monkeypatch, tmp_path, fresh
) -> None:
    write(tmp_path, helper="import scipy.stats\ndef f():\n    from pydantic import validate_call\n")
    run = load(write(tmp_path, plugin="from numpy import linalg\ndef run(x):\n    import helper\n") / "plugin.py").run
    before = fingerprint(run)
    monkeypatch.setattr(module, "version", lambda name: "99" if name == package else version(name))
    assert (again(run) != before) == changed


def test_functions_of_one_file_differ(tmp_path) -> None:
    text = "def a(): ...\ndef b(): ...\nc, d = lambda x: x + 1, lambda x: x + 2\nclass E: ...\nclass F: ...\n"
    loaded = load(write(tmp_path, plugin=text) / "plugin.py")
    assert len({fingerprint(getattr(loaded, name)) for name in "abcdEF"}) == 6


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


@dataclass(frozen=True)
class Settings:
    lr: float
    sizes: tuple[int, ...] = ()


def scaled(x, factor=1.0):
    return x * factor


def linear(value):
    torch.manual_seed(0)
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, value)
    return layer


def name_value(value: object) -> str:
    """The same in every process, as parallel test runs ask: what is at an address shows its name, not the address."""
    return getattr(value, "__qualname__", None) or re.sub(r" at 0x\w+| from .*", "", repr(value))[:30]


VALUES = [
    (1, 2),
    (1, True),
    (1, 1.0),
    (0.1, 0.1 + 2**-55),
    (None, False),
    ("a", "b"),
    (b"a", b"b"),
    ([1, 2], [2, 1]),
    ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    ({1: "a"}, {"1": "a"}),
    ({1, 2}, {1, 3}),
    (Path("a"), Path("b")),
    (Colour.RED, Colour.BLUE),
    (torch.float32, torch.float64),
    (Settings(0.1), Settings(0.2)),
    (Settings(0.1, (3, 4)), Settings(0.1, (4, 3))),
    (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])),
    (torch.zeros(2, 3), torch.zeros(3, 2)),
    (torch.zeros(2), torch.zeros(2, dtype=torch.long)),
    (torch.tensor(True), torch.tensor(False)),
    (np.arange(3), np.arange(3) + 1),
    (np.float32(1), np.float32(2)),
    (linear(0.1), linear(0.2)),
    (nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())),
    (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
    (scaled, linear),
    (torch.relu, torch.tanh),
    (functools.partial(scaled, factor=2), functools.partial(scaled, factor=3)),
    (Settings, Colour),
    (torch, np),
    (methods["ig-zero"].run, methods["gradient"].run),
]


@pytest.mark.parametrize("bind", ["closure", "argument", "keyword", "default", "deep", "method"])
@pytest.mark.parametrize(("one", "other"), VALUES, ids=name_value)
def test_what_is_bound_counts_by_its_content(one, other, bind) -> None:
    def bound(value):
        def closure():
            return value

        def inner(_):
            return closure()

        @dataclass
        class Owner:
            held: object

            def run(self): ...

        return {
            "closure": closure,
            "argument": functools.partial(scaled, value),
            "keyword": functools.partial(scaled, x=value),
            "default": lambda held=value: held,
            "deep": functools.partial(inner, [{"a": (value,)}]),
            "method": Owner(value).run,
        }[bind]

    assert fingerprint(bound(one)) == fingerprint(bound(one))
    assert fingerprint(bound(one)) != fingerprint(bound(other))


def test_equal_content_in_other_objects_is_the_same() -> None:
    def pair():
        return functools.partial(scaled, {"a": torch.arange(3), "b": linear(0.3)}, Settings(0.1, (1, 2)))

    def turned():
        return functools.partial(scaled, {"b": linear(0.3), "a": torch.arange(6)[:3]}, Settings(0.1, (1, *[2])))

    assert fingerprint(pair()) == fingerprint(turned())
    shared = (1, 2)
    assert fingerprint(functools.partial(scaled, shared, shared)) == fingerprint(
        functools.partial(scaled, (1, 2), (1, *[2]))
    )


def test_a_local_class_counts_by_what_its_methods_are_bound_to() -> None:
    def made(factor):
        class Scale(nn.Module):
            def __init__(self):
                super().__init__()

            def forward(self, x):
                return factor * x

        return Scale

    assert fingerprint(made(1)) == fingerprint(made(1)) != fingerprint(made(2))


def test_functions_that_call_each_other_have_an_end() -> None:
    def chain(limit):
        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n > limit or even(n - 1)

        return even

    assert fingerprint(chain(3)) == fingerprint(chain(3)) != fingerprint(chain(4))


def test_decorated_functions_count_as_what_they_decorate() -> None:
    assert fingerprint(pydantic.validate_call(scaled)) == fingerprint(scaled)
    assert fingerprint(functools.cache(scaled)) == fingerprint(scaled)
    assert fingerprint(torch.no_grad()(scaled)) == fingerprint(scaled)


def test_a_decorator_of_ones_own_counts_with_what_it_is_bound_to() -> None:
    def times(factor):
        @functools.wraps(scaled)
        def run(x):
            return factor * scaled(x)

        return run

    assert fingerprint(times(1)) == fingerprint(times(1)) != fingerprint(times(2))


def test_what_was_called_with_what_matters() -> None:
    assert fingerprint(scaled, linear) != fingerprint(scaled) != fingerprint(linear)


@pytest.mark.parametrize("value", [object(), torch.Generator(), iter([1]), np.array([object()])])
def test_what_has_no_content_is_named(value) -> None:
    with pytest.raises(TypeError, match=r"(of type (object|Generator|list_iterator) .*; bind plain|array of object)"):
        fingerprint(functools.partial(scaled, [value]))


def test_code_without_a_file_is_refused() -> None:
    namespace: dict[str, Any] = {}
    exec("def run(): ...", namespace)
    with pytest.raises(TypeError, match=r"run .* has no source file, .*; define it in a file"):
        fingerprint(namespace["run"])


class ParsesInTheEnd:
    """Garbage once it is made, whose finalizer parses source."""

    parsed = 0

    def __init__(self) -> None:
        self.cycle = self

    def __del__(self, parse=ast.parse) -> None:
        parse("f(x)[y] + 1")
        ParsesInTheEnd.parsed += 1


def test_garbage_that_parses_source_is_not_collected_while_a_file_is_parsed(monkeypatch, fresh) -> None:
    """On Python 3.11 that gives ``SystemError: AST constructor recursion depth mismatch``."""
    parse, thresholds = ast.parse, gc.get_threshold()
    file = Path(inspect.getfile(fingerprint))
    expected = source_files(file)

    def parse_among_garbage(content):
        before = ParsesInTheEnd.parsed
        ParsesInTheEnd()
        gc.set_threshold(50, 1, 1)
        try:
            return parse(content)
        finally:
            gc.set_threshold(*thresholds)
            assert ParsesInTheEnd.parsed == before

    forget_files()
    monkeypatch.setattr(ast, "parse", parse_among_garbage)
    assert source_files(file) == expected
    assert gc.isenabled()
    gc.collect()
    assert ParsesInTheEnd.parsed >= len(expected)
