"""A plug-in of methods that hang, take all memory, leave, talk, and die in the middle."""

import ctypes
import os
import sys
import threading
import time
from pathlib import Path

import torch
from torch import Tensor

from sig.explicand import Explicand
from sig.registry import method


def _bad(name: str):
    return method(name, family="bad", source="by hand", gradient=False)


@_bad("bad-hangs")
def hangs(e: Explicand, *, generator: torch.Generator) -> Tensor:
    time.sleep(10_000)
    return e.inputs


@_bad("bad-hangs-in-c")
def hangs_in_c(e: Explicand, *, generator: torch.Generator) -> Tensor:
    """No other thread of the process can run Python while it waits."""
    ctypes.PyDLL(None).sleep(10_000)
    return e.inputs


@_bad("bad-eats")
def eats(e: Explicand, *, generator: torch.Generator) -> Tensor:
    eaten = []
    while True:
        eaten.append(torch.ones(2**24))
        time.sleep(0.002)


@_bad("bad-leaves")
def leaves(e: Explicand, *, generator: torch.Generator) -> Tensor:
    os._exit(3)


@_bad("bad-exits")
def exits(e: Explicand, *, generator: torch.Generator) -> Tensor:
    sys.exit("enough")


@_bad("bad-exits-beside-a-thread")
def exits_beside_a_thread(e: Explicand, *, generator: torch.Generator) -> Tensor:
    threading.Thread(target=time.sleep, args=(10_000,)).start()
    sys.exit(4)


@_bad("bad-class-of-its-own")
def class_of_its_own(e: Explicand, *, generator: torch.Generator) -> Tensor:
    class Own(Tensor):
        pass

    return e.inputs.clone().as_subclass(Own)


@_bad("bad-segfaults")
def segfaults(e: Explicand, *, generator: torch.Generator) -> Tensor:
    ctypes.string_at(0)
    return e.inputs


@_bad("bad-prints")
def prints(e: Explicand, *, generator: torch.Generator) -> Tensor:
    print("spam " * 1000)
    os.write(1, b"spam\n")
    return e.inputs


@_bad("bad-dies-once")
def dies_once(e: Explicand, *, marker: str, generator: torch.Generator) -> Tensor:
    """As when the system kills a process at random."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), 9)
    return e.inputs
