"""Publishing a suite, and what anybody does with a published one."""


class NotPublishable(ValueError):
    """A run that cannot be published; the message has the reasons, and what to do about each."""


class NotComparable(ValueError):
    """Two runs that have nothing to compare; the message names them."""


class NotVerifiable(ValueError):
    """What cannot be verified as it was asked for; the message says why, and what to do."""


class NotTried(ValueError):
    """What cannot be tried on a published suite; the message says why, and what to do."""


class NotMerged(ValueError):
    """A contribution that cannot be made, or put on the board; the message says why, and what to do."""
