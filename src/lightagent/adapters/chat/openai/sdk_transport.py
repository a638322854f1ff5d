"""The transport through the openai SDK (2 or 3), for endpoints that `endpoint.choose_transport` leaves to it.

Only the SDK's low-level `post` is used: it brings credentials, Azure's paths and proxies, but does not transform the
whole conversation at every turn. Request and answer are bytes. The SDK's retries are off, since the run itself retries.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

import openai

from lightagent.adapters._endpoints.credentials import Credentials
from lightagent.adapters._endpoints.endpoint import CHAT_PATH, host_of, resolve_base_url, resolve_endpoint
from lightagent.adapters._endpoints.faults import connection_failed, fault, no_connection_in_time, unreachable
from lightagent.adapters._endpoints.reported_errors import status_error
from lightagent.adapters._endpoints.transports import Answer, Transport, sendable_trace_headers
from lightagent.adapters.chat.openai.endpoint import default_key_refusal
from lightagent.adapters.chat.openai.options import Options, TokenProvider
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.origin import TraceHeaders

KEYLESS = "none"
"""The SDK requires a key, even for an endpoint on this machine that needs none. This one is never sent."""


def make_client(options: Options, environ: Mapping[str, str]) -> openai.AsyncOpenAI:
    """Return a client for the running event loop.

    Raises:
        ConfigurationError: the options and the environment do not give a usable endpoint.
        ProviderError: LA-401, the API key is missing.
        openai.OpenAIError: a problem that only the SDK finds, such as missing credentials for Azure.
    """
    timeout = openai.Timeout(None, connect=options.connect_timeout)
    if options.azure_endpoint is not None:
        return _azure_client(options, options.azure_endpoint, environ, timeout)
    key: str | TokenProvider
    if options.api_key is not None and not isinstance(options.api_key, str):
        key = options.api_key
    else:
        key = resolve_endpoint(options, CHAT_PATH, environ).key or KEYLESS
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=resolve_base_url(options, environ),
        organization=options.organization,
        project=options.project,
        default_query=options.default_query or None,
        max_retries=0,
        timeout=timeout,
    )


def _azure_client(
    options: Options, azure_endpoint: str, environ: Mapping[str, str], timeout: openai.Timeout
) -> openai.AsyncOpenAI:
    api_version = options.api_version or environ.get("OPENAI_API_VERSION")
    if not api_version:
        raise ConfigurationError(
            "api_version is required for Azure.",
            guidance="Set api_version or OPENAI_API_VERSION, such as '2024-10-21'.",
        )
    if refusal := default_key_refusal(options, azure_endpoint, environ):
        raise refusal
    key = options.api_key.strip() if isinstance(options.api_key, str) else options.api_key
    return openai.AsyncAzureOpenAI(
        azure_endpoint=azure_endpoint,
        # The SDK would read it from the body, but the body is already encoded.
        azure_deployment=options.azure_deployment or options.model,
        api_version=api_version,
        api_key=key if isinstance(key, str) else None,
        azure_ad_token_provider=None if isinstance(key, str) else key,
        organization=options.organization,
        project=options.project,
        default_query=options.default_query or None,
        max_retries=0,
        timeout=timeout,
    )


# "stream" makes the SDK return the open response, as its `with_streaming_response` does.
_HEADERS = {"Content-Type": "application/json", "X-Stainless-Raw-Response": "stream"}
# The SDK adds these only when it sends, so they are not among the headers of the client.
_CREDENTIALS = ("authorization", "api-key")
_OWN_HEADERS = frozenset(name.lower() for name in _HEADERS)
_TAKES_CONTENT = "content" in inspect.signature(openai.AsyncOpenAI.post).parameters


class SdkTransport(Transport):
    """Posts through one client for each event loop, or through the client in the options, which it does not close."""

    def __init__(self, options: Options, credentials: Credentials) -> None:
        given: object = options.client
        if given is not None and not isinstance(given, openai.AsyncOpenAI):
            found = type(given).__name__
            raise ConfigurationError(f"client must be an openai.AsyncOpenAI or AsyncAzureOpenAI, got {found}.")
        self._options = options
        self._credentials = credentials
        if options.client is not None:
            _remember_client(credentials, options.client)
        registered = replace(options, api_key=_registering(options.api_key, credentials))
        self._clients = PerLoop(partial(make_client, registered, os.environ), openai.AsyncOpenAI.close)

    async def open(self, body: bytes, trace: TraceHeaders = ()) -> Answer:
        try:
            client = self._options.client or await self._clients.get()
        except openai.OpenAIError as exc:
            raise _no_credentials(exc) from exc
        host = host_of(str(client.base_url))
        try:
            response = await self._post(client, body, trace)
        except openai.APIStatusError as exc:
            self._remember_request(exc.request)
            raise status_error(exc.status_code, exc.response.headers, exc.response.content) from exc
        except openai.APITimeoutError as exc:
            self._remember_request(exc.request)
            raise no_connection_in_time(host, self._options.connect_timeout) from exc
        except openai.APIConnectionError as exc:
            self._remember_request(exc.request)
            raise connection_failed(exc, host, _reason(exc)) from exc
        except (openai.OpenAIError, TypeError) as exc:  # TypeError: the SDK found no way to authenticate
            raise _no_credentials(exc) from exc
        self._remember_request(response.http_request)
        return SdkAnswer(response, host)

    async def aclose(self) -> None:
        await self._clients.aclose()

    def _remember_request(self, request: SentRequest) -> None:
        """Register the credentials of a sent request: tokens change, and a client may authenticate in its own way."""
        self._credentials.add_headers(
            {name: value for name, value in request.headers.items() if name not in _OWN_HEADERS}
        )
        self._credentials.add_url(str(request.url))

    async def _post(
        self, client: openai.AsyncOpenAI, body: bytes, trace: TraceHeaders
    ) -> openai.AsyncAPIResponse[bytes]:
        headers: dict[str, str | openai.Omit] = {**_HEADERS, **(self._options.headers or {})}
        if client.api_key == KEYLESS:
            headers.setdefault("Authorization", openai.Omit())
        if trace:
            headers.update(sendable_trace_headers(trace, (*headers, *_CREDENTIALS, *client.default_headers)))
        answer = openai.AsyncAPIResponse[bytes]
        if _TAKES_CONTENT:
            return await client.post(
                CHAT_PATH, cast_to=answer, content=body, options={"headers": headers, "max_retries": 0}
            )
        return await client.post(CHAT_PATH, cast_to=answer, body=body, options={"headers": headers, "max_retries": 0})


class SentRequest(Protocol):
    """The parts of a sent request that are read here, whichever HTTP library the SDK uses."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def url(self) -> object: ...


def _registering(key: str | TokenProvider | None, credentials: Credentials) -> str | TokenProvider | None:
    """Wrap a token provider so that its tokens are registered as credentials before they are sent."""
    if key is None or isinstance(key, str):
        return key

    async def fetch() -> str:
        token: object = key()
        if inspect.isawaitable(token):
            token = await token
        if not isinstance(token, str):
            raise ConfigurationError(f"api_key: the token provider must return a str, got {type(token).__name__}.")
        credentials.add(token)
        return token

    return fetch


def _remember_client(credentials: Credentials, client: openai.AsyncOpenAI) -> None:
    """Register the credentials that a client of the caller shows before the first request."""
    credentials.add(client.api_key)
    credentials.add_headers({name: value for name, value in client.default_headers.items() if isinstance(value, str)})
    credentials.add_query({name: value for name, value in client.default_query.items() if isinstance(value, str)})
    credentials.add_url(str(client.base_url))


class SdkAnswer(Answer):
    """The body of a response."""

    def __init__(self, response: openai.AsyncAPIResponse[bytes], host: str) -> None:
        self._response = response
        self._pieces = response.iter_bytes()
        self._host = host

    async def read(self) -> bytes:
        try:
            while not (piece := await anext(self._pieces, None)) and piece is not None:
                pass
        except _wire_errors() as exc:
            raise unreachable(self._host, "it broke in the middle of the answer.") from exc
        return piece or b""

    async def close(self) -> None:
        await self._response.close()


def _wire_errors() -> tuple[type[Exception], ...]:
    """Return the errors that reading may raise: those of httpx2, and before version 3 of the SDK those of httpx."""
    loaded = (sys.modules.get(name) for name in ("httpx2", "httpx"))
    errors = (getattr(module, "HTTPError", None) for module in loaded if module is not None)
    return tuple(error for error in errors if isinstance(error, type) and issubclass(error, Exception))


def _reason(exc: openai.APIConnectionError) -> str:
    """Return the first text in the chain of causes; the SDK's own text is always "Connection error."."""
    cause = exc.__cause__
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return exc.message if cause is None else str(cause)


def _no_credentials(exc: Exception) -> ProviderError:
    return fault(f"The openai SDK refused: {str(exc) or type(exc).__name__}", "LA-401", retryable=False)
