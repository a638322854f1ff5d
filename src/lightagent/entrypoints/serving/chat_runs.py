"""Choose the run for a chat request: a new one, one that waits for the client's tools or its user, or a plain one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightagent.agent import LightAgent
from lightagent.application.journal import Journal
from lightagent.application.serving.approval_words import read_chat_decision
from lightagent.application.serving.auxiliary import is_auxiliary
from lightagent.application.serving.chat_requests import ChatAsked
from lightagent.application.serving.client_tools import (
    ClientTool,
    client_names,
    client_tools,
    names_taken,
)
from lightagent.application.serving.kept_runs import run_and_call
from lightagent.application.serving.person_answers import PersonAnswer
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.serving.waiting import WaitingStep, WaitingSteps
from lightagent.domain.review import ApprovalDecision
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.left_runs import end_left
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.options import ResumeOptions, RunOptions


@dataclass(frozen=True, slots=True)
class ChatRun:
    """A run that is ready to start or to resume.

    Attributes:
        waiting: the calls that wait in the run, including those that waited before it is resumed.
    """

    run: ServedRun
    waiting: WaitingSteps


async def chat_run(request: ServedRequest, asked: ChatAsked, served: Served) -> ChatRun:
    """Return the run for this request.

    Raises:
        RequestRefused: no run waits for the results or decision that were sent, or too many runs are active.
        PolicyError: the user may not make this decision.
    """
    settings = request.serving.settings
    if asked.query is None:
        return await _with_results(request, asked, served)
    decision = read_chat_decision(asked.query) if settings.chat_approvals else None
    if decision is not None:
        return await _with_decision(request, asked, served, decision)
    if is_plain(request, asked, served):
        return _plain(request, asked, served)
    tools = await tools_of_client(asked, served)
    await end_left(request, asked.left)
    options = _options(request, asked)
    if tools:
        options["tools"] = tools
    run = request.serving.begin(request.caller, served.agent, asked.query, options, stream=asked.stream)
    return ChatRun(run, WaitingSteps(frozenset(tool.spec.name for tool in tools)))


def is_plain(request: ServedRequest, asked: ChatAsked, served: Served) -> bool:
    """Return whether the plain model answers: the request is one that a chat interface makes on its own account."""
    is_question = asked.query is not None
    return is_question and (served.kind == "utility" or is_auxiliary(asked, request.serving.settings.auxiliary))


def _options(request: ServedRequest, asked: ChatAsked) -> RunOptions:
    return RunOptions(
        history=asked.history,
        metadata=asked.params,
        instructions=asked.instructions or None,
        tags=asked.tags,
        session_id=asked.session or None,
        run_group_id=request.chat_id or None,
        trace_id=request.trace_id or None,
    )


def _plain(request: ServedRequest, asked: ChatAsked, served: Served) -> ChatRun:
    """Return a run of the plain model, for a request that the interface makes on its own account; it is not stored."""
    if served.plain is None:
        raise RequestRefused(
            400, f"{served.name:.100} has no plain model for what the interface asks for itself.", param="messages"
        )
    options = _options(request, asked)
    run = request.serving.begin(
        request.caller, served.plain, asked.query or "", options, stream=asked.stream, keep=False
    )
    return ChatRun(run, WaitingSteps())


async def tools_of_client(
    asked: ChatAsked, served: Served, results: Mapping[str, str] | None = None
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


async def _with_results(request: ServedRequest, asked: ChatAsked, served: Served) -> ChatRun:
    """Resume the run that waits for results of the client's tools. Its journal counts, not the messages sent along."""
    runs = {run_and_call(call_id)[0] for call_id, _ in asked.results}
    if len(runs) != 1:
        raise RequestRefused(
            400, "messages: these are results of calls of several runs.", "Send those of one run.", param="messages"
        )
    results = {run_and_call(call_id)[1]: text for call_id, text in asked.results}
    run_id, journal = runs.pop(), request.turn
    if journal is None or journal.started.run_id != run_id:
        journal = await request.serving.kept.waiting(run_id, request.caller.owner)
    tools = await tools_of_client(asked, served, results)
    waiting = followed(journal, frozenset(tool.spec.name for tool in tools))
    known = {call.path[-1] for call in waiting.external}
    if unknown := [call_id for call_id in results if call_id not in known]:
        raise RequestRefused(
            400,
            f"messages: no call {unknown[0]!r:.100} waits for a result.",
            "Send the tools of the request that brought the calls as well.",
            param="messages",
        )
    decisions = {call_id: ApprovalDecision.approve(actor=request.caller.key_id or "client") for call_id in results}
    options: ResumeOptions = {"tools": tools}
    run = request.serving.resume(request.caller, served.agent, journal, decisions, options, stream=asked.stream)
    return ChatRun(run, waiting)


async def _with_decision(request: ServedRequest, asked: ChatAsked, served: Served, decision: PersonAnswer) -> ChatRun:
    """Resume the run that waits for the user's decision; it must be one of this user's own."""
    tools = await tools_of_client(asked, served)
    external = frozenset(tool.spec.name for tool in tools)
    journal, waiting, step = await waiting_request(request, decision.request_id, external)
    made = {step.id: decision.decision(request.caller.person)}
    options: ResumeOptions = {"tools": tools}
    run = request.serving.resume(request.caller, served.agent, journal, made, options, stream=asked.stream)
    return ChatRun(run, waiting)


async def waiting_request(
    request: ServedRequest, request_id: str, external: frozenset[str] = frozenset(), *, at: str = "messages"
) -> tuple[Journal, WaitingSteps, WaitingStep]:
    """Find the call that waits for a decision on the approval request with this id, in one of the caller's runs.

    Calls of the client's own tools never match, even if the request does not declare these tools.

    Args:
        external: the names of the client's own tools.
        at: the field of the HTTP request that holds the decision, for error messages.

    Returns:
        The journal of the run, everything that waits in it, and the call itself.

    Raises:
        RequestRefused: no run of this caller waits for the decision.
    """
    turn, kept = request.turn, request.serving.kept
    for journal in await kept.all_waiting(request.caller.owner) if turn is None else (turn,):
        waiting = followed(journal, external | client_names(journal.events))
        for step in waiting.reviews:
            if step.request_id == request_id:
                return journal, waiting, step
    raise nothing_waits(at)


def nothing_waits(at: str) -> RequestRefused:
    """Return the error for a decision that no call waits for.

    Args:
        at: the field of the request that holds the decision.
    """
    return RequestRefused(
        404,
        "Nothing waits for this decision: it was made before, or the ID is another.",
        "Ask for the answer that waits: it has the ID.",
        param=at,
    )


def followed(journal: Journal, external: frozenset[str]) -> WaitingSteps:
    """Return what waits in a run, by replaying its journal.

    Args:
        external: the names of the client's own tools.
    """
    waiting = WaitingSteps(external)
    for event in journal.events:
        waiting.feed(event)
    return waiting
