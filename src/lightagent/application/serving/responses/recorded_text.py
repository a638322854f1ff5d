"""The text of a run from its journal, for readers that follow the journal while the run continues."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.application.projections.partial_text import LiveText, withholds_content
from lightagent.application.projections.steps import Step
from lightagent.domain.conversation.deltas import ReasoningDelta, TextDelta
from lightagent.domain.outcomes import Completed
from lightagent.domain.runs.events import ModelReplied, Noted, OutputAccepted, RunFinished


class RecordedText:
    """Returns each piece of text once, and text that may be the answer only after the event that follows it.

    Until that event, policies may still forbid or change it, for example after a crash between the reply and their
    decision about it.
    """

    __slots__ = ("_held", "_text")

    def __init__(self) -> None:
        self._text = LiveText(live=False)
        self._held: Sequence[TextDelta | ReasoningDelta] = ()

    def feed(self, step: Step) -> Sequence[TextDelta | ReasoningDelta]:
        """Return the pieces that this step adds."""
        if isinstance(step, Noted):
            return ()
        released, self._held = _released(self._held, step), ()
        pieces = self._text.feed(step)
        if isinstance(step, ModelReplied) and not step.message.tool_calls:
            self._held, pieces = pieces, ()
        return (*released, *pieces)


def _released(held: Sequence[TextDelta | ReasoningDelta], step: Step) -> Sequence[TextDelta | ReasoningDelta]:
    if not held:
        return ()
    accepted: str | None = None
    if isinstance(step, OutputAccepted):
        accepted = step.content
    elif isinstance(step, RunFinished):
        if withholds_content(step):
            return ()
        accepted = step.outcome.content if isinstance(step.outcome, Completed) else None
    said = "".join(piece.text for piece in held if isinstance(piece, TextDelta))
    if accepted is None or accepted == said:
        return held
    return (TextDelta(accepted),) if accepted else ()  # The reasoning may contain what was removed.
