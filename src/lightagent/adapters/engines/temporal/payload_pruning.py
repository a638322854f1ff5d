"""Deletes large payloads of runs that the server no longer has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from lightagent.adapters.engines.temporal.faults import is_no_run
from lightagent.adapters.engines.temporal.large_payloads import KIND, NAMESPACE, WORKFLOW, LargePayloads
from lightagent.domain.journals.streams import StreamInfo, StreamQuery

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class PrunedPayloads:
    """What became of the large payloads of a namespace.

    Attributes:
        payloads: how many were deleted, or would be.
        bytes: how large they were, as they were kept.
        left: how many old ones are of runs that the server still has.
    """

    payloads: int = 0
    bytes: int = 0
    left: int = 0


async def prune_payloads(client: Client, large: LargePayloads, before: float, *, dry_run: bool) -> PrunedPayloads:
    """Delete the payloads that were kept before a time, and whose runs the server no longer has.

    Args:
        before: seconds since 1970.
        dry_run: only count them.

    Raises:
        StoreError: the store or the server is away; what was deleted before stays deleted.
        RPCError: the server is away.
    """
    known: dict[str, bool] = {}
    payloads = size = left = 0
    cursor = ""
    while True:
        asked = StreamQuery(
            kind=KIND, labels={NAMESPACE: client.namespace}, updated_before=before, limit=_PAGE, cursor=cursor
        )
        page = await large.store.list(asked)
        for stream in page.streams:
            if await _is_there(client, stream, known):
                left += 1
                continue
            payloads, size = payloads + 1, size + stream.size
            if not dry_run:
                await large.store.forget(stream.key)
        cursor = page.next
        if not cursor:
            return PrunedPayloads(payloads, size, left)


async def _is_there(client: Client, stream: StreamInfo, known: dict[str, bool]) -> bool:
    """Whether the server has the run of a payload, as far as it is known already or can be asked."""
    workflow = stream.labels.get(WORKFLOW, "")
    if workflow not in known:
        try:
            await client.get_workflow_handle(workflow).describe()
            known[workflow] = True
        except RPCError as error:
            if not is_no_run(error):
                raise
            known[workflow] = False
    return known[workflow]
