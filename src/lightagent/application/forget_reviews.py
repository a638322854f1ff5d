"""Removes what reviewers were asked about a run or a session that is forgotten."""

from __future__ import annotations

from dataclasses import replace

from lightagent.aiokits.paging import all_pages
from lightagent.application.remembered import KIND as REMEMBERED
from lightagent.application.reviews import KIND as REVIEWS
from lightagent.domain.journal_streams import StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore


async def forget_reviews(store: JournalStore, scope: Scope, *, run_id: str = "") -> None:
    """Remove the reviews of a run, or those of the session of `scope` with the decisions that hold in it.

    Raises:
        StoreError: the store cannot be read or written.
    """
    owner = StreamQuery(tenant=scope.tenant, user=scope.user)
    if run_id:
        queries = [replace(owner, kind=REVIEWS, labels={"run": run_id})]
    elif scope.session:
        queries = [replace(owner, kind=kind, session=scope.session) for kind in (REVIEWS, REMEMBERED)]
    else:
        return
    for query in queries:
        for key in await _keys(store, query):
            await store.forget(key)


async def _keys(store: JournalStore, query: StreamQuery) -> list[StreamKey]:
    """The streams that match, as far as they can be read; where sessions are listed, the rest is told."""
    pages = all_pages(lambda cursor: store.list(replace(query, cursor=cursor)))
    return [stream.key async for page in pages for stream in page.streams]
