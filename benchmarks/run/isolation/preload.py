"""Imported by the server of forks, so that each has at hand every method, metric and task, and the packages' versions.

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
