"""Counts the tokens of a run's conversation, each message once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from operator import is_
from typing import Final

from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.domain.budgets.token_costs import TokenCost, message_cost, tools_cost
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.messages import Message
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.token_counter import TokenCounter

FIRST_SECONDS: Final = 30.0
"""How long a counter may take for what it counts first in a run."""


class TokenLedger:
    """The token counts of the messages of one run, by a counter that may be foreign code.

    Attributes:
        sizes: the tokens of each message, as of the last `update`.
        total: their sum.
        failure: what the counter raised; from then on tokens are estimated. None if nothing.
        is_failure_noted: whether that is on record.
    """

    def __init__(self, counter: TokenCounter, *, in_time: bool) -> None:
        self.counter = counter
        self.sizes: list[int] = []
        self.total: int = 0
        self.failure: Exception | None = None
        self.is_failure_noted = False
        self._has_counted = False
        self._in_time = in_time
        self._messages: tuple[Message, ...] = ()
        self._fixed: tuple[AgentHead, tuple[ToolSpec, ...], int] | None = None

    async def update(self, messages: tuple[Message, ...]) -> None:
        """Count what has come since the last time. A conversation grows at its end, so it is rarely more than that."""
        old = self._messages
        if len(messages) < len(old) or not all(map(is_, old, messages)):
            # Compaction: what is still there keeps its count. The old messages live as long as their ids are used.
            known = {id(message): size for message, size in zip(old, self.sizes, strict=True)}
            self._messages, self.sizes, self.total = (), [], 0
            missing = [message for message in messages if id(message) not in known]
            known |= zip(map(id, missing), await self._costs(map(message_cost, missing)), strict=True)
            self.sizes = [known[id(message)] for message in messages]
        elif len(messages) > len(old):
            self.sizes += await self._costs(map(message_cost, messages[len(old) :]))
        else:
            return
        self._messages, self.total = messages, sum(self.sizes)

    async def sizes_of(self, messages: Iterable[Message]) -> list[int]:
        """The tokens of each of these, which need not be in the conversation."""
        return await self._costs(map(message_cost, messages))

    async def fixed(self, head: AgentHead, specs: tuple[ToolSpec, ...]) -> int:
        """The tokens of every request besides its messages; counted again only for other tools."""
        known = self._fixed
        if known is None or known[0] is not head or known[1] is not specs:
            instructions = TokenCost() if head.silent else message_cost(head.instructions)
            costs = await self._costs([instructions, tools_cost(specs, head.output_schema)])
            known = self._fixed = head, specs, sum(costs)
        return known[2]

    async def _costs(self, given: Iterable[TokenCost]) -> list[int]:
        """The tokens of each of these."""
        costs = list(given)
        counted = await self._count([text for cost in costs for text in cost.texts])
        sums = [0, *accumulate(counted)]
        ends = [0, *accumulate(len(cost.texts) for cost in costs)]
        return [cost.tokens + sums[end] - sums[begin] for cost, (begin, end) in zip(costs, pairwise(ends), strict=True)]

    async def _count(self, texts: list[str]) -> Sequence[int]:
        if self.failure is None and texts:
            try:
                # The first count may have to load or download data; a task for each count would cost more.
                seconds = None if self._has_counted else FIRST_SECONDS
                counted: object = await await_foreign(self.counter.count(texts), seconds, in_time=self._in_time)
                numbers = _checked(counted, len(texts))
                self._has_counted = True
                return numbers
            except FAILURES as raised:  # Foreign code: if the counter fails, the budget is kept by an estimate.
                self.failure = failure(raised)
        return [estimate_tokens(text) for text in texts]


def _checked(counted: object, count: int) -> Sequence[int]:
    if isinstance(counted, Sequence) and len(counted) == count:
        numbers = [one for one in counted if isinstance(one, int) and one >= 0]
        if len(numbers) == count:
            return numbers
    raise ConfigurationError(f"A token counter must give {count} numbers for {count} texts.", guidance="")
