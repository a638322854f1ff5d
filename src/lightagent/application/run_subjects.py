"""What reviews are about, made once for all boundaries at which a run is the same."""

from __future__ import annotations

from dataclasses import replace

from lightagent.application.run_record import RunRecord
from lightagent.domain.agent_heads import AgentHead
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import Message, UserMessage
from lightagent.domain.origin import NO_ORIGIN, Origin
from lightagent.domain.policy import RunFacts, Subject
from lightagent.domain.runs import Run
from lightagent.domain.tools import ToolSpec


class RunSubjects:
    """The subjects of one run's reviews.

    Args:
        record: what is kept of the run.
        path: the ids of the calls that lead to it from the outermost run.
    """

    __slots__ = ("_facts", "_known", "_origin", "_path", "_place", "_record", "_subject")

    def __init__(self, record: RunRecord, path: tuple[str, ...]) -> None:
        self._record = record
        self._path = path
        self._place: tuple[int, int, str] | None = None
        self._origin = NO_ORIGIN
        self._known: tuple[AgentHead, Message | None] | None = None
        self._facts = RunFacts()
        self._subject = Subject(self._origin)

    def origin(self, run: Run) -> Origin:
        """Where what happens now belongs."""
        place = run.turn_now, run.attempt, run.head.name
        if place != self._place:
            self._place, self._origin = place, run.origin(self._path)
        return self._origin

    def subject(
        self,
        run: Run,
        name: str,
        call_id: str,
        params: JsonObject | None,
        tools: tuple[str, ...],
        specs: tuple[ToolSpec, ...],
    ) -> Subject:
        """What a review of what happens now is about; for the rest see `Subject` and `RunFacts`."""
        origin, facts = self.origin(run), self._common_facts(run)
        if params or tools or specs:
            facts = replace(facts, params=params or {}, tools=tools, specs=specs)
        elif not name and not call_id:
            if self._subject.origin is not origin or self._subject.facts is not facts:
                self._subject = Subject(origin, facts=facts)
            return self._subject
        return Subject(origin, name, call_id, facts)

    def _common_facts(self, run: Run) -> RunFacts:
        """The facts that are the same at every boundary, as long as the same agent acts."""
        head = run.head
        asked, known = run.query, self._known
        # A policy may have put something into the parameters, which are an object that can be changed.
        if known is not None and known[0] is head and known[1] is asked and not self._facts.params:
            return self._facts
        self._known = head, asked
        self._facts = RunFacts(
            head.model,
            "" if head.silent else head.instructions.content,
            asked.text if isinstance(asked, UserMessage) else "",
            self._record.stream,
            head.output_schema is not None,
            self._record.result_format,
        )
        return self._facts
