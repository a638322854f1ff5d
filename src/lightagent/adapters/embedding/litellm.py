"""Embedder `litellm`: any provider that LiteLLM knows; the package is loaded at the first request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._endpoints.credentials import CredentialHolder, Credentials, shown_options
from lightagent.adapters._endpoints.endpoint import host_of
from lightagent.adapters._endpoints.litellm_faults import translated
from lightagent.adapters._endpoints.litellm_keys import NO_KEY, key_refusal, missing_variable, names_own_host
from lightagent.adapters._endpoints.litellm_library import (
    Ask,
    hold_clients,
    load_embedding,
    only_opentelemetry_listens,
    release_clients,
)
from lightagent.adapters._endpoints.masked_logs import mask_logs
from lightagent.adapters._endpoints.provider_names import endpoint_at, provider_of_model
from lightagent.adapters.embedding._answers import read_vectors
from lightagent.adapters.embedding._texts import TextForm
from lightagent.adapters.registry import Adapter
from lightagent.aiokits.observed_work import is_listening
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.embedding import Embedder, ServedEmbedder

TIMEOUT: Final = 30.0
MAX_BATCH: Final = 96
"""Cohere accepts no more."""
MAX_CHARACTERS: Final = 8_000

_INPUT_TYPES: Final[Mapping[TextRole, str]] = {"query": "search_query", "document": "search_document"}
"""Cohere's names for the role of a text, which it requires. LiteLLM passes them on to other providers, too."""
_TOLD: Final = ("cohere/", "bedrock/cohere")


class _Given(int):
    """A number that is true even if it is 0, since LiteLLM replaces a plain 0 by its own default."""

    def __bool__(self) -> bool:
        return True


_NEVER: Final = _Given(0)


class LiteLLMEmbedder(CredentialHolder, Embedder, ServedEmbedder):
    """Asks a model through `litellm.aembedding`.

    Args:
        model: provider and model in LiteLLM's form, such as `cohere/embed-v4.0`.
        api_key: the key; without one litellm takes it from the environment variable of the provider.
        api_base: where the provider's API begins, if not at its usual place.
        dimensions: how many numbers a vector shall have, where the model can shorten them.
        query_prefix, document_prefix: what the model wants before a text that is searched for, or that is found.
        max_batch: texts of one request.
        max_characters: characters of one text that are sent.
        timeout: seconds that one request may take.
        arguments: further arguments of `litellm.aembedding`, such as `api_version`.
        default_key_allowed: whether a credential of the environment may go to a host that neither the environment names
            nor is the provider's. Settings say no where a file names the host.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        api_base: str | None = None,
        dimensions: int | None = None,
        query_prefix: str = "",
        document_prefix: str = "",
        max_batch: int = MAX_BATCH,
        max_characters: int = MAX_CHARACTERS,
        timeout: float = TIMEOUT,
        arguments: JsonObject | None = None,
        default_key_allowed: bool = True,
    ) -> None:
        self._model = model
        self._given = (api_key, api_base)
        self._dimensions = dimensions
        self._dimension = dimensions
        self._form = TextForm(query_prefix, document_prefix, max_characters)
        self._max_batch = max_batch
        self._further: JsonObject = arguments or {}
        self._default_key_allowed = default_key_allowed
        given = {"api_key": api_key, "api_base": api_base, "dimensions": dimensions}
        self._fixed: dict[str, object] = {
            **self._further,
            **{name: value for name, value in given.items() if value is not None},
            "model": model,
            "timeout": timeout,
            # The caller retries, so LiteLLM must not.
            "num_retries": 0,
            "max_retries": _NEVER,
        }
        if dimensions is not None:
            # LiteLLM believes that most models cannot shorten vectors; the caller knows better.
            self._fixed.setdefault("allowed_openai_params", ["dimensions"])
        self._ask: Ask | None = None
        self._credentials = Credentials()

    @property
    def name(self) -> str:
        """The provider, the model, and everything else that the vectors depend on."""
        return f"litellm:{host_of(self._given[1] or '')}:{self._model}:{self._dimensions or ''}{self._form.mark}"

    @property
    def model(self) -> str:
        return self._model

    @property
    def endpoint(self) -> ModelEndpoint:
        """The host of `api_base`; only LiteLLM knows the provider's own host."""
        return endpoint_at(self._given[1] or "", provider_of_model(self._model))

    @property
    def dimension(self) -> int | None:
        return self._dimension

    @property
    def max_batch(self) -> int:
        return self._max_batch

    def __repr__(self) -> str:
        return f"LiteLLMEmbedder({self._model!r})"

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> Sequence[Vector]:
        if not texts:
            return []
        if self._ask is None:
            self._withhold_keys()
            self._ask = await load_embedding()
            self._remember_settings()
        hold_clients(self)
        arguments = {
            **self._fixed,
            "input": self._form.sent(texts, role),
        }
        if self._model.startswith(_TOLD):
            arguments.setdefault("input_type", _INPUT_TYPES[role])
        if is_listening() and only_opentelemetry_listens():
            arguments["no-log"] = True  # The request is traced already.
        try:
            answer = await self._ask(**arguments)
            vectors = await run_in_thread(read_vectors, _plain(answer), len(texts))
            self._dimension = len(vectors[0])
            return vectors
        except Exception as error:  # The text of any error may contain a credential.
            safe = translated(error, self._credentials)
            if safe is error:
                raise
        raise safe  # Raised here, so that the original does not become its context.

    def missing_key(self, environ: Mapping[str, str]) -> str:
        """Return which key is missing, as an error text; empty if none is known to be missing."""
        if any(self._given) or self._further:
            return ""
        return missing_variable(self._model, environ)

    async def aclose(self) -> None:
        await release_clients(self)

    def _withhold_keys(self) -> None:
        """Keep keys of the environment from a host that only a settings file names.

        Raises:
            ProviderError: LA-401, where it would look for more than a key, or there is one to be asked for.
        """
        key, base = self._given
        if self._default_key_allowed or key or self._further.get("api_key"):
            return
        if names_own_host(self._model, base, self._further, os.environ):
            return
        if (refusal := key_refusal(self._model, base, os.environ, section="EMBEDDING")) is not None:
            raise refusal
        self._fixed["api_key"] = NO_KEY

    def _remember_settings(self) -> None:
        """Register every credential that LiteLLM may send, from the arguments and the environment."""
        key, base = self._given
        known = self._credentials
        known.add(key)
        if base:
            known.add_url(base)
        known.add_json(self._further)
        known.add_environment(os.environ, "")
        mask_logs(known)


def _plain(answer: object) -> object:
    """Return LiteLLM's answer as plain data: its vectors are plain, but the objects around them have various types."""
    data = getattr(answer, "data", None)
    if not isinstance(data, list):
        return answer
    return {"data": [item if isinstance(item, Mapping) else _item(item) for item in data]}


def _item(item: object) -> dict[str, object]:
    return {"embedding": getattr(item, "embedding", None), "index": getattr(item, "index", None)}


class LiteLLMEmbedderOptions(BaseModel):
    """How to reach an embedding model through LiteLLM."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1, description="Provider and model in LiteLLM's form, such as cohere/embed-v4.0.")
    api_key: SecretStr | None = Field(None, description="The key; without one, the provider's environment variable.")
    api_base: str | None = Field(
        None,
        validation_alias=AliasChoices("api_base", "base_url"),
        description="Where the provider's API begins, if not at its usual place; base_url is the same.",
    )
    dimensions: int | None = Field(
        None, ge=1, le=65_536, description="How many numbers a vector shall have, where the model can shorten them."
    )
    query_prefix: str = Field("", description="What the model wants before a text that is searched for.")
    document_prefix: str = Field("", description="What the model wants before a text that is found.")
    max_batch: int = Field(MAX_BATCH, ge=1, le=2048, description="Texts of one request.")
    max_characters: int = Field(MAX_CHARACTERS, ge=1, description="Characters of one text that are sent.")
    timeout: float = Field(TIMEOUT, gt=0, description="Seconds that one request may take.")
    arguments: JsonObject = Field(
        default_factory=dict, description="Further arguments of litellm.aembedding, such as api_version."
    )
    default_key_allowed: bool = Field(
        True,
        description="Whether a key of the environment may go to a host that neither the environment names nor is the "
        "provider's own; never where a settings file names the host.",
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Show the options without the credentials in arguments."""
        yield from shown_options(self)


def _open(options: LiteLLMEmbedderOptions) -> LiteLLMEmbedder:
    return LiteLLMEmbedder(
        options.model,
        api_key=options.api_key.get_secret_value() if options.api_key is not None else None,
        api_base=options.api_base,
        dimensions=options.dimensions,
        query_prefix=options.query_prefix,
        document_prefix=options.document_prefix,
        max_batch=options.max_batch,
        max_characters=options.max_characters,
        timeout=options.timeout,
        arguments=options.arguments,
        default_key_allowed=options.default_key_allowed,
    )


ADAPTER = Adapter(LiteLLMEmbedderOptions, _open, requires=("litellm",), extra="litellm")
