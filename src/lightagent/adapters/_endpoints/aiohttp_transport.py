"""The thin transport for plain endpoints: aiohttp without the features that a chat completion does not need."""

from __future__ import annotations

import io
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from typing import Final

import aiohttp
from aiohttp.typedefs import LooseHeaders
from yarl import URL

from lightagent.adapters._endpoints.endpoint import Endpoint
from lightagent.adapters._endpoints.faults import (
    bad_certificate,
    connection_failed,
    no_connection_in_time,
    unknown_host,
    unreachable,
)
from lightagent.adapters._endpoints.reported_errors import status_error
from lightagent.adapters._endpoints.transports import Answer, Transport, sendable_trace_headers
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.errors import ProviderError
from lightagent.domain.origin import TraceHeaders

_LARGE = 1024 * 1024
_ERROR_BODY = 64 * 1024

_CONNECTIONS: Final[ContextVar[list[int] | None]] = ContextVar("connections", default=None)
"""Is set when the current request opens a new connection; if it stays empty, a connection was reused."""


class AiohttpTransport(Transport):
    """Posts to one endpoint. Redirects are not followed and no cookies are kept."""

    def __init__(self, endpoint: Endpoint, connect_timeout: float, proxy: str | None) -> None:
        self._endpoint = endpoint
        self._url = URL(endpoint.url)
        self._host = endpoint.host
        self._connect_timeout = connect_timeout
        self._proxy = proxy
        self._clients = PerLoop(partial(_Client, connect_timeout, endpoint.headers), _Client.close)

    async def open(self, body: bytes, trace: TraceHeaders = ()) -> Answer:
        client = await self._clients.get()
        headers = sendable_trace_headers(trace, self._endpoint.headers) if trace else None
        made: list[int] = []
        token = _CONNECTIONS.set(made)
        try:
            try:
                response = await self._post(client.session, body, headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as exc:
                # Servers close idle connections without notice. As far as is known, such a server has not read the
                # request, so it is sent once more, as browsers do.
                if made or client.session.closed or _began(exc):
                    raise
                response = await self._post(client.fresh, body, headers)
        except (aiohttp.ClientError, OSError) as exc:
            raise self._fault(exc) from exc
        except RuntimeError as exc:  # aiohttp raises it if the session was closed during the request.
            if not client.session.closed:
                raise
            raise unreachable(self._host, "the model was closed.") from exc
        finally:
            _CONNECTIONS.reset(token)
        answer = AiohttpAnswer(response, self._host, client.answers)
        if not 200 <= response.status < 300:
            try:
                raise status_error(response.status, response.headers, await _beginning(answer))
            finally:
                await answer.close()
        return answer

    async def _post(
        self, session: aiohttp.ClientSession, body: bytes, headers: LooseHeaders | None
    ) -> aiohttp.ClientResponse:
        return await session.post(
            self._url,
            # aiohttp warns about a large body as bytes, but writes one from a file in pieces.
            data=body if len(body) < _LARGE else io.BytesIO(body),
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy,
        )

    async def aclose(self) -> None:
        await self._clients.aclose()

    def _fault(self, exc: aiohttp.ClientError | OSError) -> ProviderError:
        if isinstance(exc, TimeoutError):
            return no_connection_in_time(self._host, self._connect_timeout)
        return connection_fault(exc, self._host)


class AiohttpAnswer(Answer):
    """The body of a response. It is registered in `siblings` while it is read."""

    def __init__(self, response: aiohttp.ClientResponse, host: str, siblings: set[AiohttpAnswer]) -> None:
        self._response = response
        self._host = host
        self._siblings = siblings
        siblings.add(self)

    async def read(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as exc:
            raise connection_fault(exc, self._host) from exc

    async def close(self) -> None:
        self._siblings.discard(self)
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


def connection_fault(exc: aiohttp.ClientError | OSError, host: str) -> ProviderError:
    """Return the typed error for an exception of the network."""
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return unknown_host(exc.host)
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return bad_certificate(host, str(exc.certificate_error))
    if isinstance(exc, aiohttp.ClientPayloadError):
        return unreachable(host, "it broke in the middle of the answer.")
    return connection_failed(exc, host, str(exc) or type(exc).__name__)


async def _beginning(answer: AiohttpAnswer) -> bytes:
    """Read the beginning of an error's body, even if the connection breaks."""
    body = b""
    try:
        while len(body) < _ERROR_BODY and (piece := await answer.read()):
            body += piece
    except ProviderError:
        return body
    return body


class _Client:
    """The sessions and their open answers. Closing only a session would leave the readers of answers waiting."""

    def __init__(self, connect_timeout: float, headers: Mapping[str, str]) -> None:
        self._make = partial(_new_session, connect_timeout, headers)
        self.session = self._make(keep=True)
        self._fresh: aiohttp.ClientSession | None = None
        self.answers: set[AiohttpAnswer] = set()

    @property
    def fresh(self) -> aiohttp.ClientSession:
        """Return a session in which each request opens a new connection."""
        if self._fresh is None:
            self._fresh = self._make(keep=False)
        return self._fresh

    async def close(self) -> None:
        for answer in [*self.answers]:
            await answer.close()
        await self.session.close()
        if self._fresh is not None:
            await self._fresh.close()


def _new_session(connect_timeout: float, headers: Mapping[str, str], *, keep: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # No compression: compressed events arrive in lumps, and small answers gain nothing.
        headers={"Accept-Encoding": "identity", **headers},
        # No limit of connections: to have fewer requests at once, limit the runs.
        connector=aiohttp.TCPConnector(limit=0, force_close=not keep, socket_factory=_new_socket),
        # Only connecting is limited here; the caller limits everything else.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _began(exc: aiohttp.ClientConnectionError) -> bool:
    """Whether the connection broke in the middle of an answer; the exception then holds the part that arrived."""
    return isinstance(exc, aiohttp.ServerDisconnectedError) and not isinstance(exc.message, str)


def _new_socket(
    address: tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]],
) -> socket.socket:
    made = _CONNECTIONS.get()
    if made is not None:
        made.append(1)
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)
