"""The chat model: sends a request and yields the answer as deltas."""

from __future__ import annotations

import importlib.util
import json
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from lightagent.adapters._endpoints.credentials import CredentialHolder, Credentials
from lightagent.adapters._endpoints.endpoint import (
    CHAT_PATH,
    proxy_of,
    resolve_base_url,
    resolve_endpoint,
    shown_url,
)
from lightagent.adapters._endpoints.masked_logs import mask_logs
from lightagent.adapters._endpoints.transports import Transport
from lightagent.adapters.chat._profile_lookup import find_profile, named_profile
from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat._refusals import learn
from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.adapters.chat.openai.endpoint import TransportChoice, choose_transport, endpoint_of, missing_key
from lightagent.adapters.chat.openai.exchange import TimeLimits, collect, follow
from lightagent.adapters.chat.openai.options import PLAIN_TIMEOUT, STREAM_TIMEOUT, Options, takes
from lightagent.adapters.chat.openai.request_body import RequestEncoder
from lightagent.adapters.registry import install_command
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.provider_fields import ModelOrigin, Recipient
from lightagent.domain.errors import MissingExtraError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.ports.models import ChatModel, ChatRequest, KeyedModel, ReplayingModel, ServedModel, WritingModel


class OpenAIChatModel(CredentialHolder, ChatModel, ServedModel, KeyedModel, ReplayingModel, WritingModel):
    """A model behind an OpenAI-compatible endpoint.

    Making one is cheap: the environment is read, the HTTP client imported and a connection made at the first request.
    Keep the object, since it holds the connections: one pool for each event loop, closed when the loop ends.

    Its arguments are the options that `options.Options` declares and docs/models.md lists.

    Raises:
        ConfigurationError: a bad base URL, a limit that is not above 0, or an unknown profile.
    """

    @takes(Options)
    def __init__(self, options: Options) -> None:
        self._options = options
        self._plain_timeout = PLAIN_TIMEOUT if options.timeout is None else options.timeout
        stream_timeout = STREAM_TIMEOUT if options.timeout is None else options.timeout
        self._limits = TimeLimits(stream_timeout, options.idle_timeout)
        self._encoder = RequestEncoder(options.model, stream_usage=options.stream_usage)
        self._profile = None if options.profile is None else named_profile(options.profile)
        self._transport: Transport | None = None
        self._known_recipient: tuple[EndpointProfile, Recipient] | None = None
        self._credentials = Credentials()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._options.model

    @property
    def endpoint(self) -> ModelEndpoint:
        return endpoint_of(self._options, os.environ)

    def missing_key(self, environ: Mapping[str, str]) -> str:
        return missing_key(self._options, environ)

    @property
    def origin(self) -> ModelOrigin:
        """The model and the server that requests go to."""
        return self._recipient(self.profile).origin

    def _recipient(self, profile: EndpointProfile) -> Recipient:
        """Return the model that messages are written for, cached once the transport has fixed the server."""
        known = self._known_recipient
        if known is not None and known[0] is profile:
            return known[1]
        endpoint = self.endpoint
        recipient = profile.recipient(ModelOrigin(self.name, endpoint.address, endpoint.port))
        if self._transport is not None:
            self._known_recipient = profile, recipient
        return recipient

    def body(self, request: ChatRequest) -> JsonObject:
        """Return the body that `stream` would send, according to what is known of the endpoint so far."""
        profile = self.profile
        body: JsonObject = json.loads(self._encoder.encode(request, profile, self._recipient(profile)))
        return body

    def __repr__(self) -> str:
        return f"OpenAIChatModel({self.name!r}, base_url={shown_url(self._options.base_url)!r})"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer as deltas; without `request.stream`, only when the whole answer has arrived."""
        profile = self.profile
        recipient = self._recipient(profile)
        body = self._encoder.encode(request, profile, recipient)
        reader = AnswerReader(self._options.max_response_bytes, recipient.origin)
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
        except Exception as error:  # The text of any error may contain a credential.
            self._credentials.add_json(request.params)
            safe = self._credentials.without(self._learn_from(profile, request, error))
            if safe is error:
                raise
        raise safe  # Raised here, so that the original does not become its context.

    async def aclose(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    @property
    def profile(self) -> EndpointProfile:
        """What the endpoint accepts: its line in the table, changed by what it has refused since."""
        if self._profile is None:
            self._profile = find_profile(self.endpoint.address, self._options.model)
        return self._profile

    def _learn_from(self, sent: EndpointProfile, request: ChatRequest, error: Exception) -> Exception:
        """Adapt the profile if the endpoint refused a form, and return the error, then marked as retryable."""
        self._profile, error = learn(self.profile, sent, request, error)
        return error

    def transport_choice(self) -> TransportChoice:
        """Return the HTTP client for the requests, and why it was chosen.

        Raises:
            ConfigurationError: `transport` names a client that cannot serve this endpoint.
        """
        return choose_transport(self._options, self._proxy())

    def _open_transport(self) -> Transport:
        """Return the transport, which is made at the first request; only then its HTTP client is imported."""
        with self._lock:
            if self._transport is None:
                choice = self.transport_choice()
                self._transport = self._sdk_transport(choice) if choice.client == "sdk" else self._aiohttp_transport()
            return self._transport

    def _aiohttp_transport(self) -> Transport:
        endpoint, proxy = resolve_endpoint(self._options, CHAT_PATH, os.environ), self._proxy()
        self._remember_credentials()
        self._credentials.add(endpoint.key)
        self._credentials.add_headers(endpoint.headers)
        from lightagent.adapters._endpoints.aiohttp_transport import AiohttpTransport

        mask_logs(self._credentials)
        return AiohttpTransport(endpoint, self._options.connect_timeout, proxy)

    def _sdk_transport(self, choice: TransportChoice) -> Transport:
        if importlib.util.find_spec("openai") is None:
            raise MissingExtraError(
                f"The package 'openai' is needed, but not installed: {choice.reason}.",
                guidance=f"Type: {install_command('openai', 'openai')}",
            )
        self._remember_credentials()
        from lightagent.adapters.chat.openai.sdk_transport import SdkTransport

        mask_logs(self._credentials)
        return SdkTransport(self._options, self._credentials)

    def _remember_credentials(self) -> None:
        """Register every credential from the options and the environment before a request sends one."""
        options, known = self._options, self._credentials
        if isinstance(options.api_key, str):
            known.add(options.api_key)
        known.add_headers(options.headers or {})
        known.add_query(options.default_query or {})
        known.add_environment(os.environ, "OPENAI_", "AZURE_")
        known.add_url(options.azure_endpoint or resolve_base_url(options, os.environ))
        if (proxy := self._proxy()) is not None:
            known.add_url(proxy)

    def _proxy(self) -> str | None:
        """Return the proxy from the environment, or None, as for an endpoint on this machine."""
        if self._options.client is not None:
            return None  # The caller's client has its own proxy settings.
        return proxy_of(self._options.azure_endpoint or resolve_base_url(self._options, os.environ))
