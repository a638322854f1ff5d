"""The model: a request from its values to its deltas."""

from __future__ import annotations

import importlib.util
import json
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from lightagent.adapters._endpoints.base_urls import CHAT_PATH, checked, shown_url
from lightagent.adapters._endpoints.credentials import CredentialHolder, Credentials
from lightagent.adapters._endpoints.endpoint import resolve_base_url, resolve_endpoint
from lightagent.adapters._endpoints.masked_logs import mask_logs
from lightagent.adapters._endpoints.proxies import proxy_of
from lightagent.adapters._endpoints.transports import Transport
from lightagent.adapters.chat._profile_lookup import find_profile, named_profile
from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat._refusals import learn
from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.adapters.chat.openai.endpoint import endpoint_of, missing_key
from lightagent.adapters.chat.openai.exchange import collect, follow
from lightagent.adapters.chat.openai.request_body import RequestEncoder
from lightagent.adapters.chat.openai.settings import (
    CONNECT_TIMEOUT,
    IDLE_TIMEOUT,
    MAX_RESPONSE_BYTES,
    PLAIN_TIMEOUT,
    STREAM_TIMEOUT,
    Settings,
    TokenProvider,
    TransportName,
    check_limits,
)
from lightagent.adapters.chat.openai.transport_choice import TransportChoice, choose_transport
from lightagent.adapters.chat.openai.watchdog import TimeLimits
from lightagent.adapters.registry import install_command
from lightagent.domain.agent_heads import ModelEndpoint
from lightagent.domain.deltas import Delta
from lightagent.domain.errors import MissingExtraError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.provider_fields import ModelOrigin, Recipient
from lightagent.ports.models import ChatModel, ChatRequest, KeyedModel, ReplayingModel, ServedModel, WritingModel

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class OpenAIChatModel(CredentialHolder, ChatModel, ServedModel, KeyedModel, ReplayingModel, WritingModel):
    """A model behind an OpenAI-compatible endpoint.

    Making one costs next to nothing: the environment is read, a client imported and a connection made at the first
    request. Keep the object: it keeps the connections, one pool for each event loop, closed when the loop ends.

    Args:
        model: the model's name.
        api_key: the key, or a function that gives a fresh token; without one, OPENAI_API_KEY.
        base_url: where the API begins; without one, OPENAI_BASE_URL or https://api.openai.com/v1.
        organization, project: whom to bill, where OpenAI asks for it.
        headers: further request headers; they win over ours.
        timeout: seconds that one attempt may take in all; by default 120, and 600 for a stream, in which the time
            that its reader takes does not count.
        connect_timeout: seconds until a connection is made.
        idle_timeout: seconds that a stream may pass without a byte.
        stream_usage: ask for token counts in streams.
        transport: which HTTP client; `auto` decides by the rule in `transport_choice`.
        max_response_bytes: the largest answer taken; of a stream, the largest text or event.
        azure_endpoint, azure_deployment, api_version: for Azure.
        default_query: query parameters of every request.
        default_key_allowed: whether a key of the environment may go to a host that neither the environment names nor
            is OpenAI's. Settings say no where a file names the host.
        client: a client of the openai SDK to use as it is; closing it is up to its owner.
        profile: what the endpoint takes, or the name of a line of the table; by default the line of its host.

    Raises:
        ConfigurationError: a bad base URL, or limits that allow nothing.
    """

    def __init__(
        self,
        model: str,
        api_key: str | TokenProvider | None = None,
        base_url: str | None = None,
        *,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        idle_timeout: float = IDLE_TIMEOUT,
        stream_usage: bool = True,
        transport: TransportName = "auto",
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        azure_endpoint: str | None = None,
        azure_deployment: str | None = None,
        api_version: str | None = None,
        default_query: Mapping[str, str] | None = None,
        client: AsyncOpenAI | None = None,
        default_key_allowed: bool = True,
        profile: str | EndpointProfile | None = None,
    ) -> None:
        self._settings = Settings(
            model=model,
            api_key=api_key,
            base_url=None if base_url is None else checked(base_url),
            organization=organization,
            project=project,
            headers=headers,
            timeout=timeout,
            connect_timeout=connect_timeout,
            idle_timeout=idle_timeout,
            stream_usage=stream_usage,
            transport=transport,
            max_response_bytes=max_response_bytes,
            azure_endpoint=None if azure_endpoint is None else checked(azure_endpoint, "azure_endpoint"),
            azure_deployment=azure_deployment,
            api_version=api_version,
            default_query=default_query,
            client=client,
            default_key_allowed=default_key_allowed,
        )
        check_limits(self._settings)
        self._plain_timeout = PLAIN_TIMEOUT if timeout is None else timeout
        self._limits = TimeLimits(STREAM_TIMEOUT if timeout is None else timeout, idle_timeout)
        self._encoder = RequestEncoder(model, stream_usage=stream_usage)
        self._profile = None if profile is None else named_profile(profile)
        self._transport: Transport | None = None
        self._known_recipient: tuple[EndpointProfile, Recipient] | None = None
        self._credentials = Credentials()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._settings.model

    @property
    def endpoint(self) -> ModelEndpoint:
        return endpoint_of(self._settings, os.environ)

    def missing_key(self, environ: Mapping[str, str]) -> str:
        return missing_key(self._settings, environ)

    @property
    def origin(self) -> ModelOrigin:
        """The model at its server, as of the first request."""
        return self._recipient(self.profile).origin

    def _recipient(self, profile: EndpointProfile) -> Recipient:
        """Whom requests go to; what the environment says is read once the transport is opened, and then kept."""
        known = self._known_recipient
        if known is not None and known[0] is profile:
            return known[1]
        endpoint = self.endpoint
        recipient = profile.recipient(ModelOrigin(self.name, endpoint.address, endpoint.port))
        if self._transport is not None:
            self._known_recipient = profile, recipient
        return recipient

    def body(self, request: ChatRequest) -> JsonObject:
        """What `stream` would send, as far as it is known which form the endpoint takes."""
        profile = self.profile
        body: JsonObject = json.loads(self._encoder.encode(request, profile, self._recipient(profile)))
        return body

    def __repr__(self) -> str:
        return f"OpenAIChatModel({self.name!r}, base_url={shown_url(self._settings.base_url)!r})"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The answer as deltas; without `request.stream`, all of them at once when the answer is there."""
        profile = self.profile
        recipient = self._recipient(profile)
        body = self._encoder.encode(request, profile, recipient)
        reader = AnswerReader(self._settings.max_response_bytes, recipient.origin)
        trace = request.origin.trace_headers
        try:
            transport = self._transport or self._open_transport()
            if not request.stream:
                for delta in await collect(transport, body, self._plain_timeout, reader, trace):
                    yield delta
                return
            async with aclosing(follow(transport, body, self._limits, reader, trace)) as deltas:
                async for delta in deltas:
                    yield delta
            return
        except Exception as error:  # Whatever it is, it may tell a credential.
            self._credentials.add_json(request.params)
            safe = self._credentials.without(self._learnt(profile, request, error))
            if safe is error:
                raise
        raise safe  # Raised here, so that the original does not become its context.

    async def aclose(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    @property
    def profile(self) -> EndpointProfile:
        """What the endpoint takes, as far as it is known: the table's line, and what refusals have taught."""
        if self._profile is None:
            self._profile = find_profile(self.endpoint.address, self._settings.model)
        return self._profile

    def _learnt(self, sent: EndpointProfile, request: ChatRequest, error: Exception) -> Exception:
        """The error; a clear refusal as one to be sent again, learnt for every request of this object."""
        self._profile, error = learn(self.profile, sent, request, error)
        return error

    def transport_choice(self) -> TransportChoice:
        """Which HTTP client carries the requests, and why.

        Raises:
            ConfigurationError: the one asked for cannot.
        """
        return choose_transport(self._settings, self._proxy())

    def _open_transport(self) -> Transport:
        """The transport. It is opened, and its client imported, at the first request."""
        with self._lock:
            if self._transport is None:
                choice = self.transport_choice()
                self._transport = self._sdk_transport(choice) if choice.client == "sdk" else self._aiohttp_transport()
            return self._transport

    def _aiohttp_transport(self) -> Transport:
        endpoint, proxy = resolve_endpoint(self._settings, CHAT_PATH, os.environ), self._proxy()
        self._remember_settings()
        self._credentials.add(endpoint.key)
        self._credentials.add_headers(endpoint.headers)
        from lightagent.adapters._endpoints.aiohttp_transport import AiohttpTransport

        mask_logs(self._credentials)
        return AiohttpTransport(endpoint, self._settings.connect_timeout, proxy)

    def _sdk_transport(self, choice: TransportChoice) -> Transport:
        if importlib.util.find_spec("openai") is None:
            raise MissingExtraError(
                f"This needs the package 'openai', which is not installed: {choice.reason}.",
                guidance=f"Type: {install_command('openai', 'openai')}",
            )
        self._remember_settings()
        from lightagent.adapters.chat.openai.sdk_transport import SdkTransport

        mask_logs(self._credentials)
        return SdkTransport(self._settings, self._credentials)

    def _remember_settings(self) -> None:
        """What the settings and the environment hold that a request may carry, before one does."""
        settings, known = self._settings, self._credentials
        if isinstance(settings.api_key, str):
            known.add(settings.api_key)
        known.add_headers(settings.headers or {})
        known.add_query(settings.default_query or {})
        known.add_environment(os.environ, "OPENAI_", "AZURE_")
        known.add_url(settings.azure_endpoint or resolve_base_url(settings, os.environ))
        if (proxy := self._proxy()) is not None:
            known.add_url(proxy)

    def _proxy(self) -> str | None:
        """The proxy that the environment names for the endpoint; None for an endpoint on this machine."""
        if self._settings.client is not None:
            return None  # The caller's client has its own proxy settings.
        return proxy_of(self._settings.azure_endpoint or resolve_base_url(self._settings, os.environ))
