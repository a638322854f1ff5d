"""``POST /v1/chat/completions``, which every chat interface and client speaks, and ``GET /v1/models``."""

from __future__ import annotations

import logging
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp

from lightagent.application.serving.chat_answers import chat_completion
from lightagent.application.serving.chat_chunks import ChatChunks
from lightagent.application.serving.chat_requests import ChatAsked, read_chat_request
from lightagent.application.serving.client_tools import client_tools
from lightagent.application.serving.openai_errors import run_error_object
from lightagent.application.serving.projections import Opening
from lightagent.application.serving.refusals import RequestRefused, status_of
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.entrypoints.serving.door import json_response
from lightagent.entrypoints.serving.event_stream import RunEventStream
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.entrypoints.serving.whole_answers import play_whole
from lightagent.options import RunOptions

_LOG: Final = logging.getLogger("lightagent.serve")


async def chat_completions(request: ServedRequest) -> ASGIApp:
    """Answer a chat."""
    serving, settings = request.serving, request.serving.settings
    asked = read_chat_request(request.body, settings.system_messages)
    served = serving.catalogue.find(asked.model, request.caller)
    tools = client_tools(asked.tools)
    options = run_options(asked)
    if tools:
        options["tools"] = tools
    if asked.query is None:
        raise RequestRefused(400, "messages: no run waits for these results.", "", param="messages")
    run = serving.begin(request.caller, served, asked.query, options, stream=asked.stream)
    opening = Opening(f"chatcmpl-{run.id}", asked.model, int(serving.clock()))
    view = ChatView(settings.tools_shown, settings.reasoning, asked.include_usage)
    waiting = WaitingSteps(frozenset(tool.spec.name for tool in tools))
    if asked.stream:
        return RunEventStream(run, ChatChunks(opening, view, waiting), settings, request.headers)
    return await _whole(request, run, opening, view, waiting)


def run_options(asked: ChatAsked) -> RunOptions:
    """The options of the run that a request asks for."""
    return RunOptions(
        history=asked.history, metadata=asked.params, instructions=asked.instructions or None, tags=asked.tags
    )


async def _whole(
    request: ServedRequest, run: ServedRun, opening: Opening, view: ChatView, waiting: WaitingSteps
) -> Response:
    events = await play_whole(run, request.http.receive, request.serving.settings)
    body = chat_completion(opening, events, view, waiting)
    if isinstance(body, LightAgentErrorInfo):
        headers = {**request.headers, "x-should-retry": "true" if body.retryable else "false"}
        return json_response(run_error_object(body), headers, status_of(body))
    return json_response(body, request.headers)


async def list_models(request: ServedRequest) -> ASGIApp:
    """The models that this caller may use."""
    models: list[JsonValue] = [
        _model(one.name, one.kind) for one in request.serving.catalogue if request.caller.may_use(one.name)
    ]
    return json_response({"object": "list", "data": models}, request.headers)


async def show_model(request: ServedRequest) -> ASGIApp:
    """One of them."""
    found = request.serving.catalogue.find(str(request.http.path_params["model"]), request.caller)
    return json_response(_model(found.name, found.kind), request.headers)


def _model(name: str, kind: str) -> JsonObject:
    return {"id": name, "object": "model", "created": 0, "owned_by": "lightagent", "lightagent": {"kind": kind}}


CHAT_ROUTES: Final = (
    ServedRoute("/v1/chat/completions", "POST", chat_completions, takes_body=True),
    ServedRoute("/v1/models", "GET", list_models),
    ServedRoute("/v1/models/{model:path}", "GET", show_model),
)
