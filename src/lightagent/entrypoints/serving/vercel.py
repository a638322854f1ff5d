"""``POST /vercel/NAME``: the endpoint for `useChat` of Vercel's AI SDK."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp

from lightagent.application.serving.vercel.requests import read_vercel_request
from lightagent.application.serving.vercel.stream import STREAM_NAME, VercelOpening, VercelStream
from lightagent.entrypoints.serving.chat_runs import chat_run
from lightagent.entrypoints.serving.event_stream import RunEventStream
from lightagent.entrypoints.serving.images import with_images_by_url
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.run_views import view_of
from lightagent.entrypoints.serving.waiting_runs import AnswersAt

_IN_PARTS: Final = AnswersAt(repeats=True)


async def answer_ui(request: ServedRequest) -> ASGIApp:
    """Answer a chat with a stream of UI message parts."""
    settings = request.serving.settings
    served = request.serving.catalogue.find(str(request.http.path_params["agent"]), request.caller)
    asked = read_vercel_request(request.body, served.name, settings.system_messages, image_urls=settings.image_urls)
    request.serving.note_dropped(asked.chat.dropped)
    chat = await with_images_by_url(asked.chat, settings)
    found = await chat_run(request, chat, served, asked.answers, _IN_PARTS)
    opening = VercelOpening(request.id, found.run.id, asked.continues)
    stream = VercelStream(opening, view_of(settings), found.waiting)
    return RunEventStream(found.run, stream, settings, {**request.headers, **STREAM_NAME})


async def nothing_to_resume(request: ServedRequest) -> ASGIApp:
    """Answer a client that wants to reconnect to a stream with 204: there is none, since disconnecting cancels runs."""
    request.serving.catalogue.find(str(request.http.path_params["agent"]), request.caller)
    return Response(status_code=204, headers=request.headers)


VERCEL_ROUTES: Final = (
    ServedRoute("/vercel/{agent:path}/{chat}/stream", "GET", nothing_to_resume),
    ServedRoute("/vercel/{agent:path}", "POST", answer_ui, takes_body=True),
)
