"""Answers whose runs continue in the background. Their events have the same numbers on every read.

Events are built from the journal alone: text appears reply by reply, as soon as the store has the reply. Whichever
process continues the run, a client that reads again gets the same events.
"""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.application.serving.background_runs import BackgroundRun
from lightagent.application.serving.client_tools import client_names
from lightagent.application.serving.responses.ids import ResponseId, read_response_id
from lightagent.application.serving.responses.objects import ResponseHead
from lightagent.application.serving.responses.stream import ResponseStream
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import Event


def background_head(record: BackgroundRun) -> ResponseHead:
    """Return what is known of the answer before its run starts."""
    metadata: JsonObject = {**record.metadata}
    stem = record.response_id.removeprefix("resp_")
    return ResponseHead(
        record.response_id, stem, record.model, record.created, record.previous, metadata, background=True
    )


def background_id(record: BackgroundRun) -> ResponseId:
    """Return the id of the answer that this record belongs to."""
    return read_response_id(record.response_id) or ResponseId(record.run_id)


def background_stream(
    record: BackgroundRun, before: Sequence[Event], view: ChatView, after: int = -1
) -> ResponseStream:
    """Return a stream that turns the run's events into the answer's events.

    Args:
        before: the run's events before the request for the answer.
        after: the number of the last event that the client has.
    """
    declared = frozenset(str(function.get("name")) for function in record.functions)
    waiting = WaitingSteps(declared | client_names(before))
    for event in before:
        waiting.feed(event)
    return ResponseStream(background_head(record), view, waiting, live=False, after=after)


def background_body(record: BackgroundRun, events: Sequence[Event], view: ChatView, *, queued: bool) -> JsonObject:
    """Return the answer as far as it exists.

    Args:
        events: all events of the run.
        queued: the run waits for a free place to start.
    """
    response_id = background_id(record)
    stream = background_stream(record, events[: response_id.begins], view)
    for event in response_id.part(events):
        stream.feed(event)
    if record.status == "failed" and record.error is not None and not stream.is_whole:
        stream.fail(record.error)
    body = stream.body
    return {**body, "status": "queued"} if queued and not stream.is_whole else body
