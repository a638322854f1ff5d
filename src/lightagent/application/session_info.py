"""What is known of a session without reading it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from lightagent.application.list_streams import list_streams
from lightagent.application.load_session import KIND
from lightagent.domain.journal_streams import StreamInfo, StreamQuery
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What is known of a session without reading it.

    Attributes:
        status: `idle`; `waiting` for a human; `running`, while a turn is under way; or `interrupted`, if the process
            of that turn is gone.
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


def session_info(stream: StreamInfo) -> SessionInfo:
    """What the store tells of a session."""
    key, status = stream.key, stream.labels.get("status", "")
    if status == "running" and stream.lease_left <= 0:
        status = "interrupted"
    return SessionInfo(
        key.id,
        key.owner.user,
        status,
        stream.head - stream.base,
        stream.size,
        stream.created_at,
        stream.updated_at,
    )


async def list_sessions(store: JournalStore, user_id: str | None) -> AsyncIterator[StreamInfo]:
    """The sessions of a user, or with None of every user, the newest first.

    Raises:
        IncompleteListing: after all that can be read, if something cannot.
        StoreError: the store cannot be read.
    """
    query = StreamQuery(kind=KIND, tenant="", user=user_id)
    async for stream in list_streams(store, query):
        yield stream
