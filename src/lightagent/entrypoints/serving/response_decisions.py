"""Resume the run for which a responses request contains a person's decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightagent.application.serving.chat_requests import ChatAsked
from lightagent.application.serving.kept_runs import run_and_call
from lightagent.application.serving.person_answers import PersonAnswer
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.review import ApprovalDecision
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.chat_runs import ChatRun, nothing_waits, tools_of_client, waiting_request
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.options import ResumeOptions


async def decided_run(
    request: ServedRequest, chat: ChatAsked, answers: Sequence[PersonAnswer], served: Served
) -> ChatRun:
    """Return the resumed run. The decisions are checked by the review rules of the agent.

    Raises:
        RequestRefused: no run of this caller waits for the decisions, or they belong to several runs.
        PolicyError: the caller may not make this decision.
    """
    results = {run_and_call(call_id)[1]: text for call_id, text in chat.results}
    tools = await tools_of_client(chat, served, results)
    declared = {tool.spec.name for tool in tools}
    journal, waiting, _ = await waiting_request(request, answers[0].request_id, frozenset(declared), at="input")
    if any(run_and_call(call_id)[0] != waiting.run_id for call_id, _ in chat.results):
        raise RequestRefused(400, "input: these are answers for several runs.", "Send those of one.", param="input")
    decisions = _decisions(request, answers, waiting)
    decisions |= _taken(request, results, waiting, declared)
    options: ResumeOptions = {"tools": tools}
    run = request.serving.resume(request.caller, served.agent, journal, decisions, options, stream=chat.stream)
    return ChatRun(run, waiting)


def _decisions(
    request: ServedRequest, answers: Sequence[PersonAnswer], waiting: WaitingSteps
) -> dict[str, ApprovalDecision]:
    steps = {step.request_id: step for step in waiting.reviews}
    person, found = request.caller.person, dict[str, ApprovalDecision]()
    for answer in answers:
        step = steps.get(answer.request_id)
        if step is None:
            raise nothing_waits("input")
        decision = answer.decision(person)
        if found.setdefault(step.id, decision).action != decision.action:
            raise RequestRefused(400, "input: a call is both approved and rejected.", "Decide once.", param="input")
    return found


def _taken(
    request: ServedRequest, results: Mapping[str, str], waiting: WaitingSteps, declared: set[str]
) -> dict[str, ApprovalDecision]:
    """Return approvals for the client's functions whose results were sent; the actor is the client, not the user."""
    known = {call.path[-1] for call in waiting.external if call.name in declared}
    for call_id in results:
        if call_id not in known:
            raise RequestRefused(
                400,
                f"input: no call {call_id!r:.100} waits for a result.",
                "Send the tools of the request that brought the calls as well.",
                param="input",
            )
    return {call_id: ApprovalDecision.approve(actor=request.caller.key_id or "client") for call_id in results}
