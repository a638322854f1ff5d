"""Reading what is there: owners by their parts, and memories page by page in the order in which they were written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, LiteralString

from neo4j import AsyncManagedTransaction, Record

from lightagent.adapters.memory.neo4j.database import rows
from lightagent.adapters.memory.neo4j.encoding import PARTS, RECORD, owner_of, part_key, record_of
from lightagent.domain.memory.records import MemoryOwner
from lightagent.ports.memory import MemoryPage, OwnerSelection

_CONDITION: Final[Mapping[str, LiteralString]] = {
    "namespace": "o.namespace_key = $namespace",
    "tenant": "o.tenant_key = $tenant",
    "user": "o.user_key = $user",
    "session": "o.session_key = $session",
    "agent": "o.agent_key = $agent",
}
_AFTER: Final = "MATCH (m:LightAgentMemory {collection: $collection}) WHERE m.number > $after"
_OF_OWNERS: Final = "UNWIND $owners AS owner MATCH (m:LightAgentMemory {owner: owner}) WHERE m.number > $after"
_PAGE: Final = f" WITH m ORDER BY m.number LIMIT $limit RETURN {RECORD}"


async def find_owners(
    transaction: AsyncManagedTransaction, collection: str, selection: OwnerSelection
) -> dict[str, MemoryOwner]:
    """The owners that are meant, by their keys."""
    found = await _find(transaction, collection, selection, "RETURN properties(o) AS node")
    return {row["node"]["key"]: owner_of(row["node"]) for row in found}


async def owner_keys(transaction: AsyncManagedTransaction, collection: str, selection: OwnerSelection) -> list[str]:
    """The keys of the owners that are meant, also of those whose nodes cannot be read any more."""
    return [row["key"] for row in await _find(transaction, collection, selection, "RETURN o.key AS key")]


async def _find(
    transaction: AsyncManagedTransaction, collection: str, selection: OwnerSelection, told: LiteralString
) -> list[Record]:
    given = {name: value for name, value in zip(PARTS, selection.parts, strict=True) if value is not None}
    keys = {name: part_key(collection, name, value) for name, value in given.items()}
    conditions: list[LiteralString] = ["o.collection = $collection", *(_CONDITION[name] for name in given)]
    where = " AND ".join(conditions)
    return await rows(transaction, f"MATCH (o:LightAgentOwner) WHERE {where} {told}", collection=collection, **keys)


@dataclass(frozen=True, slots=True)
class Paging:
    """A transaction that reads a page."""

    collection: str
    selection: OwnerSelection
    limit: int
    after: int

    async def __call__(self, transaction: AsyncManagedTransaction) -> MemoryPage:
        """Do it."""
        owners = await find_owners(transaction, self.collection, self.selection)
        is_all = all(part is None for part in self.selection.parts)
        found = await rows(
            transaction,
            (_AFTER if is_all else _OF_OWNERS) + _PAGE,
            collection=self.collection,
            owners=list(owners),
            after=self.after,
            limit=self.limit + 1,
        )
        page = [row["node"] for row in found[: self.limit]]
        # An owner who was forgotten between the two statements has no memories any more.
        records = tuple(record_of(node, owners[node["owner"]]) for node in page if node["owner"] in owners)
        return MemoryPage(records, str(page[-1]["number"]) if len(found) > self.limit else None)
