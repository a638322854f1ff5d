"""Sessions as their owner sees them: a listing, the conversation, and the turn that has not ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from lightagent.aiokits.paging import all_pages
from lightagent.application.journal import Journal
from lightagent.application.keep_session import KIND, load_session, session_key
from lightagent.application.spilled_results import forget_spilled
from lightagent.domain.history import history_entry
from lightagent.domain.journal_streams import StreamInfo, StreamQuery
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What is known of a session without reading it.

    Attributes:
        status: `idle`, `waiting` for a human, or `running`; a turn that a crash interrupted counts as running.
        events: how many are kept.
        size: bytes that they take.
        created_at, updated_at: seconds since 1970 in UTC.
    """

    session_id: str
    user_id: str
    status: str
    events: int
    size: int
    created_at: float
    updated_at: float


class Sessions:
    """The sessions in a store. Every method is about one user's; another user's session of the same id is another."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    async def list(self, user_id: str = "") -> AsyncIterator[SessionInfo]:
        """A user's sessions, the newest first.

        Raises:
            StoreError: the store cannot be read.
        """
        async for page in all_pages(
            lambda cursor: self._store.list(StreamQuery(kind=KIND, tenant="", user=user_id, cursor=cursor))
        ):
            for stream in page.streams:
                yield _info(stream)

    async def messages(self, session_id: str, user_id: str = "") -> tuple[JsonObject, ...]:
        """The conversation in OpenAI form, without a turn that has not ended; empty for a session that is not there.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        session = (await load_session(self._store, session_key(Scope(user=user_id, session=session_id)))).session
        return tuple(history_entry(message) for message in session.messages)

    async def journal(self, session_id: str, user_id: str = "") -> Journal | None:
        """The turn that waits for a human or was interrupted, for `agent.resume`; None if every turn has ended.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        session = (await load_session(self._store, session_key(Scope(user=user_id, session=session_id)))).session
        return Journal(session.events) if session.run is not None else None

    async def forget(self, session_id: str, user_id: str = "") -> bool:
        """Remove a session, its whole conversation, and results of tools that were put aside in it.

        Returns whether there was one.

        Raises:
            StoreError: the store cannot be written.
        """
        scope = Scope(user=user_id, session=session_id)
        await forget_spilled(self._store, scope)
        return await self._store.forget(session_key(scope)) > 0


def _info(stream: StreamInfo) -> SessionInfo:
    key = stream.key
    return SessionInfo(
        key.id,
        key.owner.user,
        stream.labels.get("status", ""),
        stream.head - stream.base,
        stream.size,
        stream.created_at,
        stream.updated_at,
    )
