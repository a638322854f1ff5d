"""What is remembered of earlier conversations, and what is remembered of this one.

Before the first request, `Recollection` adds what the store finds about the query, as untrusted text in a message of
its own. After the run has succeeded, `Memorizing` writes what the user said. Both are judged by the memory policy, and
put on record which rule kept what out; neither ever quotes a memory there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.application.policies.handler import Fault, Handler
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory import MemoryScope
from lightagent.domain.memory_admission import read_admission, refuses_write, write_fingerprint
from lightagent.domain.memory_filter import keeps_out
from lightagent.domain.memory_policy import MemoryPolicy
from lightagent.domain.memory_records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.messages import Message, Trust
from lightagent.domain.policy import Subject
from lightagent.domain.recall_filter import filter_of
from lightagent.ports.context import Conclusion, ContextSource, Declined, Gathered
from lightagent.ports.memory import MemoryStore
from lightagent.ports.system import Clock

MEMORY: Final = "memory"
"""The name of both on record, and of the label of what is recalled."""

NOBODY: Final = "default_user"
"""Whose run it is where no user was named."""


@dataclass(frozen=True, slots=True)
class MemoryMeans:
    """What remembering needs.

    Attributes:
        store: where memories are kept.
        policy: what may be remembered and recalled.
        clock: tells what has expired.
        limit: how many memories a run is given at most.
        timeout: seconds that the store may take before a run; it goes on without memories then.
        preface: stands before the memories in the message to the model.
    """

    store: MemoryStore
    policy: MemoryPolicy
    clock: Clock
    limit: int
    timeout: float
    preface: str

    def owner(self, subject: Subject) -> MemoryOwner:
        """Whose memories a run deals with."""
        scope = subject.origin.scope
        return MemoryOwner(self.policy.namespace or "", scope.tenant, scope.user or NOBODY)


class Recollection(ContextSource):
    """Adds what is remembered about the query."""

    trust: Trust = "untrusted"

    def __init__(self, means: MemoryMeans) -> None:
        self._means = means

    @property
    def name(self) -> str:
        return MEMORY

    @property
    def timeout(self) -> float:
        return self._means.timeout

    async def gather(self, subject: Subject, query: str) -> Gathered:
        """The memories that fit the query and that the policy lets through, as one text."""
        means, now = self._means, self._means.clock.now()
        owner = means.owner(subject)
        found = await means.store.recall(owner, query, means.limit, filter_of(means.policy, now))
        kept_out = [keeps_out(means.policy, one, owner.user_id, now) for one in found]
        allowed = [one for one, kept in zip(found, kept_out, strict=True) if kept is None][: means.limit]
        rules = Counter(f"{kept.rule}:{kept.field}" for kept in kept_out if kept is not None)
        details: JsonObject = {
            "store": means.store.name,
            "total": len(found),
            "allowed": len(allowed),
            "blocked": dict(sorted(rules.items())),
        }
        return Gathered((_told(means.preface, allowed),) if allowed else (), details)


def _told(preface: str, found: Sequence[FoundMemory]) -> str:
    return "\n".join((preface, *(f"- {_line(one)}" for one in found)))


def _line(found: FoundMemory) -> str:
    """The memory on one line, so that none looks like several, and where it comes from."""
    text = " ".join(found.text.split())
    known = [str(value) for name in ("source", "trust_level") if (value := found.fields.get(name)) is not None]
    return f"{text} ({', '.join(known)})" if known else text


class Memorizing(Conclusion):
    """Remembers what the user said, once the run has succeeded.

    Raises:
        ConfigurationError: the admission policy cannot be called.
    """

    def __init__(self, means: MemoryMeans) -> None:
        self._means = means
        admission = means.policy.memory_write_admission
        self._admission = None
        if admission is not None:
            self._admission = Handler(admission, "memory_write_admission", ("data", "context"), means.timeout)

    @property
    def name(self) -> str:
        return MEMORY

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | Declined | None:
        """The text and its metadata, unless the policy refuses them."""
        text = subject.facts.query
        if not text.strip():
            return None
        means, owner = self._means, self._means.owner(subject)
        scope = MemoryScope(
            agent_name=subject.origin.agent_name,
            trace_id=subject.origin.trace_id,
            parent_trace_id=subject.origin.parent_trace_id or None,
        )
        refused = refuses_write(means.policy, text, write_fingerprint(text, owner.user_id, scope), ())
        if refused is not None:
            return Declined({"rule": refused.rule, "reason": refused.reason})
        if self._admission is not None:
            answered = await self._admission.call(text, _context(subject, owner, scope))
            if isinstance(answered, Fault):
                return Declined({"rule": "memory_write_admission", "reason": answered.problem})
            decision = read_admission(means.policy, answered, text)
            if not decision.allowed or decision.value is None:
                return Declined({"rule": "memory_write_admission", "reason": decision.reason or ""})
            text = decision.value
        return {"data": text, "metadata": scope.to_metadata()}

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> JsonObject:
        """Write it under the key, so that it is there once."""
        text, metadata = proposal.get("data"), proposal.get("metadata")
        if not isinstance(text, str) or not isinstance(metadata, dict):
            raise ConfigurationError("memory: a policy left no text and metadata of what is to be remembered.")
        owner = self._means.owner(subject)
        # The run says whose the record is and where it comes from; a policy may only add to that.
        own = {**metadata, "source": "user", "scope": "user", "agent_name": subject.origin.agent_name}
        record = MemoryRecord(idempotency_key, owner, text, own, self._means.clock.now())
        await self._means.store.write([record])
        return {"store": self._means.store.name, "memory_id": record.memory_id}


def _context(subject: Subject, owner: MemoryOwner, scope: MemoryScope) -> JsonObject:
    origin = subject.origin
    return {
        "source": scope.source,
        "scope": scope.scope,
        "user_id": origin.scope.user or NOBODY,
        "memory_user_id": owner.user_id,
        "agent_name": origin.agent_name,
        "trace_id": origin.trace_id,
        "parent_trace_id": origin.parent_trace_id,
        "run_id": origin.run_id,
        "run_group_id": origin.run_group_id,
    }
