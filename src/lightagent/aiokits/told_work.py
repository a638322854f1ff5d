"""Lets code tell that a piece of work begins and ends, without knowing who listens: whoever has the context entered.

What a run causes far below it, such as a search in a store or a request for vectors, is reached through objects that
serve many runs and know none of them. The context of the caller knows which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeAlias

MCP_REQUEST: Final = "mcp"
"""The kind of work that a request to an MCP server is."""

Fact: TypeAlias = str | int | None
"""What is told of a piece of work: names and counts, never texts."""

Found: TypeAlias = tuple[str, float, str]
"""What a search found: its id, its score, and what it says."""


@dataclass(slots=True)
class Texts:
    """The texts of a piece of work. They are private: a listener asks for them only where it may keep them.

    Attributes:
        query: gives what is searched for; asked at the beginning.
        found: gives what was found, best first; asked at the end, where the work has set it by then.
        fault: the class of a fault that an answer tells, such as a code of its protocol; no text of anybody's.
    """

    query: Callable[[], str] | None = None
    found: Callable[[], Sequence[Found]] | None = None
    fault: str = ""


Ended: TypeAlias = Callable[[BaseException | None], None]

Listener: TypeAlias = Callable[[str, Mapping[str, Fact], Texts], Ended]
"""Takes the kind of a piece of work, what is known of it at its beginning, and its texts; gives what is told of its
end. Neither raises."""

_LISTENER: Final[ContextVar[Listener | None]] = ContextVar("lightagent_told_work", default=None)


@contextmanager
def telling(kind: str, facts: Mapping[str, Fact], query: Callable[[], str] | None = None) -> Generator[Texts]:
    """Tell of the work inside, where somebody listens; what it finds can be set on what this gives."""
    listener, texts = _LISTENER.get(), Texts(query)
    if listener is None:
        yield texts
        return
    ended = listener(kind, facts, texts)
    try:
        yield texts
    except BaseException as error:
        ended(error)
        raise
    ended(None)


def is_listening() -> bool:
    """Whether somebody is told of work in this context."""
    return _LISTENER.get() is not None


def listen(listener: Listener) -> Callable[[], None]:
    """Have a listener told of what begins in this context from now on, until what this gives is called."""
    before = _LISTENER.get()
    _LISTENER.set(listener)

    def stop() -> None:
        if _LISTENER.get() is listener:  # Else it is called in another context, where nobody listens for this one.
            _LISTENER.set(before)

    return stop
