"""Attribution mathematics: tensors in, tensors out.

What a method from outside the project needs is named here::

    from sig import Explicand, baselines, method, path
"""

from sig import baselines, coalitions, games, path
from sig.explicand import Explicand, Tally
from sig.plugins import UnknownName, load_plugin
from sig.registry import Cost, NotApplicable, Trial, method, methods, metric, metrics

__all__ = [
    "Cost",
    "Explicand",
    "NotApplicable",
    "Tally",
    "Trial",
    "UnknownName",
    "baselines",
    "coalitions",
    "games",
    "load_plugin",
    "method",
    "methods",
    "metric",
    "metrics",
    "path",
]
