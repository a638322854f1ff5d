"""Where servers tell what an answer consumed: beside the choices, in one, in an extension, or as timings."""

from __future__ import annotations

from typing import Final

from lightagent.domain.usage import Usage, merge_usage, normalize_usage

_PLACES: Final = (
    ("usage",),  # OpenAI and nearly everybody
    ("x_groq", "usage"),  # Groq, in streams
    ("usage_metadata",),  # Gemini
    ("usageMetadata",),
    ("amazon-bedrock-invocationMetrics",),
    ("extra", "usage"),
    ("output", "usage"),  # gateways of DashScope
)
"""Paths from the object of an answer to a report, the best first."""

_NAMES: Final = frozenset({path[0] for path in _PLACES} | {"timings", "eval_count"})
"""Without one of these an object reports nothing; in most chunks of a stream they are missing or null."""

_NOTHING: Final = Usage()

_CHOICE_PLACES: Final = (("usage",), ("delta", "usage"), ("message", "usage"))


class UsageReports:
    """Collects what the objects of one answer report."""

    __slots__ = ("_guess", "_usage")

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._guess: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        """What the answer consumed; None if it was not reported."""
        return self._guess if self._usage is None else self._usage

    def read(self, answer: dict[object, object]) -> None:
        """Take the report in an object of the answer, if there is one."""
        if all(answer[name] is None for name in _NAMES.intersection(answer)):
            return
        for path in _PLACES:
            if path[0] in answer and (report := _counts(answer, path)) is not None:
                self._usage = merge_usage(self._usage, report)
                return
        if "timings" in answer or "eval_count" in answer:
            self._guess = merge_usage(self._guess, _from_timings(answer))

    def read_choice(self, choice: dict[object, object]) -> None:
        """Take the report in a choice, where Moonshot puts it."""
        said = choice.get("delta") or choice.get("message")
        if "usage" not in choice and not (isinstance(said, dict) and "usage" in said):
            return
        for path in _CHOICE_PLACES:
            if (report := _counts(choice, path)) is not None:
                self._usage = merge_usage(self._usage, report)
                return


def _counts(holder: dict[object, object], path: tuple[str, ...]) -> Usage | None:
    """The report at the end of the path; None if it is missing or all zeros."""
    value: object = holder.get(path[0])
    for name in path[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        return None
    usage = normalize_usage(value)
    return None if usage == _NOTHING else usage


def _from_timings(answer: dict[object, object]) -> Usage:
    """llama.cpp's `timings`, of which `prompt_n` leaves cached tokens out, or Ollama's counts beside the answer."""
    timings = answer.get("timings")
    if not isinstance(timings, dict):
        return normalize_usage({str(name): value for name, value in answer.items()})
    fresh = normalize_usage({"input_tokens": timings.get("prompt_n"), "output_tokens": timings.get("predicted_n")})
    cached = normalize_usage({"input_tokens": timings.get("cache_n")}).input_tokens
    given = fresh.input_tokens + cached
    return Usage(given, fresh.output_tokens, given + fresh.output_tokens, cached)
