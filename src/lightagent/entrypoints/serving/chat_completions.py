"""``POST /v1/chat/completions``: the chat protocol of OpenAI, which most chat interfaces and clients support."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp

from lightagent.application.serving.chat.answers import chat_completion
from lightagent.application.serving.chat.chunks import ChatChunks
from lightagent.application.serving.chat.requests import read_chat_request
from lightagent.application.serving.projections import Opening
from lightagent.application.serving.run_view import ChatView
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.entrypoints.serving.chat_runs import chat_run
from lightagent.entrypoints.serving.connections import play_whole
from lightagent.entrypoints.serving.endpoint import failed_run, json_response
from lightagent.entrypoints.serving.event_stream import RunEventStream
from lightagent.entrypoints.serving.idempotency import answered_once
from lightagent.entrypoints.serving.images import with_images_by_url
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.run_views import view_of
from lightagent.entrypoints.serving.waiting_runs import ChatRun


async def chat_completions(request: ServedRequest) -> ASGIApp:
    """Answer a chat request, whole or as a stream."""
    settings = request.serving.settings
    asked = read_chat_request(request.body, settings.system_messages, image_urls=settings.image_urls)
    request.serving.note_dropped(asked.dropped)
    request = request.for_user(asked.user)
    served = request.serving.catalogue.find(asked.model, request.caller)
    asked = await with_images_by_url(asked, settings)
    chat = await chat_run(request, asked, served)
    opening = Opening(f"chatcmpl-{chat.run.id}", asked.model, int(request.serving.clock()))
    view = view_of(settings, usage=asked.include_usage)
    if asked.stream:
        return RunEventStream(chat.run, ChatChunks(opening, view, chat.waiting), settings, request.headers)
    return await _whole(request, chat, opening, view)


async def _whole(request: ServedRequest, chat: ChatRun, opening: Opening, view: ChatView) -> Response:
    try:
        events = await play_whole(chat.run, request.http.receive, request.serving.settings)
    except Exception as error:
        request.log(error)
        return failed_run(classify_exception(error), CHAT_ROUTE, request, may_repeat=chat.run.may_repeat)
    body = chat_completion(opening, events, view, chat.waiting)
    if isinstance(body, LightAgentErrorInfo):
        return failed_run(body, CHAT_ROUTE, request, may_repeat=chat.run.may_repeat)
    return json_response(body, request.headers)


CHAT_ROUTE: Final = ServedRoute("/v1/chat/completions", "POST", answered_once(chat_completions), takes_body=True)
CHAT_ROUTES: Final = (CHAT_ROUTE,)
