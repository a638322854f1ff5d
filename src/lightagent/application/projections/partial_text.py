"""The model's last text, complete or cut off, which remains of a run without an answer."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.application.projections.steps import Step
from lightagent.domain.conversation.deltas import ReasoningDelta, TextDelta
from lightagent.domain.outcomes import Blocked
from lightagent.domain.runs.events import Event, ModelFailed, ModelReplied, RunFinished
from lightagent.domain.swarm.handoff_history import KEPT_BACK


def reply_text(event: ModelReplied | ModelFailed) -> str:
    """Return the text of a reply, or the part that arrived before the request failed."""
    if isinstance(event, ModelFailed):
        return event.partial
    return "" if is_withheld_reply(event) else event.message.content or ""


def is_withheld_reply(event: ModelReplied) -> bool:
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


_HIGH_HALVES = ("\ud800", "\udbff")
_GARBLED = "\N{REPLACEMENT CHARACTER}"


class LiveText:
    """Returns each piece of text once: from deltas as they arrive, or from the replies of a journal without deltas.

    For a live run, its own loop decides what is shown and when, so its recorded replies add nothing.

    Some servers split a surrogate pair between deltas. Consumers could not encode half a pair, so the first half waits
    here for the second; one that stays alone is replaced as it is in the whole reply.
    """

    __slots__ = ("_halves", "_live")

    def __init__(self, *, live: bool = True) -> None:
        self._live = live
        self._halves: dict[type[TextDelta | ReasoningDelta], str] = {}

    def feed(self, step: Step) -> tuple[TextDelta | ReasoningDelta, ...]:
        """Return the pieces that this step adds."""
        if isinstance(step, (TextDelta, ReasoningDelta)):
            if self._halves or not step.text.isascii():
                step = self._whole_characters(step)
            return (step,) if step.text else ()
        if not isinstance(step, ModelReplied):
            return ()
        if self._live:
            left, self._halves = self._halves, {}
            return tuple(kind(_GARBLED) for kind in left)
        if is_withheld_reply(step):
            return ()
        reasoning, content = step.message.reasoning, step.message.content
        return (*((ReasoningDelta(reasoning),) if reasoning else ()), *((TextDelta(content),) if content else ()))

    def _whole_characters(self, delta: TextDelta | ReasoningDelta) -> TextDelta | ReasoningDelta:
        kind = type(delta)
        text = self._halves.pop(kind, "") + delta.text
        if text and _HIGH_HALVES[0] <= text[-1] <= _HIGH_HALVES[1]:
            self._halves[kind] = text[-1]
            text = text[:-1]
        return kind(_encodable(text))


def _encodable(text: str) -> str:
    """Return `text` with its surrogate pairs joined, as in the reply that the deltas add up to."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
