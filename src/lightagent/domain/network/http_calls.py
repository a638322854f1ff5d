"""An HTTP request to a third-party server, its answer, and its errors, as values."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Final

from lightagent.domain.errors import ToolError

DEFAULT_HTTP_TIMEOUT: Final = 30.0
"""Seconds for one call, with all its redirections."""

DEFAULT_HTTP_BYTES: Final = 1_000_000
"""Bytes of an answer."""

Headers = tuple[tuple[str, str], ...]

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


_CHARSETS: Final = (
    *("ascii", "utf-8", "utf-16", "utf-32", "iso8859", "cp", "koi8", "mac"),
    *("big5", "euc_", "gb", "shift_jis", "iso2022"),
)


def is_header_name(name: str) -> bool:
    """Whether it can be the name of a header: a token of RFC 9110."""
    return _HEADER_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request.

    Attributes:
        method: in upper case.
        url: http or https, percent-encoded; it is sent as it stands.
        headers: to the server of the URL and to no other.
        content: the body.
        timeout: seconds for all of it.
        max_bytes: of the answer's body.
        private_hosts: hosts that may be at a private address, as ``HOST`` or ``HOST:PORT``.
    """

    method: str
    url: str = field(repr=False)
    headers: Headers = field(default=(), repr=False)
    content: bytes | None = field(default=None, repr=False)
    timeout: float = DEFAULT_HTTP_TIMEOUT
    max_bytes: int = DEFAULT_HTTP_BYTES
    private_hosts: tuple[str, ...] = ()

    @property
    def is_safe(self) -> bool:
        """Whether its method changes nothing, so that it may be sent again elsewhere."""
        return self.method in ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the server answered.

    Attributes:
        status: such as 200.
        media_type: of the body, in lower case and without parameters; empty where the server names none.
        charset: of the body; empty where the server names none.
        headers: in lower case, each name once.
        content: the body.
        url: where it comes from in the end.
    """

    status: int
    media_type: str = ""
    charset: str = ""
    headers: Headers = ()
    content: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)

    def header(self, name: str) -> str:
        """Return the value of a header, or an empty text without it."""
        return next((value for known, value in self.headers if known == name), "")

    @property
    def text(self) -> str:
        """The body as text; by UTF-8 where the server names another charset than texts of the web have."""
        return self.content.decode(_charset(self.charset), "replace").removeprefix("\ufeff")


def _charset(named: str) -> str:
    """The charset that a server names, if it is one: Python has others, which take quadratic time or are programs."""
    try:
        known = codecs.lookup(named[:40] or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return known if known.startswith(_CHARSETS) else "utf-8"


class HttpFault(ToolError):
    """A call of a third-party server failed.

    HttpFault
    ├── HttpRefused    it was not sent: the address is one that may not be called
    ├── HttpUnreached  the server was not reached, so nothing happened there
    └── HttpLost       its answer was lost, too late or too large: whether it took effect is unknown
    """

    def __init__(self, text: str, guidance: str = "", *, retryable: bool = False) -> None:
        super().__init__(text, guidance=guidance, retryable=retryable)


class HttpRefused(HttpFault):
    """The address is one that may not be called; nothing was sent there."""


class HttpUnreached(HttpFault):
    """The server was not reached; the call may be made again."""


class HttpLost(HttpFault):
    """No usable answer arrived, but the request may have taken effect."""
