"""The run that answers a chat, or goes on with what a person answered about its calls."""

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
    """The run for this request.

    Args:
        chat: the conversation; where there are answers, only the client's tools and their results.
        at: names an answer in errors, with {} for its place.

    Raises:
        RequestRefused: nothing waits for what is sent, or too many runs go on.
        PolicyError: the user may not decide so.
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
    """What lets the client's own calls go on whose results it has sent, which is no decision of a person.

    Results of earlier calls may stand among them; they were taken before, and count no more.
    """
    known = {outer_call_id(waiting.run_id, step.id): step.id for step in waiting.external if step.name in declared}
    for call_id, _ in results:
        if call_id in known:
            yield known[call_id], ApprovalDecision.approve(actor=client)
