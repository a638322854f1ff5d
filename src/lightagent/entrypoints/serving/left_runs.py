"""Runs that wait for functions of their client which it did not carry out: the user has gone on without them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.client_tools import client_names
from lightagent.application.serving.kept_runs import run_and_call
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.errors import LightAgentError
from lightagent.entrypoints.serving.requests import ServedRequest

WENT_ON: Final = "The user went on without the result of a function."
"""The reason on the record of a run that ended so."""

_MOST: Final = 10
"""Runs that one request ends, the last ones: those before were ended by the requests before."""

_LOG: Final = logging.getLogger("lightagent.serve")


async def end_left(request: ServedRequest, call_ids: Sequence[str]) -> None:
    """End the runs of this caller's that wait for these calls, and for nobody else.

    What a person decides about waits on. A run that cannot be ended is no reason to refuse what the user asks.
    """
    runs = dict.fromkeys(run_and_call(call_id)[0] for call_id in call_ids)
    for run_id in [*runs][-_MOST:]:
        try:
            await _end(request, run_id)
        except RequestRefused:
            pass  # It is nobody's, somebody else's, or waits no more.
        except LightAgentError as error:
            _LOG.warning("A run that nobody waits for any more could not be ended: %s", error.code)


async def _end(request: ServedRequest, run_id: str) -> None:
    kept = request.serving.kept
    journal = await kept.waiting(run_id, request.caller.owner)
    waiting = WaitingSteps(client_names(journal.events))
    for event in journal.events:
        waiting.feed(event)
    if waiting.external and not waiting.reviews:
        await kept.end(journal, (call.path[-1] for call in waiting.external), WENT_ON)
