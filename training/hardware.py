"""What the machine computes with: its processor, the instructions that torch uses of it, and where bfloat16 pays."""

import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import torch

_UNRESTRICTED: Final = ("", "all", "default")  # values of ONEDNN_MAX_CPU_ISA


@cache
def describe_processor() -> str:
    """Its model name, such as ``AMD EPYC 9575F``; the architecture where the system does not tell."""
    return _read_cpuinfo().get("model name") or platform.processor() or platform.machine()


def describe_instructions() -> str:
    """The instruction set of torch's own kernels, and the one that oneDNN's keep within where the environment says so,
    such as ``AVX512`` or ``AVX2, oneDNN within AVX2``."""
    restriction = _onednn_restriction().upper()
    return torch.backends.cpu.get_cpu_capability() + (f", oneDNN within {restriction}" if restriction else "")


@cache
def multiplies_bf16(device: str = "cpu") -> bool:
    """Whether the device, ``cpu`` or ``cuda``, multiplies matrices in bfloat16 so that it pays to train in it.

    Of processors those with matrix units for it (AMX-BF16), unless ``ONEDNN_MAX_CPU_ISA`` or ``ATEN_CPU_CAPABILITY``
    keeps torch from using them. AVX512-BF16 is not enough: its convolutions are no faster than in float32. Found once
    in a process.
    """
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    restriction = _onednn_restriction()
    return (
        "amx_bf16" in _read_cpuinfo().get("flags", "").split()
        and torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AVX10"))
        and (not restriction or "amx" in restriction)
    )


def _onednn_restriction() -> str:
    """The most that oneDNN may use, in lower case; empty where nothing is said."""
    said = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or ""
    return "" if said.lower() in _UNRESTRICTED else said.lower()


@cache
def _read_cpuinfo() -> Mapping[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
