"""Writes memories of a run: admits each, writes it once, and takes back what a policy blocks afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from lightagent.application.foreign_code import FAILURES, await_foreign
from lightagent.application.memory.means import MemoryMeans, MemoryPlace, scope_of
from lightagent.application.policies.handler import Fault, Handler
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.admission import WriteRule, may_write, read_admission, refuses_write, write_fingerprint
from lightagent.domain.memory.memories import MemoryScope
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.trace import DIGEST
from lightagent.domain.outcomes import outcome_error
from lightagent.domain.policy.memory_payloads import MemoryWritePayload, MemoryWrittenPayload
from lightagent.domain.policy.phases import Stopped, Subject
from lightagent.ports.context import ServedRun
from lightagent.ports.memory import OwnerSelection

_DELEGATED: Final = "Another agent called this one, and the policy does not name it among those that may write."


@dataclass(frozen=True, slots=True)
class Admitted:
    """A text that may be written.

    Attributes:
        text: as the policies left it.
        metadata: what the memory policy adds to its record.
    """

    text: str
    metadata: JsonObject = field(default_factory=dict)


class MemoryWriter:
    """Writes what the memory policy admits.

    Raises:
        ConfigurationError: the admission policy cannot be called.
    """

    def __init__(self, means: MemoryMeans) -> None:
        self._means = means
        admission = means.policy.memory_write_admission
        self._admission = None
        if admission is not None:
            self._admission = Handler(admission, "memory_write_admission", ("data", "context"), means.timeout)

    async def admit(self, run: ServedRun, subject: Subject, place: MemoryPlace, text: str) -> Admitted | Stopped | None:
        """The text that may be written, as the policies left it; None: the memory policy refuses it."""
        owner = place.owner.user_id
        payload = MemoryWritePayload(text, owner, place.original_user_id, place.source, place.scope)
        verdict = await run.review("memory_write", payload)
        if isinstance(verdict, Stopped):
            note_refused(run, place, "policies", _reason(verdict))
            return verdict
        text = verdict.payload.data
        if self._refused(run, subject, place, text):
            return None
        if self._admission is None:
            return Admitted(text)
        answered = await self._admission.call(text, context_of(subject, place))
        if isinstance(answered, Fault):
            note_refused(run, place, "memory_write_admission", answered.problem)
            return None
        decision = read_admission(self._means.policy, answered, text)
        if not decision.allowed or decision.value is None:
            note_refused(run, place, "memory_write_admission", decision.reason or "")
            return None
        return Admitted(decision.value, decision.metadata)

    def _refused(self, run: ServedRun, subject: Subject, place: MemoryPlace, text: str) -> bool:
        """Whether the memory policy refuses the text, which is on record then."""
        origin = subject.origin
        digest = _digest(origin.run_id, origin.agent_name, place, text)
        refused = refuses_write(self._means.policy, text, digest, [*_written(run)])
        if refused is not None:
            note_refused(run, place, refused.rule, refused.reason)
        return refused is not None

    def refuses_agent(self, run: ServedRun, subject: Subject, place: MemoryPlace) -> bool:
        """Whether the memory policy does not let the agent write, which is on record then."""
        origin = subject.origin
        if may_write(self._means.policy, origin.agent_name, origin.path):
            return False
        note_refused(run, place, "allowed_agent_names", _DELEGATED)
        return True

    async def write(
        self, run: ServedRun, subject: Subject, place: MemoryPlace, text: str, metadata: JsonObject, memory_id: str
    ) -> Stopped | None:
        """Write it under this id, so that it is there once; what a policy blocks afterwards is taken back.

        What the memory policy refuses is not written.
        """
        # What admitted it, or a policy of conclusions, may have written another text since.
        if self._refused(run, subject, place, text) or self.refuses_agent(run, subject, place):
            return None
        # The run says whose the record is and where it comes from; policies may only add to that.
        own = {**metadata, **scope_of(subject, place).to_metadata()}
        await self.keep(run, place, MemoryRecord(memory_id, place.owner, text, own, self._means.clock.now()))
        self.note(run, place, text, memory_id, run_id=subject.origin.run_id, agent_name=subject.origin.agent_name)
        owner = place.owner.user_id
        written = MemoryWrittenPayload(text, own, owner, place.original_user_id, place.source, place.scope)
        verdict = await run.review("memory_written", written)
        if not isinstance(verdict, Stopped):
            return None
        note_refused(run, place, "policies", _reason(verdict))
        await self.take_back(run, place, memory_id)
        return verdict

    async def take_back(self, run: ServedRun, place: MemoryPlace, memory_id: str) -> None:
        """Remove a record as the function `take_back` does; where the store fails, that is put on record."""
        store = self._means.store
        try:
            await take_back(self._means, place.owner, memory_id)
        except FAILURES as raised:
            about: JsonObject = {"store": store.name, "kind": type(raised).__name__, "memory_id": memory_id}
            run.note("memory_unavailable", {**place.about, **about})
            raise

    def note(
        self, run: ServedRun, place: MemoryPlace, text: str, memory_id: str, *, run_id: str, agent_name: str
    ) -> None:
        """Put on record that a memory was written."""
        known: JsonObject = {"store": self._means.store.name, "memory_id": memory_id}
        known[DIGEST] = _digest(run_id, agent_name, place, text)
        run.note("memory_write", {**place.about, **known})

    async def keep(self, run: ServedRun, place: MemoryPlace, record: MemoryRecord) -> None:
        """Have the store keep a record; that it cannot is put on record.

        Raises:
            TimeoutError: it took too long.
            StoreError: it could not.
        """
        store = self._means.store
        try:
            await await_foreign(store.write([record]), self._means.policy.write_timeout, in_time=True)
        except FAILURES as raised:
            run.note("memory_unavailable", {**place.about, "store": store.name, "kind": type(raised).__name__})
            raise


async def take_back(means: MemoryMeans, owner: MemoryOwner, memory_id: str) -> None:
    """Remove a record, such as one that a policy blocked after it was written, where the store supports that."""
    if "forget" in means.store.supports:
        forgetting = means.store.forget(OwnerSelection(*owner.parts), [memory_id])
        await await_foreign(forgetting, means.policy.write_timeout, in_time=True)


def context_of(subject: Subject, place: MemoryPlace) -> JsonObject:
    """What an admission or promotion policy is told."""
    origin = subject.origin
    return {
        **place.about,
        "memory_user_id": place.owner.user_id,
        "agent_name": origin.agent_name,
        "trace_id": origin.trace_id,
        "parent_trace_id": origin.parent_trace_id,
        "run_id": origin.run_id,
        "run_group_id": origin.run_group_id,
    }


def _written(run: ServedRun) -> Iterator[str]:
    """The digests of what the run has written, in earlier conclusions and in this one."""
    for kind, note in run.noted:
        digest = note.get(DIGEST)
        if kind == "memory_write" and isinstance(digest, str):
            yield digest


def _digest(run_id: str, agent_name: str, place: MemoryPlace, text: str) -> str:
    """Tells texts of one run apart, without telling them."""
    scope = MemoryScope(place.source, place.scope, agent_name)
    told = f"{run_id}\n{write_fingerprint(text, place.owner.user_id, scope)}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def note_refused(run: ServedRun, place: MemoryPlace, rule: WriteRule | Literal["policies"], reason: str) -> None:
    """Put on record that a text is not written; by the rule ``policies`` where a policy of the run blocked it."""
    run.note("memory_write_block", {**place.about, "rule": rule, "reason": reason})


def _reason(stopped: Stopped) -> str:
    error = outcome_error(stopped.outcome)
    return "" if error is None else error.message
