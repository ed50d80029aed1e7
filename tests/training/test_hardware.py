import json
import os
import platform
import subprocess
import sys
from functools import cache

import pytest
import torch

from training.hardware import choose_precision, describe_instructions, describe_processor, multiplies_bf16

# What is found, and, as the oracle, what oneDNN says that it uses when a convolution makes it speak.
SCRIPT = """
import json
import torch
from training.hardware import choose_precision, describe_instructions, multiplies_bf16
with torch.backends.mkldnn.verbose(1):
    torch.nn.Conv2d(8, 8, 3)(torch.rand(4, 8, 32, 32))
print(json.dumps([multiplies_bf16("cpu"), choose_precision(bf16=True, device="cpu"), describe_instructions()]))
"""
INTEL = sys.platform == "linux" and platform.machine() == "x86_64"
RESTRICTIONS = [
    {},
    {"ONEDNN_MAX_CPU_ISA": "DEFAULT"},
    {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"},
    {"ONEDNN_MAX_CPU_ISA": "avx512_core_amx"},
    {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
    {"ONEDNN_MAX_CPU_ISA": "avx512_core"},
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"ONEDNN_MAX_CPU_ISA": "no such set"},
    {"DNNL_MAX_CPU_ISA": "AVX2"},
    {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16", "DNNL_MAX_CPU_ISA": "AVX2"},
    {"ATEN_CPU_CAPABILITY": "avx2"},
]


@cache
def find(*restriction: tuple[str, str]) -> tuple[str, bool, str, str]:
    """What oneDNN says that it uses where the environment restricts it so, and what is found there."""
    names = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**environment, **dict(restriction)},
        capture_output=True,
        text=True,
        check=True,
    )
    *said, found = done.stdout.splitlines()
    (isa,) = (line for line in said if "cpu,isa:" in line)
    return isa, *json.loads(found)


@pytest.mark.skipif(not INTEL, reason="needs Linux on x86-64")
@pytest.mark.parametrize("restriction", RESTRICTIONS, ids=lambda said: "-".join(said.values()) or "none")
def test_bfloat16_is_native_where_onednn_says_that_it_uses_it(restriction: dict[str, str]) -> None:
    isa, native, precision, instructions = find(*restriction.items())
    unrestricted, *_ = find()
    assert native == ("AVX2" not in isa and "bfloat16" in isa)  # AVX2 with bfloat16 converts it only
    assert precision == ("bfloat16" if native else "float32")
    if "within AVX2" in instructions:
        assert "AVX2" in isa or isa == unrestricted  # of a processor that has less
    else:
        assert "AVX2" not in isa or isa == unrestricted  # of a processor that has no more
    if "ATEN_CPU_CAPABILITY" in restriction:
        assert instructions == "AVX2"


@pytest.mark.skipif(not INTEL, reason="needs Linux on x86-64")
def test_the_processor_is_named_as_lscpu_names_it() -> None:
    said = subprocess.run(["lscpu"], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    (name,) = (line.partition(":")[2].strip() for line in said.stdout.splitlines() if line.startswith("Model name:"))
    assert describe_processor() == name
    assert describe_instructions().startswith(torch.backends.cpu.get_cpu_capability())


def test_float32_where_nobody_wishes_for_less() -> None:
    assert choose_precision(bf16=False, device="cpu") == "float32"
    assert choose_precision(bf16=False, device="cuda") == "float32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_nothing_is_native_to_a_device_that_is_not_there() -> None:
    assert not multiplies_bf16("cuda")
