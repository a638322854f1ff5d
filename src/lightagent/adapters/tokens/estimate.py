"""Estimates tokens without a tokenizer: for any model, and where nothing is installed or can be downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lightagent.adapters.registry import Adapter
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.ports.token_counter import TokenCounter


class EstimatedTokens(TokenCounter):
    """Counts by the formula of `lightagent.domain.budgets.token_estimate`, which tends to overestimate."""

    @property
    def name(self) -> str:
        return "estimate"

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        return [estimate_tokens(text) for text in texts]


class EstimateOptions(BaseModel):
    """The kind `estimate` has no options."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


ADAPTER = Adapter(EstimateOptions, lambda options: EstimatedTokens())
