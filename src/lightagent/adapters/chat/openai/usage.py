"""Finds the token counts of an answer: beside its choices, in a choice, in an extension, or as timings."""

from __future__ import annotations

from typing import Final

from lightagent.domain.usage import Usage, merge_usage, normalize_usage

_PLACES: Final = (
    ("usage",),  # OpenAI and most others
    ("x_groq", "usage"),  # Groq, in streams
    ("usage_metadata",),  # Gemini
    ("usageMetadata",),
    ("amazon-bedrock-invocationMetrics",),
    ("extra", "usage"),
    ("output", "usage"),  # gateways of DashScope
)
"""Paths from an answer to a usage report, in order of preference."""

_REPORT_FIELDS: Final = frozenset({path[0] for path in _PLACES} | {"timings", "eval_count"})
"""Fields of which a report needs at least one. Most chunks of a stream have none, or null."""

_EMPTY: Final = Usage()

_CHOICE_PLACES: Final = (("usage",), ("delta", "usage"), ("message", "usage"))


class UsageReports:
    """Collects the usage reports in the objects of one answer."""

    __slots__ = ("_estimate", "_usage")

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._estimate: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        """The tokens of the answer, or None if they were not reported."""
        return self._estimate if self._usage is None else self._usage

    def read(self, answer: dict[object, object]) -> None:
        """Read the report in an object of the answer, if there is one."""
        if all(answer[name] is None for name in _REPORT_FIELDS.intersection(answer)):
            return
        for path in _PLACES:
            if path[0] in answer and (report := _counts(answer, path)) is not None:
                self._usage = merge_usage(self._usage, report)
                return
        if "timings" in answer or "eval_count" in answer:
            self._estimate = merge_usage(self._estimate, _from_timings(answer))

    def read_choice(self, choice: dict[object, object]) -> None:
        """Read the report in a choice, if there is one; Moonshot puts it there."""
        part = choice.get("delta") or choice.get("message")
        if "usage" not in choice and not (isinstance(part, dict) and "usage" in part):
            return
        for path in _CHOICE_PLACES:
            if (report := _counts(choice, path)) is not None:
                self._usage = merge_usage(self._usage, report)
                return


def _counts(holder: dict[object, object], path: tuple[str, ...]) -> Usage | None:
    """Return the report at the end of the path, or None if it is missing or all zeros."""
    value: object = holder.get(path[0])
    for name in path[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        return None
    usage = normalize_usage(value)
    return None if usage == _EMPTY else usage


def _from_timings(answer: dict[object, object]) -> Usage:
    """Read llama.cpp's `timings`, whose `prompt_n` does not include cached tokens, or Ollama's top-level counts."""
    timings = answer.get("timings")
    if not isinstance(timings, dict):
        return normalize_usage({str(name): value for name, value in answer.items()})
    fresh = normalize_usage({"input_tokens": timings.get("prompt_n"), "output_tokens": timings.get("predicted_n")})
    cached = normalize_usage({"input_tokens": timings.get("cache_n")}).input_tokens
    input_tokens = fresh.input_tokens + cached
    return Usage(input_tokens, fresh.output_tokens, input_tokens + fresh.output_tokens, cached)
