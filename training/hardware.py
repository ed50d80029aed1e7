"""The machine: its processor, the instructions that torch uses of it, and how precise training is on it.

A training step of Burnt Snacks, on one thread of one processor with AMX, takes 32 ms in bfloat16; with no more than
AVX512-BF16 104 ms, AVX512 255 ms, AVX2 1,125 ms; in float32 82 to 107 ms with any of these. On an AMD EPYC with
AVX512-BF16 it takes 24 ms in bfloat16 and 38 ms in float32. So bfloat16 pays, or costs nothing, where it is native.
"""

import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

import torch

Precision = Literal["bfloat16", "float32"]

_UNRESTRICTED: Final = ("", "ALL", "DEFAULT")  # values of ONEDNN_MAX_CPU_ISA
_WITHOUT_BF16: Final = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")


def choose_precision(*, bf16: bool, device: str) -> Precision:
    """The precision of training steps on a device, ``cpu`` or ``cuda``: bfloat16 where that is wished and native."""
    return "bfloat16" if bf16 and multiplies_bf16(device) else "float32"


@cache
def multiplies_bf16(device: str) -> bool:
    """Whether the device multiplies bfloat16 natively; found once in a process.

    Of processors those with AMX-BF16 or AVX512-BF16, unless ``ONEDNN_MAX_CPU_ISA`` keeps oneDNN, which multiplies for
    torch, from using them. ``ATEN_CPU_CAPABILITY`` has no say in this.
    """
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    has_it = not {"amx_bf16", "avx512_bf16"}.isdisjoint(_read_cpuinfo().get("flags", "").split())
    return has_it and torch.backends.mkldnn.is_available() and _find_restriction() not in _WITHOUT_BF16


@cache
def describe_processor() -> str:
    """Its model name, such as ``AMD EPYC 9575F``; the architecture where the system does not tell."""
    return _read_cpuinfo().get("model name") or platform.processor() or platform.machine()


def describe_instructions() -> str:
    """The instruction set of torch's own kernels, and the one that oneDNN's keep within where the environment says so,
    such as ``AVX512`` or ``AVX2, oneDNN within AVX2``."""
    restriction = _find_restriction()
    return torch.backends.cpu.get_cpu_capability() + (f", oneDNN within {restriction}" if restriction else "")


def _find_restriction() -> str:
    """The most that oneDNN may use, as it reads it; empty where nothing is said."""
    said = (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "").upper()
    return "" if said in _UNRESTRICTED else said


@cache
def _read_cpuinfo() -> Mapping[str, str]:
    """Linux's facts about the first processor, by name; none elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
