"""What the store does with mem0: the same four things in this process and over the hosted service."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lightagent.adapters.memory.mem0.items import (
    AGENT,
    Item,
    exact_conditions,
    item_of,
    key_filter,
    metadata_of,
    newer_filter,
    number_conditions,
    shown,
    user_of,
)
from lightagent.adapters.memory.mem0.library import Mem0, drop_history, remove, results_of
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter, RecordFacts, facts_of
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import Version, ended_at, version_of
from lightagent.ports.memory import MemoryPage, OwnerSelection

_ALL: Final = 1_000_000
"""Of what is listed at once."""

_PAGE: Final = 100
"""Memories that the hosted service lists at once."""

_MOST_PAGES: Final = 10_000
_CANDIDATES: Final = 50
"""Memories that the hosted service is asked for, where fewer are wanted: it cannot filter on all that we do."""


@dataclass(slots=True)
class Shelf(ABC):
    """mem0, as one thread uses it.

    Attributes:
        mem0: the object.
        infer: whether mem0 has a model make facts of a text, in place of keeping the text.
    """

    mem0: Mem0
    infer: bool
    _last: int = field(default=0, init=False)

    def write(self, records: Sequence[MemoryRecord]) -> None:
        """Keep records; those that are there already stay as they are."""
        for record in records:
            if not self._find(key_filter(record), 1):
                self._last = max(self._last + 1, time.time_ns())
                self.mem0.add(
                    [{"role": "user", "content": shown(record.text)}],
                    user_id=user_of(record.owner),
                    agent_id=AGENT,
                    metadata=metadata_of(record, self._last, infer=self.infer),
                    infer=self.infer,
                )

    def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> list[FoundMemory]:
        """Find records; mem0 is not trusted to heed the owner."""
        if not query.strip() or limit < 1:
            return []
        newer = [] if wanted.moment is None else self._newer(owner)
        named = {name for one in newer for name in (one.memory_id, *one.supersedes)}
        # mem0 cannot be told what others took the place of; so many more are asked for that none is crowded out.
        found = (item_of(one) for one in self._search(owner, shown(query), limit + len(named), wanted))
        records = [one.record for one in found if one is not None and one.record.owner == owner]
        fitting = [one for one in records if wanted.fits(self._ended(one, newer), one.metadata)]
        return [one.found() for one in fitting[:limit]]

    def _newer(self, owner: MemoryOwner) -> list[Version]:
        """The records of an owner that take the place of others."""
        found = (item_of(one) for one in self._find(newer_filter(owner), _ALL))
        return [_version(one.record) for one in found if one is not None and one.record.owner == owner]

    def _ended(self, record: MemoryRecord, newer: Sequence[Version]) -> RecordFacts:
        """The facts of a record, with the time at which another took its place."""
        facts, version = facts_of(record), _version(record)
        if self.infer:  # Facts that a model made of one text take the same place together.
            version = replace(version, supersedes=())
        return facts.superseded_at(ended_at(version, newer))

    def read(self, selection: OwnerSelection, limit: int, cursor: str | None) -> MemoryPage:
        """List records."""
        after = _place(cursor)
        listed, unreadable = self._listed(selection)
        if unreadable:
            raise unreadable[0].fault
        items = [item for item in listed if (item.order, item.item_id) > after]
        page = items[:limit]
        next_cursor = f"{page[-1].order}-{page[-1].item_id}" if len(items) > limit else None
        return MemoryPage(tuple(one.record for one in page), next_cursor)

    def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None) -> int:
        """Remove records, and what cannot be read any more where all of its owner is forgotten."""
        ids = None if memory_ids is None else frozenset(memory_ids)
        listed, unreadable = self._listed(selection)
        user = _user(selection) if ids is None else None
        gone = [one.item_id for one in listed if ids is None or one.record.memory_id in ids]
        gone += [one.item_id for one in unreadable if user is not None and one.user == user]
        for item_id in gone:
            remove(self.mem0, item_id)
        drop_history(self.mem0)
        if left := len(listed) + len(unreadable) - len(gone) if unreadable and ids is None else 0:
            raise StoreError(
                f"{left} memories in mem0 cannot be read, so their owners are not known; the others were forgotten.",
                guidance="Forget each owner by all five parts: that removes those of the owner as well.",
            )
        return len(gone)

    def _listed(self, selection: OwnerSelection) -> tuple[list[Item], list[_Unreadable]]:
        """The items of these owners in the order in which they were written; and what may be another's."""
        user = _user(selection)
        items: list[Item] = []
        unreadable: list[_Unreadable] = []
        for found in self._find({**({} if user is None else {"user_id": user}), "agent_id": AGENT}, _ALL):
            try:
                item = item_of(found)
            except StoreError as fault:
                unreadable.append(_Unreadable(str(found.get("id")), found.get("user_id"), fault))
            else:
                items.extend([item] if item is not None and selection.holds(item.record.owner) else [])
        return sorted(items, key=lambda item: (item.order, item.item_id)), unreadable

    @abstractmethod
    def _search(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> list[dict[str, object]]:
        """What mem0 finds."""

    @abstractmethod
    def _find(self, fields: dict[str, object], most: int) -> list[dict[str, object]]:
        """What has these fields."""


class EmbeddedShelf(Shelf):
    """mem0 in this process: the store behind it is asked with the whole filter."""

    def _search(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> list[dict[str, object]]:
        exact = exact_conditions(wanted)
        if exact is None:
            return []
        filters: dict[str, object] = {"user_id": user_of(owner), "agent_id": AGENT, **number_conditions(wanted)}
        filters |= {name: {"in": values} for name, values in exact}
        # mem0 calls what is less alike than its threshold no match, and expiry by the day is none of ours.
        answer = self.mem0.search(query, filters=filters, top_k=limit, threshold=0.0, show_expired=True)
        return [dict(one) for one in results_of(answer)]

    def _find(self, fields: dict[str, object], most: int) -> list[dict[str, object]]:
        answer = self.mem0.get_all(filters=fields, top_k=most, show_expired=True)
        return [dict(one) for one in results_of(answer)]


class PlatformShelf(Shelf):
    """The hosted service, whose filters are a tree, and know of metadata whether a field has a value."""

    def _search(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> list[dict[str, object]]:
        exact = exact_conditions(wanted)
        if exact is None:
            return []
        groups = [{"OR": [{"metadata": {name: value}} for value in values]} for name, values in exact]
        filters = {"AND": [{"user_id": user_of(owner)}, *groups]}
        answer = self.mem0.search(query, filters=filters, top_k=max(_CANDIDATES, limit), threshold=0.0)
        return [dict(one) for one in results_of(answer)]

    def _find(self, fields: dict[str, object], most: int) -> list[dict[str, object]]:
        user = fields.get("user_id", "*")
        others = ({"metadata": {name: value}} for name, value in fields.items() if name.startswith(f"{AGENT}_"))
        filters = {"AND": [{"user_id": user}, *others]}
        found: dict[object, dict[str, object]] = {}
        for page in range(1, _MOST_PAGES):
            answer = self.mem0.get_all(filters=filters, page=page, page_size=_PAGE)
            new = {one["id"]: dict(one) for one in results_of(answer) if one["id"] not in found}
            found |= new
            # The service may give fewer at once than it is asked for, and one that turns no pages gives the same again.
            if not new or len(found) >= most:
                break
        return list(found.values())


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """What is ours and damaged: mem0's name of it and of its user, and what is wrong."""

    item_id: str
    user: object
    fault: StoreError


def _user(selection: OwnerSelection) -> str | None:
    """Return the user id of the single selected owner; None if several may match."""
    owner = selection.only_owner
    return None if owner is None else user_of(owner)


def _version(record: MemoryRecord) -> Version:
    return version_of(record.memory_id, record.metadata, record.written_at)


def _place(cursor: str | None) -> tuple[int, str]:
    order, _, item_id = ("0-" if cursor is None else cursor).partition("-")
    if not (order.isascii() and order.isdecimal() and len(order) < 20):
        raise StoreError("The cursor is not one of this store's.", guidance="Pass the cursor of the page before.")
    return int(order), item_id
