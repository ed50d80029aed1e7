"""Things by name: how functions are registered, found and loaded, whatever they are for."""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar


@dataclass(frozen=True)
class RegistryEntry:
    """A registered function.

    Attributes:
        name: that it is asked for by.
        run: the function; its keyword-only parameters are options, but for those in ``given``.
        given: parameters that the caller provides, whatever the options.
    """

    name: str
    run: Callable[..., Any]

    given: ClassVar[frozenset[str]] = frozenset({"generator"})

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The options that it takes, with their defaults and annotations."""
        parameters = inspect.signature(self.run).parameters.values()
        return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in self.given}

    def option(self, chosen: Mapping[str, Any], name: str) -> Any:
        """The option as chosen, else its default; None where there is no such option, or it has no default."""
        if name in chosen or name not in self.options:
            return chosen.get(name)
        default = self.options[name].default
        return None if default is inspect.Parameter.empty else default

    def require_options(self, kind: str, names: Iterable[str]) -> None:
        """Raise ``TypeError`` on an option that it does not have."""
        for name in names:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise TypeError(f"{kind} {self.name!r} has no option {name!r}; its options: {known}")


T = TypeVar("T", bound=RegistryEntry)


class Registry(Generic[T]):
    """Entries by name, in the order they were added, with an error that suggests the nearest name.

    Before the first look every module of ``packages`` is imported, and every entry point of ``group``. A module that
    needs a package which is not installed is left out; asking for what it holds says which package that is.
    """

    every: ClassVar[list["Registry[Any]"]] = []

    def __init__(self, kind: str, *, packages: Sequence[str] = (), group: str = ""):
        self.kind = kind
        self._packages, self._group = packages, group
        self._entries: dict[str, T] = {}
        self._lacking: dict[str, str] = {}
        self._discovered = False
        Registry.every.append(self)

    def add(self, entry: T) -> None:
        """Register an entry.

        Raises:
            TypeError: when its name is no text.
            ValueError: when its name is empty, or taken.
        """
        if not isinstance(entry.name, str):
            raise TypeError(f"a {self.kind} is named {entry.name!r}, expected text; write @{self.kind}('my-name')")
        if not entry.name.strip():
            raise ValueError(f"a {self.kind} is named {entry.name!r}, expected text; write @{self.kind}('my-name')")
        if entry.name in self._entries:
            raise ValueError(f"there is already a {self.kind} named {entry.name!r}; choose another name")
        self._entries[entry.name] = entry

    def __getitem__(self, name: str) -> T:
        self._discover()
        if name not in self._entries:
            raise UnknownName(self.kind, name, list(self._entries), self._lacking)
        return self._entries[name]

    def __iter__(self) -> Iterator[T]:
        self._discover()
        return iter(list(self._entries.values()))

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True  # set first, since what is imported may look here
        try:
            self._import_all()
        except BaseException:
            self._discovered = False  # a registry that is half full would be mistaken for a full one
            raise

    def _import_all(self) -> None:
        for package_name in self._packages:
            package = importlib.import_module(package_name)
            for module in pkgutil.iter_modules(package.__path__):
                self._import(f"{package_name}.{module.name}")
        for entry_point in entry_points(group=self._group) if self._group else ():
            entry_point.load()

    def _import(self, module: str) -> None:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if not missing or missing == module.partition(".")[0]:
                raise
            self._lacking[module] = missing


class UnknownName(KeyError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: list[str], lacking: Mapping[str, str]):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(sorted(known))}."
        left_out = "".join(f" {module} was left out: it needs {package}." for module, package in lacking.items())
        self.message = f"unknown {kind} {name!r}; {hint}{left_out} (python -m benchmarks list {kind}s)"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:  # keeps the message when the error crosses a process boundary
        return (_restore_unknown_name, (self.message,))


def _restore_unknown_name(message: str) -> UnknownName:
    error = UnknownName.__new__(UnknownName)
    KeyError.__init__(error, message)
    error.message = message
    return error


def load_plugin(path: Path) -> ModuleType:
    """Import a file from outside the project, so that what is in it is registered: methods, metrics, tasks.

    Raises:
        ValueError: when there is no such file, or it registers nothing.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise ValueError(f"plug-in {str(path)!r} is not a file; give the path of a Python file with an @method in it")
    before = _registered()
    module = _import_file(path)
    if before == _registered() and not any(inspect.unwrap(run).__module__ == module.__name__ for run in before):
        raise ValueError(f"plug-in {str(path)!r} registers nothing; decorate a function with @method, @metric or @task")
    return module


def _registered() -> set[Callable[..., Any]]:
    return {entry.run for registry in Registry.every for entry in registry}


@cache
def _import_file(path: Path) -> ModuleType:
    name = f"sig_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # a .py file always has one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses, pickle and inspect look for it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
