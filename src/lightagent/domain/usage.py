"""What a model call consumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more model calls. Adding two gives the sum."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    def to_dict(self) -> JsonObject:
        """Plain data, in the names of the GenAI semantic conventions."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "total_tokens": self.total_tokens,
            "cached_input_tokens": self.cached_input_tokens,
            "reasoning_tokens": self.reasoning_tokens,
        }


def normalize_usage(usage: Usage | Mapping[str, object] | None) -> Usage:
    """Usage from any provider's form (OpenAI's ``prompt_tokens``, Anthropic's ``input_tokens`` …).

    What is missing or no number counts as 0; a missing total is the sum.
    """
    if usage is None:
        return Usage()
    if isinstance(usage, Usage):
        return usage
    given = _count(usage, "input_tokens", "prompt_tokens")
    made = _count(usage, "output_tokens", "completion_tokens")
    return Usage(
        given,
        made,
        _count(usage, "total_tokens") or given + made,
        _count(usage, "cached_input_tokens", "cache_read_input_tokens")
        or _detail(usage, "cached_tokens", "prompt_tokens_details", "input_tokens_details"),
        _count(usage, "reasoning_tokens")
        or _detail(usage, "reasoning_tokens", "completion_tokens_details", "output_tokens_details"),
    )


def _detail(usage: Mapping[str, object], name: str, *places: str) -> int:
    details = (usage.get(place) for place in places)
    return next((_count(detail, name) for detail in details if isinstance(detail, Mapping)), 0)


def _count(usage: Mapping[str, object], *names: str) -> int:
    for name in names:
        value = usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return 0
