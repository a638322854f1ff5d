"""APIs with an OpenAPI document as sources of tools."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightagent.adapters.guarded_http import GuardedHttp
from lightagent.application.openapi.load_document import is_address
from lightagent.application.openapi.service import OpenApiService
from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonInput, JsonObject, JsonValue
from lightagent.domain.network.http_calls import DEFAULT_HTTP_BYTES, DEFAULT_HTTP_TIMEOUT
from lightagent.domain.openapi import OperationChoice
from lightagent.domain.openapi.selection import list_of_texts
from lightagent.ports.http import HttpSender


def openapi_tools(
    document: str | os.PathLike[str] | Mapping[str, JsonInput],
    *,
    name: str = "api",
    server: str = "",
    headers: Mapping[str, str] | None = None,
    auth: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    methods: Sequence[str] = (),
    paths: Sequence[str] = (),
    operations: Sequence[str] = (),
    prefix: str = "",
    timeout: float = DEFAULT_HTTP_TIMEOUT,
    max_bytes: int = DEFAULT_HTTP_BYTES,
    private_hosts: Sequence[str] = (),
    other_servers: Sequence[str] = (),
    sender: HttpSender | None = None,
) -> OpenApiTools:
    """The operations of an OpenAPI document (3.0 or 3.1) as tools, for ``LightAgent(tools=[…])``. No model is asked.

    Args:
        document: the path or the address of a JSON or YAML file, or what is in it.
        name: the API's name here; policies know its tools as ``NAME/*``.
        server: the address of the API, instead of the document's. Credentials need it, and go nowhere else.
        headers: sent with every call, such as ``{"Authorization": f"Bearer {token}"}``.
        auth: credentials by the names of the document's security schemes: a token, a key, or ``user:password``.
        tags, methods, paths, operations: which operations; each may hold ``*``. Without methods, those that change
            nothing (get and head), and operations whose id is given in full.
        prefix: the beginning of the names of all tools.
        timeout: seconds for one call.
        max_bytes: of one answer.
        private_hosts: hosts at private addresses that may be called, as ``HOST`` or ``HOST:PORT``.
        other_servers: addresses to which single operations may go by the document; no credentials go there.
        sender: sends the requests instead of the built-in client, such as in tests.

    Raises:
        ConfigurationError: credentials without a server, or a value that an option cannot have.
    """
    service = OpenApiService(
        name=name,
        document=_document(document),
        server=server,
        headers=_entries("headers", headers),
        auth=_entries("auth", auth),
        choice=OperationChoice(tags, methods, paths, operations),
        prefix=prefix,
        timeout=timeout,
        max_bytes=max_bytes,
        private_hosts=list_of_texts("private_hosts", private_hosts),
        other_servers=list_of_texts("other_servers", other_servers),
    )
    return openapi_source(service, sender)


def openapi_source(
    service: OpenApiService, sender: HttpSender | None = None, *, only_listed: bool = False
) -> OpenApiTools:
    """The tools of an API that is described already; `only_listed` if none of them will be called."""
    return OpenApiTools(service, GuardedHttp() if sender is None else sender, _read_yaml, only_listed=only_listed)


def _document(given: object) -> str | JsonObject:
    """The given document; a path is made absolute, so that it stays valid if the working directory changes."""
    if isinstance(given, Mapping):
        return to_json_object(dict(given), "The document")
    written: object = os.fspath(given) if isinstance(given, os.PathLike) else given
    if not isinstance(written, str) or not written:
        what = type(given).__name__ if written else "missing"
        raise ConfigurationError(f"OpenAPI: the document is {what}.", guidance="Pass a path, an address, or a dict.")
    return written if is_address(written) else str(Path(written).absolute())


def _entries(option: str, given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"OpenAPI: {option} must be a dict of texts.")
    return {**given}  # Its contents are checked where the service is made.


def _read_yaml(content: bytes) -> JsonValue:
    from lightagent.adapters.yaml_documents import read_yaml  # Loaded for documents in YAML alone.

    return read_yaml(content)
