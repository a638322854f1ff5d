"""Choose the run for a chat request: a new one, one that waits for the client's tools or its user, or a plain one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.approvals import PersonAnswer, read_chat_decision
from lightagent.application.serving.chat.auxiliary import is_auxiliary
from lightagent.application.serving.chat.requests import ChatInput
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.waiting_runs import (
    AnswersAt,
    ChatRun,
    decided_run,
    end_abandoned,
    run_with_results,
    tools_of_client,
)
from lightagent.options import RunOptions

_IN_MESSAGES: Final = AnswersAt()


async def chat_run(
    request: ServedRequest,
    asked: ChatInput,
    served: Served,
    answers: Sequence[PersonAnswer] = (),
    at: AnswersAt = _IN_MESSAGES,
) -> ChatRun:
    """Return the run for this request.

    Args:
        answers: decisions of a person that the request has in the protocol's own form. If there are none, the setting
            `chat_approvals` may allow a decision in words.
        at: where the request has the answers.

    Raises:
        RequestRefused: no run waits for the results or decisions that were sent, two of them contradict each other,
            or too many runs are active.
        PolicyError: the user may not make this decision.
    """
    if answers:
        return await decided_run(request, asked, answers, served, at)
    if asked.query is None:
        return await run_with_results(request, asked, served)
    decision = read_chat_decision(asked.query) if request.serving.settings.chat_approvals else None
    if decision is not None:
        return await decided_run(request, asked, (decision,), served, _IN_MESSAGES)
    if is_plain(request, asked, served):
        return _plain(request, asked, served)
    tools = await tools_of_client(asked, served)
    await end_abandoned(request, asked.abandoned)
    options = _options(request, asked)
    if tools:
        options["tools"] = tools
    run = request.serving.begin(request.caller, served.agent, asked.query, options, stream=asked.stream)
    return ChatRun(run, WaitingSteps(frozenset(tool.spec.name for tool in tools)))


def is_plain(request: ServedRequest, asked: ChatInput, served: Served) -> bool:
    """Return whether the plain model answers: the request is one that a chat interface makes on its own account."""
    is_question = asked.query is not None
    return is_question and (served.kind == "utility" or is_auxiliary(asked, request.serving.settings.auxiliary))


def _options(request: ServedRequest, asked: ChatInput) -> RunOptions:
    return RunOptions(
        history=asked.history,
        metadata=asked.params,
        instructions=asked.instructions or None,
        tags=asked.tags,
        session_id=asked.session or None,
        run_group_id=request.chat_id or None,
        trace_id=request.trace_id or None,
    )


def _plain(request: ServedRequest, asked: ChatInput, served: Served) -> ChatRun:
    """Return a run of the plain model, for a request that the interface makes on its own account; it is not stored."""
    if served.plain is None:
        raise RequestRefused(
            400,
            f"{served.name:.100} has no plain model, which answers requests that interfaces make for themselves.",
            param="messages",
        )
    options = _options(request, asked)
    run = request.serving.begin(
        request.caller, served.plain, asked.query or "", options, stream=asked.stream, keep=False
    )
    return ChatRun(run, WaitingSteps())
