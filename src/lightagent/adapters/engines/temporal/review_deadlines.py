"""When people's time to decide about steps of a run is over: a timer for each request that waits.

The timers keep no caller waiting, and no workflow from continuing as a new one, which sets them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from lightagent.domain.flow.nodes import Node

Request: TypeAlias = tuple[str, int, str]
"""The path and the epoch of a step, and the id of the request."""


class Deadlines:
    """The timers of one run.

    Args:
        nodes: gives all steps of the run as they are now.
        ask_others: has code say who is asked next, or that the step has failed; that is on record when it returns.
    """

    def __init__(self, nodes: Callable[[], Iterable[Node]], ask_others: Callable[[Node], Awaitable[None]]) -> None:
        self._nodes = nodes
        self._ask_others = ask_others
        self._timers: dict[Request, asyncio.Task[None]] = {}
        self._asking = 0

    @property
    def is_asking(self) -> bool:
        """Whether the time of a request is over, and what follows is not on record yet."""
        return self._asking > 0

    def keep(self) -> None:
        """Set a timer for each request that waits, and cancel those of the others."""
        waiting = {
            (node.path, node.epoch, node.request_id): node
            for node in self._nodes()
            if node.status == "waiting_approval" and node.expires is not None
        }
        for request in [request for request in self._timers if request not in waiting]:
            self._timers.pop(request).cancel()
        for request, node in waiting.items():
            if request not in self._timers:
                self._timers[request] = asyncio.create_task(self._wait(node))

    async def _wait(self, node: Node) -> None:
        await until(node.expires or 0.0)
        self._asking += 1
        try:
            await self._ask_others(node)
        finally:
            self._asking -= 1
        self.keep()


async def until(due: float) -> None:
    """Wait until a moment, in seconds of the workflow's clock."""
    seconds = due - workflow.now().timestamp()
    if seconds > 0:
        await asyncio.sleep(seconds)
