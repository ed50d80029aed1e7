"""What the environment says to a process that computes cells; libraries read it as they are loaded."""

from collections.abc import Mapping
from typing import Final

ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# glibc gives large blocks back to the system as soon as they are freed, and every page of the next one then costs a
# fault: a third of the time of a convolutional network. A Dask nanny has it give back small ones too.
KEEP_MEMORY: Final = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
ENVIRONMENT: Final[Mapping[str, str]] = ONE_THREAD | KEEP_MEMORY
