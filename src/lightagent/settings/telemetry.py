"""Opens a telemetry sink from its table in the settings, or reports all problems of that table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from lightagent.adapters.registry import find_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.secrets.masking import unless_key
from lightagent.settings.origins import Problem, problem_of
from lightagent.settings.schema import Settings
from lightagent.settings.secrets import Resolver
from lightagent.settings.telemetry_schema import TelemetrySettings
from lightagent.settings.validation import validation_problems

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


def read_telemetry(settings: Settings, environ: Mapping[str, str]) -> TelemetryReading:
    """Return the options that the table sets. Opens nothing, and does not use the network."""
    table = settings.telemetry
    if table == TelemetrySettings() or table.enabled is False:
        return TelemetryReading()
    place = settings.provenance.place
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
        Problem(
            place((_SECTION, *path)),
            f"The environment variable {unless_key(variable)} is not set.",
            f"Type: export {unless_key(variable)}=…, or choose another profile.",
        )
        for path, variable in resolver.missing
    )
    if unset:
        return TelemetryReading(unset=unset)
    try:
        adapter.options.model_validate(options)
    except ValidationError as exc:
        found = validation_problems(exc, adapter.options, lambda path: place((_SECTION, *path)), "It takes")
        problems = tuple(
            Problem(one.place, resolver.redact(one.message), resolver.redact(one.remedy)) for _, one in found
        )
        return TelemetryReading(problems=problems)
    return TelemetryReading(options)
