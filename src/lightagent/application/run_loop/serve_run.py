"""The run as sources and conclusions see it that do more for it than to give texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Final, Generic

from typing_extensions import TypeIs

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.apply_policy import Reviewer
from lightagent.application.run_loop.ask_aside import ask_aside
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.spending import REFLECTION_REQUESTED
from lightagent.domain.conversation.messages import Message
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.trace import NOTES, MemoryEvent, memory_note, memory_notes
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy.memory_payloads import MemoryPayload
from lightagent.domain.policy.phases import Decision, Passed, PayloadT, Phase, Stopped, Subject
from lightagent.domain.runs.events import Concluded, ContextAdded
from lightagent.domain.usage import Usage
from lightagent.ports.context import (
    Aside,
    Conclusion,
    ContextSource,
    ServedRun,
    ServingConclusion,
    ServingSource,
    SettlingConclusion,
)
from lightagent.ports.policy import Gate

_REWRITABLE: Final = frozenset({"query", "memories", "data", "decision"})
"""The fields of payloads of memories that a policy may rewrite; it cannot change their owner."""

_SHARE: Final = 0.75
"""Of the time that is left of a run: what one request beside its conversation may take."""

_LEAST: Final = 0.001

_DONE: Final[frozenset[Phase]] = frozenset({"memory_promoted", "memory_written"})
"""The phases at which nothing can be rewritten: the event has already happened."""


class Serving(ServedRun, Generic[DepsT]):
    """Collects events while one source or conclusion serves a run.

    Attributes:
        subject: the subject of reviews.
        decisions: of the policies.
        usage: the tokens of the request to a model that was made.
        failed: it failed, rather than being stopped by a policy.
    """

    def __init__(self, live: ActiveRun[DepsT], subject: Subject) -> None:
        self._live = live
        self.subject = subject
        self._notes: list[JsonObject] = []
        self.decisions: tuple[Decision, ...] = ()
        self.usage: Usage | None = None
        self.failed = False

    @property
    def details(self) -> JsonObject:
        """The notes for the event on record."""
        return {NOTES: [*self._notes]} if self._notes else {}

    @property
    def noted(self) -> Sequence[tuple[MemoryEvent, JsonObject]]:
        events = self._live.record.events
        before = (event.details for event in events if isinstance(event, (Concluded, ContextAdded)))
        return [note for details in (*before, self.details) for note in memory_notes(details)]

    @property
    def messages(self) -> Sequence[Message]:
        return self._live.run.messages

    def reviews(self, phase: Phase) -> bool:
        reviewer = self._live.reviewer
        return reviewer is not None and reviewer.reviews(phase)

    async def review(self, phase: Phase, payload: PayloadT) -> Passed[PayloadT] | Stopped:
        verdict = await review_memory(self._live.reviewer, phase, self.subject, payload)
        self.decisions += verdict.decisions
        return verdict

    async def ask(self, aside: Aside) -> str | Stopped:
        deadline = self._live.deadline
        if deadline is not None:  # The answer is there: what is asked about it must not cost the run its end in time.
            aside = replace(aside, timeout=min(aside.timeout, max(_SHARE * deadline.remaining(), _LEAST)))
        reply = await ask_aside(self._live, aside, REFLECTION_REQUESTED)
        self.usage = reply.usage
        self.decisions += reply.decisions
        if reply.stopped is not None:
            self.decisions += reply.stopped.decisions
            return reply.stopped
        if reply.error is not None:
            raise reply.error
        return reply.text

    def note(self, event: MemoryEvent, data: JsonObject) -> None:
        self._notes.append(memory_note(event, data))


class Alone(ServedRun):
    """The same without a run, such as when a person decides about a candidate.

    Args:
        subject: the subject of reviews.
        gates: the policies that review it.
    """

    def __init__(self, subject: Subject, gates: tuple[Gate, ...] = ()) -> None:
        self._subject = subject
        self._reviewer = Reviewer(gates) if gates else None
        self.decisions: tuple[Decision, ...] = ()
        self._notes: list[tuple[MemoryEvent, JsonObject]] = []

    @property
    def noted(self) -> Sequence[tuple[MemoryEvent, JsonObject]]:
        return self._notes

    @property
    def messages(self) -> Sequence[Message]:
        return ()

    def reviews(self, phase: Phase) -> bool:
        return self._reviewer is not None and self._reviewer.reviews(phase)

    async def review(self, phase: Phase, payload: PayloadT) -> Passed[PayloadT] | Stopped:
        verdict = await review_memory(self._reviewer, phase, self._subject, payload)
        self.decisions += verdict.decisions
        return verdict

    async def ask(self, aside: Aside) -> str | Stopped:
        raise ConfigurationError("A model can only be asked during a run.", guidance="")

    def note(self, event: MemoryEvent, data: JsonObject) -> None:
        self._notes.append((event, data))


def is_serving_source(source: ContextSource) -> TypeIs[ServingSource]:
    """Whether the steps of a source are reviewed one by one; its properties, which are foreign code, are not asked."""
    return callable(getattr(type(source), "gather_for", None))


def is_serving_conclusion(conclusion: Conclusion) -> TypeIs[ServingConclusion]:
    """The same for a conclusion."""
    return callable(getattr(type(conclusion), "propose_for", None))


def is_settling_conclusion(conclusion: Conclusion) -> TypeIs[SettlingConclusion]:
    """Whether it has something to do once the run has succeeded."""
    return callable(getattr(type(conclusion), "settle_for", None))


async def review_memory(
    reviewer: Reviewer | None, phase: Phase, subject: Subject, payload: PayloadT
) -> Passed[PayloadT] | Stopped:
    """The verdict of these gates, none of which may change the memories' owner or origin."""
    if reviewer is None or not reviewer.reviews(phase):
        return Passed(payload)
    verdict = await reviewer.review(phase, subject, payload)
    if isinstance(verdict, Stopped) or verdict.payload is payload or not isinstance(payload, MemoryPayload):
        return verdict
    changed = [one.name for one in fields(payload) if getattr(payload, one.name) != getattr(verdict.payload, one.name)]
    wrong = [name for name in changed if name not in _REWRITABLE or phase in _DONE]
    if not wrong:
        return verdict
    by = next((one.by for one in verdict.decisions if one.action == "rewrite"), "A policy")
    reason = f"It cannot rewrite {', '.join(wrong)} here."
    error = LightAgentErrorInfo("LA-POLICY", f"{by} could not review {phase}. {reason}", "Change the policy.")
    return Stopped(Blocked(error), (*verdict.decisions, Decision(phase, by, "error", reason)))
