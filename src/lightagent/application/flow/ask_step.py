"""Calls code of a step that has no effects, and handlers that decide about approvals."""

from __future__ import annotations

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.answer_questions import answer
from lightagent.application.flow.step_errors import error_info_of
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.flow.events import Answered
from lightagent.domain.flow.moves import Ask


async def ask_step(flow: ActiveFlow, move: Ask) -> None:
    """Call the code and report its answer; an exception is a failure of the step."""
    try:
        answered = await answer(flow, move)
    except FAILURES as raised:
        error = error_info_of(failure(raised))
        answered = Answered(move.path, move.epoch, move.question, error=error, at=flow.clock.now())
    flow.report(Report((answered,)))
