"""The subjects of a run's reviews, made once for all boundaries at which they are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from lightagent.application.active_run.record import RunRecord
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import NO_ORIGIN, Origin
from lightagent.domain.policy.phases import RunFacts, Subject
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.state import Run
from lightagent.domain.tools.spec import ToolSpec

_NOTHING: Final = Subject(NO_ORIGIN)


class OwnFacts(NamedTuple):
    """The facts of a single boundary; see `RunFacts`."""

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

    __slots__ = ("_facts_key", "_origin", "_origin_key", "_path", "_record", "_run", "_subject", "_within")

    def __init__(self, record: RunRecord, path: tuple[str, ...]) -> None:
        self._record = record
        self._path = path
        self._within = "", ""
        self._origin = NO_ORIGIN
        self._origin_key: tuple[int, int, AgentHead] | None = None
        self._subject = _NOTHING
        self._facts_key: tuple[AgentHead, bool, tuple[str, ...]] | None = None
        self._run: Run | None = None

    def origin(self, run: Run) -> Origin:
        """The place of current events."""
        key = run.turn_now, run.attempt or 1, run.head
        if key != self._origin_key:
            self._origin_key, self._origin = key, run.origin(self._path)
            if self._within[0]:
                self._origin = self._origin.within(*self._within)
        return self._origin

    def stand_in(self, flow_id: str, step: str) -> None:
        """The step of a flow that the run belongs to; empty texts without one."""
        self._within = flow_id, step

    def subject(self, run: Run, name: str = "", call_id: str = "", own: OwnFacts | None = None) -> Subject:
        """The subject of a review of current events."""
        common = self._common(run)
        if own is not None:
            facts = replace(common.facts, params=own.params, tools=own.tools, specs=own.specs, approved=own.approved)
            return Subject(common.origin, name, call_id, facts)
        return Subject(common.origin, name, call_id, common.facts) if name or call_id else common

    def _common(self, run: Run) -> Subject:
        """The subject of all reviews, made again only if something has changed."""
        common = self._subject
        # The parameters are a dict, into which a policy may have put something.
        is_spoiled = bool(common.facts.params)
        if run is self._run and not is_spoiled:
            return common
        origin, facts, key = self.origin(run), common.facts, (run.head, run.admitted, run.untrusted)
        if key != self._facts_key or is_spoiled:
            self._facts_key, facts = key, self._facts(run)
        if origin is not common.origin or facts is not common.facts:
            self._subject = Subject(origin, facts=facts)
        self._run = run
        return self._subject

    def _facts(self, run: Run) -> RunFacts:
        """The facts that are the same at every boundary, as long as the same agent acts.

        The query stays known when it is not among the messages any more.
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
