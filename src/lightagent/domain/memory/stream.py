"""What was done with the memories of one owner, as entries of a stream, and what a store should hold after them.

A write is on record after the store has it, and a removal before: so what was acknowledged is in both, a memory that
the stream has and the store has not was removed behind its back, and a memory that the store has and the stream has not
comes from a write that did not end, or from an older state. Its seal says which: it names the end of the stream as the
writer saw it, so that no memory that was sealed before a removal passes for one that was written after it.

Entries hold ids, codes, times and the names of owners, and never a text: see `memory_stream_seals` for the codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.memory.seals import RecordSeal, StreamPlace

Operation: TypeAlias = Literal["begun", "written", "promoted", "removed", "erased", "adopted"]
"""What was done: the stream was begun, before the first memory was written; single memories were written, promoted or
removed; all of the owner were erased; or all that the store holds was declared to be right."""

FindingKind: TypeAlias = Literal[
    "tampered", "edited", "forged", "replayed", "missing", "rolled_back", "returned", "unknown", "unfinished", "stream"
]
"""What a check found out about a memory.

``tampered``: its seal does not fit, and without a stream nothing more is known. ``edited``: its seal does not fit, and
a memory with its id is recorded. ``forged``: its seal does not fit, and its id is not recorded. ``replayed``: its seal
belongs to another memory. ``missing``: it is recorded, and was removed from the store by other means. ``rolled_back``:
the store holds an older version. ``returned``: it was forgotten, and the store holds it again. ``unknown``: its seal
fits, and it is not recorded. ``unfinished``: the same, but it comes from a write that has not ended, which is not an
error. ``stream``: the stream itself cannot be relied on.
"""


@dataclass(frozen=True, slots=True)
class MemoryNote:
    """One entry of the stream of an owner.

    Attributes:
        operation: what was done.
        at: seconds since 1970.
        by: the agent that wrote, or the account that removed; empty where it is not known.
        owner: the owner of the memories; None if the owner must not stay in the record.
        items: the id of each memory with the code of its seal, which is empty where it was removed.
        goes_on: whether it continues the entry before, which was too long for a single one.
    """

    operation: Operation
    at: float
    by: str
    owner: MemoryOwner | None
    items: tuple[tuple[str, str], ...] = ()
    goes_on: bool = False

    @property
    def removes(self) -> bool:
        """Whether memories are gone with it."""
        return self.operation in ("removed", "erased", "adopted")

    @property
    def begins(self) -> bool:
        """Whether what was before it does not matter any more."""
        return self.operation in ("erased", "adopted") and not self.goes_on


@dataclass(frozen=True, slots=True)
class MemoryFinding:
    """What was found of a memory.

    Attributes:
        owner: whose it is, as far as that is known.
        memory_id: its id; empty where the fault is that of a whole stream.
        text: a sentence for an operator.
    """

    kind: FindingKind
    owner: MemoryOwner
    memory_id: str
    text: str

    @property
    def is_fault(self) -> bool:
        """Whether something is wrong."""
        return self.kind != "unfinished"


@dataclass(slots=True)
class OwnerState:
    """What the stream of an owner comes to.

    Attributes:
        owner: whose it is, as far as its entries say.
        labels: what it is found by, which its entries do not seal.
        base: the sequence of the last entry that was pruned.
        links: the code of each entry that is left, shortened.
        live: the codes of each memory that should be there: that of its last version, and of others that were written
            under its id without a removal between them, of which a store keeps the first.
        former: the codes of versions before a removal.
        removed: the entry that removed a memory last.
        cleared: the entry that removed all that it does not name.
    """

    owner: MemoryOwner | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    base: int = 0
    links: dict[int, str] = field(default_factory=dict)
    live: dict[str, set[str]] = field(default_factory=dict)
    former: dict[str, set[str]] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    cleared: int = 0

    @property
    def head(self) -> int:
        """The sequence of the last entry."""
        return max(self.links, default=self.base)

    def add(self, place: StreamPlace, note: MemoryNote) -> None:
        """Take in the next entry."""
        self.links[place.sequence] = place.link
        self.owner = note.owner or self.owner
        if note.begins:
            self.cleared = place.sequence
            for memory_id in [*self.live]:
                self._remove(memory_id, place.sequence)
        for memory_id, code in note.items:
            if note.operation == "removed":
                self._remove(memory_id, place.sequence)
            else:
                self.live.setdefault(memory_id, set()).add(code)

    def _remove(self, memory_id: str, sequence: int) -> None:
        self.removed[memory_id] = sequence
        self.former.setdefault(memory_id, set()).update(self.live.pop(memory_id, ()))

    def knows(self, memory_id: str) -> bool:
        """Whether there is, or was, a memory of this id."""
        return memory_id in self.live or memory_id in self.removed

    def judge(self, memory_id: str, seal: RecordSeal) -> FindingKind | None:
        """What is to be told of a memory in the store whose seal fits; None: nothing."""
        live = self.live.get(memory_id)
        if live is not None and seal.code in live:
            return None
        older: FindingKind = "returned" if live is None else "rolled_back"
        if seal.code in self.former.get(memory_id, ()):
            return older
        if seal.after is None:
            return "returned" if memory_id in self.removed else "unknown"
        if not self.has_been_at(seal.after):
            return "unknown"
        if seal.after.sequence < max(self.cleared, self.removed.get(memory_id, 0)):
            return older
        return "unfinished" if live is None else None

    def has_been_at(self, place: StreamPlace) -> bool:
        """Whether the stream once ended there. It is begun before anything is written, so never at its start."""
        if 0 < place.sequence <= self.base:
            return True  # What was pruned cannot be compared; whatever was sealed then is older than what is left.
        return self.links.get(place.sequence) == place.link


def items_of(sealed: Sequence[tuple[str, str]], size: int) -> list[tuple[tuple[str, str], ...]]:
    """Split items into parts of at most this size; one empty part without items."""
    return [tuple(sealed[place : place + size]) for place in range(0, len(sealed), size)] or [()]
