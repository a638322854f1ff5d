"""Asks the memory policy which memories a new one replaces, before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.memory.means import MemoryMeans, MemoryPlace
from lightagent.application.memory.search import search_memory
from lightagent.application.memory.write import Admitted, context_of
from lightagent.application.policies.handler import Fault, Handler
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.admission import read_supersession
from lightagent.domain.memory.filter import exclusion_of
from lightagent.domain.memory.records import MOST_SUPERSEDED, FoundMemory
from lightagent.domain.memory.validity import SUPERSEDES, named_with, superseded_ids
from lightagent.domain.policy.memory_payloads import shown_memory
from lightagent.domain.policy.phases import Subject
from lightagent.ports.context import ServedRun

_TAKES: Final = ("data", "known", "context")


class MemorySuperseder:
    """Finds the memories that a new memory replaces.

    Raises:
        ConfigurationError: the policy's function cannot be called.
    """

    def __init__(self, means: MemoryMeans) -> None:
        self._means = means
        function = means.policy.memory_supersession
        self._handler = None
        if function is not None:
            self._handler = Handler(function, "memory_supersession", _TAKES, means.timeout)

    async def superseding_metadata(
        self, run: ServedRun, subject: Subject, place: MemoryPlace, admitted: Admitted
    ) -> JsonObject:
        """The metadata of the memory, with the ids that it replaces. Without a clear answer, both stay valid.

        Raises:
            StoreError: the nearest memories could not be found, and the memory policy makes runs fail then.
            TimeoutError: the same, since it took too long.
        """
        if self._handler is None:
            return admitted.metadata
        known = await self._known(run, place, admitted.text)
        if not known:
            return admitted.metadata
        shown = [{**shown_memory(one), "memory_id": memory_id} for memory_id, one in known.items()]
        answered = await self._handler.call(admitted.text, shown, context_of(subject, place))
        ids = answered.problem if isinstance(answered, Fault) else read_supersession(answered, known.keys())
        if isinstance(ids, str):
            run.note("memory_supersede", {**place.about, "problem": ids})
            return admitted.metadata
        if not ids:
            return admitted.metadata
        superseded: list[JsonValue] = [*ids]
        run.note("memory_supersede", {**place.about, "superseded": superseded})
        named = [name for one in ids for name in named_with(one, known[one].fields)]
        # The ids themselves go before those that they had replaced.
        every = dict.fromkeys([*superseded_ids("", admitted.metadata), *ids, *named])
        supersedes: list[JsonValue] = [*islice(every, MOST_SUPERSEDED)]
        return {**admitted.metadata, SUPERSEDES: supersedes}

    async def _known(self, run: ServedRun, place: MemoryPlace, text: str) -> Mapping[str, FoundMemory]:
        """The memories nearest to the text that may be recalled, by their ids."""
        means = self._means
        try:
            found = await search_memory(run, means, place, text, means.limit)
        except FAILURES as raised:
            failure(raised)  # Raises again if the run itself was cancelled.
            if means.policy.when_unavailable == "fail":
                raise
            return {}
        now = means.clock.now()
        allowed = [one for one in found if exclusion_of(means.policy, one, place.owner.user_id, now) is None]
        named = ((one.fields.get("memory_id"), one) for one in allowed)
        return {memory_id: one for memory_id, one in named if isinstance(memory_id, str)}
