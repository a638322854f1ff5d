"""What the model said last, whole or broken off: the text that a run without an answer leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.domain.events import Event, ModelFailed, ModelReplied, RunFinished
from lightagent.domain.handoff_words import KEPT_BACK
from lightagent.domain.outcomes import Blocked


def reply_text(event: ModelReplied | ModelFailed) -> str:
    """The text of a reply, or the part of one that came before the request failed."""
    if isinstance(event, ModelFailed):
        return event.partial
    return "" if is_kept_back(event) else event.message.content or ""


def is_kept_back(event: ModelReplied) -> bool:
    """Whether the words of a reply are for the agent that takes over, and not for the user."""
    return KEPT_BACK in event.decisions


def withholds_content(event: Event | None) -> bool:
    """Whether the run ends so that words which came before must not be shown: they may be what was forbidden."""
    if not isinstance(event, RunFinished):
        return False
    stopped = any(one.phase == "output" and one.action in ("block", "error") for one in event.decisions)
    return isinstance(event.outcome, Blocked) or stopped


def partial_text(events: Sequence[Event]) -> str:
    """The text that a run without an answer leaves behind; empty where it may be what was forbidden."""
    end = events[-1] if events else None
    if withholds_content(end):
        return ""
    last = next((event for event in reversed(events) if isinstance(event, (ModelReplied, ModelFailed))), None)
    return "" if last is None else reply_text(last)
