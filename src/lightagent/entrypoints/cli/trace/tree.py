"""Show a trace as a tree: the turns, the calls in each with the nested agents below them, and the end of the run."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from lightagent.application.projections.calls import ToolCallRecord
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.projections.trace_summary import priced_cost
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.trace.labels import (
    answer_text,
    call_text,
    end_text,
    feedback_text,
    note_text,
    preview,
    result_text,
    text_of,
)

_Path: TypeAlias = tuple[str, ...]
_DEEPEST: Final = 30
"""Levels of nested agents that have branches of their own; deeper ones share the last branch."""


def trace_tree(
    events: Sequence[TraceEvent], calls: Sequence[ToolCallRecord] = (), prices: PriceTable = NO_PRICES
) -> Tree:
    """Return the tree of one run's trace.

    Args:
        calls: the records of the run's calls, since traces contain arguments and outputs only on request.
        prices: prices of models, for the cost of the turns.
    """
    builder = _Builder(_by_place(calls), prices, priced_cost(events, prices) if prices.prices else None)
    for event in events:
        builder.add(event)
    return builder.tree


def print_tree(
    console: Console,
    events: Sequence[TraceEvent],
    calls: Sequence[ToolCallRecord] = (),
    prices: PriceTable = NO_PRICES,
) -> None:
    """Print the tree of a trace; lines are truncated at the width of the screen."""
    console.print(trace_tree(events, calls, prices), soft_wrap=False)


def _by_place(calls: Sequence[ToolCallRecord]) -> dict[_Path, deque[ToolCallRecord]]:
    """Index the calls, including those of nested agents, by the path of ids that leads to them.

    Several turns may use the same call id, for example if models number their calls; these calls are kept in order.
    """
    places = defaultdict[_Path, deque[ToolCallRecord]](deque)
    for place, call in _with_place(calls, ()):
        places[place].append(call)
    return places


def _with_place(calls: Sequence[ToolCallRecord], path: _Path) -> Iterator[tuple[_Path, ToolCallRecord]]:
    for call in calls:
        place = (*path, call.id)
        yield place, call
        yield from _with_place(call.nested, place)


@dataclass(slots=True)
class _Branch:
    """One run's part of the tree: its node, the current turn, and the calls that have not ended.

    `agent` is the agent that started the run; `acts` is the label of the agent of the current turn, empty unless
    another one has taken over.
    """

    node: Tree
    turn: Tree
    turns: int = 0
    asked: str = ""
    agent: str = ""
    acts: str = ""
    calls: dict[str, Tree] = field(default_factory=dict)


class _Builder:
    def __init__(self, calls: Mapping[_Path, deque[ToolCallRecord]], prices: PriceTable, cost: float | None) -> None:
        self.tree = Tree(_line("[bold]run[/]"))
        self._calls = calls
        self._prices = prices
        self._cost = cost
        self._branches: dict[_Path, _Branch] = {(): _Branch(self.tree, self.tree)}

    def add(self, event: TraceEvent) -> None:
        data, path = event["data"], _path(event["data"])
        branch = self._branch(path)
        match event["type"]:
            case "run_start":
                title = f"[bold]{text_of(data, 'agent_name')}[/] · model {text_of(data, 'model')}"
                if isinstance(tags := data.get("tags"), list):
                    title += f" · [dim]{preview(', '.join(map(str, tags)))}[/]"
                branch.agent = str(data.get("agent_name"))
                branch.node.label = _line(title if path else f"{title} · [dim]trace {preview(event['trace_id'])}[/]")
            case "model_request":
                branch.turns += 1
                branch.asked = str(data.get("model"))
                other = data.get("agent_name", branch.agent) != branch.agent
                branch.acts = f" · {text_of(data, 'agent_name')}" if other else ""
                messages = text_of(data, "message_count")
                branch.turn = branch.node.add(_line(f"[bold]turn {branch.turns}[/]{branch.acts} · {messages} messages"))
            case "model_response":
                answer = answer_text(data, self._prices, branch.asked)
                branch.turn.label = _line(f"[bold]turn {branch.turns}[/]{branch.acts} · {answer}")
            case "tool_call" | "tool_result" | "approval_required":
                self._call(branch, path, event["type"], data)
            case "run_end":
                branch.node.add(_line(end_text(data, None if path else self._cost)))
            case _:
                self._note(branch, event["type"], data)

    def _branch(self, path: _Path) -> _Branch:
        if path not in self._branches:
            around = self._branch(path[:-1])
            node = around.calls.get(path[-1], around.turn).add(_line("[bold]agent[/]"))
            self._branches[path] = _Branch(node, node)
        return self._branches[path]

    def _call(self, branch: _Branch, path: _Path, kind: str, data: JsonObject) -> None:
        id_ = str(data.get("id"))
        records = self._calls.get((*path, id_)) or deque()
        record = records[0] if records else None
        arguments = data.get("arguments", record.arguments if record else None)
        if id_ not in branch.calls or kind == "tool_call":
            label = _line(f"[cyan]{call_text(text_of(data, 'name'), arguments)}[/]")
            branch.calls[id_] = branch.turn.add(label)
        if kind == "tool_result":
            output = str(data.get("output", (record.output or "") if record else ""))
            branch.calls.pop(id_).add(_line(result_text(data, output)))
            if records:
                records.popleft()
            self._branches.pop((*path, id_), None)  # Another turn may reuse the call id.
        elif kind == "approval_required":
            branch.calls[id_].add(_line("[yellow]waits for approval[/]"))

    def _note(self, branch: _Branch, kind: str, data: JsonObject) -> None:
        """Add a line for any other event, below the call that it belongs to if that has not ended."""
        if kind == "human_feedback":
            branch.node.add(_line(feedback_text(data)))
        elif kind == "error":
            branch.turn.add(_line(f"[red]error {text_of(data, 'code')}[/] {text_of(data, 'message')}"))
        else:
            branch.calls.get(str(data.get("id")), branch.turn).add(_line(note_text(kind, data)))


def _path(data: JsonObject) -> _Path:
    told = data.get("path")
    return tuple(map(str, told[:_DEEPEST])) if isinstance(told, list) else ()


def _line(markup: str) -> Text:
    """Return a line that is truncated at the width of the screen."""
    line = Text.from_markup(markup, emoji=False)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
