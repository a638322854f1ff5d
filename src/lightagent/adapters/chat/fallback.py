"""Several models as one: if one fails, the next is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters.registry import Adapter, open_nested
from lightagent.aiokits.observed_work import Fact, observe
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.provider_fields import ModelOrigin
from lightagent.domain.error_codes import ERROR_TAXONOMY
from lightagent.domain.error_mapping import classify_exception, error_from_info
from lightagent.domain.errors import ConfigurationError, LightAgentError, ProviderError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.runs.agents import UNKNOWN_ENDPOINT, ModelEndpoint
from lightagent.domain.secrets.masking import shown
from lightagent.ports.models import (
    ChatModel,
    ChatRequest,
    KeyedModel,
    ReplayingModel,
    ServedModel,
    model_origin,
)

TRANSIENT = ("LA-408", "LA-429", "LA-500", "LA-503")
"""Codes of failures that do not depend on the request, so another provider may answer it."""


class FallbackModel(ChatModel, ServedModel, KeyedModel, ReplayingModel):
    """Asks the models in order, and continues with the next if one fails with a code in `on`.

    What was delivered cannot be taken back: after the first delta an error passes through, as does one of any other
    code. When the last model fails too, its error is raised; `details["tried"]` names every model and its code.
    """

    def __init__(self, models: Sequence[ChatModel], *, on: Collection[str] = TRANSIENT) -> None:
        if not models:
            raise ConfigurationError("A fallback needs at least one model.", guidance="Name the models, best first.")
        self._models = tuple(models)
        self._on = frozenset(on)

    @property
    def name(self) -> str:
        return f"fallback({', '.join(model.name for model in self._models)})"

    @property
    def models(self) -> tuple[ChatModel, ...]:
        """The models in order."""
        return self._models

    @property
    def endpoint(self) -> ModelEndpoint:
        """The endpoint of the first model."""
        return _endpoint(self._models[0])

    def missing_key(self, environ: Mapping[str, str]) -> str:
        """Return the keys that any of the models lacks: a model that can never answer is useless as a fallback."""
        missing = (model.missing_key(environ) for model in self._models if isinstance(model, KeyedModel))
        return " ".join(dict.fromkeys(filter(None, missing)))

    @property
    def origin(self) -> ModelOrigin:
        """The origin of the first model. Each model gets back only the provider fields of its own answers."""
        return model_origin(self._models[0])

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        tried: list[JsonValue] = []
        for model in self._models:
            deltas = model.stream(request)
            try:
                try:
                    with observe("model", _facts(model)):
                        first = await anext(deltas, None)
                except (LightAgentError, OSError) as exc:
                    info = classify_exception(exc)
                    if info.code not in self._on:
                        raise
                    tried.append({"model": model.name, "code": info.code, "message": info.message})
                    if model is self._models[-1]:
                        raise _last_error(exc, tried) from exc
                    continue
                if first is not None:
                    yield first
                    async for delta in deltas:
                        yield delta
                return
            finally:
                await _close(deltas)

    async def aclose(self) -> None:
        async with AsyncExitStack() as stack:
            for model in self._models:
                stack.push_async_callback(model.aclose)


def _endpoint(model: ChatModel) -> ModelEndpoint:
    return model.endpoint if isinstance(model, ServedModel) else UNKNOWN_ENDPOINT


def _facts(model: ChatModel) -> dict[str, Fact]:
    """Return which model is asked, for telemetry. A nested fallback reports its own models."""
    if isinstance(model, FallbackModel):
        return {}
    served = _endpoint(model)
    return {"name": model.name, "provider": served.provider, "address": served.address, "port": served.port}


async def _close(deltas: AsyncIterator[Delta]) -> None:
    """Close a generator at once; other iterators have nothing to close."""
    close = getattr(deltas, "aclose", None)
    if close is not None:
        await close()


def _last_error(exc: LightAgentError | OSError, tried: list[JsonValue]) -> LightAgentError:
    """Return a new error with what was tried, since the model may raise the same object elsewhere."""
    info = classify_exception(exc)
    details: JsonObject = {**(info.details or {}), "tried": tried}
    error = error_from_info(replace(info, details=details))
    if isinstance(error, ProviderError) and isinstance(exc, ProviderError):
        error.retry_after = exc.retry_after
    return error


def _known_code(code: str) -> str:
    if code not in ERROR_TAXONOMY:
        raise ValueError(f"{shown(code)} is not an error code; use one of {', '.join(ERROR_TAXONOMY)}")
    return code


class FallbackOptions(BaseModel):
    """Options of the kind `fallback`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    models: list[JsonObject] = Field(min_length=1, description="backends, best first: each a kind and its options")
    on: list[Annotated[str, AfterValidator(_known_code)]] = Field(
        default=list(TRANSIENT), description="codes of the errors after which the next model is asked"
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Show the options without the secrets of the backends."""
        yield from shown_options(self)


def _open(options: FallbackOptions) -> FallbackModel:
    models = [_open_model(backend, f"model.models[{number}]") for number, backend in enumerate(options.models)]
    return FallbackModel(models, on=options.on)


def _open_model(backend: JsonObject, at: str) -> ChatModel:
    model = open_nested("chat", backend, at=at, example="openai")
    if not isinstance(model, ChatModel):
        raise ConfigurationError(f"{at}.kind: {backend['kind']!r} is not a chat model, but a {type(model).__name__}.")
    return model


ADAPTER = Adapter(FallbackOptions, _open)
