"""The sections ``[default.telemetry]`` and ``[default.logging]``: where traces, metrics and logs go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, ValidationError

from lightagent.adapters.registry import find_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.settings.origins import Provenance
from lightagent.settings.problems import Problem, problem_of, unset_variable, validation_problems
from lightagent.settings.secrets import Resolver
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Section, TextOrReference

Protocol: TypeAlias = Literal["http/protobuf", "grpc"]

Content: TypeAlias = Literal["no_content", "span_only", "event_only", "span_and_event", "redacted"]


def _is_single(value: object) -> object:
    """Check the type before the union does, so that a wrong value gives one error and not one for each type."""
    if not isinstance(value, (str, bool, int, float)):
        raise ValueError("Write text, a number, true or false")
    return value


ResourceValue: TypeAlias = Annotated[str | bool | int | float, BeforeValidator(_is_single)]


class TelemetrySettings(Section):
    """Where traces and metrics of agents go, over OTLP.

    For options that are not set, the standard variables (``OTEL_EXPORTER_OTLP_ENDPOINT`` and so on) apply, and then
    OpenTelemetry's own defaults.
    """

    enabled: Annotated[bool | None, NEEDS_TRUST] = Field(
        default=None,
        description="True: export, by default to the collector on this machine. False: no telemetry at all, not even "
        "to providers that the application has set. By default what is set here is exported where an endpoint is.",
    )
    endpoint: Annotated[TextOrReference | None, NEEDS_TRUST] = Field(
        default=None,
        description="The collector, such as http://localhost:4318; over HTTP, /v1/traces and /v1/metrics are added.",
    )
    protocol: Annotated[Protocol | None, NEEDS_TRUST] = Field(
        default=None, description="http/protobuf, which is the default, or grpc."
    )
    headers: Annotated[dict[str, TextOrReference], NEEDS_TRUST] = Field(
        default_factory=dict, description="Headers of every request to the collector."
    )
    sample_ratio: Annotated[float | None, NEEDS_TRUST] = Field(
        default=None, ge=0, le=1, description="The share of traces that is kept, where no parent has decided: 0 to 1."
    )
    resource: Annotated[dict[str, ResourceValue], NEEDS_TRUST] = Field(
        default_factory=dict, description="Attributes of the process, such as deployment.environment.name."
    )
    service_name: Annotated[str | None, NEEDS_TRUST] = Field(
        default=None, min_length=1, description="The name of the application, as backends show it."
    )
    content: Annotated[Content | None, NEEDS_TRUST] = Field(
        default=None,
        description="Where messages, arguments and results are put: no_content, which is the default, span_only, "
        "event_only, span_and_event, or redacted.",
    )
    tags: Annotated[list[str], NEEDS_TRUST] = Field(default_factory=list, description="Tags of every span.")
    metrics: Annotated[bool, NEEDS_TRUST] = Field(default=True, description="Whether metrics are exported, too.")
    logs: Annotated[bool, NEEDS_TRUST] = Field(
        default=True, description="Whether the events that hold texts are exported, too, where content wants any."
    )
    timeout: Annotated[float | None, SAFE] = Field(
        default=None, gt=0, allow_inf_nan=False, description="Seconds for one export."
    )
    queue_size: Annotated[int | None, NEEDS_TRUST] = Field(
        default=None, ge=1, le=1_000_000, description="Spans that may wait to be sent; more are dropped and counted."
    )
    sum_usage: Annotated[bool, NEEDS_TRUST] = Field(
        default=False, description="Whether the span of a run tells the tokens of all its model calls, too."
    )


_SECTION = "telemetry"


@dataclass(frozen=True, slots=True)
class TelemetryReading:
    """The result of reading the table.

    Attributes:
        options: the options of the adapter `otel`, with resolved secrets; None if nothing is set, or with problems.
        problems: what is wrong on every machine.
        unset: environment variables that are missing on this machine.
    """

    options: JsonObject | None = None
    problems: tuple[Problem, ...] = ()
    unset: tuple[Problem, ...] = ()


def read_telemetry(table: TelemetrySettings, provenance: Provenance, environ: Mapping[str, str]) -> TelemetryReading:
    """Return the options that the section sets. Opens nothing, and does not use the network."""
    if table == TelemetrySettings() or table.enabled is False:
        return TelemetryReading()
    place = provenance.place
    try:
        adapter = find_adapter(_SECTION, "otel", at=_SECTION)
    except ConfigurationError as exc:
        return TelemetryReading(problems=(problem_of(exc, place((_SECTION,)), f"{_SECTION}.kind: "),))
    resolver = Resolver(environ)
    options: JsonObject = table.model_dump(mode="json", exclude_unset=True)
    options["endpoint"] = resolver.resolve(("endpoint",), table.endpoint)
    # Name by name: a header may be called env.
    options["headers"] = {name: resolver.resolve(("headers",), value) for name, value in table.headers.items()}
    unset = tuple(
        unset_variable(place((_SECTION, *path)), variable, "choose another profile")
        for path, variable in resolver.missing
    )
    if unset:
        return TelemetryReading(unset=unset)
    try:
        adapter.options.model_validate(options)
    except ValidationError as exc:
        found = validation_problems(exc, adapter.options, lambda path: place((_SECTION, *path)), "It takes")
        return TelemetryReading(problems=tuple(problem.redacted(resolver.redact) for _, problem in found))
    return TelemetryReading(options)


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class LoggingSettings(Section):
    """Logs of the command line and of apps, through the standard library's logging. Silent unless set."""

    level: Annotated[LogLevel | None, SAFE] = Field(
        default=None, description="DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
    # Not strict, since neither a file nor a variable can hold a path.
    file: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="Where the log goes; without one, to standard error."
    )
