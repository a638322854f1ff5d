"""Carries out `AskModel`: one request to the model, retried if that can help."""

from __future__ import annotations

from lightagent.aiokits.deadline import Deadline
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.run_loop.attempt_request import attempt_request
from lightagent.application.run_loop.compact_context import compact_context
from lightagent.application.run_loop.deliver_mail import deliver_mail
from lightagent.application.run_loop.disabled_handoffs import without_disabled_handoffs
from lightagent.application.run_loop.finish_answer import finish
from lightagent.application.run_loop.offer_tools import offer_tools
from lightagent.application.run_loop.retry_request import Retries
from lightagent.application.tools.deps import DepsT
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.json_copies import copy_json
from lightagent.domain.limits import Limits
from lightagent.domain.outcomes import Failed
from lightagent.domain.policy.phases import RequestPayload, Stopped
from lightagent.domain.runs.events import ModelRequested, ModelRetried, RunFinished
from lightagent.domain.runs.plan_folding import split_by_plan
from lightagent.domain.tools.choice import turn_params
from lightagent.domain.tools.spec import ToolSpec


async def ask_model(live: ActiveRun[DepsT], whole: Deadline) -> None:
    """Ends with `ModelReplied`, or with an event that ends the run."""
    limits = live.run.limits
    deadline = Deadline(limits.model_timeout, whole)
    try:
        with deadline:
            live.deadline = deadline
            await _request(live, deadline)
    except TimeoutError:
        if not deadline.expired or live.run.outcome is not None:
            raise
        live.deadline = whole
        await _cut_off(live, _silent(limits))
    live.deadline = whole


async def _request(live: ActiveRun[DepsT], deadline: Deadline) -> None:
    run = live.run
    if run.request is not None:
        # A crash interrupted the request. The policies' verdict on it is on record, so they are not asked again.
        if await _may_send(live):
            await live.tell(ModelRetried(run.turn + 1, run.attempt + 1, live.clock.now()))
    else:
        await _begin(live)
    retries: Retries[DepsT] | None = None
    while live.run.request is not None and live.run.ending is None and live.run.outcome is None:
        delivered = await attempt_request(live)
        if delivered is None:
            if live.spending is not None:
                await live.spending.flush()
            return
        retries = retries or Retries(live, deadline)
        if await retries.again(delivered=delivered) and await _may_send(live):
            await live.tell(ModelRetried(live.run.turn + 1, live.run.attempt + 1, live.clock.now()))


async def _begin(live: ActiveRun[DepsT]) -> None:
    """Put the request on record, once the conversation is within its bounds and the policies have passed it."""
    if not await deliver_mail(live):
        return
    reviewer = live.reviewer
    try:
        listed, selected = await offer_tools(live)
        offered, disabled = await without_disabled_handoffs(live, listed)
        offered, kept_back = split_by_plan(live.run, offered)
        kept_back = (*disabled, *kept_back)
        reviewed = reviewer is not None and reviewer.reviews("model_request")
        specs = await live.specs(offered) if reviewed else ()
    except Exception as error:  # Foreign code: without the source's tools the model cannot be asked.
        live.record.cause = error
        await finish(live, Failed(classify_exception(error)))
        return
    if selected is not None:
        await live.tell(selected)
    await compact_context(live, offered)
    if live.run.outcome is not None:
        return
    made = await _reviewed_request(live, offered, specs, kept_back)
    if isinstance(made, RunFinished):
        await finish(live, made.outcome, made.decisions)
    elif live.spending is None or await _may_send(live, made):
        await live.tell(made)


async def _may_send(live: ActiveRun[DepsT], request: ModelRequested | None = None) -> bool:
    """Reserve an attempt at a request on the budgets; if they are exhausted, end the run.

    Args:
        request: the one that is about to be put on record; None for another attempt at one on record.
    """
    if live.spending is None:
        return True
    run = live.run
    sent = request or run.request
    params = run.head.params if sent is None or sent.params is None else sent.params
    stopped = await live.spending.reserve_request(run, params, request)
    if stopped is not None:
        decisions = stopped.decisions if request is None else request.decisions + stopped.decisions
        await finish(live, stopped.outcome, decisions)
    return stopped is None


async def _reviewed_request(
    live: ActiveRun[DepsT], offered: tuple[str, ...], specs: tuple[ToolSpec, ...], kept_back: tuple[str, ...]
) -> ModelRequested | RunFinished:
    """The request after the policies.

    Args:
        specs: the declarations of the offered tools, for policies to see.
        kept_back: the names of the tools that are not offered since the plan does not need them, or a handoff is
            disabled.
    """
    run, now = live.run, live.clock.now()
    told = run.missing + (not run.head.silent)  # the messages that are not among the run's own
    params = turn_params(run.head.params, first=run.turn == run.head_turn)
    reviewer = live.reviewer
    if reviewer is None or not reviewer.reviews("model_request"):
        own_params = None if params == run.head.params else params
        return ModelRequested(run.turn + 1, told + run.message_count, offered, own_params, hidden=kept_back, at=now)
    payload = RequestPayload(run.messages, copy_json(params), offered)
    verdict = await reviewer.review("model_request", live.subject(specs=specs), payload)
    if isinstance(verdict, Stopped):
        return RunFinished(verdict.outcome, verdict.decisions, now)
    passed = verdict.payload
    allowed = tuple(name for name in passed.tools if name in offered)
    return ModelRequested(
        run.turn + 1,
        told + len(passed.messages),
        allowed,
        None if passed.params == run.head.params else passed.params,
        None if passed.messages == run.messages else passed.messages,
        verdict.decisions,
        (*(name for name in offered if name not in allowed), *kept_back),
        live.clock.now(),
    )


async def _cut_off(live: ActiveRun[DepsT], late: Failed) -> None:
    failed = live.failed_attempt(late.error, late)
    if failed is not None:
        await live.tell(failed)
    else:
        await live.tell(RunFinished(late, at=live.clock.now()))


def _silent(limits: Limits) -> Failed:
    seconds = limits.model_timeout
    return Failed(
        LightAgentErrorInfo(
            "LA-408",
            f"No answer from the model within {seconds:g} s, all attempts counted.",
            "Raise model_timeout, or check the endpoint.",
            {"seconds": seconds},
            True,
        )
    )
