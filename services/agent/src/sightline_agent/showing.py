"""What one request is shown, other than its agent is by default."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from sightline_agent.settings import Mode

_MODE: ContextVar[Mode | None] = ContextVar("sightline_mode", default=None)


@contextlib.contextmanager
def showing(mode: Mode) -> Iterator[None]:
    """What is asked for in here is shown this, and so are the requests that follow its tools::

        with showing("images"):
            session.generate_reply(user_input="Read me the label.")

    It need not be awaited in here: livekit-agents starts the reply's task at once. Spoken and typed turns
    of a frontend begin elsewhere: override ``VisionAgent.mode_of_turn`` for these.
    """
    token = _MODE.set(mode)
    try:
        yield
    finally:
        _MODE.reset(token)


def chosen() -> Mode | None:
    """What the current request is to be shown; None: what its agent is shown."""
    return _MODE.get()
