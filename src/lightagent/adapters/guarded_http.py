"""HTTP requests to URLs from untrusted sources, by aiohttp: only to public addresses, with limits of time and size."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from lightagent.domain.network.guard import address_problem, is_private_host
from lightagent.domain.network.http_calls import HttpAnswer, HttpCall, HttpFault, HttpLost, HttpRefused, HttpUnreached
from lightagent.ports.http import HttpSender

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver
    from yarl import URL

_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 65_536
_USER_AGENT: Final = ("User-Agent", "lightagent")
_ALLOW: Final = "If it is your own server, name it in private_hosts."


class AddressRefused(OSError):
    """A host name resolves to an address that may not be called."""


class GuardedHttp(HttpSender):
    """Opens and closes a connection for each call, so that calls share nothing.

    Proxies of the environment are not used: with one, it could not be checked which address is called.
    """

    async def send(self, call: HttpCall) -> HttpAnswer:
        """Send one request; see the port.

        Raises:
            HttpFault: the call did not produce a usable answer.
        """
        import aiohttp  # Importing it takes a tenth of a second, and most programs do not need it.

        connector = aiohttp.TCPConnector(resolver=_resolver(call), force_close=True, limit=1)
        watched, sent = aiohttp.TraceConfig(), asyncio.Event()

        async def on_sent(*_what: object) -> None:
            sent.set()

        watched.on_request_headers_sent.append(on_sent)
        try:
            async with (
                asyncio.timeout(call.timeout),
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),
                    trace_configs=[watched],
                ) as session,
            ):
                return await _followed(session, call)
        except TimeoutError:
            raise _failed(call, sent, f"The server did not answer within {call.timeout:g} s.") from None
        except aiohttp.ClientConnectorError as exc:
            raise _unreached(exc) from exc
        except (aiohttp.ClientError, ValueError, OSError) as exc:
            raise _failed(call, sent, f"The connection failed: {type(exc).__name__}.") from exc


async def _followed(session: aiohttp.ClientSession, call: HttpCall) -> HttpAnswer:
    """Return the answer after all redirects."""
    from yarl import URL

    url, headers = URL(call.url, encoded=True), [*call.headers, _USER_AGENT]
    first = url.origin()
    for _ in range(_MOST_REDIRECTS + 1):
        _check(url, call)
        if url.origin() != first:  # The headers stay removed if another server redirects back.
            headers = [one for one in headers if one[0].lower() in ("accept", "user-agent")]
            if call.content is not None:
                raise HttpRefused("The server redirects a call with a body to another server, which is not followed.")
        async with session.request(
            call.method,
            url,
            headers=_distinct(headers),
            skip_auto_headers=("Content-Type",),  # Not for a missing body.
            data=call.content,
            allow_redirects=False,
        ) as response:
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or location is None:
                return await _answer(response, call, url)
            if not call.is_safe:
                raise _lost(
                    call,
                    f"A redirect ({response.status}) is not followed for a call that changes something.",
                )
            url = _next(url, location)
    raise HttpLost(f"The server redirects the call more than {_MOST_REDIRECTS} times.")


def _distinct(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Return the headers with each name once; the first one wins."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), (name, value))
    return dict(found.values())


def _next(url: URL, location: str) -> URL:
    from yarl import URL

    try:
        target = url.join(URL(location, encoded=True))
        if target.scheme not in ("http", "https") or not target.host:
            raise ValueError
    except ValueError:
        raise HttpRefused("The server redirects the call to an address that is not HTTP.") from None
    if url.scheme == "https" and target.scheme == "http":
        raise HttpRefused("The server redirects the call from https to http, where others could read it.")
    return target.with_fragment(None)


def _check(url: URL, call: HttpCall) -> None:
    """Raise unless the address may be called. A host name is checked again when it is resolved."""
    host = url.host or ""
    if not is_private_host(host, url.port, call.private_hosts) and _is_address(host):
        problem = address_problem(host)
        if problem:
            raise HttpRefused(f"The server may not be called: {problem}.", guidance=_ALLOW)


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _resolver(call: HttpCall) -> AbstractResolver:
    """Return a resolver that raises unless all addresses of a host may be called."""
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class Guard(AbstractResolver):
        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await self._inner.resolve(host, port, family)
            if not is_private_host(host, port, call.private_hosts):
                for one in found:
                    if problem := address_problem(one["host"]):
                        raise AddressRefused(problem)
            return found

        async def close(self) -> None:
            await self._inner.close()

    return Guard()


async def _answer(response: aiohttp.ClientResponse, call: HttpCall, url: URL) -> HttpAnswer:
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > call.max_bytes:
            raise _lost(call, f"The answer is larger than {call.max_bytes:,} bytes.", "Ask for less, such as one page.")
    return HttpAnswer(
        status=response.status,
        media_type=response.content_type.lower() if "Content-Type" in response.headers else "",
        charset=response.charset or "",
        headers=_joined(response),
        content=bytes(content),
        url=str(url),
    )


def _joined(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    """Return the headers with each name once; several values are joined as in RFC 9110."""
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found and key != "location" else value
    return tuple(found.items())


def _unreached(exc: aiohttp.ClientConnectorError) -> HttpFault:
    if isinstance(exc.os_error, AddressRefused):
        return HttpRefused(f"The server may not be called: {exc.os_error}.", guidance=_ALLOW)
    return HttpUnreached(f"The server cannot be reached: {exc.os_error.strerror or exc.os_error}.", retryable=True)


def _failed(call: HttpCall, sent: asyncio.Event, text: str) -> HttpFault:
    """Return the fault of a call that had no effect, or may have had one, depending on whether it was sent."""
    return _lost(call, text) if sent.is_set() else HttpUnreached(text, retryable=True)


def _lost(call: HttpCall, text: str, guidance: str = "") -> HttpLost:
    doubt = "" if call.is_safe else " It may have taken effect, so do not call it again without checking."
    return HttpLost(f"{text}{doubt}", guidance=guidance, retryable=call.is_safe)
