"""The text of a run as it comes, whether its model streams or answers in one piece."""

from __future__ import annotations

from lightagent.application.steps import Step
from lightagent.domain.deltas import ReasoningDelta, TextDelta
from lightagent.domain.events import ModelReplied


class LiveText:
    """Gives each piece of text once: deltas as they come, and a whole reply where no delta came before it."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen = False

    def feed(self, step: Step) -> tuple[TextDelta | ReasoningDelta, ...]:
        """The pieces that this step adds."""
        if isinstance(step, (TextDelta, ReasoningDelta)):
            self._seen = True
            return (step,) if step.text else ()
        if not isinstance(step, ModelReplied):
            return ()
        seen, self._seen = self._seen, False
        if seen:
            return ()
        reasoning, content = step.message.reasoning, step.message.content
        return (*((ReasoningDelta(reasoning),) if reasoning else ()), *((TextDelta(content),) if content else ()))
