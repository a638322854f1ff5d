"""The options of the adapter `litellm`, as settings and `open_adapter` give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat.litellm.model import DEFAULT_TIMEOUT, LiteLLMChatModel
from lightagent.domain.json_types import JsonObject


class LiteLLMOptions(BaseModel):
    """How to reach a model through LiteLLM."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1, description="Provider and model in LiteLLM's form, such as anthropic/claude-….")
    api_key: SecretStr | None = Field(None, description="The key; without one, the provider's environment variable.")
    api_base: str | None = Field(
        None,
        validation_alias=AliasChoices("api_base", "base_url"),
        description="Where the provider's API begins, if not at its usual place; base_url is the same.",
    )
    timeout: float = Field(DEFAULT_TIMEOUT, gt=0, description="Seconds that one attempt may take.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further request headers.")
    arguments: JsonObject = Field(
        default_factory=dict, description="Further arguments of litellm.acompletion, such as api_version."
    )
    default_key_allowed: bool = Field(
        True,
        description="Whether a key of the environment may go to a host that neither the environment names nor is the "
        "provider's own; never where a settings file names the host.",
    )
    profile: str | EndpointProfile | None = Field(
        None, description="What the endpoint takes: the name of a known one, such as deepseek, or a table."
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Show the options without the credentials in headers and arguments."""
        yield from shown_options(self)


def open_model(options: LiteLLMOptions) -> LiteLLMChatModel:
    """Return the model that these options describe, without loading litellm or using the network."""
    return LiteLLMChatModel(
        options.model,
        api_key=options.api_key.get_secret_value() if options.api_key is not None else None,
        api_base=options.api_base,
        timeout=options.timeout,
        headers=options.headers,
        arguments=options.arguments,
        default_key_allowed=options.default_key_allowed,
        profile=options.profile,
    )
