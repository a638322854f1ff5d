"""How much of a conversation a request may hold, and what happens to the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from lightagent.domain.errors import ConfigurationError
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatModel
from lightagent.ports.token_counter import TokenCounter

ContextStrategy: TypeAlias = Literal["drop", "summarize", "spill", "spill_and_summarize"]
"""What happens where a request would be above its budget; see `ContextBudget`."""

LEAST_SPILLED: Final = 400
"""Tokens: what stays of a smaller result would save nothing."""


@dataclass(frozen=True, slots=True)
class ContextBudget:
    """Keeps every request of an agent within a number of tokens.

    If the next request would exceed `max_tokens`, the oldest part of the conversation is removed. `drop` leaves it
    out. `summarize` replaces it by a summary, for which a model is asked once. `spill` first moves large tool results
    into a store from which the model can read them back, and drops what is still too much. `spill_and_summarize` does
    both in this order. A call is never separated from its result.

    Attributes:
        max_tokens: the most tokens of a request: instructions, tool declarations and messages. Leave room for the
            answer.
        strategy: what is removed, and how.
        target_tokens: the size to which a request is reduced, so that the next one does not exceed the budget again;
            by default half of `max_tokens`.
        spill_above: tokens above which a result is moved; by default a sixteenth of `max_tokens`, at least 400.
        summary_tokens: the most tokens of a summary; by default an eighth of `max_tokens`.
        summary_timeout: seconds for the summary, after which messages are dropped instead.
        model: the model that writes summaries; by default the agent's own. The agent closes it.
        store: where large results are moved to; by default the agent's `session_store`.
        counter: counts tokens; by default they are estimated.

    Raises:
        ConfigurationError: a number that cannot be, or an unknown strategy.
    """

    max_tokens: int
    strategy: ContextStrategy = "drop"
    target_tokens: int | None = None
    spill_above: int | None = None
    summary_tokens: int | None = None
    summary_timeout: float = 60.0
    model: ChatModel | None = None
    store: JournalStore | None = None
    counter: TokenCounter | None = None

    def __post_init__(self) -> None:
        _check_count("max_tokens", self.max_tokens, 1)
        if self.strategy not in get_args(ContextStrategy):
            known = ", ".join(get_args(ContextStrategy))
            raise ConfigurationError(
                f"context_budget: {self.strategy!r:.80} is not a strategy.", guidance=f"Use one of: {known}."
            )
        for name, value, least in (
            ("target_tokens", self.target_tokens, 1),
            ("spill_above", self.spill_above, LEAST_SPILLED),
            ("summary_tokens", self.summary_tokens, 16),
        ):
            if value is not None:
                _check_count(name, value, least)
        if self.target > self.max_tokens or self.most_summary > self.max_tokens:
            raise ConfigurationError("context_budget: target_tokens and summary_tokens are at most max_tokens.")
        seconds: object = self.summary_timeout
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < math.inf:
            raise ConfigurationError(f"context_budget: summary_timeout is a number of seconds, not {seconds!r:.80}.")

    @property
    def target(self) -> int:
        """What a request is brought down to."""
        return self.max_tokens // 2 if self.target_tokens is None else self.target_tokens

    @property
    def spill_threshold(self) -> int:
        """Tokens above which a result is put aside."""
        return max(LEAST_SPILLED, self.max_tokens // 16) if self.spill_above is None else self.spill_above

    @property
    def most_summary(self) -> int:
        """Tokens that a summary may take."""
        return max(1, self.max_tokens // 8) if self.summary_tokens is None else self.summary_tokens

    @property
    def page_chars(self) -> int:
        """Characters of a page of a result that was put aside: a small part of the budget in any script."""
        return min(max(self.max_tokens // 8, 200), 8_000)

    @property
    def spills(self) -> bool:
        """Whether large results are put aside."""
        return self.strategy in ("spill", "spill_and_summarize")

    @property
    def summarizes(self) -> bool:
        """Whether removed messages are replaced by a summary."""
        return self.strategy in ("summarize", "spill_and_summarize")


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"context_budget: {name} is a whole number of at least {least}, not {value!r:.80}.")
