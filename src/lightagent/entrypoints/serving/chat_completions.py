"""``POST /v1/chat/completions``, which every chat interface and client speaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp

from lightagent.application.serving.chat_answers import chat_completion
from lightagent.application.serving.chat_chunks import ChatChunks
from lightagent.application.serving.chat_requests import ChatAsked, read_chat_request
from lightagent.application.serving.client_tools import client_tools
from lightagent.application.serving.kept_runs import run_and_call
from lightagent.application.serving.openai_errors import run_error_object
from lightagent.application.serving.projections import Opening
from lightagent.application.serving.refusals import RequestRefused, status_of
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.review import ApprovalDecision
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.door import json_response
from lightagent.entrypoints.serving.event_stream import RunEventStream
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.entrypoints.serving.whole_answers import play_whole
from lightagent.options import ResumeOptions, RunOptions


@dataclass(frozen=True, slots=True)
class _Chat:
    """One chat that is about to be answered.

    Attributes:
        waiting: knows what waits, and what had waited before the run goes on.
    """

    asked: ChatAsked
    served: Served
    run: ServedRun
    waiting: WaitingSteps


async def chat_completions(request: ServedRequest) -> ASGIApp:
    """Answer a chat."""
    settings = request.serving.settings
    asked = read_chat_request(request.body, settings.system_messages)
    request = replace(request, caller=request.caller.for_user(asked.user))
    served = request.serving.catalogue.find(asked.model, request.caller)
    chat = await (_begun(request, asked, served) if asked.query is not None else _gone_on(request, asked, served))
    opening = Opening(f"chatcmpl-{chat.run.id}", asked.model, int(request.serving.clock()))
    view = ChatView(
        settings.tools_shown,
        settings.reasoning,
        asked.include_usage,
        settings.chat_approvals,
        settings.console_url or "",
    )
    if asked.stream:
        return RunEventStream(chat.run, ChatChunks(opening, view, chat.waiting), settings, request.headers)
    return await _whole(request, chat, opening, view)


async def _begun(request: ServedRequest, asked: ChatAsked, served: Served) -> _Chat:
    """A new run for the user's question."""
    tools = client_tools(asked.tools)
    options = RunOptions(
        history=asked.history,
        metadata=asked.params,
        instructions=asked.instructions or None,
        tags=asked.tags,
        run_group_id=request.chat_id or None,
    )
    if tools:
        options["tools"] = tools
    run = request.serving.begin(request.caller, served, asked.query or "", options, stream=asked.stream)
    return _Chat(asked, served, run, WaitingSteps(frozenset(tool.spec.name for tool in tools)))


async def _gone_on(request: ServedRequest, asked: ChatAsked, served: Served) -> _Chat:
    """The run that waits for results of the client's tools. Its own record holds, whatever the messages say of it."""
    runs = {run_and_call(call_id)[0] for call_id, _ in asked.results}
    if len(runs) != 1:
        raise RequestRefused(
            400, "messages: these are results of calls of several runs.", "Send those of one run.", param="messages"
        )
    results = {run_and_call(call_id)[1]: text for call_id, text in asked.results}
    journal = await request.serving.kept.waiting(runs.pop(), request.caller.owner)
    tools = client_tools(asked.tools, results)
    waiting = WaitingSteps(frozenset(tool.spec.name for tool in tools))
    for event in journal.events:
        waiting.feed(event)
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
    run = request.serving.resume(request.caller, served, journal, decisions, options, stream=asked.stream)
    return _Chat(asked, served, run, waiting)


async def _whole(request: ServedRequest, chat: _Chat, opening: Opening, view: ChatView) -> Response:
    events = await play_whole(chat.run, request.http.receive, request.serving.settings)
    body = chat_completion(opening, events, view, chat.waiting)
    if isinstance(body, LightAgentErrorInfo):
        headers = {**request.headers, "x-should-retry": "true" if body.retryable else "false"}
        return json_response(run_error_object(body), headers, status_of(body))
    return json_response(body, request.headers)


CHAT_ROUTES: Final = (ServedRoute("/v1/chat/completions", "POST", chat_completions, takes_body=True),)
