"""Choose the run for a chat request: a new one, or a waiting one that a person's answers resume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lightagent.application.serving.chat_requests import ChatAsked
from lightagent.application.serving.kept_runs import outer_call_id, run_and_call
from lightagent.application.serving.person_answers import PersonAnswer
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.review import ApprovalDecision
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.chat_runs import ChatRun, chat_run, tools_of_client, waiting_request
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.options import ResumeOptions


async def answered_run(
    request: ServedRequest, chat: ChatAsked, answers: Sequence[PersonAnswer], served: Served, at: str
) -> ChatRun:
    """Return the run for this request, ready to start or to resume.

    Args:
        chat: the conversation; if there are answers, only its tools and their results are used.
        answers: decisions about calls that wait for approval.
        at: name of an answer in error messages; `{}` stands for its index.

    Raises:
        RequestRefused: no run waits for what was sent, or too many runs are active.
        PolicyError: the user may not make this decision.
    """
    if not answers:
        return await chat_run(request, chat, served)
    results = {run_and_call(call_id)[1]: text for call_id, text in chat.results}
    tools = await tools_of_client(chat, served, results)
    external = frozenset(tool.spec.name for tool in tools)
    journal, waiting, _ = await waiting_request(request, answers[0].request_id, external, at=at.format(0))
    person = request.caller.person
    made = {
        **dict(_decisions(answers, waiting, person, at)),
        **dict(_carried_out(chat.results, waiting, external, request.caller.key_id or "client")),
    }
    options: ResumeOptions = {"tools": tools}
    run = request.serving.resume(request.caller, served.agent, journal, made, options, stream=True)
    return ChatRun(run, waiting)


def _decisions(
    answers: Sequence[PersonAnswer], waiting: WaitingSteps, person: str, at: str
) -> Iterator[tuple[str, ApprovalDecision]]:
    steps = {step.request_id: step for step in waiting.reviews}
    for place, answer in enumerate(answers):
        if answer.request_id not in steps:
            raise RequestRefused(
                404,
                f"{at.format(place)}: nothing of the run waits for this answer.",
                "Answer what one run waits for.",
                param=at.format(place),
            )
        yield steps[answer.request_id].id, answer.decision(person)


def _carried_out(
    results: Sequence[tuple[str, str]], waiting: WaitingSteps, declared: frozenset[str], client: str
) -> Iterator[tuple[str, ApprovalDecision]]:
    """Yield approvals for the calls of the client's own tools whose results were sent; the actor is the client.

    The request may repeat results of earlier calls, which the run has already; they are ignored.
    """
    known = {outer_call_id(waiting.run_id, step.id): step.id for step in waiting.external if step.name in declared}
    for call_id, _ in results:
        if call_id in known:
            yield known[call_id], ApprovalDecision.approve(actor=client)
