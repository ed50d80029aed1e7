"""The session: how all trainings within a block are shown, and whether published models take their place.

The caller of tasks opens it; a task knows nothing of it, and ``training.fit.fit`` is given it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.store.published import PublishedModels
from training.tracking import Tracking

UNTRACKED: Final = Tracking(mode="disabled")


@dataclass(frozen=True)
class Session:
    """How trainings are shown, which never changes the weights, and whether there are any.

    Attributes:
        tracking: where W&B tracks them.
        progress: whether each has a progress bar.
        models: the published models that are taken in place of training; None to train.
    """

    tracking: Tracking = UNTRACKED
    progress: bool = True
    models: PublishedModels | None = None


_ALONE: Final = Session()
_session: Final[ContextVar[Session]] = ContextVar("session", default=_ALONE)


@contextmanager
def training_session(
    *, tracking: Tracking = UNTRACKED, progress: bool = True, models: Path | None = None
) -> Iterator[None]:
    """A block whose trainings have this session; with a folder of published ``models`` none is trained."""
    token = _session.set(Session(tracking, progress, None if models is None else PublishedModels(models)))
    try:
        yield
    finally:
        _session.reset(token)


def current_session() -> Session:
    """The session of the innermost ``training_session``; outside of any, trainings have a progress bar alone."""
    return _session.get()
