"""A run as it happens, for people: a spinner while the model thinks, and every tool call with its result."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape

from lightagent.application.projections.stream_events import StreamEvent
from lightagent.domain.json_types import JsonObject
from lightagent.domain.retries import RETRY
from lightagent.entrypoints.cli.trace_labels import call_text, preview


class Progress:
    """Shows the events of one run on a console. A context manager: the spinner turns within it.

    Args:
        console: where to; a spinner turns only on a terminal, the calls are shown everywhere.
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
        """Show what this event is to a reader; the text of the answer is left to the caller."""
        match event.type:
            case "content":
                self._status.update("the model answers …")
            case "reasoning":
                self._status.update("the model thinks …")
            case "tool_call":
                self._status.update(f"{_name(event.data)} runs …")
            case "tool_result":
                self._status.update("asking the model …")
            case _:
                pass
        line = progress_line(event)
        if line:
            print_line(self._console, line)


def print_line(console: Console, markup: str) -> None:
    """Print one line, cut where the screen ends."""
    console.print(markup, soft_wrap=False, no_wrap=True, overflow="ellipsis")


def progress_line(event: StreamEvent) -> str | None:
    """The line, in rich's markup, that a reader sees for this event; None for text, errors and the end."""
    data = event.data
    match event.type:
        case "tool_call":
            return f"[cyan]→ {call_text(_name(data), data.get('arguments'))}[/]"
        case "tool_result":
            colour = "green" if data.get("status") in ("ok", "answered") else "red"
            return f"[{colour}]← {_name(data)}[/] {preview(str(data.get('output', '')))}"
        case "approval_required":
            return f"[yellow]? {_name(data)} waits for approval:[/] {preview(str(data.get('reason', '')))}"
        case "note" if data.get("kind") == RETRY:
            return f"[yellow]… {escape(str(data.get('text')))}[/]"
        case "note":
            text = data.get("text") or ", ".join(f"{key}: {value}" for key, value in data.items() if key != "kind")
            return f"[dim]  {escape(str(data.get('kind')))} {preview(str(text))}[/]"
        case _:
            return None


def _name(data: JsonObject) -> str:
    return escape(str(data.get("name") or "tool"))
