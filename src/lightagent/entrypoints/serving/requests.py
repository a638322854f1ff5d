"""A request that has passed the door: who asks, for what, and of which server."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.types import ASGIApp

from lightagent.application.journal import Journal
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.openai_errors import refusal_object, run_error_object
from lightagent.application.serving.refusals import RequestRefused, status_of
from lightagent.application.serving.repeated_requests import RequestName
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.serving.state import Serving

MOST_CHAT_ID: Final = 200
"""Characters of a chat's id that are kept."""


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """What a route of a protocol is given.

    Attributes:
        serving: the server: its models, settings and runs.
        http: the request itself; its body has been read.
        caller: who asks, as the credential says. Everything that a request names by an id is looked up for
            `caller.owner` alone.
        body: the JSON object; empty where the route takes none.
        id: names the request in answers and logs.
        turn: the turn of a conversation that waits for what the request says; None for none.
        name: under which it may come again; None where its client has given it none.
    """

    serving: Serving
    http: Request
    caller: Caller
    body: JsonObject = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"req_{secrets.token_hex(16)}")
    turn: Journal | None = None
    name: RequestName | None = None

    def log(self, error: Exception) -> None:
        """Have the log say what the answer does not: of its own faults the server says only that there was one."""
        known = isinstance(error, LightAgentError) and status_of(error.info) != 500
        _LOG.warning("The request %s failed: %s", self.id, type(error).__name__, exc_info=None if known else error)

    def for_user(self, user: str) -> ServedRequest:
        """The request as one of the user whom its body names, where the key may ask for others."""
        caller = self.caller.for_user(user)
        return self if caller is self.caller else replace(self, caller=caller)

    @property
    def chat_id(self) -> str:
        """The chat that a key which asks for others names; it links runs, and gives access to nothing."""
        name = self.serving.settings.chat_header
        return "" if name is None or not self.caller.delegating else self.http.headers.get(name, "")[:MOST_CHAT_ID]

    @property
    def trace_id(self) -> str:
        """The trace that the request belongs to, by its `traceparent`; empty where it names none."""
        found = _TRACE_PARENT.fullmatch(self.http.headers.get("traceparent", ""))
        return "" if found is None or not int(found[1], 16) else found[1]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every answer to it."""
        return {"x-request-id": self.id}


_TRACE_PARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""The header of the W3C recommendation "Trace Context"."""

_LOG: Final = logging.getLogger("lightagent.serve")

Handler: TypeAlias = Callable[[ServedRequest], Awaitable[ASGIApp]]
"""Answers a request. It raises `RequestRefused` for what is wrong with it, and `LightAgentError` for a failed run."""


@dataclass(frozen=True, slots=True)
class ServedRoute:
    """One address of a protocol.

    Attributes:
        path: as Starlette writes it, such as ``/v1/responses/{response_id}``.
        method: of HTTP.
        handler: answers the requests.
        takes_body: a JSON object comes with each request.
        needs_key: only callers with a key get here, where the server has keys.
        any_host: whatever name the request calls the server by; probes call it by its number.
        refusal: how the protocol tells that a request is refused.
        run_error: how the protocol tells that a run failed.
    """

    path: str
    method: str
    handler: Handler
    takes_body: bool = False
    needs_key: bool = True
    any_host: bool = False
    refusal: Callable[[RequestRefused], JsonObject] = refusal_object
    run_error: Callable[[LightAgentErrorInfo], JsonObject] = run_error_object
