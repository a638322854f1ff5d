"""What a model call consumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more model calls. Adding two gives the sum.

    Input includes what was read from a cache or written to one, and output the reasoning, whatever a provider counts.

    It is read as a dictionary too, as programs of the 0.9 line do: ``usage["prompt_tokens"]``, ``usage.get(…)`` and
    ``dict(usage)`` know the names of the attributes and OpenAI's for input and output.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )

    def __getitem__(self, name: str) -> int:
        if name not in _NAMES:
            raise KeyError(name)
        count: int = getattr(self, _ATTRIBUTES.get(name, name))
        return count

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def get(self, name: str, default: int = 0) -> int:
        """Return a count by its name, or `default` if it does not exist."""
        return self[name] if name in _NAMES else default

    def keys(self) -> tuple[str, ...]:
        """The names of the counts."""
        return _NAMES

    def to_dict(self) -> JsonObject:
        """Plain data, in the names of the GenAI semantic conventions."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "total_tokens": self.total_tokens,
            "cached_input_tokens": self.cached_input_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "cache_write_tokens": self.cache_write_tokens,
        }


_NAMES: Final = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "cache_write_tokens",
    "prompt_tokens",
    "completion_tokens",
)
_ATTRIBUTES: Final = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}


def normalize_usage(usage: object) -> Usage:
    """Usage from any provider's form (OpenAI's ``prompt_tokens``, Anthropic's ``input_tokens`` …).

    Counts may be floats or numeric text. What is missing or no number counts as 0; a missing total is the sum. Where a
    provider counts cached input or reasoning apart, they are added to input and output.

    Args:
        usage: a dictionary; an object with such attributes, or with a `model_dump`, as an SDK answers; or None.
    """
    if usage is None:
        return Usage()
    if isinstance(usage, Usage):
        return usage
    counts = usage if isinstance(usage, Mapping) else _attributes(usage)
    total = _first(counts, _TOTAL)
    reasoning = _first(counts, _REASONING) or _detail(counts, _REASONING, _OUTPUT_DETAILS)
    output_tokens = _first(counts, _OUTPUT)
    input_tokens = _whole_input(counts, output_tokens, total)
    output_tokens = _whole_output(counts, input_tokens, output_tokens, reasoning, total)
    return Usage(
        input_tokens,
        output_tokens,
        max(total, input_tokens + output_tokens),
        _first(counts, _CACHED) or _detail(counts, _CACHED_DETAILS, _INPUT_DETAILS),
        reasoning,
        _first(counts, _WRITTEN) or _detail(counts, _WRITTEN_DETAILS, _INPUT_DETAILS),
    )


def _whole_input(counts: Mapping[str, object], output_tokens: int, total: int) -> int:
    """The input with what a provider counts beside it: Anthropic and Bedrock the cache, Gemini what its tools found."""
    told = _first(counts, _INPUT) + _first(counts, _TOOL_INPUT)
    beside = _first(counts, _CACHE_READS) + _first(counts, _CACHE_WRITES)
    apart = total == told + output_tokens + beside if total else "prompt_tokens" not in counts
    return told + beside if apart else told


def _whole_output(
    counts: Mapping[str, object], input_tokens: int, output_tokens: int, reasoning: int, total: int
) -> int:
    """The output with the reasoning: some count it apart, some tell it in the total alone."""
    hidden = total - input_tokens - output_tokens
    if reasoning > output_tokens:
        return output_tokens + reasoning
    if thoughts := _first(counts, _THOUGHTS):
        return output_tokens if total and hidden == 0 else output_tokens + thoughts
    return output_tokens + hidden if input_tokens and hidden > 0 and reasoning in (0, hidden) else output_tokens


def _attributes(usage: object) -> Mapping[str, object]:
    """The counts of an object of an SDK."""
    dump: object = getattr(usage, "model_dump", None)
    dumped: object = dump() if callable(dump) else None
    if isinstance(dumped, Mapping):
        return dumped
    names = (*_INPUT, *_TOOL_INPUT, *_OUTPUT, *_TOTAL, *_CACHED, *_WRITTEN, *_REASONING)
    return {name: getattr(usage, name) for name in names if hasattr(usage, name)}


def merge_usage(old: Usage | None, new: Usage) -> Usage:
    """Two reports on one answer as one: of each count the latest that is not 0.

    Servers report again with every chunk, tell the input first and the output last, or send zeros at the end.
    """
    if old is None:
        return new
    input_tokens = new.input_tokens or old.input_tokens
    output_tokens = new.output_tokens or old.output_tokens
    whole = new.input_tokens and new.output_tokens
    total = new.total_tokens if whole else max(old.total_tokens, new.total_tokens, input_tokens + output_tokens)
    return Usage(
        input_tokens,
        output_tokens,
        total,
        new.cached_input_tokens or old.cached_input_tokens,
        new.reasoning_tokens or old.reasoning_tokens,
        new.cache_write_tokens or old.cache_write_tokens,
    )


_INPUT: Final = (
    "input_tokens",  # Anthropic, OpenAI's Responses API
    "prompt_tokens",  # OpenAI
    "inputTokens",  # Bedrock
    "promptTokens",
    "promptTokenCount",  # Gemini
    "prompt_token_count",
    "inputTokenCount",  # Bedrock's metrics
    "input_token_count",
    "prompt_eval_count",  # Ollama
)
_OUTPUT: Final = (
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "completionTokens",
    "candidatesTokenCount",
    "candidates_token_count",
    "outputTokenCount",
    "output_token_count",
    "eval_count",
)
_TOTAL: Final = ("total_tokens", "totalTokens", "totalTokenCount", "total_token_count")
_TOOL_INPUT: Final = ("toolUsePromptTokenCount", "tool_use_prompt_token_count")
_CACHE_READS: Final = (
    "cache_read_input_tokens",  # Anthropic
    "cacheReadInputTokens",  # Bedrock
    "cacheReadInputTokenCount",
)
_CACHE_WRITES: Final = ("cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")
_CACHED: Final = (
    "cached_input_tokens",
    *_CACHE_READS,
    "prompt_cache_hit_tokens",  # DeepSeek
    "cached_tokens",  # Moonshot
    "num_cached_tokens",  # Fireworks
    "cachedContentTokenCount",  # Gemini
    "cached_content_token_count",
)
_WRITTEN: Final = ("cache_write_tokens", *_CACHE_WRITES)
_THOUGHTS: Final = ("thoughtsTokenCount", "thoughts_token_count")
_REASONING: Final = ("reasoning_tokens", *_THOUGHTS, "thinking_tokens")
_CACHED_DETAILS: Final = ("cached_tokens", "cache_read_tokens", "cache_read", "cache_read_input_tokens")
_WRITTEN_DETAILS: Final = (
    "cache_write_tokens",  # OpenRouter
    "cache_creation_tokens",  # LiteLLM
    "cache_creation",  # LangChain
    "cache_creation_input_tokens",  # DashScope
)
_INPUT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS: Final = ("completion_tokens_details", "output_tokens_details", "output_token_details")


def _first(counts: Mapping[str, object], names: tuple[str, ...]) -> int:
    """The first count among the names that is not 0."""
    for name in names:
        if name in counts and (count := _count(counts[name])):
            return count
    return 0


def _detail(usage: Mapping[str, object], names: tuple[str, ...], places: tuple[str, ...]) -> int:
    """A count that stands in one of several nested objects."""
    for place in places:
        if place in usage and isinstance(details := usage[place], Mapping) and (count := _first(details, names)):
            return count
    return 0


def _count(value: object) -> int:
    """A count of tokens, which a few servers send as a float or as text."""
    if isinstance(value, int):
        return 0 if value < 0 or isinstance(value, bool) else value
    if isinstance(value, str):
        return _count_of_text(value)
    return int(value) if isinstance(value, float) and 0 < value < _MOST else 0


def _count_of_text(text: str) -> int:
    try:
        number = float(text[:40])
    except ValueError:
        return 0
    return int(number) if 0 < number < _MOST else 0


_MOST: Final = 1e15
"""The largest count that is accepted: beyond it a float cannot hold a count exactly."""
