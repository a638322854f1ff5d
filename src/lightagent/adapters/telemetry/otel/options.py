"""What can be chosen of an export over OTLP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.network.http_calls import is_header_name
from lightagent.domain.telemetry.tags import checked_tags

PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

Protocol = Literal["http/protobuf", "grpc"]
Content = Literal["no_content", "span_only", "event_only", "span_and_event", "redacted"]


class OtlpOptions(BaseModel):
    """Options of the kind `otel`. What is left out, the standard variables say, and then OpenTelemetry's defaults."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    enabled: bool | None = Field(default=None, description="Whether to export where the application traces by itself")
    endpoint: str | None = Field(default=None, description="the collector; over HTTP without /v1/traces", repr=False)
    protocol: Protocol | None = Field(default=None, description="http/protobuf or grpc")
    headers: Mapping[str, SecretStr] = Field(default_factory=dict, description="headers of every request")
    sample_ratio: float | None = Field(default=None, ge=0, le=1, description="the share of traces that is kept")
    resource: Mapping[str, str | bool | int | float] = Field(default_factory=dict, description="of this process")
    service_name: str | None = Field(default=None, min_length=1, description="the name of the application")
    content: Content | None = Field(default=None, description="where messages, arguments and results are put")
    tags: tuple[str, ...] = Field(default=(), description="tags of every span")
    metrics: bool = Field(default=True, description="whether metrics are exported, too")
    logs: bool = Field(default=True, description="whether the events that hold texts are exported, where there are any")
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="seconds for one export")
    queue_size: int | None = Field(default=None, ge=1, le=1_000_000, description="spans that may wait to be sent")
    sum_usage: bool = Field(default=False, description="whether the span of a run tells the tokens of all its calls")

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, endpoint: str | None) -> str | None:
        """The address without what each signal adds to it."""
        if endpoint is None:
            return None
        if not _can_be_reached(endpoint):
            raise ValueError("Write the address of the collector: https://host, perhaps with a port and a path")
        plain = endpoint.rstrip("/")
        for signal in ("traces", "metrics", "logs"):
            plain = plain.removesuffix(f"/v1/{signal}")
        return plain.rstrip("/")

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return checked_tags(tags, "tags")
        except ConfigurationError as error:
            raise ValueError(error.message) from None

    @field_validator("headers")
    @classmethod
    def _are_sendable(cls, headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, value in headers.items():
            text = value.get_secret_value()
            if not is_header_name(name) or not (text.isascii() and text.isprintable()):
                raise ValueError("A header has a name without blanks and colons, and one line of printable ASCII")
        return headers

    def spoken_protocol(self) -> str:
        """The one that is chosen, or that the environment names, else http/protobuf."""
        if self.protocol is not None:
            return self.protocol
        return next(filter(None, map(os.environ.get, PROTOCOL_VARIABLES)), "http/protobuf").strip().lower()

    def plain_headers(self) -> dict[str, str]:
        """The headers with their values, in lower case, as gRPC wants them."""
        return {name.lower(): value.get_secret_value() for name, value in self.headers.items()}


def _can_be_reached(endpoint: str) -> bool:
    """Whether it is an address as a request can have it; `urlsplit` passes over line ends and reads the port late."""
    parts = urlsplit(endpoint)
    try:
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = endpoint.isprintable() and " " not in endpoint
    return is_plain and has_port and bool(parts.hostname) and _is_of_a_collector(parts)


def _is_of_a_collector(parts: SplitResult) -> bool:
    return parts.scheme in ("http", "https") and not parts.query and not parts.fragment
