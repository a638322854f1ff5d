"""Answers whose runs go on in the background: their events, which have the same numbers whenever they are told.

They are made of what is on record alone: text comes reply by reply, as soon as the store has the reply. So nothing that
a client was told is ever told otherwise, wherever the run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.application.serving.background_runs import BackgroundRun
from lightagent.application.serving.client_tools import client_names
from lightagent.application.serving.response_ids import ResponseId, read_response_id
from lightagent.application.serving.response_objects import ResponseHead
from lightagent.application.serving.response_stream import ResponseStream
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.events import Event
from lightagent.domain.json_types import JsonObject


def background_head(record: BackgroundRun) -> ResponseHead:
    """What is known of the answer before its run has begun."""
    metadata: JsonObject = {**record.metadata}
    stem = record.response_id.removeprefix("resp_")
    return ResponseHead(
        record.response_id, stem, record.model, record.created, record.previous, metadata, background=True
    )


def background_id(record: BackgroundRun) -> ResponseId:
    """The answer that the record is of."""
    return read_response_id(record.response_id) or ResponseId(record.run_id)


def background_stream(
    record: BackgroundRun, before: Sequence[Event], view: ChatView, after: int = -1
) -> ResponseStream:
    """What makes the events of the answer, out of the events of its run.

    Args:
        before: what had happened in the run when the request for the answer came.
        after: the number of the last event that the client has.
    """
    declared = frozenset(str(function.get("name")) for function in record.functions)
    waiting = WaitingSteps(declared | client_names(before))
    for event in before:
        waiting.feed(event)
    return ResponseStream(background_head(record), view, waiting, live=False, after=after)


def background_body(record: BackgroundRun, events: Sequence[Event], view: ChatView, *, queued: bool) -> JsonObject:
    """The answer as far as it is.

    Args:
        events: of the whole run.
        queued: it waits for its place.
    """
    response_id = background_id(record)
    stream = background_stream(record, events[: response_id.begins], view)
    for event in response_id.part(events):
        stream.feed(event)
    if record.status == "failed" and record.error is not None and not stream.is_whole:
        stream.fail(record.error)
    body = stream.body
    return {**body, "status": "queued"} if queued and not stream.is_whole else body
