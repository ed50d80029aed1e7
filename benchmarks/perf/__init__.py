"""Timings of the hot paths, each beside its peer: ``python -m benchmarks.perf``, or ``make timings``.

Absolute times depend on the machine and on what else it does. The *ratio* of a peer's time to ours, both taken in
turns in one run, does so much less; ratios are what is printed first and compared between runs.
"""
