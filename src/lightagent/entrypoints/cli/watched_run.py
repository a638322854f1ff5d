"""Execute or resume a run while its events are shown, for `run`, `chat` and the demo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from lightagent.agent import LightAgent
from lightagent.agent_base import Query
from lightagent.application.decide_calls import Decisions
from lightagent.application.journal import Journal
from lightagent.application.projections.live_events import StreamEvents
from lightagent.application.projections.result import RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.options import RunOptions


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
