"""What is remembered of earlier conversations, and what is remembered of this one.

Before the first request, `Recollection` adds what the store finds about the query, as untrusted text in a message of
its own. After the run has succeeded, `Memorizing` writes what the user said. Each step passes the policies of the run
and the memory policy, and what kept what out is put on record; neither ever quotes a memory there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lightagent.application.memory.means import MemoryMeans, MemoryPlace, scope_of
from lightagent.application.memory.search import search_memory
from lightagent.application.memory.supersede import MemorySuperseder
from lightagent.application.memory.track_lessons import LessonTracker, id_of
from lightagent.application.memory.write import MemoryWriter, note_refused
from lightagent.application.run_loop.serve_run import Alone
from lightagent.domain.conversation.messages import Message, Trust
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.admission import is_internal
from lightagent.domain.memory.filter import exclusion_of, found_or_empty
from lightagent.domain.memory.recall_limits import MOST_TOLD, shortened
from lightagent.domain.memory.records import FoundMemory
from lightagent.domain.memory.trace import MEMORY_IDS
from lightagent.domain.policy.memory_payloads import MemoriesPayload, MemoryQueryPayload, shown_memory
from lightagent.domain.policy.phases import Stopped, Subject
from lightagent.ports.context import Declined, Gathered, ServedRun, ServingConclusion, ServingSource

_WORD: Final = re.compile(r"[\w.-]{1,40}")
"""What a source or a trust level may be to be told to a model; a store could put instructions there."""

_CHOICE: Final = 4
"""How many times as many lessons are asked for as a run may be told of."""

_ID: Final = re.compile(r"[!-~]{1,200}")
"""What may be on record as the id of a memory; a store could put a text there."""

_BY_AGENT: Final = "An agent wrote the query, and not the user."

MEMORY: Final = "memory"
"""The name of both on record, and of the label of what is recalled."""


@dataclass(frozen=True, slots=True)
class RecalledKind:
    """A kind of memories that is recalled.

    Attributes:
        name: of the source on record.
        preface: stands before the memories in the message to the model.
        places: where they are, in the order in which they are asked for.
        tracker: knows which are of use, where that is counted.
    """

    name: str
    preface: str
    places: Callable[[MemoryMeans, Subject], Sequence[MemoryPlace]]
    tracker: LessonTracker | None = None


class Recollection(ServingSource):
    """Adds what is remembered about the query."""

    def __init__(self, means: MemoryMeans, kind: RecalledKind) -> None:
        self._means = means
        self._kind = kind

    @property
    def name(self) -> str:
        return self._kind.name

    @property
    def trust(self) -> Trust:
        return "untrusted"

    @property
    def timeout(self) -> None:
        """None: each call of the store has its own, and policies may take as long as the run."""
        return None

    @property
    def is_required(self) -> bool:
        return self._means.policy.when_unavailable == "fail"

    async def gather(self, subject: Subject, query: str) -> Gathered:
        """What is remembered, where no run goes on whose policies would review it."""
        found = await self.gather_for(Alone(subject), subject, query)
        return Gathered() if isinstance(found, Stopped) else found

    async def gather_for(self, run: ServedRun, subject: Subject, query: str) -> Gathered | Stopped:
        """The memories that fit the query and that the policies let through, as one text."""
        allowed: list[FoundMemory] = []
        for place in self._kind.places(self._means, subject):
            recalled = await self._recall(run, place, query, self._means.limit - len(allowed))
            if isinstance(recalled, Stopped):
                run.note("memory_retrieve_block", place.about)
                return recalled
            allowed += recalled
        texts = (_memory_text(self._kind.preface, allowed),) if allowed else ()
        return Gathered(texts)

    async def _recall(self, run: ServedRun, place: MemoryPlace, query: str, room: int) -> list[FoundMemory] | Stopped:
        about = (place.owner.user_id, place.original_user_id, place.source, place.scope)
        asked = await run.review("memory_retrieve", MemoryQueryPayload(query, *about))
        if isinstance(asked, Stopped):
            return asked
        query = asked.payload.query
        found = await self._found(run, place, query)
        if run.reviews("memory_found"):
            shown = tuple(map(shown_memory, found))
            left = await run.review("memory_found", MemoriesPayload(shown, query, *about))
            if isinstance(left, Stopped):
                return left
            if left.payload.memories is not shown:
                found = [found_or_empty(one) for one in left.payload.memories]
        return await self._filtered(run, place, found, room)

    async def _found(self, run: ServedRun, place: MemoryPlace, query: str) -> Sequence[FoundMemory]:
        means = self._means
        # Of lessons more are asked for, since those that were of use go before others.
        most = means.limit if self._kind.tracker is None else means.limit * _CHOICE
        found = await search_memory(run, means, place, query, most)
        run.note("memory_retrieve", {"store": means.store.name, **place.about, "found": len(found)})
        return found

    async def _filtered(
        self, run: ServedRun, place: MemoryPlace, found: Sequence[FoundMemory], room: int
    ) -> list[FoundMemory]:
        means, now = self._means, self._means.clock.now()
        kept_out = [exclusion_of(means.policy, one, place.owner.user_id, now) for one in found]
        fitting = [one for one, kept in zip(found, kept_out, strict=True) if kept is None]
        tracker = self._kind.tracker
        allowed = fitting[:room] if tracker is None else await tracker.chosen(run, place, fitting, room)
        rules = Counter(f"{kept.rule}:{kept.field}" for kept in kept_out if kept is not None)
        blocked: dict[str, JsonValue] = dict(sorted(rules.items()))
        counts: JsonObject = {"total": len(found), "allowed": len(allowed), "blocked": blocked}
        ids = [id_of(one) for one in allowed]
        counts[MEMORY_IDS] = [one for one in ids if _ID.fullmatch(one)]
        run.note("memory_retrieve_filter", {**place.about, **counts})
        return allowed


def _memory_text(preface: str, found: Sequence[FoundMemory]) -> str:
    return "\n".join((preface, *(f"- {_line(one)}" for one in found)))


def _line(found: FoundMemory) -> str:
    """The memory on one line, so that none looks like several, and where it comes from, as far as that is a word."""
    text = shortened(" ".join(found.text.split()), MOST_TOLD)
    said = (found.fields.get(name) for name in ("source", "trust_level"))
    known = [value for value in said if isinstance(value, str) and _WORD.fullmatch(value)]
    return f"{text} ({', '.join(known)})" if known else text


class Memorizing(ServingConclusion):
    """Remembers what the user said, once the run has succeeded.

    What another agent asks does not count as the user's word: it may quote recalled memories or a tool's result.
    """

    def __init__(self, means: MemoryMeans, writer: MemoryWriter) -> None:
        self._means = means
        self._writer = writer
        self._superseder = MemorySuperseder(means)

    @property
    def name(self) -> str:
        return MEMORY

    @property
    def is_required(self) -> bool:
        return self._means.policy.when_unavailable == "fail"

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        """The text to be remembered, where no run goes on whose policies would review it."""
        proposal = await self.propose_for(Alone(subject), subject, messages, answer)
        return proposal if isinstance(proposal, dict) else None

    async def propose_for(
        self, run: ServedRun, subject: Subject, messages: Sequence[Message], answer: str
    ) -> JsonObject | Declined | Stopped | None:
        """The text and its metadata, unless the policies refuse them."""
        text = subject.facts.query
        if not text.strip():
            return None
        place = self._place(subject)
        admitted = await self._writer.admit(run, subject, place, text)
        if admitted is None or isinstance(admitted, Stopped):
            return admitted
        if is_internal(self._means.policy, scope_of(subject, place)):
            note_refused(run, place, "require_promotion_for_internal_memory", _BY_AGENT)
            return None
        if self._writer.refuses_agent(run, subject, place):
            return None
        metadata = await self._superseder.superseding_metadata(run, subject, place, admitted)
        return {"data": admitted.text, "metadata": {**metadata, **scope_of(subject, place).to_metadata()}}

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> JsonObject | None:
        """Write it, where no run goes on whose policies would review it."""
        await self.carry_out_for(Alone(subject), subject, proposal, idempotency_key)
        return None

    async def carry_out_for(
        self, run: ServedRun, subject: Subject, proposal: JsonObject, idempotency_key: str
    ) -> Stopped | None:
        """Write it under the key, so that it is there once."""
        text, metadata = proposal.get("data"), proposal.get("metadata")
        if not isinstance(text, str) or not isinstance(metadata, dict):
            raise ConfigurationError("memory: a policy left no text and metadata of what is to be remembered.")
        return await self._writer.write(run, subject, self._place(subject), text, metadata, idempotency_key)

    def _place(self, subject: Subject) -> MemoryPlace:
        """Where the query is kept; that of a run inside another one was written by the agent which called it."""
        place = self._means.user_place(subject)
        return replace(place, source="agent") if subject.origin.path else place
