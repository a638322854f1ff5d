"""The APIs with an OpenAPI document that settings name, or their problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightagent.application.openapi.load_document import is_address
from lightagent.application.openapi.service import OpenApiService
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.openapi import OperationChoice
from lightagent.settings.problems import Problem, unset_variable
from lightagent.settings.schema import Settings
from lightagent.settings.secrets import Resolver
from lightagent.settings.sections.openapi import OpenApiSettings


@dataclass(frozen=True, slots=True)
class OpenApiReading:
    """The result of reading the sections.

    Attributes:
        services: those without problems that are not disabled.
        problems: what is wrong anywhere.
        unset: variables that are missing here.
    """

    services: tuple[OpenApiService, ...] = ()
    problems: tuple[Problem, ...] = ()
    unset: tuple[Problem, ...] = ()


def read_openapi(settings: Settings, environ: Mapping[str, str]) -> OpenApiReading:
    """The APIs of the settings. Reads no document and touches no network."""
    services: list[OpenApiService] = []
    problems: list[Problem] = []
    unset: list[Problem] = []
    for name, table in settings.openapi.items():
        if table.disabled:
            continue
        resolver = Resolver(environ)
        try:
            service = _service(settings, name, table, resolver)
        except ConfigurationError as exc:
            if not resolver.missing:  # What is empty for want of a variable is not wrong by itself.
                place = settings.provenance.place(("openapi", name))
                problems.append(Problem(place, resolver.redact(exc.message), resolver.redact(exc.guidance)))
        else:
            services += [] if resolver.missing else [service]
        unset += [
            unset_variable(settings.provenance.place(("openapi", name, str(path[0]))), variable)
            for path, variable in resolver.missing
        ]
    return OpenApiReading(tuple(services), tuple(problems), tuple(unset))


def _service(settings: Settings, name: str, table: OpenApiSettings, resolver: Resolver) -> OpenApiService:
    headers = {one: resolver.resolve(("headers", one), value) for one, value in table.headers.items()}
    auth: dict[str, JsonValue] = {one: resolver.resolve(("auth", one), value) for one, value in table.auth.items()}
    server = resolver.resolve(("server",), table.server)
    return OpenApiService(
        name=name,
        document=_document(settings, name, table.document),
        server=server if isinstance(server, str) else "",
        headers=_texts(headers),
        auth=_texts(auth),
        choice=OperationChoice(table.tags, table.methods, table.paths, table.operations),
        prefix=table.prefix,
        timeout=table.timeout,
        max_bytes=table.max_bytes,
        private_hosts=tuple(table.private_hosts),
        other_servers=tuple(table.other_servers),
    )


def _document(settings: Settings, name: str, written: str) -> str:
    """Return an address as it is, and the path of a file resolved against the settings file."""
    if is_address(written):
        return written
    return str(settings.provenance.beside(("openapi", name, "document"), Path(written)).absolute())


def _texts(values: Mapping[str, JsonValue]) -> dict[str, str]:
    return {name: value for name, value in values.items() if isinstance(value, str)}
