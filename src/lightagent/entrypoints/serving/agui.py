"""``POST /ag-ui/NAME``: the endpoint for AG-UI clients."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from lightagent.adapters.registry import install_command
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.served_run_store import run_and_call
from lightagent.entrypoints.serving.chat_runs import chat_run
from lightagent.entrypoints.serving.event_stream import RunEventStream
from lightagent.entrypoints.serving.images import with_images_by_url
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.run_views import answer_seconds
from lightagent.entrypoints.serving.waiting_runs import AnswersAt

_IN_RESUME: Final = AnswersAt(field="resume[{}].interruptId", repeats=True)


async def run_agent(request: ServedRequest) -> ASGIApp:
    """Run an agent and stream its events in the AG-UI format."""
    try:  # Only this protocol needs its types, so they are imported on first use.
        from lightagent.application.serving.agui.events import AguiEvents, AguiOpening
        from lightagent.application.serving.agui.requests import read_agui_request
    except ImportError:
        raise RequestRefused(
            404, "This server lacks the package for AG-UI 1.0.", f"Type: {install_command('agui', 'ag-ui-protocol')}"
        ) from None
    settings = request.serving.settings
    served = request.serving.catalogue.find(str(request.http.path_params["agent"]), request.caller)
    asked = read_agui_request(request.body, served.name, settings.system_messages, image_urls=settings.image_urls)
    request.serving.note_dropped(asked.chat.dropped)
    chat = await with_images_by_url(asked.chat, settings)
    found = await chat_run(request, chat, served, asked.answers, _IN_RESUME)
    told = frozenset(run_and_call(call_id)[1] for call_id, _ in asked.chat.results)
    opening = AguiOpening(
        asked.thread_id,
        asked.run_id,
        asked.parent_run_id,
        request.id,
        found.run.id,
        told,
        answer_seconds(served.agent),
    )
    return RunEventStream(found.run, AguiEvents(opening, found.waiting), settings, request.headers)


AGUI_ROUTES: Final = (ServedRoute("/ag-ui/{agent:path}", "POST", run_agent, takes_body=True),)
