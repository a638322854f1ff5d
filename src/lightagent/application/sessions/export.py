"""A session as JSON lines: all that is kept of it, for its owner, for another program, or for an archive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Final

from lightagent.application.journals.read_streams import read_entries
from lightagent.application.journals.spilled_results import read_spilled, spilled_keys
from lightagent.application.sessions.load import no_session
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

FORMAT: Final = "lightagent.session"
VERSION: Final = 1


async def export_session(store: JournalStore, key: StreamKey) -> AsyncIterator[str]:
    """The lines, without line breaks: which session it is, one for each entry and for each result that was stored
    separately, and one for the end.

    Entries are exported byte for byte as stored, so even a session that cannot go on can be exported.

    Raises:
        ConfigurationError: the session does not exist.
        StoreError: it cannot be read, or was forgotten or trimmed meanwhile.
    """
    stream = (await store.read(key, -1, 1)).stream
    if not stream.head:
        raise no_session(key)
    first = {
        "format": FORMAT,
        "version": VERSION,
        "session_id": key.id,
        "tenant": key.owner.tenant,
        "user_id": key.owner.user,
        "status": stream.labels.get("status", ""),
        "created_at": stream.created_at,
        "updated_at": stream.updated_at,
        "first_entry": stream.base + 1,
        "last_entry": stream.head,
    }
    yield json.dumps(first)
    async for entry in read_entries(store, stream, stream.head):
        yield f'{{"sequence": {entry.sequence}, "schema": {entry.schema}, "content": {entry.content}}}'
    results = await spilled_keys(store, Scope(key.owner.tenant, key.owner.user, key.id))
    for place in results:
        result = await read_spilled(store, place.owner, place.id)
        if result is not None:
            yield json.dumps({"result": result.id, **asdict(result)})
    yield json.dumps({"entries": stream.head - stream.base, "results": len(results), "complete": True})
