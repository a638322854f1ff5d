"""``/v1/responses``: OpenAI's responses protocol. Responses are stored with their runs and can be continued."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.responses.ids import ResponseId
from lightagent.application.serving.responses.inputs import input_items, listing
from lightagent.application.serving.responses.objects import ResponseHead
from lightagent.application.serving.responses.requests import ResponseInput, of_input, read_response_request
from lightagent.application.serving.responses.stream import ResponseStream, response_of
from lightagent.application.stored_runs import Runs
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.outcomes import outcome_error
from lightagent.domain.runs.events import RunFinished
from lightagent.entrypoints.serving.chat_runs import chat_run, is_plain
from lightagent.entrypoints.serving.connections import play_whole
from lightagent.entrypoints.serving.endpoint import failed_run, json_response
from lightagent.entrypoints.serving.event_stream import RunEventStream
from lightagent.entrypoints.serving.idempotency import answered_once
from lightagent.entrypoints.serving.images import with_images_by_url
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.responses.background import (
    begin_in_background,
    begun_before,
    cancel_left,
    followed_again,
    require_background,
)
from lightagent.entrypoints.serving.responses.conversations import CONVERSATION_ROUTES, conversing, in_conversation
from lightagent.entrypoints.serving.responses.item_references import with_references
from lightagent.entrypoints.serving.responses.stored import find_response, with_previous
from lightagent.entrypoints.serving.run_views import view_of
from lightagent.entrypoints.serving.waiting_runs import AnswersAt, ChatRun

CANCELLED: Final = "The client cancelled the response."
"""The recorded reason of a run that was cancelled in this way."""

_IN_INPUT: Final = AnswersAt(field="input", results="input")


async def create_response(request: ServedRequest) -> ASGIApp:
    """Create a response: whole, as a stream, or in the background."""
    settings = request.serving.settings
    request = await with_references(request)
    asked = read_response_request(request.body, settings.system_messages, image_urls=settings.image_urls)
    chat = await with_images_by_url(asked.chat, settings)
    request.serving.note_dropped(asked.dropped)
    request = replace(request, caller=request.caller.for_user(chat.user))
    served = request.serving.catalogue.find(chat.model, request.caller)
    if asked.background:
        require_background(request, chat, served)
        before = await begun_before(request, stream=chat.stream)
        if before is not None:
            return before
        chat = replace(chat, stream=False)
    if asked.conversation and not is_plain(request, chat, served):
        served = conversing(request.serving, served)
        request, chat = await in_conversation(request, served, chat, asked.conversation, decides=bool(asked.decisions))
    chat = await with_previous(request, chat, asked.previous)
    try:
        found = await chat_run(request, chat, served, asked.decisions, _IN_INPUT)
    except RequestRefused as refused:
        raise of_input(refused) from refused
    head = _head(request, asked, chat.session, found)
    if asked.background:
        return await begin_in_background(request, chat, found.run, head, stream=asked.chat.stream)
    if chat.stream:
        projection = ResponseStream(head, view_of(settings), found.waiting)
        return RunEventStream(found.run, projection, settings, request.headers)
    return await _whole(request, found, head)


def _head(request: ServedRequest, asked: ResponseInput, conversation: str, found: ChatRun) -> ResponseHead:
    journal = found.run.journal
    response_id = ResponseId.next_of(found.run.id, () if journal is None else journal.events, conversation)
    told = request.body.get("metadata")
    return ResponseHead(
        str(response_id),
        response_id.stem,
        asked.chat.model,
        int(request.serving.clock()),
        str(asked.previous or ""),
        told if isinstance(told, dict) else {},
        asked.background,
        conversation,
    )


async def _whole(request: ServedRequest, found: ChatRun, head: ResponseHead) -> Response:
    try:
        events = await play_whole(found.run, request.http.receive, request.serving.settings)
    except Exception as raised:
        request.log(raised)
        return failed_run(classify_exception(raised), CREATE_ROUTE, request, may_repeat=found.run.may_repeat)
    body = response_of(head, events, view_of(request.serving.settings), found.waiting)
    ended = events[-1]
    error = outcome_error(ended.outcome) if isinstance(ended, RunFinished) else None
    if error is not None and body["status"] == "failed":
        return failed_run(error, CREATE_ROUTE, request, may_repeat=found.run.may_repeat)
    return json_response(body, request.headers)


async def show_response(request: ServedRequest) -> ASGIApp:
    """Return a stored response as far as it has come; or, with `stream=true`, stream its past and future events."""
    found = await find_response(request, _id(request))
    if request.http.query_params.get("stream") == "true":
        return followed_again(request, found)
    return json_response(found.body(request), request.headers)


async def cancel_response(request: ServedRequest) -> ASGIApp:
    """Cancel the run of a response. A response that has ended is returned unchanged."""
    found = await find_response(request, _id(request))
    if found.run is not None:
        found.run.cancel(CANCELLED)
    elif found.record is not None and found.record.status == "open":
        await cancel_left(request, found.record, CANCELLED)
        found = await find_response(request, _id(request))
    body = found.body(request)
    if found.run is not None:
        body["status"] = "cancelled"
    return json_response(body, request.headers)


async def delete_response(request: ServedRequest) -> ASGIApp:
    """Delete the run of a response from the store, with all responses of the run."""
    found = await find_response(request, _id(request))
    if found.id.session:
        raise RequestRefused(400, "The response is a turn of a conversation.", "Delete the conversation.")
    if found.is_active:
        raise RequestRefused(409, "The response is still running.", "Cancel it first.")
    owner = request.caller.owner
    await Runs(request.serving.kept.store, tenant=owner.tenant).forget(found.id.run_id, owner.user)
    await request.serving.background.records.forget(found.id.run_id, owner)
    return json_response({"id": str(found.id), "object": "response", "deleted": True}, request.headers)


async def list_input_items(request: ServedRequest) -> ASGIApp:
    """List the input items of a response."""
    found = await find_response(request, _id(request))
    items = input_items(found.id, found.journal.events)
    query = request.http.query_params
    return json_response(
        listing(items, order=query.get("order", ""), after=query.get("after", ""), limit=query.get("limit", "")),
        request.headers,
    )


def _id(request: ServedRequest) -> str:
    return str(request.http.path_params["response_id"])


CREATE_ROUTE: Final = ServedRoute("/v1/responses", "POST", answered_once(create_response), takes_body=True)
RESPONSE_ROUTES: Final = (
    CREATE_ROUTE,
    *CONVERSATION_ROUTES,
    ServedRoute("/v1/responses/{response_id}", "GET", show_response),
    ServedRoute("/v1/responses/{response_id}", "DELETE", delete_response),
    ServedRoute("/v1/responses/{response_id}/cancel", "POST", cancel_response),
    ServedRoute("/v1/responses/{response_id}/input_items", "GET", list_input_items),
)
