"""Lets code report that a piece of work begins and ends to the listener that the current context holds, if any.

What a run causes far below it, such as a search in a store or a request for vectors, is reached through objects that
serve many runs and know none of them. The context of the caller tells which run it is.
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
"""A fact about a piece of work: a name or a count, never a text."""

Found: TypeAlias = tuple[str, float, str]
"""A result of a search: its id, its score and its text."""


@dataclass(slots=True)
class Texts:
    """The texts of a piece of work. They are private: a listener reads them only if it may keep them.

    Attributes:
        query: returns the query; called at the beginning.
        found: returns the results, best first; called at the end, if the work has set it by then.
        fault: the class of an error that an answer reports, such as a code of its protocol; never a free text.
    """

    query: Callable[[], str] | None = None
    found: Callable[[], Sequence[Found]] | None = None
    fault: str = ""


Ended: TypeAlias = Callable[[BaseException | None], None]

Listener: TypeAlias = Callable[[str, Mapping[str, Fact], Texts], Ended]
"""Takes the kind of a piece of work, the facts known at its beginning, and its texts; returns a callback that is called
at its end with the exception, if any. Neither may raise."""

_LISTENER: Final[ContextVar[Listener | None]] = ContextVar("lightagent_observed_work", default=None)


@contextmanager
def observe(kind: str, facts: Mapping[str, Fact], query: Callable[[], str] | None = None) -> Generator[Texts]:
    """Report the work inside the block to the current listener, if any; results can be set on the yielded `Texts`."""
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
    """Whether this context has a listener."""
    return _LISTENER.get() is not None


def listen(listener: Listener) -> Callable[[], None]:
    """Report work that begins in this context to `listener`, until the returned function is called."""
    before = _LISTENER.get()
    _LISTENER.set(listener)

    def stop() -> None:
        if _LISTENER.get() is listener:  # False in another context, where this listener was never set.
            _LISTENER.set(before)

    return stop
