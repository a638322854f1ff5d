"""Polls the decisions of people while a run goes on, and applies expiry.

Messages to the run itself come through its inbox. Decisions that are made in a store of reviews leave nothing
there, so the reviews are polled: those of the run's own steps, and those within nested agents and flows that wait
for a decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.ask_again import events_after_decision
from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.find_awaited import awaited_within
from lightagent.application.flow.flow_reviews import FlowReviews, waiting_nodes
from lightagent.domain.flow.moves import Do
from lightagent.domain.flow.nodes import Node
from lightagent.domain.journals.streams import StreamKey

PAUSE: Final = 0.5
"""Seconds between two polls."""

_MOST_READ: Final = 32
"""Reviews that one poll reads. If more are open, they take turns."""


class HearPeople:
    """Polls the decisions about one run.

    Args:
        left: gives the moves that go on with attempts in which people have to decide.
        go_on: goes on with such an attempt.
    """

    def __init__(self, flow: ActiveFlow, left: Callable[[], Sequence[Do]], go_on: Callable[[Do], None]) -> None:
        self._flow = flow
        self._left = left
        self._go_on = go_on
        self._turn = 0
        self._told: set[tuple[StreamKey, int]] = set()
        self._within: dict[tuple[str, int, int, int], tuple[Awaited, ...]] = {}

    async def hear(self) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            await self.look()

    async def look(self) -> None:
        """Report new decisions once."""
        flow = self._flow
        reviews = flow.reviews
        if flow.state.cancelled:
            return
        nodes, moves = waiting_nodes(flow.state) if reviews is not None else [], self._left()
        self._forget_but(moves)
        late = [node for node in nodes if node.expires is not None and flow.clock.now() >= node.expires]
        turns: list[Node | Do] = [*(node for node in nodes if node not in late), *moves]
        for one in (*late, *self._next(turns)):
            if isinstance(one, Do):
                if await self._is_news(one):
                    self._go_on(one)
            elif reviews is not None:
                await self._hear_about(one, reviews)

    def _next(self, turns: list[Node | Do]) -> list[Node | Do]:
        """The reviews whose turn it is."""
        if len(turns) <= _MOST_READ:
            return turns
        begin = self._turn % len(turns)
        self._turn += _MOST_READ
        return [*turns[begin:], *turns[:begin]][:_MOST_READ]

    async def _hear_about(self, node: Node, reviews: FlowReviews) -> None:
        """Read what was decided about a waiting step, or let its time run out."""
        review = await reviews.awaited(self._flow.state, node).answered()
        events = await events_after_decision(self._flow, node, review)
        if events:
            self._flow.report(Report(events))

    async def _is_news(self, move: Do) -> bool:
        """Whether something was decided or has expired within an attempt; each is reported once."""
        now = self._flow.clock.now()
        for awaited in self._open_within(move):
            review = await awaited.answered()
            if review is not None:
                mark = awaited.key, review.head
            elif awaited.expires is not None and now >= awaited.expires:
                mark = awaited.key, 0
            else:
                continue
            if mark not in self._told:
                self._told.add(mark)
                return True
        return False

    def _open_within(self, move: Do) -> tuple[Awaited, ...]:
        """The requests within an attempt, cached for its present record."""
        key = _mark(move)
        if key not in self._within:
            node = self._flow.state.nodes.get(move.path)
            found = () if node is None else awaited_within(node, self._flow.steps, self._flow.reviews)
            self._within[key] = found
        return self._within[key]

    def _forget_but(self, moves: Sequence[Do]) -> None:
        kept = {_mark(move) for move in moves}
        self._within = {key: found for key, found in self._within.items() if key in kept}


def _mark(move: Do) -> tuple[str, int, int, int]:
    return move.path, move.epoch, move.attempt, len(move.notes)
