"""Chat models and embedders by name, and the model that an agent asks."""

from __future__ import annotations

import os
from typing import Never

from lightagent.adapters.registry import open_adapter
from lightagent.compose.check_ports import is_model
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.options.default_model import default_model
from lightagent.ports.embedding import Embedder
from lightagent.ports.models import ChatModel


def compose_model(options: AgentOptions[Never]) -> ChatModel:
    """The model that was passed, or the one with the given name.

    Raises:
        ConfigurationError: it is not a chat model, the provider is unknown, or the provider refuses an option.
        MissingExtraError: the provider's package is not installed.
    """
    model = options.get("model")
    if model is not None and not isinstance(model, str):
        if not is_model(model):
            raise ConfigurationError(
                f"model: expected a name or an object with name, stream and aclose, got {type(model).__name__}."
            )
        name: object = model.name
        if not isinstance(name, str):
            raise ConfigurationError(f"model: its name must be text, got {name!r:.80}.")
        return model
    return open_model(
        named_model(options),
        options.get("provider") or "openai",
        options.get("api_key"),
        options.get("base_url"),
    )


def named_model(options: AgentOptions[Never]) -> str:
    """The name of the agent's model, if it is given by name or not at all."""
    model = options.get("model")
    return (model if isinstance(model, str) else "") or default_model(os.environ)


def open_model(name: str, provider: str, api_key: str | None, base_url: str | None) -> ChatModel:
    """The model of this name at a provider; nothing is connected before the first request.

    Raises:
        ConfigurationError: no such provider, or it refuses an option.
        MissingExtraError: its package is not installed.
    """
    if provider == "scripted":  # In a settings file its replies stand beside its kind.
        raise ConfigurationError(
            "provider: a scripted model cannot be opened by name, since it needs its replies.",
            guidance="Pass the model itself, model=ScriptedModel([...]) from lightagent.testing; "
            'or use provider="offline", a stand-in that follows rules.',
        )
    given: dict[str, object] = {"api_key": api_key, "base_url": base_url}
    chosen = {key: value for key, value in given.items() if value is not None and provider != "offline"}
    model = open_adapter("chat", provider, chosen if provider == "offline" else {"model": name, **chosen}, at="model")
    if not is_model(model):
        raise ConfigurationError(f"provider: {provider!r} is not a chat model.")
    return model


def open_embedder(kind: str, **options: object) -> Embedder:
    """An embedder, for an agent's option `embedder`.

    Args:
        kind: ``onnx``, ``openai``, ``litellm``, ``cached``, ``hashing`` or ``scripted``, or that of an installed
            package.
        options: what that kind takes, such as ``path`` of ``onnx``.

    Raises:
        ConfigurationError: the kind is unknown, or it refuses an option.
        MissingExtraError: a package is missing; the text says what to install.
    """
    embedder = open_adapter("embedding", kind, options)
    if not isinstance(embedder, Embedder):
        raise ConfigurationError(f"embedding: {kind!r} does not open an Embedder.", guidance="Report it to its author.")
    return embedder
