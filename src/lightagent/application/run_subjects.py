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

    __slots__ = ("_attempt", "_head", "_is_asked", "_origin", "_path", "_record", "_subject", "_turn")

    def __init__(self, record: RunRecord, path: tuple[str, ...]) -> None:
        self._record = record
        self._path = path
        self._head: AgentHead | None = None
        self._is_asked = False
        self._turn = self._attempt = -1
        self._origin = NO_ORIGIN
        self._subject = _NOTHING

    def origin(self, run: Run) -> Origin:
        """Where what happens now belongs."""
        turn = run.turn_now
        if turn != self._turn or run.attempt != self._attempt or run.head.name != self._origin.agent_name:
            self._turn, self._attempt, self._origin = turn, run.attempt, run.origin(self._path)
        return self._origin

    def subject(self, run: Run, name: str = "", call_id: str = "", own: OwnFacts | None = None) -> Subject:
        """What a review of what happens now is about."""
        common, origin = self._subject, self.origin(run)
        facts = common.facts
        is_stale = run.head is not self._head or run.admitted is not self._is_asked
        # A policy may have put something into the parameters, which are an object that can be changed.
        if is_stale or run.untrusted is not facts.untrusted or facts.params:
            self._head, self._is_asked, facts = run.head, run.admitted, self._facts(run)
        if common.facts is not facts or common.origin is not origin:
            common = self._subject = Subject(origin, facts=facts)
        if own is not None:
            facts = replace(facts, params=own.params, tools=own.tools, specs=own.specs, approved=own.approved)
        elif not name and not call_id:
            return common
        return Subject(origin, name, call_id, facts)

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
