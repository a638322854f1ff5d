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
    input_tokens = _count(usage.get("input_tokens")) or _count(usage.get("prompt_tokens"))
    output_tokens = _count(usage.get("output_tokens")) or _count(usage.get("completion_tokens"))
    cached = _count(usage.get("cached_input_tokens")) or _count(usage.get("cache_read_input_tokens"))
    reasoning = _count(usage.get("reasoning_tokens"))
    return Usage(
        input_tokens,
        output_tokens,
        _count(usage.get("total_tokens")) or input_tokens + output_tokens,
        cached or _detail(usage, "cached_tokens", "prompt_tokens_details", "input_tokens_details"),
        reasoning or _detail(usage, "reasoning_tokens", "completion_tokens_details", "output_tokens_details"),
    )


def _detail(usage: Mapping[str, object], name: str, *places: str) -> int:
    """A count that stands in one of several nested objects."""
    for place in places:
        details = usage.get(place)
        if isinstance(details, Mapping):
            return _count(details.get(name))
    return 0


def _count(value: object) -> int:
    return value if isinstance(value, int) and value is not True and value > 0 else 0
