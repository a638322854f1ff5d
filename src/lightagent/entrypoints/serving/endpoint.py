"""The ASGI application of a route: the checks that every request passes first, and responses to refused requests."""

from __future__ import annotations

import math
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lightagent.application.serving.callers import NOBODY
from lightagent.application.serving.error_statuses import RequestRefused, status_of
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.serving.origins import check_headers, check_host, check_origin
from lightagent.entrypoints.serving.request_bodies import read_body
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.state import Serving

_LATER: Final = 5
"""Seconds (Retry-After) before a client may repeat a request whose run failed temporarily."""


class Endpoint:
    """The ASGI application of a route: checks the request, reads its body, and answers every error in the protocol.

    It is not a function, since Starlette would add a wrapper for exceptions that is not needed here and costs time
    for each request and chunk.
    """

    def __init__(self, serving: Serving, route: ServedRoute) -> None:
        self._serving = serving
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _answer(self, http: Request) -> ASGIApp:
        serving, route = self._serving, self._route
        request = ServedRequest(serving, http, NOBODY)
        try:
            check_headers(http)
            if not route.any_host:
                await check_host(http, serving)
            check_origin(http, serving)
            if route.needs_key or route.takes_body:
                caller = await serving.authentication.caller(http.headers) if route.needs_key else NOBODY
                body = await read_body(http, serving.settings) if route.takes_body else {}
                request = ServedRequest(serving, http, caller, body, request.id)
            return await route.handler(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except RequestRefused as refused:
            return refusal(refused, route, request)
        except Exception as error:
            request.log(error)
            return failed_run(classify_exception(error), route, request)


def refusal(refused: RequestRefused, route: ServedRoute, request: ServedRequest) -> Response:
    """Return the response to a refused request. It tells clients to retry only if the request may succeed later."""
    headers = {
        **request.headers,
        "x-should-retry": "true" if refused.retryable or refused.retry_after is not None else "false",
    }
    if refused.retry_after is not None:
        headers["retry-after"] = str(math.ceil(refused.retry_after))
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    return json_response(route.refusal(refused), headers, refused.status)


def failed_run(
    info: LightAgentErrorInfo, route: ServedRoute, request: ServedRequest, *, may_repeat: bool = True
) -> Response:
    """Return the response to a request whose run failed.

    Args:
        may_repeat: no tool was called. Otherwise clients are told not to retry, as the official ones do automatically,
            since tools would be called twice.
    """
    again = info.retryable and may_repeat
    headers = {**request.headers, "x-should-retry": "true" if again else "false"}
    if again and status_of(info) in (429, 503):
        headers["retry-after"] = str(_LATER)
    return json_response(route.run_error(info), headers, status_of(info))


def json_response(body: JsonObject, headers: dict[str, str], status: int = 200) -> Response:
    """Return a response with compact JSON."""
    return Response(encode_json(body), status, headers, "application/json")
