"""A run that is watched and then looked at as a whole: what `run`, `chat` and the demo have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Unpack

from lightagent.agent import LightAgent
from lightagent.application.last_run import last_run
from lightagent.application.projections.result import RunResult, run_result
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.domain.errors import LightAgentError
from lightagent.options import RunOptions


async def watched_run(
    agent: LightAgent, question: str, show: Callable[[StreamEvent], None], **options: Unpack[RunOptions]
) -> RunResult:
    """Run, show each event as it happens, and give the result, which holds the error of a failed run.

    Raises:
        ConfigurationError: the question or an option is refused before the run begins.
    """
    async with aclosing(agent.astream(question, result_format="event", **options)) as events:
        async for event in events:
            show(event)
    recorded = last_run(agent)
    if recorded is None:
        raise LightAgentError("The run left no record.")
    return run_result(recorded.journal, str, recorded.trace())
