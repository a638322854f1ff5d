"""Carries out `CheckOutput`, `Conclude` and `Finish`: what happens to the model's final answer."""

from __future__ import annotations

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.run_loop.prepare_call import newcomers
from lightagent.application.run_loop.serve_run import Serving, is_serving_conclusion, is_settling_conclusion
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.redaction import describe_failure
from lightagent.domain.conversation.deltas import ReasoningDelta, TextDelta
from lightagent.domain.conversation.messages import UserMessage, copy_messages
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import LightAgentError, OutputError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.trace import NOTED
from lightagent.domain.outcomes import Completed, Failed, Outcome, outcome_error
from lightagent.domain.policy.phases import (
    ConclusionPayload,
    Decision,
    EndPayload,
    OutputPayload,
    Passed,
    Stopped,
    rewritings,
)
from lightagent.domain.runs.events import Concluded, Noted, OutputAccepted, OutputRejected, RunFinished
from lightagent.ports.context import Conclusion, Declined


async def check_output(live: ActiveRun[DepsT], content: str) -> None:
    """Accept the answer, send it back to the model with what is wrong, or let a policy stop the run."""
    decisions: tuple[Decision, ...] = ()
    try:
        accepted = fitted(live, content)
        verdict = await _reviewed(live, accepted)
        rewritten = isinstance(verdict, Passed) and verdict.payload.content != accepted
        decisions = verdict.decisions
        if isinstance(verdict, Passed) and rewritten:
            accepted = fitted(live, verdict.payload.content)
    except OutputError as error:
        text = live.acting.prompts.output_rejected.format(errors=error.message)
        await live.tell(OutputRejected(UserMessage(text), decisions, live.clock.now()))
        return
    if isinstance(verdict, Stopped):
        await finish(live, verdict.outcome, decisions)
        return
    await _show_held(live, accepted, rewritten=rewritten or _is_rewritten(live))
    await live.tell(OutputAccepted(accepted, decisions, live.clock.now()))


def fitted(live: ActiveRun[DepsT], content: str) -> str:
    """The answer as a value of the output type, which is that of the agent that was asked.

    Raises:
        OutputError: it does not fit.
    """
    output = live.means.output
    return content if output is None else output.check(content)


async def _reviewed(live: ActiveRun[DepsT], content: str) -> Passed[OutputPayload] | Stopped:
    """The verdict about an answer that is on record.

    Its policies have passed it before it got there (`attempt_request`). They are asked again only after a crash in
    between; if one has signed that it passed, only the gates of policies added since are asked.
    """
    reviewer, reply = None if live.output_is_reviewed else live.reviewer, live.run.last_reply
    if reviewer is not None and reply is not None and any(one.phase == "output" for one in reply.decisions):
        reviewer = newcomers(live)
    if reviewer is None or not reviewer.reviews("output"):
        return Passed(OutputPayload(content))
    return await reviewer.review("output", live.subject(), OutputPayload(content))


def _is_rewritten(live: ActiveRun[DepsT]) -> bool:
    """Whether a policy of outputs has rewritten the answer before it got on record."""
    reply = live.run.last_reply
    return reply is not None and any(one.phase == "output" for one in rewritings(reply.decisions))


async def _show_held(live: ActiveRun[DepsT], content: str, *, rewritten: bool) -> None:
    """Show the text that was held back until it passed; its reasoning may repeat what a rewriting took out."""
    reply = live.run.last_reply
    if not live.stream or reply is None or not live.output_is_held:
        return  # It was shown as it came, or is not shown at all.
    if reply.message.reasoning and not rewritten:
        await live.show(ReasoningDelta(reply.message.reasoning))
    text = content if rewritten else reply.message.content
    if text:
        await live.show(TextDelta(text))


async def conclude(live: ActiveRun[DepsT], name: str, answer: str) -> None:
    """Draw one conclusion. A conclusion that fails or is blocked is on record, and the run still succeeds."""
    conclusion = live.means.conclusions.get(name)
    if conclusion is None:
        error = LightAgentErrorInfo("LA-CONFIG", f"The agent no longer has the conclusion {name!r}.")
        await live.tell(Concluded(name, error, at=live.clock.now()))
        return
    serving = Serving(live, live.subject(name))
    drawn = await _concluded(live, conclusion, serving, answer)
    await live.tell(drawn)
    if drawn.error is not None and serving.failed and is_serving_conclusion(conclusion) and conclusion.is_required:
        await finish(live, Failed(drawn.error))


async def _concluded(live: ActiveRun[DepsT], conclusion: Conclusion, serving: Serving[DepsT], answer: str) -> Concluded:
    name = conclusion.name

    def concluded(error: LightAgentErrorInfo | None = None, details: JsonObject | None = None) -> Concluded:
        known = {**(details or {}), **serving.details}
        return Concluded(name, error, serving.decisions, known, serving.usage, live.clock.now())

    try:
        proposal = await await_foreign(_proposed(live, conclusion, serving, answer), in_time=live.in_time)
        if isinstance(proposal, Stopped):
            return concluded(outcome_error(proposal.outcome))
        if proposal is None or isinstance(proposal, Declined):
            return concluded(None, to_json_object(proposal.details, f"{name}: details") if proposal else None)
        verdict = await _reviewed_proposal(live, conclusion, ConclusionPayload(proposal))
        serving.decisions += verdict.decisions
        if isinstance(verdict, Stopped):
            return concluded(outcome_error(verdict.outcome))
        done = await await_foreign(_done(live, conclusion, serving, verdict.payload.proposal), in_time=live.in_time)
        if isinstance(done, Stopped):
            return concluded(outcome_error(done.outcome))
        return concluded(None, None if done is None else to_json_object(done, f"{name}: details"))
    except FAILURES as raised:  # Foreign code: the answer stands even if a conclusion fails.
        exc, serving.failed = failure(raised), True
        return concluded(_described(name, exc))


def _described(name: str, exc: Exception) -> LightAgentErrorInfo:
    if isinstance(exc, LightAgentError):
        return classify_exception(exc)
    if isinstance(exc, TimeoutError):
        return LightAgentErrorInfo("LA-408", f"The conclusion {name!r} did not come to its end in time.")
    return LightAgentErrorInfo("LA-UNKNOWN", f"The conclusion {name!r} failed: {describe_failure(exc)}")


async def _proposed(
    live: ActiveRun[DepsT], conclusion: Conclusion, serving: Serving[DepsT], answer: str
) -> JsonObject | Declined | Stopped | None:
    messages = copy_messages(live.run.messages)
    if is_serving_conclusion(conclusion):
        return await conclusion.propose_for(serving, serving.subject, messages, answer)
    return await conclusion.propose(serving.subject, messages, answer)


async def _done(
    live: ActiveRun[DepsT], conclusion: Conclusion, serving: Serving[DepsT], proposal: JsonObject
) -> JsonObject | Stopped | None:
    key = f"{live.run.started.run_id}:{conclusion.name}"
    if is_serving_conclusion(conclusion):
        return await conclusion.carry_out_for(serving, serving.subject, proposal, key)
    return await conclusion.carry_out(serving.subject, proposal, key)


async def _reviewed_proposal(
    live: ActiveRun[DepsT], conclusion: Conclusion, payload: ConclusionPayload
) -> Passed[ConclusionPayload] | Stopped:
    reviewer = live.reviewer
    if reviewer is None or not reviewer.reviews("conclusion"):
        return Passed(payload)
    return await reviewer.review("conclusion", live.subject(conclusion.name), payload)


async def finish(live: ActiveRun[DepsT], outcome: Outcome, decisions: tuple[Decision, ...] = ()) -> None:
    """End the run with this outcome, unless a policy changes it; `decisions` are those that led to its end."""
    reviewer = live.reviewer
    if reviewer is not None and reviewer.reviews("end"):
        verdict = await reviewer.review("end", live.subject(), EndPayload(outcome))
        outcome = verdict.outcome if isinstance(verdict, Stopped) else verdict.payload.outcome
        decisions += verdict.decisions
    if isinstance(outcome, Completed):
        await _settle(live, outcome.content)
    await live.tell(RunFinished(outcome, decisions, live.clock.now()))


async def _settle(live: ActiveRun[DepsT], answer: str) -> None:
    """Run the conclusions for runs that have succeeded; their results do not change the run."""
    for name in live.run.concluded:
        conclusion = live.means.conclusions.get(name)
        if conclusion is None or not is_settling_conclusion(conclusion):
            continue
        serving = Serving(live, live.subject(name))
        try:
            await await_foreign(conclusion.settle_for(serving, serving.subject, answer), in_time=live.in_time)
        except FAILURES as raised:
            info = _described(name, failure(raised))
            await live.tell(Noted("conclusion_failed", {"name": name, "code": info.code}, live.clock.now()))
        if serving.details:
            await live.tell(Noted(NOTED, serving.details, live.clock.now()))
