"""An API as the application has it: its document, and where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.network.http_calls import DEFAULT_HTTP_BYTES, DEFAULT_HTTP_TIMEOUT, is_header_name
from lightagent.domain.openapi import Operation, OperationChoice, Unusable

_UNSENDABLE: Final = re.compile(r"[\x00-\x1f\x7f]|[^\x00-\xff]")
_HOST: Final = re.compile(r"(?:[^\s/*@\[\]:]+|\[?[0-9A-Fa-f:.]+\]?)(?::[0-9]+)?")
_PREFIX: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,19}")


@dataclass(frozen=True, slots=True)
class OpenApiService:
    """An API.

    Attributes:
        name: what the application calls it; policies and labels know its tools by ``openapi:NAME``.
        document: a path, an address, or the document itself.
        server: where the API is, in the place of what its document says; credentials go there and nowhere else.
        headers: sent with every call to `server`, such as ``Authorization``.
        auth: what a caller shows, by the names that the document has for its security schemes: a token, a key, or
            ``user:password``.
        choice: which operations become tools.
        prefix: the beginning of the names of all tools.
        timeout: seconds for one call; max_bytes: of one answer.
        private_hosts: hosts that may be at private addresses, as ``HOST`` or ``HOST:PORT``.
        other_servers: further addresses to which single operations may go, without credentials.

    Raises:
        ConfigurationError: a value that it cannot have.
    """

    name: str
    document: str | JsonObject = field(repr=False)
    server: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    choice: OperationChoice = field(default_factory=OperationChoice)
    prefix: str = ""
    timeout: float = DEFAULT_HTTP_TIMEOUT
    max_bytes: int = DEFAULT_HTTP_BYTES
    private_hosts: tuple[str, ...] = ()
    other_servers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_types()
        if not self.name or not self.name.isprintable():
            raise ConfigurationError("OpenAPI: an API must have a name.", guidance="")
        if (self.headers or self.auth) and not self.server:
            raise ConfigurationError(
                f"OpenAPI: {self.name!r:.100} has credentials, and no server that they are for.",
                guidance="Pass server= as well: a document could name the server of a stranger.",
            )
        for address in filter(None, (self.server, *self.other_servers)):
            base_address(address)
        self._check_credentials()
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            raise ConfigurationError(
                f"OpenAPI: {self.prefix!r:.50} cannot begin the names of tools.",
                guidance="It is 1 to 20 of a-z, A-Z, 0-9, _ and -, beginning with a letter or _.",
            )
        if not self.timeout > 0 or self.max_bytes < 1:
            raise ConfigurationError("OpenAPI: timeout and max_bytes must be above 0.", guidance="")
        for host in self.private_hosts:
            if not _HOST.fullmatch(host):
                raise ConfigurationError(
                    f"OpenAPI: {host!r:.100} in private_hosts is not a host.",
                    guidance="Write HOST or HOST:PORT, such as localhost:8000 or [::1]:8000, for each host by itself.",
                )

    def _check_credentials(self) -> None:
        for header, value in self.headers.items():
            if not is_header_name(header) or _UNSENDABLE.search(value):
                raise ConfigurationError(
                    f"OpenAPI: the header {header!r:.100} cannot be sent.", guidance="A header is one line of text."
                )
        if any(_UNSENDABLE.search(value) for value in self.auth.values()):
            raise ConfigurationError("OpenAPI: a credential cannot be sent.", guidance="It is one line of Latin text.")

    def _check_types(self) -> None:
        """Raise where Python let something else through than the annotations say."""
        for option in ("name", "server", "prefix"):
            if not isinstance(getattr(self, option), str):
                raise ConfigurationError(f"OpenAPI: {option} must be text.", guidance="")
        for option, kinds in (("timeout", (int, float)), ("max_bytes", (int,))):
            value: object = getattr(self, option)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ConfigurationError(f"OpenAPI: {option} must be a number.", guidance="")
        for option in ("headers", "auth"):
            given: Mapping[object, object] = getattr(self, option)
            if not all(isinstance(text, str) for entry in given.items() for text in entry):
                raise ConfigurationError(f"OpenAPI: {option} must be names and values of text.", guidance="")


class NoAddress(Unusable):
    """Neither the document nor the application says where an operation is."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an operation is called, and whether credentials go there."""

    base: str
    is_own: bool


NOWHERE: Final = Destination("", is_own=False)
"""Where operations are that are only listed."""


def destination(service: OpenApiService, document_url: str, operation: Operation) -> Destination:
    """Where an operation is called.

    Args:
        document_url: where the document comes from; empty for a file.

    Raises:
        NoAddress: neither the document nor the application says where it is.
        Unusable: it is at a server that the application does not name.
    """
    if service.server and not operation.own_servers:
        return Destination(service.server.rstrip("/"), is_own=True)
    start = service.server or document_url
    written = urljoin(start, operation.servers[0]) if start else operation.servers[0]
    try:
        address = base_address(written)
    except ConfigurationError:
        raise NoAddress("its document names no address of its server; pass server=") from None
    if not operation.own_servers:
        return Destination(written.rstrip("/"), is_own=not service.server)
    if service.server and origin(address) == origin(base_address(service.server)):
        return Destination(written.rstrip("/"), is_own=True)
    if any(origin(address) == origin(base_address(one)) for one in service.other_servers):
        return Destination(written.rstrip("/"), is_own=False)
    raise Unusable(
        f"it is at a server of its own, {address.scheme}://{address.netloc}, which other_servers does not name"
    )


def base_address(written: str) -> SplitResult:
    """The parts of an address to which paths are added.

    Raises:
        ConfigurationError: it is none of HTTP, or holds more than that.
    """
    try:
        parts = urlsplit(written)
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise _no_address() from None
    holds_more = "@" in parts.netloc or "?" in written or "#" in written
    is_plain = written.isascii() and written.isprintable() and not any(sign in written for sign in ' \\"<>{}')
    if not is_http or holds_more or not is_plain:
        raise _no_address()
    return parts


def _no_address() -> ConfigurationError:
    return ConfigurationError(
        "OpenAPI: the address of a server cannot be used.",
        guidance="Write https://host/path, without a user, a query or a fragment.",
    )


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials are bound to."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").rstrip("."), port
