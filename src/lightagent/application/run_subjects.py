"""What reviews are about, made once for all boundaries at which it is the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from lightagent.application.run_record import RunRecord
from lightagent.domain.agent_heads import AgentHead
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import UserMessage
from lightagent.domain.origin import NO_ORIGIN, Origin
from lightagent.domain.policy import RunFacts, Subject
from lightagent.domain.runs import Run
from lightagent.domain.tools import ToolSpec

_NOTHING: Final = Subject(NO_ORIGIN)


class OwnFacts(NamedTuple):
    """The facts that are given at one boundary alone; see `RunFacts`."""

    params: JsonObject
    tools: tuple[str, ...] = ()
    specs: tuple[ToolSpec, ...] = ()
    approved: bool = False


class RunSubjects:
    """The subjects of one run's reviews.

    Args:
        record: what is kept of the run.
        path: the ids of the calls that lead to it from the outermost run.
    """

    __slots__ = ("_attempt", "_head", "_is_asked", "_known", "_origin", "_path", "_record", "_run", "_subject", "_turn")

    def __init__(self, record: RunRecord, path: tuple[str, ...]) -> None:
        self._record = record
        self._path = path
        self._head: AgentHead | None = None
        self._turn = self._attempt = -1
        self._origin = NO_ORIGIN
        self._run: Run | None = None
        self._known: AgentHead | None = None
        self._is_asked = False
        self._subject = _NOTHING

    def origin(self, run: Run) -> Origin:
        """Where what happens now belongs."""
        turn, attempt = run.turn_now, run.attempt or 1
        if turn != self._turn or attempt != self._attempt or run.head is not self._head:
            self._turn, self._attempt, self._head = turn, attempt, run.head
            self._origin = run.origin(self._path)
        return self._origin

    def subject(self, run: Run, name: str = "", call_id: str = "", own: OwnFacts | None = None) -> Subject:
        """What a review of what happens now is about."""
        # A policy may have put something into the parameters, which are an object that can be changed.
        if run is not self._run or self._subject.facts.params:
            self._look_at(run)
        common = self._subject
        if own is not None:
            facts = replace(common.facts, params=own.params, tools=own.tools, specs=own.specs, approved=own.approved)
            return Subject(common.origin, name, call_id, facts)
        return Subject(common.origin, name, call_id, common.facts) if name or call_id else common

    def _look_at(self, run: Run) -> None:
        """Work out what all reviews are about, as far as it is not what it was."""
        common, origin = self._subject, self.origin(run)
        facts = common.facts
        is_stale = run.head is not self._known or run.admitted is not self._is_asked
        if is_stale or run.untrusted is not facts.untrusted or facts.params:
            self._known, self._is_asked, facts = run.head, run.admitted, self._facts(run)
        if origin is not common.origin or facts is not common.facts:
            self._subject = Subject(origin, facts=facts)
        self._run = run

    def _facts(self, run: Run) -> RunFacts:
        """The facts that are the same at every boundary, as long as the same agent acts.

        What was asked stays known when it is not among the messages any more.
        """
        head, asked = run.head, run.query
        known = self._subject.facts.query
        return RunFacts(
            head.model,
            "" if head.silent else head.instructions.content,
            asked.text if isinstance(asked, UserMessage) else known,
            self._record.stream,
            head.output_schema is not None,
            self._record.result_format,
            untrusted=run.untrusted,
        )
