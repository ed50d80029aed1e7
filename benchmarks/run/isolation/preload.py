"""What a fork has at hand from its start: every method, metric and task, and which packages are installed.

What cannot be imported is left to the fork that works, which says so.
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
