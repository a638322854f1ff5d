"""The model's last text, complete or cut off, which remains of a run without an answer."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.domain.outcomes import Blocked
from lightagent.domain.runs.events import Event, ModelFailed, ModelReplied, RunFinished
from lightagent.domain.swarm.handoff_history import KEPT_BACK


def reply_text(event: ModelReplied | ModelFailed) -> str:
    """Return the text of a reply, or the part that arrived before the request failed."""
    if isinstance(event, ModelFailed):
        return event.partial
    return "" if is_kept_back(event) else event.message.content or ""


def is_kept_back(event: ModelReplied) -> bool:
    """Whether the text of a reply is for the agent that takes over and not for the user."""
    return KEPT_BACK in event.decisions


def withholds_content(event: Event | None) -> bool:
    """Whether the run's end forbids showing earlier text, which may be what a policy blocked."""
    if not isinstance(event, RunFinished):
        return False
    stopped = any(one.phase == "output" and one.action in ("block", "error") for one in event.decisions)
    return isinstance(event.outcome, Blocked) or stopped


def partial_text(events: Sequence[Event]) -> str:
    """Return the text that remains of a run without an answer; empty if a policy may have blocked it."""
    end = events[-1] if events else None
    if withholds_content(end):
        return ""
    last = next((event for event in reversed(events) if isinstance(event, (ModelReplied, ModelFailed))), None)
    return "" if last is None else reply_text(last)
