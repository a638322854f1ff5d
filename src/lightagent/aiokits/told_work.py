"""Lets code tell that a piece of work begins and ends, without knowing who listens: whoever has the context entered.

What a run causes far below it, such as a search in a store or a request for vectors, is reached through objects that
serve many runs and know none of them. The context of the caller knows which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeAlias

Fact: TypeAlias = str | int | None
"""What is told of a piece of work: names and counts, never texts."""

Ended: TypeAlias = Callable[[BaseException | None], None]

Listener: TypeAlias = Callable[[str, Mapping[str, Fact]], Ended]
"""Takes the kind of a piece of work and what is known of it at its beginning; gives what is told of its end. Neither
raises."""

_LISTENER: Final[ContextVar[Listener | None]] = ContextVar("lightagent_told_work", default=None)


@contextmanager
def telling(kind: str, **facts: Fact) -> Generator[None]:
    """Tell of the work inside, where somebody listens."""
    listener = _LISTENER.get()
    if listener is None:
        yield
        return
    ended = listener(kind, facts)
    try:
        yield
    except BaseException as error:
        ended(error)
        raise
    ended(None)


def listen(listener: Listener) -> Callable[[], None]:
    """Have a listener told of what begins in this context from now on, until what this gives is called."""
    before = _LISTENER.get()
    _LISTENER.set(listener)

    def stop() -> None:
        if _LISTENER.get() is listener:  # Else it is called in another context, where nobody listens for this one.
            _LISTENER.set(before)

    return stop
