"""Idempotency: a request repeated with the same `Idempotency-Key` gets the first answer and is not executed again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightagent.application.serving.idempotency import (
    MOST_BYTES,
    RepeatedRequests,
    RequestName,
    StoredAnswer,
    not_again,
    request_name,
)
from lightagent.domain.outcomes import Completed, Suspended
from lightagent.domain.runs.events import RunFinished
from lightagent.entrypoints.serving.event_stream import RunEventStream
from lightagent.entrypoints.serving.requests import Handler, ServedRequest
from lightagent.entrypoints.serving.served_run import ServedRun

_REPLAYED: Final = "idempotent-replayed"


def answered_once(handler: Handler) -> Handler:
    """Wrap a handler so that it replays its answer when a request is repeated with the same idempotency key."""

    async def answer(request: ServedRequest) -> ASGIApp:
        key = request.http.headers.get("idempotency-key", "")
        if not key:
            return await handler(request)
        name = request_name(key, request.caller, request.http.url.path, request.body)
        answers = request.serving.repeated
        kept = answers.find(name)
        if kept is not None:
            return Response(kept.body, kept.status, {**kept.headers, **request.headers, _REPLAYED: "true"})
        try:
            app = await handler(replace(request, name=name))
        except BaseException:
            answers.forget(name)
            raise
        if request.body.get("background") is True:
            answers.forget(name)  # Background responses and their keys are in the store.
            return app
        return _Recorded(app, name, answers, finishes=request.serving.settings.on_disconnect == "finish")

    return answer


class _Recorded:
    """A response that is recorded while it is sent.

    Args:
        finishes: continue the run after its client has disconnected, so that the complete answer is recorded.
    """

    def __init__(self, app: ASGIApp, name: RequestName, answers: RepeatedRequests, *, finishes: bool) -> None:
        self._app = app
        self._name = name
        self._answers = answers
        self._finishes = finishes
        self._status = 0
        self._headers = dict[str, str]()
        self._pieces = list[bytes]()
        self._size = 0
        self._is_whole = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response and record it."""

        async def recorded(message: Message) -> None:
            self._record(message)
            with suppress(OSError):  # The client has disconnected, and may repeat the request.
                await send(message)

        async def received() -> Message:
            message = await receive()
            if self._finishes and message["type"] == "http.disconnect":
                await asyncio.Event().wait()  # Hides the disconnect, so that the answer is completed.
            return message

        try:
            await self._app(scope, received, recorded)
        finally:
            self._keep()

    def _record(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            piece = message.get("body", b"")
            self._size += len(piece)
            if self._size - len(piece) <= MOST_BYTES:
                self._pieces.append(piece)
            self._is_whole = not message.get("more_body", False)

    def _keep(self) -> None:
        if self._may_be_done_again():
            self._answers.forget(self._name)
        elif self._is_whole:
            self._answers.keep(self._name, StoredAnswer(self._status, self._headers, b"".join(self._pieces)))
        else:
            why = "The client left while the request was answered, and tools had been called."
            self._answers.keep(self._name, StoredAnswer(refused=not_again(why)))

    def _may_be_done_again(self) -> bool:
        """Return whether the request may be executed again: its answer failed or was cut, and no tool was called."""
        if not isinstance(self._app, RunEventStream):
            return self._headers.get("x-should-retry") == "true"
        return self._app.run.may_repeat and not (self._is_whole and _is_answered(self._app.run))


def _is_answered(run: ServedRun) -> bool:
    last = None if run.journal is None else run.journal.events[-1]
    return isinstance(last, RunFinished) and isinstance(last.outcome, (Completed, Suspended))
