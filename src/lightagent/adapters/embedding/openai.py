"""Embedder `openai`: any endpoint with OpenAI's form of embeddings, such as vLLM, llama.cpp, Ollama or a proxy."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._endpoints.credentials import CredentialHolder, Credentials, shown_options
from lightagent.adapters._endpoints.endpoint import (
    EMBEDDINGS_PATH,
    Endpoint,
    check_url,
    host_of,
    proxy_of,
    resolve_base_url,
    resolve_endpoint,
    shown_url,
    url_problem,
)
from lightagent.adapters._endpoints.faults import empty_answer, too_large, took_too_long, web_page
from lightagent.adapters._endpoints.masked_logs import mask_logs
from lightagent.adapters._endpoints.provider_names import endpoint_at
from lightagent.adapters._endpoints.reported_errors import reported_error
from lightagent.adapters._endpoints.transports import parse_json
from lightagent.adapters.embedding._answers import read_vectors
from lightagent.adapters.embedding._texts import TextForm
from lightagent.adapters.registry import Adapter
from lightagent.aiokits.deadline import Deadline
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.embedding import Embedder, ServedEmbedder

if TYPE_CHECKING:
    from lightagent.adapters._endpoints.transports import Transport

CONNECT_TIMEOUT: Final = 10.0
TIMEOUT: Final = 30.0
MAX_BATCH: Final = 128
MAX_CHARACTERS: Final = 8_000
MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class _Access:
    """The options that describe the endpoint (`lightagent.adapters._endpoints.endpoint.Access`)."""

    api_key: str | None
    base_url: str | None
    headers: Mapping[str, str]
    default_key_allowed: bool
    organization: str | None = None
    project: str | None = None


class OpenAIEmbedder(CredentialHolder, Embedder, ServedEmbedder):
    """Asks a model behind an endpoint of OpenAI's form (``POST /embeddings``).

    Keep the object: it keeps the connections, one pool for each event loop, closed when the loop ends.

    Args:
        model: the model's name, as the endpoint knows it.
        api_key: without one, OPENAI_API_KEY at the first request; an endpoint on this machine needs none.
        base_url: where the API begins; without it OPENAI_BASE_URL, or OpenAI's own.
        dimensions: the length of the vectors, if the model can shorten them.
        query_prefix, document_prefix: added before a text that is searched for, or that can be found.
        max_batch: texts of one request.
        max_characters: characters of one text that are sent.
        headers: further request headers; they replace those of the adapter.
        timeout: seconds that one request may take.
        default_key_allowed: whether a key of the environment may go to a host that neither the environment names nor
            is OpenAI's. Settings say no where a file names the host.

    Raises:
        ConfigurationError: a bad base URL.
    """

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        dimensions: int | None = None,
        query_prefix: str = "",
        document_prefix: str = "",
        max_batch: int = MAX_BATCH,
        max_characters: int = MAX_CHARACTERS,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        default_key_allowed: bool = True,
    ) -> None:
        self._model = model
        self._access = _Access(
            api_key, None if base_url is None else check_url(base_url), dict(headers or {}), default_key_allowed
        )
        self._dimensions = dimensions
        self._dimension = dimensions
        self._form = TextForm(query_prefix, document_prefix, max_characters)
        self._max_batch = max_batch
        self._timeout = timeout
        self._transport: Transport | None = None
        self._credentials = Credentials()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The server, the model, and everything else that the vectors depend on."""
        return f"openai:{self._host()}:{self._model}:{self._dimensions or ''}{self._form.mark}"

    @property
    def model(self) -> str:
        return self._model

    @property
    def endpoint(self) -> ModelEndpoint:
        try:
            return endpoint_at(resolve_base_url(self._access, os.environ))
        except ConfigurationError:  # Raised at the first request.
            return ModelEndpoint("openai")

    @property
    def dimension(self) -> int | None:
        return self._dimension

    @property
    def max_batch(self) -> int:
        return self._max_batch

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self._model!r}, base_url={shown_url(self._access.base_url)!r})"

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> Sequence[Vector]:
        if not texts:
            return []
        body: JsonObject = {
            "model": self._model,
            "input": [*self._form.sent(texts, role)],
            "encoding_format": "float",
        }
        if self._dimensions is not None:
            body["dimensions"] = self._dimensions
        try:
            answer = await self._ask(encode_json(body))
            # A hundred vectors are a megabyte of JSON, so a thread parses them.
            vectors = await run_in_thread(_read, answer, len(texts))
            self._check_dimension(len(vectors[0]))
            return vectors
        except Exception as error:  # The text of any error may contain a credential.
            safe = self._credentials.without(error)
            if safe is error:
                raise
        raise safe  # Raised here, so that the original does not become its context.

    def missing_key(self, environ: Mapping[str, str]) -> str:
        """Return which key is missing, as an error text; empty if there is one or the endpoint needs none."""
        try:
            resolve_endpoint(self._access, EMBEDDINGS_PATH, environ)
        except (ConfigurationError, ProviderError) as exc:
            return exc.message
        return ""

    async def aclose(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    def _host(self) -> str:
        try:
            return host_of(resolve_base_url(self._access, os.environ))
        except ConfigurationError:  # Raised at the first request.
            return ""

    async def _ask(self, body: bytes) -> bytes:
        transport = self._transport or self._open_transport()
        deadline = Deadline(self._timeout)
        try:
            with deadline:
                answer = await transport.open(body)
                whole = bytearray()
                try:
                    while piece := await answer.read():
                        whole += piece
                        if len(whole) > MAX_RESPONSE_BYTES:
                            raise too_large(MAX_RESPONSE_BYTES)
                finally:
                    await answer.close()
                return bytes(whole)
        except TimeoutError:
            if not deadline.expired:
                raise
        raise took_too_long(self._timeout)

    def _check_dimension(self, found: int) -> None:
        """Raise if the server has changed its model, since vectors of two models cannot be compared."""
        if self._dimension is None:
            self._dimension = found
        elif self._dimension != found:
            raise ProviderError(
                f"The provider sent vectors of dimension {found} instead of {self._dimension}.",
                code="LA-500",
                guidance="Check the model and dimensions=; not every model can shorten its vectors.",
                retryable=False,
            )

    def _open_transport(self) -> Transport:
        """Return the transport, which is made at the first request; only then its HTTP client is imported."""
        with self._lock:
            if self._transport is None:
                endpoint = resolve_endpoint(self._access, EMBEDDINGS_PATH, os.environ)
                self._transport = self._connect(endpoint)
            return self._transport

    def _connect(self, endpoint: Endpoint) -> Transport:
        proxy = proxy_of(endpoint.url)
        if proxy is not None and not proxy.startswith("http://"):
            raise ConfigurationError(
                "The environment names a proxy that is not http://, which this embedder cannot use.",
                guidance="Except the host by NO_PROXY, or use the embedder litellm.",
            )
        known = self._credentials
        known.add(self._access.api_key, endpoint.key)
        known.add_headers(endpoint.headers)
        known.add_environment(os.environ, "OPENAI_")
        known.add_url(endpoint.base_url)
        if proxy is not None:
            known.add_url(proxy)
        from lightagent.adapters._endpoints.aiohttp_transport import AiohttpTransport

        mask_logs(known)
        return AiohttpTransport(endpoint, CONNECT_TIMEOUT, proxy)


def _read(answer: bytes, count: int) -> list[Vector]:
    if not answer.strip():
        raise empty_answer()
    if answer.lstrip()[:1] == b"<":
        raise web_page()
    parsed = parse_json(answer)
    if isinstance(parsed, dict) and "data" not in parsed and (error := reported_error(parsed)) is not None:
        raise error
    return read_vectors(parsed, count)


def _sound_url(url: str) -> str:
    if (problem := url_problem(url)) is not None:
        raise ValueError(problem)
    return url


class OpenAIEmbedderOptions(BaseModel):
    """How to reach an embedding model behind an OpenAI-compatible endpoint."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1, description="The model's name, as the endpoint knows it.")
    api_key: SecretStr | None = Field(
        None, description="The key; without one, OPENAI_API_KEY at the first request. Loopback needs none."
    )
    base_url: Annotated[str, AfterValidator(_sound_url)] | None = Field(
        None, description="Where the API begins, most end in /v1; OPENAI_BASE_URL, or https://api.openai.com/v1."
    )
    dimensions: int | None = Field(
        None, ge=1, le=65_536, description="The length of the vectors, if the model can shorten them."
    )
    query_prefix: str = Field("", description="Added before a text that is searched for.")
    document_prefix: str = Field("", description="Added before a text that can be found.")
    max_batch: int = Field(MAX_BATCH, ge=1, le=2048, description="Texts of one request.")
    max_characters: int = Field(MAX_CHARACTERS, ge=1, description="Characters of one text that are sent.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="Further request headers. They replace those of the adapter."
    )
    timeout: float = Field(TIMEOUT, gt=0, description="Seconds that one request may take.")
    default_key_allowed: bool = Field(
        True,
        description="Whether a key of the environment may go to a host that neither the environment names nor is "
        "OpenAI's; never where a settings file names the host.",
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Show the options without the credentials in headers."""
        yield from shown_options(self)


def _open(options: OpenAIEmbedderOptions) -> OpenAIEmbedder:
    return OpenAIEmbedder(
        options.model,
        options.api_key.get_secret_value() if options.api_key is not None else None,
        options.base_url,
        dimensions=options.dimensions,
        query_prefix=options.query_prefix,
        document_prefix=options.document_prefix,
        max_batch=options.max_batch,
        max_characters=options.max_characters,
        headers=options.headers,
        timeout=options.timeout,
        default_key_allowed=options.default_key_allowed,
    )


ADAPTER = Adapter(OpenAIEmbedderOptions, _open)
