"""Which hosts and origins may call the server: the checks of the Host and Origin headers, and CORS."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.entrypoints.serving.state import Serving
from lightagent.settings.sections.serve import ServeSettings

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Host names by which only this machine itself can reach the server."""

_MOST_HOST: Final = 300
"""Characters of a Host header; valid names with a port are shorter."""


def check_headers(http: Request) -> None:
    """Raise if a header that identifies the caller or the host occurs twice, since proxies may use the other value.

    Raises:
        RequestRefused: such a header occurs twice.
    """
    names = [name for name, _ in http.headers.raw]
    for name in (b"host", b"origin", b"authorization"):
        if names.count(name) > 1:
            raise RequestRefused(400, f"The header {name.decode()} occurs more than once.", "Send it once.")


async def check_host(http: Request, serving: Serving) -> None:
    """Raise unless the Host header names this server.

    This prevents DNS rebinding, by which a foreign web page makes a browser send requests to this machine.

    Raises:
        RequestRefused: the header names another host.
    """
    host = http.headers.get("host", "")
    name = _host_name(host) if len(host) <= _MOST_HOST else ""
    if serving.settings.hosts:
        is_ours = name in map(str.lower, serving.settings.hosts)
    else:
        is_ours = name in LOCAL_NAMES or await serving.authentication.needed()
    if not is_ours:
        raise RequestRefused(
            421, "The Host header does not name this server.", "Add the name to the setting serve.hosts."
        )


def check_origin(http: Request, serving: Serving) -> None:
    """Raise if a web page of another origin made the request, unless the settings allow this origin.

    Raises:
        RequestRefused: the origin is not allowed.
    """
    origin = http.headers.get("origin")
    if origin is None or origin in serving.settings.origins:
        return
    if _place(origin) != http.headers.get("host", "").lower():
        raise RequestRefused(
            403, "Web pages of this origin may not call the server.", "Add the origin to the setting serve.origins."
        )


def cors_middleware(settings: ServeSettings) -> list[Middleware]:
    """Return the middleware for CORS, if the settings allow pages of other origins."""
    if not settings.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after", "x-should-retry", "mcp-session-id"],
        )
    ]


@lru_cache(maxsize=64)
def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """Return host and port of an origin; an invalid origin is returned unchanged, and does not match any host."""
    try:
        return urlsplit(origin).netloc.lower() or origin
    except ValueError:
        return origin
