"""Removes whole sessions that are beyond the limits of what is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from lightagent.application.journals.hold_lease import HeldLease
from lightagent.application.journals.spilled_results import forget_spilled
from lightagent.application.reviews.streams import forget_reviews
from lightagent.application.sessions.info import SessionInfo, list_sessions, session_info
from lightagent.domain.errors import DamagedStream, IncompleteListing, LeaseHeld, StreamConflict
from lightagent.domain.journals.streams import StreamInfo
from lightagent.domain.scopes import Scope
from lightagent.domain.sessions.retention import Retention, StoredItem
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class PrunedSessions:
    """What pruning has done, or would do.

    Attributes:
        removed: the sessions that are gone.
        in_use: those that are beyond the limits and stay, since somebody uses them right now.
        unreadable: what cannot be read of the sessions, a sentence each; it was left alone.
    """

    removed: tuple[SessionInfo, ...] = ()
    in_use: tuple[SessionInfo, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The bytes of what is gone."""
        return sum(info.size for info in self.removed)


async def prune_sessions(
    store: JournalStore,
    tenant: str,
    user_id: str | None,
    retention: Retention,
    now: Callable[[], float],
    *,
    dry_run: bool,
) -> PrunedSessions:
    """Remove what is beyond the limits, which hold for each user alone.

    Args:
        user_id: whose sessions; None for those of every user of the tenant.

    Raises:
        StoreError: the store cannot be read or written. What was removed before stays removed.
    """
    of_user = defaultdict[str, list[StreamInfo]](list)
    unreadable: tuple[str, ...] = ()
    try:
        async for stream in list_sessions(store, tenant, user_id):
            of_user[stream.key.owner.user].append(stream)
    except IncompleteListing as error:
        unreadable = error.unreadable
    removed, in_use = list[SessionInfo](), list[SessionInfo]()
    for streams in of_user.values():
        for stream in _beyond(streams, retention, now()):
            try:
                gone = stream.lease_left <= 0 if dry_run else await _remove(store, stream)
            except DamagedStream as error:
                unreadable = (*unreadable, str(error))
            else:
                (removed if gone else in_use).append(session_info(stream))
    return PrunedSessions(tuple(removed), tuple(in_use), unreadable)


def _beyond(streams: list[StreamInfo], retention: Retention, now: float) -> list[StreamInfo]:
    newest_first = sorted(streams, key=lambda stream: stream.updated_at, reverse=True)
    return newest_first[retention.how_many_stay([StoredItem(one.updated_at, one.size) for one in newest_first], now) :]


async def _remove(store: JournalStore, stream: StreamInfo) -> bool:
    """Remove a session, unless somebody uses it or has used it since it was listed."""
    owner = stream.key.owner
    lease = HeldLease(store, stream.key, "retention")
    try:
        await lease.acquire(wait=0.0)
        if (await store.read(stream.key, -1, 1)).stream.head != stream.head:
            return False
        # First what belongs to it: where this stops halfway, the session is still listed and goes the next time.
        scope = Scope(owner.tenant, owner.user, stream.key.id)
        await forget_spilled(store, scope)
        await forget_reviews(store, scope)
        return await store.forget(stream.key, expected=stream.head) > 0
    except (LeaseHeld, StreamConflict):
        return False
    finally:
        await lease.release()
