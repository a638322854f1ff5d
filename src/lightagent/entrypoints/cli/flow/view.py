"""Show the progress of a flow's run: as a live graph on a terminal, elsewhere as a line for each change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lightagent.application.flow.compare_flows import all_steps
from lightagent.application.flow.watch_flow import FlowGlimpse
from lightagent.domain.errors import LightAgentError
from lightagent.domain.flow.record import StepRecord
from lightagent.entrypoints.cli.flow.texts import MARKS, plain_step, seconds, short
from lightagent.settings.origins import printable

T = TypeVar("T")

_TURNS: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_QUIET: Final = ("success", "pending", "skipped")


class FlowView(Protocol):
    """Shows the progress of a run; a context manager."""

    def show(self, glimpse: FlowGlimpse) -> None:
        """Show the current state of the run."""
        ...

    def __enter__(self) -> FlowView: ...

    def __exit__(self, *error: object) -> None: ...


def flow_view(console: Console) -> FlowView:
    """Return a live graph for a terminal, otherwise plain lines."""
    return LiveGraph(console) if console.is_terminal and not console.is_dumb_terminal else PlainLines(console)


class PlainLines(FlowView):
    """Prints a line for each step whose status has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._known: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> FlowView:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def show(self, glimpse: FlowGlimpse) -> None:
        for step in all_steps(shown_steps(glimpse)):
            now = step.status, step.attempts
            if self._known.get(step.path, ("pending", 0)) != now and step.status != "pending":
                self._console.print(printable(plain_step(step)), markup=False)
            self._known[step.path] = now


class LiveGraph(FlowView):
    """Shows the steps in the order of the graph, each below its dependencies, with a spinner while it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._glimpse: FlowGlimpse | None = None
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=8, vertical_overflow="ellipsis"
        )

    def __enter__(self) -> FlowView:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, glimpse: FlowGlimpse) -> None:
        self._glimpse = glimpse
        self._live.refresh()

    def _render(self) -> Group:
        if self._glimpse is None:
            return Group(Text("…", style="dim"))
        return Group(*graph_lines(self._glimpse, time.time(), self._console.width, self._console.height - 2))


def graph_lines(glimpse: FlowGlimpse, now: float, width: int, height: int) -> list[Text]:
    """Format the graph as lines that fit the screen. If there are too many, finished and pending steps are counted.

    Args:
        now: the current time, for the duration and the spinner of running steps.
    """
    lines = [Text(printable(f"{glimpse.record.run_id} · {glimpse.status}"), style="bold")]
    found = [*_placed(glimpse)]
    quiet: dict[str, int] = {}
    if len(found) + 1 > height:
        for _, step in found:
            if step.status in _QUIET:
                quiet[step.status] = quiet.get(step.status, 0) + 1
        found = [(depth, step) for depth, step in found if step.status not in _QUIET][: max(height - 2, 1)]
    lines += [_line(step, depth, glimpse.depends_on, now) for depth, step in found]
    if quiet:
        lines.append(Text("and " + ", ".join(f"{count} {status}" for status, count in quiet.items()), style="dim"))
    for line in lines:
        line.truncate(max(width - 1, 10), overflow="ellipsis")
    return lines


def _placed(glimpse: FlowGlimpse) -> Iterator[tuple[int, StepRecord]]:
    """Yield the steps with their indentation: one more than their dependencies; inner steps one more than the outer."""
    depths: dict[str, int] = {}
    steps = {step.name: step for step in shown_steps(glimpse)}
    left = list(steps)
    while left:
        ready = [name for name in left if all(one not in left for one in glimpse.depends_on.get(name, ()))]
        for name in ready or left:
            depths[name] = 1 + max((depths.get(one, -1) for one in glimpse.depends_on.get(name, ())), default=-1)
            yield depths[name], steps[name]
            yield from _inside(steps[name], depths[name] + 1)
        left = [name for name in left if name not in depths]


def _inside(step: StepRecord, depth: int) -> Iterator[tuple[int, StepRecord]]:
    for inner in (*step.items, *step.rounds, step.added):
        for one in inner:
            yield depth, one
            yield from _inside(one, depth + 1)


def _line(step: StepRecord, depth: int, needs: Mapping[str, tuple[str, ...]], now: float) -> Text:
    mark, style = MARKS[step.status]
    if step.status == "running":
        mark = _TURNS[int(now * 8) % len(_TURNS)]
    line = Text("  " * depth)
    line.append(f"{mark} ", style=style)
    line.append(printable(step.name if "/" not in step.path else step.path), style=style)
    before = needs.get(step.name, ()) if "/" not in step.path else ()
    if before:
        line.append(printable(f" ← {', '.join(before)}"), style="dim")
    if step.attempts > 1:
        line.append(f" · {step.attempts} attempts")
    spent = step.duration_ms
    if spent is None and step.started_at is not None and step.status == "running":
        spent = (now - step.started_at) * 1000
    if spent is not None:
        line.append(f" · {seconds(spent)}", style="dim")
    if step.error is not None:
        line.append(f" · {short(step.error.message)}", style=style)
    elif step.content:
        line.append(f" · {short(step.content)}", style="dim")
    return line


def shown_steps(glimpse: FlowGlimpse) -> tuple[StepRecord, ...]:
    """Return the steps of a run. If the run waits for a person, its running steps are shown as waiting."""
    if glimpse.status != "waiting_approval":
        return glimpse.record.steps
    return tuple(
        replace(step, status="waiting_approval") if step.status == "running" else step for step in glimpse.record.steps
    )


async def shown_run(
    view: FlowView, watch: Callable[[], AsyncIterator[FlowGlimpse]], run: Callable[[], Awaitable[T]]
) -> T:
    """Execute a run while its progress is shown. Errors of the display do not stop the run.

    Args:
        watch: yields the current state of the run, and again after each change.
        run: executes the run.
    """

    async def show(*, once: bool = False) -> None:
        with suppress(LightAgentError):
            async for glimpse in watch():
                view.show(glimpse)
                if once:
                    return

    with view:
        showing = asyncio.create_task(show())
        try:
            result = await run()
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
        await show(once=True)
    return result
