"""Shows the parts that a tool yields to the consumer of a streamed run; the model reads the whole answer."""

from __future__ import annotations

from collections.abc import Callable

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.run_loop.prepare_call import ReadyCall
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.output import render_output
from lightagent.domain.errors import ToolError
from lightagent.ports.tools import ToolPart


def part_viewer(
    live: ActiveRun[DepsT], ready: ReadyCall[DepsT], give: Callable[[ToolPart], None]
) -> Callable[[object], None]:
    """Takes the parts of a call and passes them on as text, up to the tool's output limit.

    Nothing is shown if the run is not streamed, or if a policy reviews results: it judges the whole answer, and
    blocked text must not have been shown in parts.
    """
    reviewer = live.reviewer
    if not live.stream or (reviewer is not None and reviewer.reviews("tool_result")):
        return discard
    call_id, name, left = ready.call.call.id, ready.name, ready.spec.output_limit

    def show(part: object) -> None:
        nonlocal left
        if left <= 0:
            return
        try:
            text = "null" if part is None else render_output(part, left)
        except ToolError:  # Binary data, which the answer describes.
            return
        left -= len(text)
        if text:
            give(ToolPart(call_id, name, text))

    return show


def discard(part: object) -> None:
    """Discard a part."""
