"""One fingerprint of all that decides a number: code, versions of packages, and the values that code is bound to."""

import enum
import functools
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import singledispatch
from pathlib import Path, PurePath
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.digest import hash_bytes, hash_content
from training.store.sources import find_source, find_versions, hash_code, hash_source


def fingerprint(*called: Callable[..., Any]) -> str:
    """A SHA-256, in hex, of everything that decides what the calls give, besides their arguments:

    * the contents of the source files of what is called, and of every file of the project that these import anywhere in
      them, directly or not; for a plug-in, of the files of its own package, beside it or on the path too. Where files
      lie does not matter. What is installed counts by its version, and a decorator from there not at all.
    * the versions of Python, of torch, and of the packages that these files import and that can decide numbers.
    * what is bound: the function and arguments of a ``functools.partial``, the closure and defaults of a function, the
      object of a method. Callables and classes among these are followed as above, values count by their content.

    Files are read once in a process; see ``training.store.sources.forget_files``.

    Raises:
        TypeError: when something is bound that has no content to go by, or code comes from no file.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hash_content(python, find_versions("torch"), [_describe(one) for one in called])


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
    return isinstance(value, FunctionType) and find_source(value) is not None


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
    return {"bytes": hash_bytes(value)}


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
    digest = hash_bytes(np.ascontiguousarray(value).tobytes())
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
    file = find_source(code)
    if file is None:
        return _installed(code)
    return {"name": getattr(code, "__qualname__", ""), "file": hash_source(file), "code": hash_code(file)}


def _installed(code: Any) -> dict[str, Any]:
    name = getattr(code, "__qualname__", code.__name__)
    module = code.__name__ if isinstance(code, ModuleType) else getattr(code, "__module__", None) or ""
    return {"name": f"{module}.{name}", "versions": find_versions(module.partition(".")[0])}
