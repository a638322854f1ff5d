"""Embedders by kind, as settings name them."""

from __future__ import annotations

from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.embedding import Embedder


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
