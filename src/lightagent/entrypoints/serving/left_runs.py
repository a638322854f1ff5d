"""End runs that wait for functions of their client after the user has continued without the results."""

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
"""The recorded reason of a run that was ended in this way."""

_MOST: Final = 10
"""The most runs that one request ends, latest first; earlier requests have ended the older ones."""

_LOG: Final = logging.getLogger("lightagent.serve")


async def end_left(request: ServedRequest, call_ids: Sequence[str]) -> None:
    """End the caller's runs that wait for results of these calls.

    Runs that also wait for a person's decision are left alone. Failures are not raised: the user's new request is
    answered nevertheless.
    """
    runs = dict.fromkeys(run_and_call(call_id)[0] for call_id in call_ids)
    for run_id in [*runs][-_MOST:]:
        try:
            await _end(request, run_id)
        except RequestRefused:
            pass  # The run does not exist, belongs to somebody else, or does not wait any more.
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
