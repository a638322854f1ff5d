"""Runs that wait for their client: resume them with what it sends, or end them if its user went on without them.

A client sends decisions of a person about calls, results of its own functions, or both. The journal of the run counts,
not the messages that are sent along.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.agent import LightAgent
from lightagent.application.journals.journal import Journal
from lightagent.application.serving.approvals import PersonAnswer, answers_by_request, results_by_call
from lightagent.application.serving.chat.requests import ChatInput
from lightagent.application.serving.client_tools import ClientTool, client_names, client_tools, names_taken
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.served_run_store import run_and_call
from lightagent.application.serving.waiting import WaitingSteps, waiting_in
from lightagent.domain.errors import LightAgentError
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.options import ResumeOptions

WENT_ON: Final = "The user went on without the result of a function."
"""The recorded reason of a run that was ended because its user sent another message."""

_MOST_ENDED: Final = 10
"""The most runs that one request ends, latest first; earlier requests have ended the older ones."""

_LOG: Final = logging.getLogger("lightagent.serve")


@dataclass(frozen=True, slots=True)
class ChatRun:
    """A run that is ready to start or to resume.

    Attributes:
        waiting: the calls that wait in the run, including those that waited before it is resumed.
    """

    run: ServedRun
    waiting: WaitingSteps


@dataclass(frozen=True, slots=True)
class AnswersAt:
    """Where a protocol has a person's answers, for errors, and how it sends results along with them.

    Attributes:
        field: the field of an answer; `{}` stands for its index.
        results: the field of the results of the client's functions.
        repeats: clients send all results of the conversation each time; those that no call waits for are ignored.
    """

    field: str = "messages"
    results: str = "messages"
    repeats: bool = False


async def decided_run(
    request: ServedRequest, chat: ChatInput, answers: Sequence[PersonAnswer], served: Served, at: AnswersAt
) -> ChatRun:
    """Return the run that waits for these decisions of a person, ready to resume with them and with results.

    The review rules of the agent check the decisions.

    Args:
        chat: only its tools and their results are used.
        answers: at least one decision.

    Raises:
        RequestRefused: no run of this caller waits for the decisions, they belong to several runs, or two answers
            contradict each other.
        PolicyError: the caller may not make this decision.
    """
    asked = answers_by_request(answers, at.field)
    outer = results_by_call(chat.results, at.results)
    results = {run_and_call(call_id)[1]: text for call_id, text in outer.items()}
    tools = await tools_of_client(chat, served, results)
    declared = frozenset(tool.spec.name for tool in tools)
    journal, waiting = await _run_waiting_for(request, answers[0].request_id, declared, at.field.format(0))
    steps, person = {step.request_id: step for step in waiting.reviews}, request.caller.person
    decisions = dict[str, ApprovalDecision]()
    for request_id, (place, answer) in asked.items():
        if request_id not in steps:
            raise _nothing_waits(at.field.format(place))
        decisions[steps[request_id].id] = answer.decision(person)
    for call_id in _awaited(outer, waiting, declared, at):
        decisions[call_id] = ApprovalDecision.approve(actor=request.caller.key_id or "client")
    options: ResumeOptions = {"tools": tools}
    run = request.serving.resume(request.caller, served.agent, journal, decisions, options, stream=chat.stream)
    return ChatRun(run, waiting)


def _awaited(outer: Mapping[str, str], waiting: WaitingSteps, declared: frozenset[str], at: AnswersAt) -> Sequence[str]:
    """Return the ids, within the run, of the calls whose results were sent. Their actor is the client, not the user."""
    known = {call.path[-1] for call in waiting.external if call.name in declared}
    sent = [run_and_call(call_id) for call_id in outer]
    if at.repeats:
        return [call_id for run_id, call_id in sent if run_id == waiting.run_id and call_id in known]
    if any(run_id != waiting.run_id for run_id, _ in sent):
        raise RequestRefused(
            400, f"{at.results}: these are answers for several runs.", "Send those of one.", param=at.results
        )
    _check_awaited([call_id for _, call_id in sent], known, at.results)
    return [call_id for _, call_id in sent]


def _check_awaited(call_ids: Sequence[str], known: set[str], at: str) -> None:
    for call_id in call_ids:
        if call_id not in known:
            raise RequestRefused(
                400,
                f"{at}: no call {call_id!r:.100} waits for a result.",
                "Send the tools of the request that had the calls as well.",
                param=at,
            )


async def run_with_results(request: ServedRequest, asked: ChatInput, served: Served) -> ChatRun:
    """Return the run that waits for these results of the client's functions, ready to resume with them.

    Raises:
        RequestRefused: no run waits for the results, they belong to several runs, or two of one call differ.
    """
    outer = results_by_call(asked.results, "messages")
    runs = {run_and_call(call_id)[0] for call_id in outer}
    if len(runs) != 1:
        raise RequestRefused(
            400, "messages: these are results of calls of several runs.", "Send those of one run.", param="messages"
        )
    results = {run_and_call(call_id)[1]: text for call_id, text in outer.items()}
    run_id, journal = runs.pop(), request.turn
    if journal is None or journal.started.run_id != run_id:
        journal = await request.serving.kept.waiting(run_id, request.caller.owner)
    tools = await tools_of_client(asked, served, results)
    waiting = waiting_in(journal.events, frozenset(tool.spec.name for tool in tools))
    _check_awaited([*results], {call.path[-1] for call in waiting.external}, "messages")
    decisions = {call_id: ApprovalDecision.approve(actor=request.caller.key_id or "client") for call_id in results}
    options: ResumeOptions = {"tools": tools}
    run = request.serving.resume(request.caller, served.agent, journal, decisions, options, stream=asked.stream)
    return ChatRun(run, waiting)


async def tools_of_client(
    asked: ChatInput, served: Served, results: Mapping[str, str] | None = None
) -> list[ClientTool]:
    """Return the functions of the client as tools.

    Args:
        results: the results that the client sent, by the ids of the calls within their run.

    Raises:
        RequestRefused: a declaration is invalid, or its name is that of a tool that the agent has or may load later.
    """
    taken = frozenset[str]()
    if asked.tools and isinstance(served.agent, LightAgent):
        taken = await names_taken(served.agent.means)
    return client_tools(asked.tools, results, taken=taken, function_at=asked.function_at)


async def _run_waiting_for(
    request: ServedRequest, request_id: str, external: frozenset[str], at: str
) -> tuple[Journal, WaitingSteps]:
    """Find the run of the caller in which a call waits for a decision on the approval request with this id.

    Calls of the client's own tools never match, even if the request does not declare these tools.

    Args:
        external: the names of the client's own tools.
        at: the field of the HTTP request that holds the decision, for errors.

    Returns:
        The journal of the run, and everything that waits in it.

    Raises:
        RequestRefused: no run of this caller waits for the decision.
    """
    turn, kept = request.turn, request.serving.kept
    for journal in await kept.all_waiting(request.caller.owner) if turn is None else (turn,):
        waiting = waiting_in(journal.events, external | client_names(journal.events))
        if any(step.request_id == request_id for step in waiting.reviews):
            return journal, waiting
    raise _nothing_waits(at)


def _nothing_waits(at: str) -> RequestRefused:
    return RequestRefused(
        404,
        f"{at}: no call waits for this decision: it was made before, or the id is wrong.",
        "Get the waiting answer again: it shows the ids.",
        param=at,
    )


async def end_abandoned(request: ServedRequest, call_ids: Sequence[str]) -> None:
    """End the caller's runs that wait for results of these calls, after the user has continued without the results.

    Runs that also wait for a person's decision are left alone. Failures are not raised: the user's new request is
    answered nevertheless.
    """
    runs = dict.fromkeys(run_and_call(call_id)[0] for call_id in call_ids)
    for run_id in [*runs][-_MOST_ENDED:]:
        try:
            await _end(request, run_id)
        except RequestRefused:
            pass  # The run does not exist, belongs to somebody else, or does not wait any more.
        except LightAgentError as error:
            _LOG.warning("A run whose user went on without it could not be ended: %s", error.code)


async def _end(request: ServedRequest, run_id: str) -> None:
    kept = request.serving.kept
    journal = await kept.waiting(run_id, request.caller.owner)
    waiting = waiting_in(journal.events, client_names(journal.events))
    if waiting.external and not waiting.reviews:
        await kept.end(journal, (call.path[-1] for call in waiting.external), WENT_ON)
