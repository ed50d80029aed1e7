"""Metrics of attributions, one file each: the pure function first, then the metric registered under a name."""
