"""Results of tools that were moved into a store, under an id that shows whether they were changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from lightagent.aiokits.paging import all_pages
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import DamagedStream, StreamConflict
from lightagent.domain.journals.streams import Draft, Entry, StreamKey, StreamQuery
from lightagent.domain.json_types import JsonValue
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

KIND: Final = "tool_result"
"""The kind of the streams that hold results."""

_PIECE: Final = 30_000
"""Characters of an entry."""


@dataclass(frozen=True, slots=True)
class SpilledResult:
    """A result of a tool.

    Attributes:
        run_id, call_id: the call that it answered.
        tool: its name.
        content: the whole text.
    """

    run_id: str
    call_id: str
    tool: str
    content: str

    @property
    def id(self) -> str:
        """A hash of everything: the stored content under it is this result, or was changed."""
        parts = (self.run_id, self.call_id, self.tool, self.content)
        packed = "".join(f"{len(part)}:{part}" for part in parts)
        return sha256(packed.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def pages(self, page_chars: int) -> int:
        """How many pages of so many characters it has; at least 1."""
        return max(1, -(-len(self.content) // page_chars))


def spilled_key(result_id: str, scope: Scope) -> StreamKey:
    """The stream of a result; its owner is part of the key, so ids of other users find nothing."""
    return StreamKey(Scope(scope.tenant, scope.user), KIND, result_id)


async def put_aside(store: JournalStore, scope: Scope, result: SpilledResult, *, run_id: str, at: float) -> None:
    """Keep a result. Keeping the same result twice, such as after a crash, has the effect of once.

    Args:
        run_id: the outermost run, with which the result is forgotten.

    Raises:
        StoreError: it cannot be written, or something else is kept under its id.
    """
    key = spilled_key(result.id, scope)
    content = result.content
    texts = [content[begin : begin + _PIECE] for begin in range(0, len(content), _PIECE)]
    head = {"run_id": result.run_id, "call_id": result.call_id, "tool": result.tool}
    drafts = [Draft(json.dumps(one)) for one in (head, *texts)]
    try:
        await store.append(key, drafts, expected=0, at=at, labels={"run": run_id, "session": scope.session})
    except StreamConflict:
        if await read_spilled(store, scope, result.id) != result:
            raise


async def read_spilled(store: JournalStore, scope: Scope, result_id: str) -> SpilledResult | None:
    """The result of this owner; None if there is none under this id.

    Raises:
        DamagedStream: the content is not the one that was kept.
        StoreError: it cannot be read.
    """
    key = spilled_key(result_id, scope)
    values: list[JsonValue] = []
    while True:
        found = await store.read(key, len(values))
        if not found.entries:
            break
        values += _values(key, found.entries)
    if not values:
        return None
    result = _result(values)
    if result is None or result.id != result_id:
        raise _damaged(key)
    return result


async def forget_spilled(store: JournalStore, scope: Scope, *, run_id: str = "") -> None:
    """Remove the results of the session of `scope`, or of a run.

    Raises:
        StoreError: the store cannot be read or written.
    """
    for key in await spilled_keys(store, scope, run_id=run_id):
        await store.forget(key)


async def spilled_keys(store: JournalStore, scope: Scope, *, run_id: str = "") -> list[StreamKey]:
    """The streams of the results of the session of `scope`, or of a run.

    Raises:
        StoreError: the store cannot be read.
    """
    if not run_id and not scope.session:
        return []
    labels = {"run": run_id} if run_id else {"session": scope.session}
    query = StreamQuery(KIND, scope.tenant, scope.user, "", labels=labels)
    keys: list[StreamKey] = []
    async for page in all_pages(lambda cursor: store.list(replace(query, cursor=cursor))):
        keys += [stream.key for stream in page.streams]
    return keys


def _values(key: StreamKey, entries: Sequence[Entry]) -> list[JsonValue]:
    try:
        return [read_json(entry.content) for entry in entries]
    except ValueError:
        raise _damaged(key) from None


def _result(values: Sequence[JsonValue]) -> SpilledResult | None:
    head, texts = values[0], [value for value in values[1:] if isinstance(value, str)]
    if not isinstance(head, dict) or len(texts) != len(values) - 1:
        return None
    match head:
        case {"run_id": str(run_id), "call_id": str(call_id), "tool": str(tool)}:
            return SpilledResult(run_id, call_id, tool, "".join(texts))
        case _:
            return None


def _damaged(key: StreamKey) -> DamagedStream:
    return DamagedStream(f"The result {key.id!r:.80} is not what was put aside: it does not fit its hash.")
