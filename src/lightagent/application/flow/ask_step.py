"""What code of a step is asked that has no effect, and what a handler of approvals decides."""

from __future__ import annotations

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.step_errors import told
from lightagent.application.flow.step_queries import seen_from
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import Answered
from lightagent.domain.flow.moves import Ask
from lightagent.domain.json_types import JsonValue


async def ask_step(flow: ActiveFlow, move: Ask) -> None:
    """Ask code, and report what it says; what it raises is a failure of the step."""
    answer: JsonValue = None
    error: LightAgentErrorInfo | None = None
    try:
        answer = await _answer(flow, move)
    except FAILURES as raised:
        error = told(failure(raised))
    now = flow.clock.now()
    flow.report(Report((Answered(move.path, move.epoch, move.question, answer, error, at=now),)))


async def _answer(flow: ActiveFlow, move: Ask) -> JsonValue:
    step = flow.step_at(move.path, move.step.work)
    if move.question == "when" and step.cancel_if is not None:
        return not await step.cancel_if.call(*(seen_from(flow, move),)[: step.cancel_if.wants])
    raise ConfigurationError(
        f"The step {move.path!r:.100} is to be asked {move.question!r}, and declares no code for that.",
        guidance="Go on with the flow that the run was begun with.",
    )
