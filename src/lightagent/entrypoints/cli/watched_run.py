"""A run that is watched and then looked at as a whole: what `run`, `chat` and the demo have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from lightagent.agent import LightAgent
from lightagent.agent_base import Query
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
