"""The options of the adapter `openai`, as settings and `open_adapter` give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._endpoints.base_urls import problem_of
from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat.openai.model import OpenAIChatModel
from lightagent.adapters.chat.openai.settings import (
    CONNECT_TIMEOUT,
    IDLE_TIMEOUT,
    MAX_RESPONSE_BYTES,
    TransportName,
)
from lightagent.adapters.registry import Adapter


def _sound_url(url: str) -> str:
    if (problem := problem_of(url)) is not None:
        raise ValueError(problem)
    return url


Url = Annotated[str, AfterValidator(_sound_url)]


class OpenAIOptions(BaseModel):
    """How to reach an OpenAI-compatible endpoint."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1, description="The model's name, as the endpoint knows it.")
    api_key: SecretStr | None = Field(
        None,
        description="The key; without one, OPENAI_API_KEY at the first request. Loopback needs none.",
    )
    base_url: Url | None = Field(
        None, description="Where the API begins, most end in /v1; OPENAI_BASE_URL, or https://api.openai.com/v1."
    )
    organization: str | None = Field(None, description="Organization to bill; falls back to OPENAI_ORG_ID.")
    project: str | None = Field(None, description="Project to bill; falls back to OPENAI_PROJECT_ID.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further request headers; they win over ours.")
    timeout: float | None = Field(
        None, gt=0, description="Seconds that one attempt may take in all; by default 120, and 600 for a stream."
    )
    connect_timeout: float = Field(CONNECT_TIMEOUT, gt=0, description="Seconds until a connection is made.")
    idle_timeout: float = Field(IDLE_TIMEOUT, gt=0, description="Seconds that a stream may pass without a byte.")
    stream_usage: bool = Field(True, description="Ask for token counts in streams (stream_options.include_usage).")
    transport: TransportName = Field(
        "auto", description="The HTTP client: aiohttp for a plain endpoint, the openai SDK for the rest."
    )
    max_response_bytes: int = Field(
        MAX_RESPONSE_BYTES, gt=0, description="The largest answer taken; of a stream, the largest text or event."
    )
    azure_endpoint: Url | None = Field(None, description="https://NAME.openai.azure.com, for Azure (openai SDK).")
    azure_deployment: str | None = Field(None, description="Azure's name of the deployment; else the model's name.")
    api_version: str | None = Field(None, description="Azure's API version; falls back to OPENAI_API_VERSION.")
    default_query: dict[str, str] = Field(
        default_factory=dict, description="Query parameters of every request (openai SDK)."
    )
    default_key_allowed: bool = Field(
        True,
        description="Whether a key of the environment may go to a host that neither the environment names nor is "
        "OpenAI's; never where a settings file names the host.",
    )
    profile: str | EndpointProfile | None = Field(
        None, description="What the endpoint takes: the name of a known one, such as deepseek, or a table."
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Without what headers and queries prove."""
        yield from shown_options(self)


def open_model(options: OpenAIOptions) -> OpenAIChatModel:
    """The model these options describe; the network is not touched."""
    return OpenAIChatModel(
        options.model,
        options.api_key.get_secret_value() if options.api_key is not None else None,
        options.base_url,
        organization=options.organization,
        project=options.project,
        headers=options.headers,
        timeout=options.timeout,
        connect_timeout=options.connect_timeout,
        idle_timeout=options.idle_timeout,
        stream_usage=options.stream_usage,
        transport=options.transport,
        max_response_bytes=options.max_response_bytes,
        azure_endpoint=options.azure_endpoint,
        azure_deployment=options.azure_deployment,
        api_version=options.api_version,
        default_query=options.default_query,
        default_key_allowed=options.default_key_allowed,
        profile=options.profile,
    )


ADAPTER = Adapter(OpenAIOptions, open_model)
