"""Publishing a suite, and what anybody does with a published one."""


class NotPublishable(ValueError):
    """A run that cannot be published; the message has the reasons, and what to do about each."""
