"""What a model was told of its endpoint, before the environment fills the gaps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

TransportName: TypeAlias = Literal["auto", "aiohttp", "sdk"]
"""Which client carries the requests; `auto` lets `transport_choice` decide."""

TokenProvider: TypeAlias = Callable[[], Awaitable[str]]
"""Called for a fresh token at every request, such as azure-identity's `get_bearer_token_provider` gives."""

CONNECT_TIMEOUT = 10.0
IDLE_TIMEOUT = 60.0
PLAIN_TIMEOUT = 120.0
STREAM_TIMEOUT = 600.0
MAX_RESPONSE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The arguments of `OpenAIChatModel`, which explains them."""

    model: str
    api_key: str | TokenProvider | None
    base_url: str | None
    organization: str | None
    project: str | None
    headers: Mapping[str, str] | None
    timeout: float | None
    connect_timeout: float
    idle_timeout: float
    stream_usage: bool
    transport: TransportName
    max_response_bytes: int
    azure_endpoint: str | None
    azure_deployment: str | None
    api_version: str | None
    default_query: Mapping[str, str] | None
    client: AsyncOpenAI | None
    default_key_allowed: bool

    def __repr__(self) -> str:
        """Without the key, the headers, the query, and the URL, whose path may hold a token."""
        return f"Settings(model={self.model!r}, transport={self.transport!r})"


def check_limits(settings: Settings) -> None:
    """Refuse limits under which no request could ever succeed."""
    timeout = PLAIN_TIMEOUT if settings.timeout is None else settings.timeout
    if timeout > 0 and settings.connect_timeout > 0 and settings.idle_timeout > 0 and settings.max_response_bytes > 0:
        return
    raise ConfigurationError(
        "timeout, connect_timeout, idle_timeout and max_response_bytes must be above 0.",
        guidance="Leave them out for the defaults.",
    )
