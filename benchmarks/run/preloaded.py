"""What a worker's process has at hand from its start (``benchmarks.run.own_process``): every method, metric and task.

What cannot be imported is left to the process that works, which says so.
"""

from contextlib import suppress

from benchmarks.run import worker

for registry in (worker.methods, worker.metrics, worker.tasks):
    with suppress(Exception):
        list(registry)
