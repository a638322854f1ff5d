"""Background responses: start them, stream them to any number of clients, and cancel those that no process executes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from lightagent.application.journals.event_codec import event_from_dict
from lightagent.application.journals.keep_run import run_key
from lightagent.application.journals.read_streams import read_entry
from lightagent.application.serving.background_runs import BackgroundRun
from lightagent.application.serving.chat.requests import ChatInput
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.idempotency import check_same
from lightagent.application.serving.responses.background import background_body, background_id, background_stream
from lightagent.application.serving.responses.objects import ResponseHead
from lightagent.application.serving.served_run_store import run_and_call
from lightagent.domain.errors import StoreError
from lightagent.domain.runs.events import Event
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.chat_runs import is_plain
from lightagent.entrypoints.serving.connections import Watched
from lightagent.entrypoints.serving.endpoint import json_response
from lightagent.entrypoints.serving.event_stream import STREAM_HEADERS, EventWriter
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.responses.stored import StoredResponse, find_response
from lightagent.entrypoints.serving.run_views import view_of
from lightagent.entrypoints.serving.served_run import ServedRun

_LOOK_SECONDS: Final = 0.5
"""Seconds to wait for an event before checking whether the run is still active."""

_SILENT_SECONDS: Final = 5.0
"""The same for a run that is executed in this process, which announces each event."""

_AGAIN: Final = 5.0


def require_background(request: ServedRequest, chat: ChatInput, served: Served) -> None:
    """Raise unless this model can answer in the background.

    Raises:
        RequestRefused: the server has no store, the model is a flow, or the request is for the plain model, whose
            runs are not stored.
    """
    if not request.serving.kept.lasts:
        raise RequestRefused(
            400,
            "background: the server does not store runs.",
            "Give it a store: serve(store=), or [default.journals] in its settings.",
            param="background",
        )
    if served.kind == "flow":
        raise RequestRefused(
            400,
            "background: not supported for flows, whose runs are in stores of their own.",
            "Leave it out.",
            param="background",
        )
    if is_plain(request, chat, served):
        raise RequestRefused(
            400,
            "background: requests that an interface makes for itself, such as for titles, are not stored.",
            "Leave it out.",
            param="background",
        )


async def begin_in_background(
    request: ServedRequest, chat: ChatInput, run: ServedRun, head: ResponseHead, *, stream: bool
) -> ASGIApp:
    """Start the run and respond at once: with the response as it is so far, or with a stream of its events."""
    record = BackgroundRun(
        head.id,
        run.id,
        head.model,
        request.caller,
        head.created,
        head.previous,
        {name: str(value) for name, value in head.metadata.items()},
        chat.tools,
        {run_and_call(call_id)[1]: text for call_id, text in chat.results},
        request.name,
    )
    await request.serving.begin_in_background(record, run)
    if stream:
        return FollowedResponse(request, record)
    events = () if run.journal is None else run.journal.events
    body = background_body(record, events, view_of(request.serving.settings), queued=run.waits)
    return json_response(body, request.headers)


async def begun_before(request: ServedRequest, *, stream: bool) -> ASGIApp | None:
    """Return the response to a request that was sent before, to this process or an earlier one; None if it is new.

    Raises:
        RequestRefused: the same idempotency key was used for a different request.
    """
    record = None if request.name is None else await request.serving.background.records.named(request.name)
    if request.name is None or record is None or record.name is None:
        return None
    check_same(request.name, record.name.body)
    if stream:
        return FollowedResponse(request, record)
    found = await find_response(request, record.response_id)
    return json_response(found.body(request), request.headers)


def followed_again(request: ServedRequest, found: StoredResponse) -> ASGIApp:
    """Return a stream of a response's events, after the event `starting_after` that the client has already.

    Raises:
        RequestRefused: it is not a background response, or `starting_after` is not a number.
    """
    if found.record is None:
        raise RequestRefused(
            400,
            "stream: only responses that were created with background can be streamed again.",
            "Leave stream out.",
            param="stream",
        )
    told = request.http.query_params.get("starting_after", "")
    if told and not (told.isascii() and told.isdigit() and len(told) <= 9):
        raise RequestRefused(400, "starting_after: must be the number of an event.", "", param="starting_after")
    return FollowedResponse(request, found.record, int(told or -1))


async def cancel_left(request: ServedRequest, record: BackgroundRun, reason: str) -> None:
    """Cancel a run that no process executes, such as after a crash, and record the reason.

    Raises:
        RequestRefused: another process executes the run.
    """
    if not await request.serving.background.take_up(record, reason):
        raise RequestRefused(
            409,
            "The response runs in another process of the server.",
            "Retry: that process can cancel it, and if it has died, any process can after some seconds.",
            retry_after=_AGAIN,
        )


class FollowedResponse:
    """A streaming response with the events of a run as they are recorded, as an ASGI application.

    Args:
        after: the number of the last event that the client has; -1 for none.
    """

    def __init__(self, request: ServedRequest, record: BackgroundRun, after: int = -1) -> None:
        self._request = request
        self._record = record
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream. The run is not affected if the client disconnects."""
        writer = EventWriter(send, self._request.serving.settings)
        owner = asyncio.current_task()
        assert owner is not None, "a coroutine of asyncio runs in a task"
        beating = asyncio.create_task(writer.beat(owner))

        def on_gone() -> None:
            writer.gone = True
            owner.cancel()

        try:
            async with Watched(receive, on_gone):
                await writer.open({**STREAM_HEADERS, **self._request.headers})
                async for frames in self._frames():
                    if frames:
                        await writer.write(frames)
                await writer.close()
        except StoreError as raised:  # The client can continue from the last number that it received.
            self._request.log(raised)
            await writer.close()
        except asyncio.CancelledError:
            if not writer.gone:
                raise
            owner.uncancel()
        finally:
            beating.cancel()

    async def _frames(self) -> AsyncIterator[bytes]:
        """Yield the frames of each event, and empty bytes from time to time while none arrives."""
        record = self._record
        begins = background_id(record).begins
        before = await self._read(0, limit=begins) if begins else []
        stream = background_stream(record, before, view_of(self._request.serving.settings), self._after)
        yield stream.begin()
        known = len(before)
        while not stream.is_whole:
            new = await self._news(known)
            known += len(new)
            for event in new:
                if not stream.is_whole:
                    yield stream.feed(event)
            if new:
                continue
            latest = await self._request.serving.background.records.find(record.response_id, record.owner)
            if latest is not None and latest.error is not None:
                yield stream.fail(latest.error)
            elif latest is None or latest.status != "open" or self._is_left():
                return
            yield b""

    async def _news(self, known: int) -> list[Event]:
        """Return the events after the first `known` ones; an empty list if none arrives in time."""
        run = self._request.serving.active.find(self._record.run_id, self._record.owner)
        if run is None or not run.is_background:
            return await self._read(known, wait=_LOOK_SECONDS)
        news = run.news  # Taken before the store is read, so that an event in between is not missed.
        new = await self._read(known)
        if not new:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SILENT_SECONDS):
                    await news.wait()
            new = await self._read(known)
        return new

    def _is_left(self) -> bool:
        """Return whether the server is stopping and has left the run to its next start."""
        active = self._request.serving.active
        return active.closing and active.find(self._record.run_id, self._record.owner) is None

    async def _read(self, after: int, *, limit: int = 1000, wait: float = 0.0) -> list[Event]:
        key = run_key(self._record.run_id, self._record.owner)
        found = await self._request.serving.kept.store.read(key, after, limit, wait)
        return [event_from_dict(read_entry(entry, "Run"), f"entry {entry.sequence}") for entry in found.entries]
