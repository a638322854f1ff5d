"""Format the lines of a trace's tree in rich's markup. Quoted texts are untrusted, and are escaped."""

from __future__ import annotations

import json
from typing import Final

from rich.markup import escape

from lightagent.domain.budgets.budget import PICOS
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.text.characters import written_out
from lightagent.domain.usage import normalize_usage

_STATUS_COLOURS: Final = {"ok": "green", "answered": "green", "waiting": "yellow"}
_LONGEST: Final = 10_000
"""Characters of a text that are processed; a line shows far fewer."""


def preview(text: str, width: int = 160) -> str:
    """Return the beginning of a text on one line, for a label. Markup and invisible characters in it are escaped."""
    flat = written_out(" ".join(text[:_LONGEST].split()))
    whole = len(flat) <= width and len(text) <= _LONGEST
    return escape(flat if whole else f"{flat[: width - 1]}…")


def call_text(name: str, arguments: JsonValue) -> str:
    """Format a call like Python code; `name` is markup. Unknown arguments are shown as an ellipsis."""
    if not isinstance(arguments, dict):
        return f"{name}({'…' if arguments is None else preview(str(arguments))})"
    written = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({preview(written)})"


def text_of(data: JsonObject, name: str) -> str:
    """Return a value of an event on one line; empty if it is missing."""
    value = data.get(name)
    return "" if value is None else preview(str(value))


def answer_text(data: JsonObject, prices: PriceTable = NO_PRICES, asked: str = "") -> str:
    """Format a model's response: its latency, tokens and cost, and whether it calls tools.

    Args:
        asked: the requested model name, which is used if the name in the response has no price.
    """
    parts = [_took(data, "latency")]
    told = data.get("usage")
    if isinstance(told, dict):
        usage = normalize_usage(told)
        parts.append(f"{usage.input_tokens:,} → {usage.output_tokens:,} tokens")
        price = prices.find(str(data.get("model")), asked)
        if price is not None:
            parts.append(cost_text(price.picos(usage) / PICOS))
    parts.append("calls tools" if data.get("tool_calls") else f"answers ({text_of(data, 'content_chars')} characters)")
    return " · ".join(parts)


def result_text(data: JsonObject, output: str) -> str:
    """Format the result of a call."""
    status = str(data.get("status", "failed" if data.get("error") else "ok"))
    colour = _STATUS_COLOURS.get(status, "red")
    shown = [f"[{colour}]{preview(status)}[/]", _took(data, "duration"), preview(output)]
    return " · ".join(part for part in shown if part)


def end_text(data: JsonObject, cost: float | None) -> str:
    """Format the end of a run: its outcome, duration, counts and tokens, and its cost if known."""
    colour, end = ("green", "completed") if data.get("success") is True else ("red", "did not complete")
    milliseconds = data.get("duration_ms")
    seconds = milliseconds / 1000 if isinstance(milliseconds, float | int) else None
    counts = f"{text_of(data, 'model_request_count')} model requests · {text_of(data, 'tool_call_count')} tool calls"
    parts = [f"[bold {colour}]{text_of(data, 'outcome') or end}[/]", seconds_text(seconds), counts]
    told = data.get("usage")
    if isinstance(told, dict) and (total := normalize_usage(told).total_tokens):
        parts.append(f"{total:,} tokens")
    if cost is not None:
        parts.append(cost_text(cost))
    return " · ".join(parts)


def feedback_text(data: JsonObject) -> str:
    """Format a person's feedback about the run."""
    known = [f"{name} {text_of(data, name)}" for name in ("rating", "label", "helpful") if data.get(name) is not None]
    who = f"by {text_of(data, 'reviewer_id')}" if data.get("reviewer_id") else ""
    said = text_of(data, "comment")
    return "[bold]feedback[/] " + " · ".join(part for part in (*known, who, said) if part)


def note_text(kind: str, data: JsonObject) -> str:
    """Format any other event: its type and data."""
    colour = "red" if kind.endswith("_block") else "yellow" if kind.startswith("approval_") else "dim"
    known = ", ".join(f"{key}: {value}" for key, value in data.items() if key != "path")
    return f"[{colour}]{preview(kind)}[/] {preview(known)}"


def cost_text(cost: float) -> str:
    """Format an amount in the currency of the prices."""
    return f"cost {cost:.6f}"


def seconds_text(value: JsonValue) -> str:
    """Format a duration; a question mark if the value is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        return "? s"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _took(data: JsonObject, name: str) -> str:
    """Format a duration: seconds in the field `name`, or milliseconds in `latency_ms`, as version 0.9 wrote it."""
    milliseconds = data.get("latency_ms")
    if name in data or isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return seconds_text(data.get(name))
    return seconds_text(milliseconds / 1000)
