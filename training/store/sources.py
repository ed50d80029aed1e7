"""The source files behind a piece of code, followed through imports, and the packages that these need."""

import ast
import gc
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path
from typing import Any, Final, NamedTuple

from datasets.cache import PROJECT
from datasets.digest import hash_bytes, hash_content

PROJECT_PACKAGES: Final = ("sig", "datasets", "training", "benchmarks")
STANDARD_LIBRARY: Final = Path(sysconfig.get_path("stdlib")).resolve()
PLUGIN_GROUPS: Final = ("sig.methods", "sig.metrics", "sig.tasks")

# It is imported where numbers are made, but only reports on them.
NO_INFLUENCE: Final = frozenset({PROJECT / "training" / "tracking.py"})

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


def hash_source(file: Path) -> str:
    """SHA-256 of a file alone, as it was when this process first read it."""
    return _read(file).sha256


@cache
def hash_code(file: Path) -> str:
    """A hash of a file, of what it imports, and of the versions of packages."""
    sources = {_module_name(one): _read(one) for one in source_files(file)}
    packages = frozenset[str]().union(*(source.packages for source in sources.values()))
    named = {name: source.sha256 for name, source in sources.items()}
    return hash_content(named, {name: find_versions(name) for name in packages})


@cache
def _read(file: Path) -> _Source:
    content = file.read_bytes()
    files, packages = _packages_around(file), set()
    for folder, module, members in _imports(_parse(content), file):
        top_level = module.partition(".")[0]
        home = folder or _home(top_level, file)
        if home is not None:
            files |= _imported_files(home, module, members)
        elif top_level not in sys.stdlib_module_names and top_level not in IRRELEVANT_PACKAGES:
            packages.add(top_level)
    return _Source(hash_bytes(content), frozenset(files), frozenset(packages))


def _parse(content: bytes) -> ast.Module:
    """The syntax tree of a source, built without garbage collection.

    That may run finalizers that parse, too; Python 3.11 then loses count of the tree's depth and raises SystemError.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(content)
    finally:
        if collects:
            gc.enable()


def _imports(tree: ast.AST, file: Path) -> Iterator[tuple[Path | None, str, Sequence[str]]]:
    """Imported modules, each with the folder it is relative to, None where it is absolute, and the members taken."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((None, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = file.parents[node.level - 1] if node.level else None
            yield folder, node.module or "", [alias.name for alias in node.names]


def _imported_files(folder: Path, module: str, members: Sequence[str]) -> set[Path]:
    """The files behind an import.

    Members that are modules themselves stand for their own files. The project's packages do nothing but name what is in
    them, so that of these only what is taken counts; of another package all that Python runs on the way.
    """
    inside = {member: _existing(folder, f"{module}.{member}".removeprefix(".")) for member in members}
    files = set[Path]().union(*inside.values())
    if not members or not all(inside.values()):
        files |= _existing(folder, module)
    return files if folder == PROJECT else files | set[Path]().union(*map(_packages_around, files))


def _packages_around(file: Path) -> set[Path]:
    """The files that Python runs before a file of a package other than the project's."""
    outermost = _outermost(file)
    inside = file.relative_to(outermost).parents if outermost != PROJECT else ()
    return {outermost / folder / "__init__.py" for folder in inside if folder.parts} - {file}


def _existing(folder: Path, name: str) -> set[Path]:
    """The file of a module or package of that name; none where there is no such file."""
    return {file for file in _module_files(folder, name) if file.is_file()} if name else set()


def _module_name(file: Path) -> str:
    """A file's name within its outermost package, wherever that lies."""
    return file.relative_to(_outermost(file)).as_posix()


def _outermost(file: Path) -> Path:
    """The folder that holds the outermost package that a file lies in."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _home(top_level: str, file: Path) -> Path | None:
    """The folder with the package or module of that name, when it belongs to the project or to a plug-in."""
    if top_level in PROJECT_PACKAGES:
        return PROJECT
    own = _outermost(file)
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
def find_versions(package: str) -> dict[str, str]:
    """The versions of the distributions that a package comes from; none where it is not installed."""
    return {name: version(name) for name in _distributions().get(package, [])}


def find_source(code: Any) -> Path | None:
    """The file that defines a function, a class or a module; None for what is installed or not written in Python."""
    try:
        found = inspect.getsourcefile(code)
    except TypeError:  # built in
        return None
    if found is None or not Path(found).is_file():
        raise TypeError(f"{code!r} has no source file, which a fingerprint is made from; define it in a file")
    file = Path(found).resolve()
    return None if _is_installed(file) else file


def forget_files() -> None:
    """Read files and versions anew from now on, for code that has been edited and loaded again."""
    for cached in (hash_code, _read, find_versions, _distributions, _plugin_packages):
        cached.cache_clear()
