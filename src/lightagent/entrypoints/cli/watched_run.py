"""A run that is watched and then looked at as a whole: what `run`, `chat` and the demo have in common."""

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
    """Run, show each event as it happens, and give the result, which holds the error of a failed run.

    Raises:
        ConfigurationError: the question or an option is refused before the run begins.
    """
    async with agent.astream(question, result_format="event", **options) as events:
        async for event in events:
            show(event)
    return events.result


async def watched_resume(
    agent: LightAgent, journal: Journal, decided: Decisions, show: Callable[[StreamEvent], None]
) -> RunResult:
    """Go on with a run that waits, and show what happens from there on; each answer comes whole.

    Raises:
        LightAgentError: it cannot be gone on with.
    """
    shown = StreamEvents(journal.started.trace_id, live=False)
    for known in journal.events:
        for _ in shown.feed(known):
            pass  # It was shown when it happened; what follows refers to it.
    async with agent.aresume_events(journal, decided, trace=True) as events:
        async for event in events:
            for one in shown.feed(event):
                show(one)
    return events.result
