"""Langfuse as a collector: where it is, and how it is asked.

It takes traces over OTLP/HTTP, and neither metrics nor events nor gRPC. ``session.id`` and ``user.id`` it knows; tags
it wants under a name of its own, see `LangfuseTags`.
"""

from __future__ import annotations

import base64
from typing import Final

from pydantic import SecretStr

from lightagent.adapters.telemetry.otel.options import OtlpOptions
from lightagent.domain.errors import ConfigurationError

PATH: Final = "/api/public/otel"
_VERSION: Final = "x-langfuse-ingestion-version"


def langfuse_authorization(public_key: str, secret_key: str) -> str:
    """What proves who asks: Basic, with both keys."""
    return "Basic " + base64.b64encode(f"{public_key}:{secret_key}".encode()).decode("ascii")


def is_langfuse(options: OtlpOptions) -> bool:
    """Whether the endpoint is one of Langfuse."""
    return options.endpoint is not None and options.endpoint.endswith(PATH)


def as_langfuse_wants(options: OtlpOptions) -> OtlpOptions:
    """The same without metrics and events, and with the header without which traces are shown minutes later.

    Raises:
        ConfigurationError: they say gRPC, or that texts go into events alone.
    """
    if options.protocol == "grpc":
        raise ConfigurationError("Langfuse speaks no gRPC.", guidance='Write protocol = "http/protobuf".')
    if options.content == "event_only":
        raise ConfigurationError("Langfuse takes no events.", guidance='Write content = "span_only".')
    headers = {_VERSION: SecretStr("4"), **options.headers}
    return options.model_copy(update={"metrics": False, "logs": False, "protocol": "http/protobuf", "headers": headers})
