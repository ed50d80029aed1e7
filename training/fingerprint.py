"""One fingerprint of all that decides a number: code, versions of packages, and the values that code is bound to."""

import ast
import enum
import functools
import hashlib
import importlib.util
import inspect
import json
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache, singledispatch
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path, PurePath
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

PROJECT: Final = Path(__file__).resolve().parents[1]
PROJECT_PACKAGES: Final = ("sig", "datasets", "training", "benchmarks")
STANDARD_LIBRARY: Final = Path(sysconfig.get_path("stdlib")).resolve()
PLUGIN_GROUPS: Final = ("sig.methods", "sig.metrics", "sig.tasks")

# It is imported where numbers are made, but only reports on them.
NO_INFLUENCE: Final = frozenset({PROJECT / "training" / "wandb_client.py"})

# Packages that never decide a number, and what they do instead.
IRRELEVANT_PACKAGES: Final = {
    "beartype": "checks types",
    "dask": "says where work is done",
    "distributed": "says where work is done",
    "filelock": "keeps processes apart",
    "jaxtyping": "checks shapes",
    "jinja2": "writes pages",
    "matplotlib": "draws",
    "psutil": "measures memory",
    "pydantic": "checks options",
    "rich": "shows progress",
    "seaborn": "draws",
    "tqdm": "shows progress",
    "typer": "reads the command line",
    "typing_extensions": "names types",
    "wandb": "reports",
}


def fingerprint(*called: Callable[..., Any]) -> str:
    """A SHA-256, in hex, of everything that decides what the calls give, besides their arguments:

    * the contents of the source files of what is called, and of every file of the project that these import anywhere in
      them, directly or not; for a plug-in, of the files of its own package, beside it or on the path too. Where files
      lie does not matter. What is installed counts by its version, and a decorator from there not at all.
    * the versions of Python, of torch, and of the packages that these files import and that can decide numbers.
    * what is bound: the function and arguments of a ``functools.partial``, the closure and defaults of a function, the
      object of a method. Callables and classes among these are followed as above, values count by their content.

    Files are read once in a process; see ``forget_files``.

    Raises:
        TypeError: when something is bound that has no content to go by, or code comes from no file.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hash_content(python, _versions("torch"), [_describe(one) for one in called])


def hash_content(*parts: Any) -> str:
    """SHA-256 of the parts as JSON, in hex, whatever the order of a table's entries."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def forget_files() -> None:
    """Read files and versions anew from now on, for code that has been edited and loaded again."""
    for cached in (_code, _read, _versions, _distributions, _plugin_packages):
        cached.cache_clear()


def source_files(file: Path) -> frozenset[Path]:
    """The file, and every file of the project, of its own package or beside it that it imports, directly or not."""
    found: set[Path] = set()
    left = {file.resolve()}
    while left:
        found |= left
        left = {other for one in left for other in _read(one).files} - found - NO_INFLUENCE
    return frozenset(found)


class _Source(NamedTuple):
    """A file's SHA-256, the files that it imports, and the names of the packages that it imports besides."""

    sha256: str
    files: frozenset[Path]
    packages: frozenset[str]


@cache
def _code(file: Path) -> str:
    """A hash of a file, of what it imports, and of the versions of packages."""
    sources = [_read(one) for one in source_files(file)]
    packages = frozenset[str]().union(*(source.packages for source in sources))
    return hash_content(sorted(source.sha256 for source in sources), {name: _versions(name) for name in packages})


@cache
def _read(file: Path) -> _Source:
    content = file.read_bytes()
    files, packages = set(), set()
    for folder, name in _imports(ast.parse(content), file):
        top_level = name.partition(".")[0]
        home = folder or _home(top_level, file)
        if home is not None:
            files |= {found for found in _module_files(home, name) if found.is_file()}
        elif top_level not in sys.stdlib_module_names and top_level not in IRRELEVANT_PACKAGES:
            packages.add(top_level)
    return _Source(hashlib.sha256(content).hexdigest(), frozenset(files), frozenset(packages))


def _imports(tree: ast.AST, file: Path) -> Iterator[tuple[Path | None, str]]:
    """Names of what may be modules, each with the folder it is relative to; None where it is absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((None, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = file.parents[node.level - 1] if node.level else None
            module = node.module or ""
            yield folder, module
            yield from ((folder, f"{module}.{alias.name}".removeprefix(".")) for alias in node.names)


def _home(top_level: str, file: Path) -> Path | None:
    """The folder with the package or module of that name, when it belongs to the project or to a plug-in."""
    if top_level in PROJECT_PACKAGES:
        return PROJECT
    own = file.parent
    while (own / "__init__.py").is_file():
        own = own.parent
    if _installed_package(file) in (None, top_level) and any(one.is_file() for one in _module_files(own, top_level)):
        return own
    if top_level in sys.stdlib_module_names or top_level in _distributions():
        return None
    return _on_the_path(top_level)


def _on_the_path(top_level: str) -> Path | None:
    """The folder of a module that comes neither with Python nor from a distribution; None where it is not found."""
    loaded = sys.modules.get(top_level)
    spec = loaded.__spec__ if loaded else importlib.util.find_spec(top_level)
    place = spec and next(iter(spec.submodule_search_locations or ()), spec.origin)
    return Path(place).resolve().parent if place else None


def _module_files(folder: Path, name: str) -> tuple[Path, Path]:
    module = folder.joinpath(*name.split("."))
    return module.with_name(f"{module.name}.py"), module / "__init__.py"


def _is_installed(file: Path) -> bool:
    """Whether a file came with Python or a distribution, other than one of plug-ins."""
    package = _installed_package(file)
    return package is not None and package not in _plugin_packages()


def _installed_package(file: Path) -> str | None:
    """The name of the package or module that a file belongs to, where that is installed."""
    for folder in file.parents:
        if folder.name in ("site-packages", "dist-packages") or folder == STANDARD_LIBRARY:
            return file.relative_to(folder).parts[0].removesuffix(".py")
    return None


@cache
def _plugin_packages() -> frozenset[str]:
    found = (entry_point for group in PLUGIN_GROUPS for entry_point in entry_points(group=group))
    return frozenset(entry_point.module.partition(".")[0] for entry_point in found)


@cache
def _distributions() -> dict[str, list[str]]:
    return {package: sorted(set(names)) for package, names in packages_distributions().items()}


@cache
def _versions(package: str) -> dict[str, str]:
    """The versions of the distributions that a package comes from; none where it is not installed."""
    return {name: version(name) for name in _distributions().get(package, [])}


def _source_file(code: Any) -> Path | None:
    """The file that defines a function, a class or a module; None for what is installed or not written in Python."""
    try:
        found = inspect.getsourcefile(code)
    except TypeError:  # built in
        return None
    if found is None or not Path(found).is_file():
        raise TypeError(f"{code!r} has no source file, which a fingerprint is made from; define it in a file")
    file = Path(found).resolve()
    return None if _is_installed(file) else file


def _describe(value: Any, inside: tuple[Any, ...] = ()) -> Any:
    """JSON that is the same for the same content, and different for another; ``inside`` is what it was found in."""
    while callable(value) and hasattr(value, "__wrapped__") and not _is_own_function(value):
        value = value.__wrapped__
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for depth, one in enumerate(inside):
        if one is value:
            return {"again": depth}
    return _content(value, (*inside, value))


def _is_own_function(value: Any) -> bool:
    return isinstance(value, FunctionType) and _source_file(value) is not None


@singledispatch
def _content(value: Any, inside: tuple[Any, ...]) -> Any:
    if is_dataclass(value):
        content = {field.name: _describe(getattr(value, field.name), inside) for field in fields(value)}
        return {"dataclass": _describe(type(value), inside), "fields": content}
    if callable(value) and hasattr(value, "__name__"):  # not written in Python
        return _installed(value)
    raise TypeError(
        f"{value!r:.80} of type {type(value).__name__} is bound to what is called, and has no content to make a "
        "fingerprint from; bind plain values, paths, dataclasses, arrays, modules or functions instead"
    )


@_content.register(enum.Enum)
def _(value: enum.Enum, inside: tuple[Any, ...]) -> Any:
    return {"enum": _describe(type(value), inside), "name": value.name}


@_content.register(PurePath)
@_content.register(torch.dtype)
@_content.register(torch.device)
def _(value: Any, inside: tuple[Any, ...]) -> Any:
    return str(value)


@_content.register(bytes)
def _(value: bytes, inside: tuple[Any, ...]) -> Any:
    return {"bytes": hashlib.sha256(value).hexdigest()}


@_content.register(list)
@_content.register(tuple)
def _(value: Any, inside: tuple[Any, ...]) -> Any:
    return [_describe(one, inside) for one in value]


@_content.register(set)
@_content.register(frozenset)
def _(value: Any, inside: tuple[Any, ...]) -> Any:
    return {"set": sorted((_describe(one, inside) for one in value), key=json.dumps)}


@_content.register(dict)
def _(value: dict[Any, Any], inside: tuple[Any, ...]) -> Any:
    return {"dict": sorted(([_describe(part, inside) for part in pair] for pair in value.items()), key=json.dumps)}


@_content.register(Tensor)
def _(value: Tensor, inside: tuple[Any, ...]) -> Any:
    content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return {"tensor": _content(content, inside), "dtype": str(value.dtype), "shape": list(value.shape)}


@_content.register(np.ndarray)
@_content.register(np.generic)
def _(value: Any, inside: tuple[Any, ...]) -> Any:
    if value.dtype.hasobject:
        raise TypeError(f"an array of {value.dtype} is bound to what is called; convert it to numbers")
    digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return {"array": digest, "dtype": str(value.dtype), "shape": list(value.shape)}


@_content.register(nn.Module)
def _(value: nn.Module, inside: tuple[Any, ...]) -> Any:
    parts = [
        [name, _describe(type(part), inside), part.extra_repr(), _plain_attributes(part)]
        for name, part in value.named_modules()
    ]
    return {"module": parts, "state": _describe(dict(value.state_dict()), inside)}


def _plain_attributes(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if isinstance(value, bool | int | float | str)}


@_content.register(ModuleType)
def _(value: ModuleType, inside: tuple[Any, ...]) -> Any:
    return _located(value)


@_content.register(functools.partial)
def _(value: functools.partial[Any], inside: tuple[Any, ...]) -> Any:
    return {"partial": [_describe(part, inside) for part in (value.func, value.args, value.keywords)]}


@_content.register(MethodType)
def _(value: MethodType, inside: tuple[Any, ...]) -> Any:
    return {"method": [_describe(value.__func__, inside), _describe(value.__self__, inside)]}


@_content.register(FunctionType)
def _(value: FunctionType, inside: tuple[Any, ...]) -> Any:
    described = _located(value)
    if "code" not in described and "<locals>" not in value.__qualname__:
        return described
    code, bound = value.__code__, [value.__defaults__, value.__kwdefaults__, inspect.getclosurevars(value).nonlocals]
    place = [code.co_firstlineno, code.co_linetable.hex()]  # tells the lambdas of one line apart
    return {**described, "place": place, "bound": [_describe(one, inside) for one in bound]}


@_content.register(type)
def _(value: type, inside: tuple[Any, ...]) -> Any:
    is_local = "<locals>" in value.__qualname__  # so that its methods may be bound to something
    methods = [one for one in vars(value).values() if is_local and isinstance(one, FunctionType) and _is_written(one)]
    return {**_located(value), "methods": [_describe(one, inside) for one in methods]}


def _is_written(function: FunctionType) -> bool:
    """Whether it stands in a file, and was not generated as those of dataclasses are."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and Path(code.co_filename).is_file()


def _located(code: Any) -> dict[str, Any]:
    """Which function, class or module it is, and what its code is."""
    file = _source_file(code)
    if file is None:
        return _installed(code)
    return {"name": getattr(code, "__qualname__", ""), "file": _read(file).sha256, "code": _code(file)}


def _installed(code: Any) -> dict[str, Any]:
    name = getattr(code, "__qualname__", code.__name__)
    module = code.__name__ if isinstance(code, ModuleType) else getattr(code, "__module__", None) or ""
    return {"name": f"{module}.{name}", "versions": _versions(module.partition(".")[0])}
