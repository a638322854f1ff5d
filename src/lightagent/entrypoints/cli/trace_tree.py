"""A trace as a tree for people: the turns, what the model called in each, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from lightagent.application.projections.calls import ToolCallRecord
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.domain.json_types import JsonObject, JsonValue

_STATUS_COLOURS = {"ok": "green", "answered": "green", "waiting": "yellow"}


def trace_tree(events: Sequence[TraceEvent], calls: Sequence[ToolCallRecord] = ()) -> Tree:
    """The tree of one run's trace.

    Args:
        calls: the run's calls; a trace holds no content of its own unless it was asked for.
    """
    builder = _Builder({call.id: call for call in calls})
    for event in events:
        builder.add(event)
    return builder.tree


def print_tree(console: Console, events: Sequence[TraceEvent], calls: Sequence[ToolCallRecord] = ()) -> None:
    """Print the tree of a trace, its lines cut where the screen ends."""
    console.print(trace_tree(events, calls), soft_wrap=False)


def preview(text: str, width: int = 160) -> str:
    """The beginning of a text on one line, for a label; markup in it is text."""
    flat = "".join(each for each in " ".join(text.split()) if each.isprintable())
    return escape(flat if len(flat) <= width else f"{flat[: width - 1]}…")


def call_text(name: str, arguments: JsonValue) -> str:
    """A call as a program would write it."""
    if not isinstance(arguments, dict):
        return f"{name}({'' if arguments is None else preview(str(arguments))})"
    written = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({preview(written)})"


class _Builder:
    def __init__(self, calls: Mapping[str, ToolCallRecord]) -> None:
        self.tree = Tree(_line("[bold]run[/]"))
        self._calls = calls
        self._turn = self.tree
        self._turns = 0
        self._open: dict[str, Tree] = {}

    def add(self, event: TraceEvent) -> None:
        data = event["data"]
        match event["type"]:
            case "run_start":
                title = f"[bold]{_text(data, 'agent_name')}[/] · model {_text(data, 'model')}"
                self.tree.label = _line(f"{title} · [dim]trace {escape(event['trace_id'])}[/]")
            case "model_request":
                self._turns += 1
                self._turn = self.tree.add(_line(f"[bold]turn {self._turns}[/] · {data.get('message_count')} messages"))
            case "model_response":
                self._turn.label = _line(f"[bold]turn {self._turns}[/] · {_answer(data)}")
            case "tool_call" | "tool_result" | "approval_required":
                self._call(event["type"], data)
            case "error":
                self._turn.add(_line(f"[red]error {_text(data, 'code')}[/] {preview(str(data.get('message', '')))}"))
            case "run_end":
                self.tree.add(_line(_end(data)))
            case other:
                self._turn.add(_line(f"[dim]{escape(other)}[/] {_note(data)}"))

    def _call(self, kind: str, data: JsonObject) -> None:
        id_, name = str(data.get("id")), str(data.get("name"))
        record = self._calls.get(id_)
        arguments = data.get("arguments", record.arguments if record else {})
        if id_ not in self._open or kind == "tool_call":
            self._open[id_] = self._turn.add(_line(f"[cyan]{call_text(escape(name), arguments)}[/]"))
        if kind == "tool_result":
            output = str(data.get("output", (record.output or "") if record else ""))
            self._open.pop(id_).add(_line(_result(data, output)))
        elif kind == "approval_required":
            self._open[id_].add(_line("[yellow]waits for approval[/]"))


def _line(markup: str) -> Text:
    """One line, cut where the screen ends."""
    line = Text.from_markup(markup, emoji=False)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _answer(data: JsonObject) -> str:
    parts = [_seconds(data.get("latency"))]
    usage = data.get("usage")
    if isinstance(usage, dict):
        parts.append(f"{usage.get('input_tokens')} → {usage.get('output_tokens')} tokens")
    if data.get("tool_calls"):
        parts.append("calls tools")
    else:
        parts.append(f"answers ({data.get('content_chars')} characters)")
    return " · ".join(parts)


def _result(data: JsonObject, output: str) -> str:
    status = str(data.get("status"))
    colour = _STATUS_COLOURS.get(status, "red")
    return f"[{colour}]{status}[/] · {_seconds(data.get('duration'))} · {preview(output)}"


def _end(data: JsonObject) -> str:
    colour = "green" if data.get("success") else "red"
    milliseconds = data.get("duration_ms")
    seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else None
    counts = f"{data.get('model_request_count')} model requests · {data.get('tool_call_count')} tool calls"
    return f"[bold {colour}]{_text(data, 'outcome')}[/] · {_seconds(seconds)} · {counts}"


def _note(data: JsonObject) -> str:
    return preview(", ".join(f"{key}: {value}" for key, value in data.items()))


def _text(data: JsonObject, name: str) -> str:
    return escape(str(data.get(name, "")))


def _seconds(value: JsonValue) -> str:
    if not isinstance(value, int | float):
        return "? s"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"
