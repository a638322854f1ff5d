"""Requests that have passed the checks of the server, and the routes that handle them."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.types import ASGIApp

from lightagent.application.journals.journal import Journal
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.error_statuses import RequestRefused, status_of
from lightagent.application.serving.idempotency import RequestName
from lightagent.application.serving.openai_errors import refusal_object, run_error_object
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.serving.state import Serving

MOST_CHAT_ID: Final = 200
"""Characters of a chat's id; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """A checked request, as route handlers get it.

    Attributes:
        serving: the server, with its models, settings and runs.
        http: the HTTP request; its body has been read.
        caller: the authenticated caller. Every id in a request is looked up among the data of `caller.owner` only.
        body: the JSON object; empty if the route does not take a body.
        id: identifies the request in responses and logs.
        turn: the turn of a conversation that waits for this request, or None.
        name: identifies repetitions of the request; None if its client has not sent an idempotency key.
    """

    serving: Serving
    http: Request
    caller: Caller
    body: JsonObject = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"req_{secrets.token_hex(16)}")
    turn: Journal | None = None
    name: RequestName | None = None

    def log(self, error: Exception) -> None:
        """Log why the request failed, with the traceback of internal errors, which the response does not explain."""
        known = isinstance(error, LightAgentError) and status_of(error.info) != 500
        _LOG.warning("The request %s failed: %s", self.id, type(error).__name__, exc_info=None if known else error)

    def for_user(self, user: str) -> ServedRequest:
        """Return the request on behalf of the user named in its body, if the key is a delegating one."""
        caller = self.caller.for_user(user)
        return self if caller is self.caller else replace(self, caller=caller)

    @property
    def chat_id(self) -> str:
        """The chat id in a request with a delegating key, or empty. It groups runs and does not grant access."""
        name = self.serving.settings.chat_header
        return "" if name is None or not self.caller.delegating else self.http.headers.get(name, "")[:MOST_CHAT_ID]

    @property
    def trace_id(self) -> str:
        """The trace id from the request's `traceparent` header; empty if there is none."""
        found = _TRACE_PARENT.fullmatch(self.http.headers.get("traceparent", ""))
        return "" if found is None or not int(found[1], 16) else found[1]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every response to this request."""
        return {"x-request-id": self.id}


_TRACE_PARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""The `traceparent` header of the W3C recommendation "Trace Context"."""

_LOG: Final = logging.getLogger("lightagent.serve")

Handler: TypeAlias = Callable[[ServedRequest], Awaitable[ASGIApp]]
"""Answers a request. Raises `RequestRefused` if the request is invalid, and `LightAgentError` if its run fails."""


@dataclass(frozen=True, slots=True)
class ServedRoute:
    """One route of a protocol.

    Attributes:
        path: a Starlette path template, such as ``/v1/responses/{response_id}``.
        method: the HTTP method.
        handler: answers the requests.
        takes_body: requests have a JSON object as their body.
        needs_key: a key is required, if the server has keys.
        any_host: the Host header is not checked, for probes that use the IP address.
        refusal: encodes a refusal in the protocol's error format.
        run_error: encodes the error of a failed run in the protocol's error format.
    """

    path: str
    method: str
    handler: Handler
    takes_body: bool = False
    needs_key: bool = True
    any_host: bool = False
    refusal: Callable[[RequestRefused], JsonObject] = refusal_object
    run_error: Callable[[LightAgentErrorInfo], JsonObject] = run_error_object
