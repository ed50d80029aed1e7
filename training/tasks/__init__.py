"""The tasks that train a network, or take a trained one: one file each, from a seed to a problem.

A file says what the data are, what the network is, how it is trained (``training.recipe.ModelSpec``), and what is
explained. Options that mean the same in every task that has them:

* ``images``, ``pictures``, ``digits``, ``faces``, ``inputs``: how many inputs are explained.
* ``background``: how many samples of what the network was trained on the background holds.
* ``patch``: players are squares of this many pixels a side, a divisor of the pictures' height and width.
* ``output``: whether the probability of the explained class is explained, or its logit.
* ``network``: the papers' network, or a smaller one; the functions ``make_..`` describe them.
* ``damage``: of the samples that a network which sees certainty is trained on (``training.recipe.Recipe``).
* ``compare``: train the same network without damage too, on as many samples.
* ``full``: the full MNIST in place of the ten thousand embedded digits.

A task raises ``ValueError`` when there are not so many samples or squares do not fill a picture, and ``NotConverged``
when no seed leads to a usable model.
"""
