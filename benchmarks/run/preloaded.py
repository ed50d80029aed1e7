"""What a worker's process has at hand from its start (``benchmarks.run.own_process``): every method, metric and task,
and which packages are installed.

What cannot be imported is left to the process that works, which says so.
"""

from contextlib import suppress

import benchmarks.run.worker  # noqa: F401
from datasets.problem import tasks
from sig.registry import methods, metrics
from training.store.sources import find_versions

for registry in (methods, metrics, tasks):
    with suppress(Exception):
        list(registry)
find_versions("torch")
