"""Claims about methods, put to the test on the records of a run, at the headline budget.

Models are what a claim is about (``benchmarks.board.statistics``): with a single one the verdict is labelled as being
about it only, and two are too few. A ``Bound`` says that a mean lies above or below a number, ``Closeness`` that two
means differ by less than a margin, ``Flatness`` that a mean changes by less than a margin along an option: these are
judged by 95 % intervals, in ``intervals``. ``Superiority`` says that some methods score better than others,
``Steadiness`` that they vary less between repetitions: these are judged by p-values of pairs, in ``pairs``.

A claim is held where all of its tests are, which needs no correction (Berger 1982). It is not held where one of them
goes against it; so p-values are Holm-corrected over the tests of the claim, and intervals have to lie on the other side
at Holm's levels.
"""

from benchmarks.papers.claims.claim import Claim
from benchmarks.papers.claims.intervals import Bound, Closeness, Flatness
from benchmarks.papers.claims.pairs import Steadiness, Superiority

__all__ = ["Bound", "Claim", "Closeness", "Flatness", "Steadiness", "Superiority"]
