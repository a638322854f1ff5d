"""The events of a run, asked of its workflow a page at a time."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import WorkflowHandle

from lightagent.adapters.engines.temporal.orders import EVENT, EVENTS, EventPage


async def asked_page(
    handle: WorkflowHandle[object, object], after: int, rpc_timeout: timedelta | None = None
) -> EventPage:
    """The events after so many of them, as many as fit into a page, and at least one if there is one.

    Raises:
        RPCError: the server is away, or no worker has answered.
        WorkflowQueryFailedError: the workers cannot go on with the run.
    """
    page: EventPage = await handle.query(EVENTS, after, result_type=EventPage, rpc_timeout=rpc_timeout)
    if not page.alone:
        return page
    text: str = await handle.query(EVENT, after, result_type=str, rpc_timeout=rpc_timeout)
    return EventPage(page.total, [text])
