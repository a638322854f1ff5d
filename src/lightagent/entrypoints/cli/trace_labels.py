"""The lines of a trace's tree, in rich's markup. What they quote may come from anybody: no terminal obeys it."""

from __future__ import annotations

import json
from typing import Final

from rich.markup import escape

from lightagent.domain.budgets import PICOS
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.prices import NO_PRICES, PriceTable
from lightagent.domain.unseen import written_out
from lightagent.domain.usage import normalize_usage

_STATUS_COLOURS: Final = {"ok": "green", "answered": "green", "waiting": "yellow"}
_LONGEST: Final = 10_000
"""Characters of a text that are looked at; a line shows far fewer."""


def preview(text: str, width: int = 160) -> str:
    """The beginning of a text on one line, for a label; markup in it is text, and what cannot be seen is an escape."""
    flat = written_out(" ".join(text[:_LONGEST].split()))
    whole = len(flat) <= width and len(text) <= _LONGEST
    return escape(flat if whole else f"{flat[: width - 1]}…")


def call_text(name: str, arguments: JsonValue) -> str:
    """A call as a program would write it; `name` is markup. Arguments that are not known are an ellipsis."""
    if not isinstance(arguments, dict):
        return f"{name}({'…' if arguments is None else preview(str(arguments))})"
    written = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({preview(written)})"


def text_of(data: JsonObject, name: str) -> str:
    """A value of an event on one line; nothing where it has none."""
    value = data.get(name)
    return "" if value is None else preview(str(value))


def answer_text(data: JsonObject, prices: PriceTable = NO_PRICES, asked: str = "") -> str:
    """What a model answered: how long it took, tokens, cost, and whether it calls tools.

    Args:
        asked: the name of the model that was asked, where its price is not known by the name that it answers with.
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
    """How a call ended."""
    status = str(data.get("status", "failed" if data.get("error") else "ok"))
    colour = _STATUS_COLOURS.get(status, "red")
    shown = [f"[{colour}]{preview(status)}[/]", _took(data, "duration"), preview(output)]
    return " · ".join(part for part in shown if part)


def end_text(data: JsonObject, cost: float | None) -> str:
    """How a run ended: its outcome, time, counts, tokens, and cost where it is known."""
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
    """What somebody thought of the run."""
    known = [f"{name} {text_of(data, name)}" for name in ("rating", "label", "helpful") if data.get(name) is not None]
    who = f"by {text_of(data, 'reviewer_id')}" if data.get("reviewer_id") else ""
    said = text_of(data, "comment")
    return "[bold]feedback[/] " + " · ".join(part for part in (*known, who, said) if part)


def note_text(kind: str, data: JsonObject) -> str:
    """Any other event: its type, and what is known of it."""
    colour = "red" if kind.endswith("_block") else "yellow" if kind.startswith("approval_") else "dim"
    known = ", ".join(f"{key}: {value}" for key, value in data.items() if key != "path")
    return f"[{colour}]{preview(kind)}[/] {preview(known)}"


def cost_text(cost: float) -> str:
    """An amount of the currency of the prices."""
    return f"cost {cost:.6f}"


def seconds_text(value: JsonValue) -> str:
    """A time; a question mark where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        return "? s"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _took(data: JsonObject, name: str) -> str:
    """How long something took: seconds in `name`, or milliseconds, as the 0.9 line wrote."""
    milliseconds = data.get("latency_ms")
    if name in data or isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return seconds_text(data.get(name))
    return seconds_text(milliseconds / 1000)
