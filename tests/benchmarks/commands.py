"""What tests of the command line share."""

from collections.abc import Callable

Call = Callable[..., tuple[object, str, list[str]]]  # arguments to exit code, what was printed, lines on stderr
