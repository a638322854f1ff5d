"""A codec server: decodes payloads for Temporal's web interface and command line, which have no keys.

Temporal's protocol: ``POST /decode`` and ``/encode`` take and give the JSON of a message `Payloads`. The browser asks
this server directly, so decoded content goes only to authorized clients, and never through Temporal's server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hmac import compare_digest
from typing import Final

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from lightagent.domain.errors import ConfigurationError, LightAgentError

MOST_BODY: Final = 32_000_000
"""Bytes of a request; a page of a history is smaller."""

_LEAST_KEY: Final = 16


def codec_server(codec: PayloadCodec, *, key: str, origins: Sequence[str] = ()) -> Starlette:
    """Build the ASGI application that decodes for clients that send the key.

    Args:
        codec: such as `EncryptingCodec`; one that takes plain payloads shows them as they are.
        key: the key that clients must send as ``Authorization: Bearer KEY``.
        origins: of the web interfaces whose pages may ask, such as ``https://temporal.internal``.

    Raises:
        ConfigurationError: the key is too short; anyone who guesses it can read everything.
    """
    if len(key) < _LEAST_KEY:
        raise ConfigurationError(
            f"The key of the codec server has fewer than {_LEAST_KEY} characters.",
            guidance="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )

    async def decode(request: Request) -> Response:
        return await _answered(request, key, codec.decode)

    async def encode(request: Request) -> Response:
        return await _answered(request, key, codec.encode)

    routes = [Route("/decode", decode, methods=["POST"]), Route("/encode", encode, methods=["POST"])]
    allowed = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["POST"],
        allow_headers=["Authorization", "Content-Type", "X-Namespace"],
    )
    return Starlette(routes=routes, middleware=[allowed] if origins else [])


async def _answered(
    request: Request, key: str, coded: Callable[[Sequence[Payload]], Awaitable[list[Payload]]]
) -> Response:
    if not compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {key}".encode()):
        return PlainTextResponse("A key is needed: Authorization: Bearer KEY.", 401, {"WWW-Authenticate": "Bearer"})
    body = await _body(request)
    if body is None:
        return PlainTextResponse(f"The body has more than {MOST_BODY:,} bytes.", 413)
    try:
        given = Parse(body, Payloads())
        made = Payloads(payloads=await coded(list(given.payloads)))
    except (ParseError, UnicodeDecodeError):
        return PlainTextResponse('The body is not the JSON of payloads: {"payloads": [...]}.', 400)
    except LightAgentError as error:
        return PlainTextResponse(f"{error.message} {error.guidance}", 400)
    return Response(MessageToJson(made, indent=None), media_type="application/json")


async def _body(request: Request) -> bytes | None:
    """The body of a request; None if it is too large."""
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > MOST_BODY:
            return None
    return bytes(read)
