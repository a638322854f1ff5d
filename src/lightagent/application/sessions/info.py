"""The description of a session that is known without reading it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.application.journals.read_streams import list_streams, status_of
from lightagent.application.sessions.load import KIND
from lightagent.domain.journals.streams import StreamInfo, StreamQuery
from lightagent.ports.journals import JournalStore

SessionStatus: TypeAlias = Literal["idle", "waiting", "running", "interrupted"]
"""Whether a session has a turn that is under way, waits for a human, or was interrupted."""

_BY_NAME: Final[dict[str, SessionStatus]] = {
    "idle": "idle",
    "waiting": "waiting",
    "running": "running",
    "interrupted": "interrupted",
}


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
    status: SessionStatus
    events: int
    size: int
    created_at: float
    updated_at: float


def session_info(stream: StreamInfo) -> SessionInfo:
    """The description that the store has of a session."""
    key = stream.key
    return SessionInfo(
        key.id,
        key.owner.user,
        _BY_NAME.get(status_of(stream), "interrupted"),
        stream.head - stream.base,
        stream.size,
        stream.created_at,
        stream.updated_at,
    )


def list_sessions(store: JournalStore, tenant: str, user_id: str | None) -> AsyncIterator[StreamInfo]:
    """The sessions of a user, or with None of every user of the tenant, the newest first.

    Raises:
        IncompleteListing: after all that can be read, if something cannot.
        StoreError: the store cannot be read.
    """
    return list_streams(store, StreamQuery(kind=KIND, tenant=tenant, user=user_id))
