"""Show the progress of a run: a spinner while the model works, and every tool call with its result."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, Unpack

from rich.console import Console
from rich.markup import escape

from lightagent.agent import LightAgent
from lightagent.agent_base import Query
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.live_events import StreamEvents
from lightagent.application.projections.result import RunResult
from lightagent.application.projections.stream_events import (
    ApprovalRequiredEvent,
    ContentEvent,
    NoteEvent,
    ReasoningEvent,
    StreamEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from lightagent.application.reviews.decide_calls import Decisions
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.retries import RETRY
from lightagent.entrypoints.cli.trace.labels import call_text, preview
from lightagent.options import RunOptions


class Progress:
    """Shows the events of one run on a console; a context manager, within which the spinner is shown.

    Args:
        console: where to print; the spinner appears on terminals only, tool calls everywhere.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("asking the model …")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def show(self, event: StreamEvent) -> None:
        """Show an event. The text of the answer is printed by the caller."""
        match event:
            case ContentEvent():
                self._status.update("the model answers …")
            case ReasoningEvent():
                self._status.update("the model thinks …")
            case ToolCallEvent(data=call):
                self._status.update(f"{_name(call['name'])} runs …")
            case ToolResultEvent():
                self._status.update("asking the model …")
            case _:
                pass
        line = progress_line(event)
        if line:
            print_line(self._console, line)


def print_line(console: Console, markup: str) -> None:
    """Print one line, truncated at the width of the screen."""
    console.print(markup, soft_wrap=False, no_wrap=True, overflow="ellipsis")


def progress_line(event: StreamEvent) -> str | None:
    """Return the line for an event, in rich's markup; None for text, errors and the end of the run."""
    match event:
        case ToolCallEvent(data=call):
            return f"[cyan]→ {call_text(_name(call['name']), call['arguments'])}[/]"
        case ToolResultEvent(data=result):
            colour = "green" if result["status"] in ("ok", "answered") else "red"
            return f"[{colour}]← {_name(result['name'])}[/] {preview(result['output'])}"
        case ApprovalRequiredEvent(data=asked):
            return f"[yellow]? {_name(asked['name'])} waits for approval:[/] {preview(asked['reason'])}"
        case NoteEvent(data=note):
            return _note_line(note)
        case _:
            return None


def _note_line(note: JsonObject) -> str:
    if note["kind"] == RETRY:
        return f"[yellow]… {escape(str(note.get('text')))}[/]"
    text = note.get("text") or ", ".join(f"{key}: {value}" for key, value in note.items() if key != "kind")
    return f"[dim]  {escape(str(note['kind']))} {preview(str(text))}[/]"


def _name(name: str) -> str:
    return escape(name or "tool")


async def watched_run(
    agent: LightAgent, question: Query, show: Callable[[StreamEvent], None], **options: Unpack[RunOptions]
) -> RunResult:
    """Execute a run, show each event as it happens, and return the result; the error of a failed run is part of it.

    Raises:
        ConfigurationError: the question or an option is invalid, so that the run was not started.
    """
    async with agent.astream(question, result_format="event", **options) as events:
        async for event in events:
            show(event)
    return events.result


async def watched_resume(
    agent: LightAgent, journal: Journal, decided: Decisions, show: Callable[[StreamEvent], None]
) -> RunResult:
    """Resume a waiting run, show the events that follow, and return the result. Answers are not streamed.

    Raises:
        LightAgentError: the run cannot be resumed.
    """
    shown = StreamEvents(journal.started.trace_id, live=False)
    for known in journal.events:
        for _ in shown.feed(known):
            pass  # These events were shown before, but later ones refer to them.
    async with agent.aresume_events(journal, decided, trace=True) as events:
        async for event in events:
            for one in shown.feed(event):
                show(one)
    return events.result
