"""The options of `OpenAIChatModel`, each declared once.

From this one record follow the keywords of the model, their checks, the keys that settings may hold (`adapter`), and
the table in docs/models.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar

from lightagent.adapters._endpoints.endpoint import check_url
from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

TransportName: TypeAlias = Literal["auto", "aiohttp", "sdk"]
"""The HTTP client for requests; with `auto`, `endpoint.choose_transport` decides."""

TokenProvider: TypeAlias = Callable[[], Awaitable[str]]
"""Called for a fresh token at every request, such as azure-identity's `get_bearer_token_provider` returns."""

PLAIN_TIMEOUT = 120.0
"""Seconds for an attempt without a stream, if `timeout` is not set."""
STREAM_TIMEOUT = 600.0
"""Seconds for an attempt with a stream, if `timeout` is not set."""

_P = ParamSpec("_P")
_OptionsT = TypeVar("_OptionsT")
_OwnerT = TypeVar("_OwnerT")


def _about(
    description: str,
    *,
    above: float | None = None,
    min_length: int | None = None,
    form: Literal["plain", "secret", "url", "object"] = "plain",
) -> dict[str, object]:
    """Return the metadata of an option.

    Args:
        description: for users, in whole sentences.
        above: the value must be larger than this.
        min_length: checked where the option comes from settings.
        form: `secret` and `url` are texts that are masked or checked as such; an `object` cannot come from settings.
    """
    return {"description": description, "above": above, "min_length": min_length, "form": form}


@dataclass(frozen=True, slots=True, repr=False)
class Options:
    """How to reach an OpenAI-compatible endpoint, before the environment fills the gaps.

    Raises:
        ConfigurationError: a bad base URL, or a limit that is not above 0.
    """

    model: str = field(metadata=_about("The model's name, as the endpoint knows it.", min_length=1))
    api_key: str | TokenProvider | None = field(
        default=None,
        metadata=_about(
            "The key, or (not in settings) a function that returns a fresh token. Without it, OPENAI_API_KEY is read "
            "at the first request. An endpoint on this machine needs no key.",
            form="secret",
        ),
    )
    base_url: str | None = field(
        default=None,
        metadata=_about(
            "Where the API begins; most end in /v1. Without it, OPENAI_BASE_URL or https://api.openai.com/v1.",
            form="url",
        ),
    )
    _: KW_ONLY
    organization: str | None = field(
        default=None, metadata=_about("The organization that is billed. Without it, OPENAI_ORG_ID.")
    )
    project: str | None = field(
        default=None, metadata=_about("The project that is billed. Without it, OPENAI_PROJECT_ID.")
    )
    headers: Mapping[str, str] | None = field(
        default=None, metadata=_about("Further request headers. They replace those of the adapter.")
    )
    timeout: float | None = field(
        default=None,
        metadata=_about(
            "Seconds for one attempt. Without it, 120, and 600 for a stream. Time that the reader of a stream takes "
            "does not count.",
            above=0,
        ),
    )
    connect_timeout: float = field(default=10.0, metadata=_about("Seconds until a connection is made.", above=0))
    idle_timeout: float = field(
        default=60.0, metadata=_about("Seconds that a stream may pass without a byte.", above=0)
    )
    stream_usage: bool = field(
        default=True, metadata=_about("Ask for token counts in streams (`stream_options.include_usage`).")
    )
    transport: TransportName = field(
        default="auto",
        metadata=_about("The HTTP client: `aiohttp`, `sdk` (the openai SDK), or `auto` to let the adapter choose."),
    )
    max_response_bytes: int = field(
        default=32 * 1024 * 1024,
        metadata=_about("The largest answer accepted; of a stream, the largest text or event.", above=0),
    )
    azure_endpoint: str | None = field(
        default=None, metadata=_about("For Azure: https://NAME.openai.azure.com (needs the openai SDK).", form="url")
    )
    azure_deployment: str | None = field(
        default=None, metadata=_about("For Azure: the name of the deployment. Without it, the model's name.")
    )
    api_version: str | None = field(
        default=None, metadata=_about("For Azure: the API version. Without it, OPENAI_API_VERSION.")
    )
    default_query: Mapping[str, str] | None = field(
        default=None, metadata=_about("Query parameters of every request (needs the openai SDK).")
    )
    client: AsyncOpenAI | None = field(
        default=None,
        metadata=_about(
            "A client of the openai SDK to use as it is; closing it is up to you. Not in settings.", form="object"
        ),
    )
    default_key_allowed: bool = field(
        default=True,
        metadata=_about(
            "Whether a key of the environment may go to a host that is not OpenAI's and that the environment does not "
            "name. Always false where a settings file names the host."
        ),
    )
    profile: str | EndpointProfile | None = field(
        default=None,
        metadata=_about(
            "What the endpoint accepts: the name of a known one, such as deepseek, or an `EndpointProfile` (in "
            "settings, a table). Without it, it follows from the host and the model."
        ),
    )

    def __post_init__(self) -> None:
        for name in _URLS:
            if (url := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_url(url, name))
        for name, least in _LIMITS:
            if (value := getattr(self, name)) is not None and not value > least:
                raise ConfigurationError(f"{name} must be above {least}, got {value!r}.")

    def __repr__(self) -> str:
        """Omit the key, the headers, the query, and the URL, whose path may hold a token."""
        return f"Options(model={self.model!r}, transport={self.transport!r})"


_URLS = [option.name for option in fields(Options) if option.metadata["form"] == "url"]
_LIMITS = [
    (option.name, option.metadata["above"]) for option in fields(Options) if option.metadata["above"] is not None
]


def takes(
    options: Callable[_P, _OptionsT],
) -> Callable[[Callable[[_OwnerT, _OptionsT], None]], Callable[Concatenate[_OwnerT, _P], None]]:
    """Give an `__init__` that expects a record of options the parameters of that record.

    Type checkers, `inspect.signature` and `help` see the options themselves, so they are not declared a second time.
    """

    def decorate(init: Callable[[_OwnerT, _OptionsT], None]) -> Callable[Concatenate[_OwnerT, _P], None]:
        own = inspect.signature(init).parameters
        parameters = inspect.signature(options).parameters
        known = parameters.keys()

        @wraps(init)
        def construct(self: _OwnerT, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
            if not known >= kwargs.keys():
                unknown = min(kwargs.keys() - known)
                raise TypeError(f"{type(self).__name__}() has no option {unknown!r}; it has {', '.join(known)}.")
            init(self, options(*args, **kwargs))

        signature = inspect.Signature([next(iter(own.values())), *parameters.values()])
        vars(construct)["__signature__"] = signature
        return construct

    return decorate
