"""A chat model behind LiteLLM."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

from lightagent.adapters._endpoints.credentials import CredentialHolder, Credentials
from lightagent.adapters._endpoints.endpoint import host_of
from lightagent.adapters._endpoints.litellm_faults import translated
from lightagent.adapters._endpoints.litellm_keys import NO_KEY, key_refusal, missing_variable, names_own_host
from lightagent.adapters._endpoints.litellm_library import (
    Ask,
    hold_clients,
    load,
    only_opentelemetry_listens,
    release_clients,
)
from lightagent.adapters._endpoints.masked_logs import mask_logs
from lightagent.adapters._endpoints.provider_names import endpoint_at, provider_of_model
from lightagent.adapters._endpoints.transports import sendable_trace_headers
from lightagent.adapters.chat._profile_lookup import find_litellm_profile, find_profile, named_profile
from lightagent.adapters.chat._profiles import EndpointProfile, fitted_params, response_format
from lightagent.adapters.chat._refusals import learn
from lightagent.adapters.chat._wire_messages import fitted_messages
from lightagent.adapters.chat.litellm.answers import plain_answers
from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.provider_fields import ModelOrigin
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_bytes import whole_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.ports.models import ChatModel, ChatRequest, KeyedModel, ReplayingModel, ServedModel

DEFAULT_TIMEOUT = 600.0
"""Seconds; litellm's own default is 6,000."""

_CREDENTIALS = ("authorization", "api-key", "x-api-key")

# Parameters of a run may not change where a request goes or what it is.
_RESERVED = frozenset({"messages", "model", "tools", "stream", "api_key", "api_base", "base_url"})


class LiteLLMChatModel(CredentialHolder, ChatModel, ServedModel, KeyedModel, ReplayingModel):
    """Asks a model through `litellm.acompletion`; the package is loaded at the first request.

    If a stream breaks off, LiteLLM may report `stop`; the `openai` adapter can tell the two apart.
    A finish reason that litellm does not know also becomes `stop` in a stream that does not consist of JSON events
    (Bedrock, SageMaker, Replicate), and in one that litellm makes out of a whole answer.

    Args:
        model: provider and model in LiteLLM's form, such as `anthropic/claude-sonnet-4-5`.
        api_key: the key; without one litellm takes it from the environment variable of the provider.
        api_base: where the provider's API begins, if not at its usual place.
        timeout: seconds that one attempt may take.
        headers: further request headers.
        arguments: further arguments of `litellm.acompletion`, such as `api_version`.
        default_key_allowed: whether a credential of the environment may go to a host that neither the environment names
            nor is the provider's. Settings say no where a file names the host.
        profile: what the endpoint accepts, or the name of a line of the table; by default the provider's line.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        api_base: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        arguments: JsonObject | None = None,
        default_key_allowed: bool = True,
        profile: str | EndpointProfile | None = None,
    ) -> None:
        if profile is not None:
            self._profile = named_profile(profile)
        elif api_base is not None:
            self._profile = find_profile(host_of(api_base), model.rpartition("/")[2])
        else:
            self._profile = find_litellm_profile(model)
        self._model = model
        self._credentials = Credentials()
        self._given = (api_key, api_base)
        self._default_key_allowed = default_key_allowed
        fixed = {"api_key": api_key, "api_base": api_base, "extra_headers": dict(headers or {}) or None}
        self._headers = dict(headers or {})
        self._further: JsonObject = arguments or {}
        self._fixed: dict[str, object] = {
            **(arguments or {}),
            **{name: value for name, value in fixed.items() if value is not None},
            "model": model,
            "timeout": timeout,
            # The run retries, so LiteLLM must not.
            "num_retries": 0,
            "max_retries": 0,
            # Without it every request with tools imports LiteLLM's own MCP client, whether or not that is installed.
            "_skip_mcp_handler": True,
        }
        self._complete: Ask | None = None
        self._origin = _origin(model, api_base)
        self._gateway = model.startswith("openrouter/") or self._origin.address.endswith("openrouter.ai")

    @property
    def name(self) -> str:
        return self._model

    @property
    def endpoint(self) -> ModelEndpoint:
        """The host of `api_base`; only LiteLLM knows the provider's own host."""
        return endpoint_at(self._given[1] or "", provider_of_model(self._model))

    def missing_key(self, environ: Mapping[str, str]) -> str:
        """Return which key is missing, as an error text; empty if there may be another credential."""
        if self._withholds_keys(environ):
            refusal = None if self._has_credential_header() else key_refusal(self._model, self._given[1], environ)
            return refusal.message if refusal is not None else ""
        given = any(self._given) or self._further or self._has_credential_header()
        return "" if given else missing_variable(self._model, environ)

    def _withholds_keys(self, environ: Mapping[str, str]) -> bool:
        """Whether the only key is one from the environment, and it must not be sent to this endpoint."""
        key, base = self._given
        if self._default_key_allowed or key or self._further.get("api_key"):
            return False
        return not names_own_host(self._model, base, self._further, environ)

    def _has_credential_header(self) -> bool:
        return any(name.lower() in _CREDENTIALS for name in self._headers)

    @property
    def origin(self) -> ModelOrigin:
        return self._origin

    @property
    def profile(self) -> EndpointProfile:
        """What the endpoint accepts: its line in the table, adapted to what it has refused since."""
        return self._profile

    def __repr__(self) -> str:
        return f"LiteLLMChatModel({self._model!r})"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        profile = self._profile
        if self._complete is None and self._withholds_keys(os.environ):
            self._withhold_keys()
        arguments = self._arguments(request, profile)
        if self._complete is None:
            self._complete = await load()
            self._remember_credentials()
        hold_clients(self)
        reader = ChoiceReader(self.origin)
        try:
            answer = await self._complete(**arguments)
            async for plain in plain_answers(answer, gateway=self._gateway):
                for delta in reader.read(plain):
                    yield delta
            for delta in reader.end(complete=True):
                yield delta
            return
        except Exception as error:  # The text of any error may contain a credential.
            self._credentials.add_json(request.params)
            safe = self._learn_from(profile, request, translated(error, self._credentials))
            if safe is error:
                raise
        raise safe  # Raised here, so that the original does not become its context.

    async def aclose(self) -> None:
        await release_clients(self)

    def _learn_from(self, sent: EndpointProfile, request: ChatRequest, error: Exception) -> Exception:
        """Adapt the profile if the endpoint refused a form, and return the error, then marked as retryable."""
        self._profile, error = learn(self.profile, sent, request, error)
        return error

    def _withhold_keys(self) -> None:
        """Raise LA-401 if LiteLLM would look for other credentials than a key, or a key would be needed."""
        keyed = self._has_credential_header()
        refusal = key_refusal(self._model, self._given[1], {} if keyed else os.environ)
        if refusal is not None:
            raise refusal
        self._fixed["api_key"] = NO_KEY

    def _remember_credentials(self) -> None:
        """Register every credential that LiteLLM may send, from the arguments and the environment."""
        key, base = self._given
        known = self._credentials
        known.add(key)
        if base:
            known.add_url(base)
        known.add_headers({str(name): str(value) for name, value in self._headers.items()})
        known.add_json(self._further)
        known.add_environment(os.environ, "")
        mask_logs(known)

    def _arguments(self, request: ChatRequest, profile: EndpointProfile) -> dict[str, object]:
        reserved = sorted(_RESERVED & request.params.keys())
        if reserved:
            raise ConfigurationError(
                f"params: {', '.join(reserved)} cannot be set there, because the agent sets it.",
                guidance="Leave them out of metadata= and params.",
            )
        recipient = profile.recipient(self._origin)
        arguments = {
            **self._fixed,
            **fitted_params(profile, request.params),
            "messages": [
                whole_json(message.to_openai(recipient)) for message in fitted_messages(profile, request.messages)
            ],
        }
        if request.tools:
            arguments["tools"] = [tool.to_openai() for tool in request.tools]
        if (form := response_format(profile, request)) is not None:
            arguments["response_format"] = form
        if trace := request.origin.trace_headers:
            given = arguments.get("extra_headers")
            own = {str(name): value for name, value in given.items()} if isinstance(given, Mapping) else {}
            arguments["extra_headers"] = {**own, **sendable_trace_headers(trace, (*own, *_CREDENTIALS))}
            if only_opentelemetry_listens():
                arguments["no-log"] = True  # The call is traced already.
        if request.stream:
            arguments["stream"] = True
            if profile.stream_options:
                arguments["stream_options"] = {"include_usage": True}
        return arguments


def _origin(model: str, api_base: str | None) -> ModelOrigin:
    """Return the model and its host. A bad base URL raises at the first request, not here."""
    try:
        parts = urlsplit(api_base or "")
        return ModelOrigin(model, parts.hostname or "", parts.port)
    except ValueError:
        return ModelOrigin(model)
