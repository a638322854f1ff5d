"""Attempts whose process died before they ended: how often they are begun again, and what may run beside them."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.domain.errors import StoreError
from lightagent.domain.flow.events import AttemptStopped
from lightagent.domain.flow.moves import Do
from lightagent.domain.flow.state import FlowState, fold


class LostAttempts:
    """The lost attempts of one run. An attempt that kills its process takes all others there down with it.

    So before its last retry, no other lost attempt runs beside it: the one that kills its process is identified,
    and those that only ran beside it are not blamed.

    Args:
        around: for a nested run, how often the attempt around it was lost; None for an outermost run.
    """

    def __init__(self, state: FlowState, around: int | None = None) -> None:
        self._state = state
        self._most = state.started.limits.max_lost
        self._around = around
        self._alone: Do | None = None
        self._held: deque[Do] = deque()

    def times(self, move: Do) -> int:
        """How often an attempt was begun and lost with its process."""
        if self._around is None:
            return move.lost
        # A clean stop of the flow around this one stopped this one, too, and is on record there only.
        return min(move.lost, self._around)

    def is_exhausted(self, move: Do) -> bool:
        """Whether it has been begun as often as it may be."""
        return self.times(move) >= self._most

    def hold(self, move: Do) -> bool:
        """Whether it has to wait for another one, and is kept until then."""
        if self.times(move) < max(self._most - 1, 1):
            return False
        if self._is_under_way(move):
            self._held.append(move)
            return True
        self._alone = move
        return False

    def take(self) -> Do | None:
        """An attempt that was kept and may begin now."""
        return self._held.popleft() if self._held and not self._is_under_way() else None

    def _is_under_way(self, other: Do | None = None) -> bool:
        """Whether another one that may end its process is about to begin or under way."""
        alone = self._alone
        if alone is None or (other is not None and (alone.path, alone.epoch) == (other.path, other.epoch)):
            return False
        node = self._state.nodes.get(alone.path)
        if node is None or (node.epoch, node.attempt) != (alone.epoch, alone.attempt):
            return False
        return node.status in ("ready", "running") and node.begun > 0  # 0: it waits for people.


async def leave_in_good_order(flow: ActiveFlow) -> None:
    """Put on record that the attempts which were under way have been stopped, so that they do not count as lost.

    Only attempts on record can have been left; one that is not written is not known to have begun.
    """
    now = flow.clock.now()
    left = [
        AttemptStopped(node.path, node.epoch, node.attempt, at=now)
        for node in fold(flow.events).nodes.values()
        if node.status == "running" and node.begun
    ]
    if left:
        with suppress(StoreError):  # Then they count: the process that goes on with the run cannot tell.
            await flow.log.append(left, "running")
