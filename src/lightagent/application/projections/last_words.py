"""What the model said last, whole or broken off."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.domain.events import Event, ModelFailed, ModelReplied


def words_of(event: ModelReplied | ModelFailed) -> str:
    """The text of a reply, or the part of one that came before the request failed."""
    return event.partial if isinstance(event, ModelFailed) else event.message.content or ""


def last_words(events: Sequence[Event]) -> str:
    """The text that a run without an answer leaves behind."""
    last = next((event for event in reversed(events) if isinstance(event, (ModelReplied, ModelFailed))), None)
    return "" if last is None else words_of(last)
