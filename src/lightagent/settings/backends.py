"""Opens an adapter from a backend in the settings, or lists all problems of its settings."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr, ValidationError

from lightagent.adapters.registry import Adapter, find_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.secrets.masking import unless_key
from lightagent.settings.default_keys import without_default_key
from lightagent.settings.origins import KeyPath, Problem, problem_of, raise_problems
from lightagent.settings.schema import BACKENDS, Settings, backend_path
from lightagent.settings.secrets import Resolver
from lightagent.settings.validation import validation_problems


@dataclass(frozen=True, slots=True)
class BackendCheck:
    """The result of opening a backend.

    Attributes:
        opened: the adapter; None with problems.
        problems: wrong kinds and options.
        unset: references to variables that are not set on this machine.
    """

    opened: object | None = None
    problems: tuple[Problem, ...] = ()
    unset: tuple[Problem, ...] = ()


def check_backend(settings: Settings, section: str, environ: Mapping[str, str]) -> BackendCheck:
    """Open a backend, or find all problems. Does not use the network: adapters connect on first use."""
    backend, way = settings.backends()[section], backend_path(section)
    try:
        adapter = find_adapter(BACKENDS[section], backend.kind, at=section)
    except ConfigurationError as exc:
        place = settings.provenance.place((*way, "kind"))
        return BackendCheck(problems=(problem_of(exc, place, f"{section}.kind: "),))
    resolver = Resolver(environ)
    options = {name: resolver.resolve((name,), value) for name, value in backend.options.items()}
    options = without_default_key(
        BACKENDS[section], backend.kind, options, lambda name: _is_in_file(settings, (*way, name))
    )
    unset = tuple(_unset(settings, (*way, path[0]), variable) for path, variable in resolver.missing)
    try:
        checked = adapter.options.model_validate(options)
    except ValidationError as exc:
        found = validation_problems(
            exc, adapter.options, lambda path: settings.provenance.place((*way, *path)), f"{backend.kind!r} takes"
        )
        # Values of unset variables cannot be checked, nor whether the options fit together.
        skipped = {path[:1] for path, _ in resolver.missing} | ({()} if unset else set())
        wrong = (problem for path, problem in found if path[:1] not in skipped)
        return BackendCheck(problems=tuple(_redacted(resolver, problem) for problem in wrong), unset=unset)
    return BackendCheck(unset=unset) if unset else _open(settings, section, adapter, checked, resolver)


def open_backend(settings: Settings, section: str, environ: Mapping[str, str]) -> object:
    """Open a backend; the caller checks which port it implements.

    Raises:
        ConfigurationError: the kind is unknown, the adapter refuses an option, or a variable is not set.
        MissingExtraError: a package is missing; the text says what to install.
    """
    check = check_backend(settings, section, environ)
    raise_problems([*check.problems, *check.unset])
    return check.opened


def _open(
    settings: Settings, section: str, adapter: Adapter[BaseModel, object], options: BaseModel, resolver: Resolver
) -> BackendCheck:
    try:
        return BackendCheck(adapter.open(options))
    except ConfigurationError as exc:
        # Adapters that open others, such as the fallback, report their problems here; messages may quote options.
        place = settings.provenance.place(backend_path(section))
        return BackendCheck(problems=(_redacted(resolver, problem_of(exc, place)),))


def secret_options(section: str, kind: str) -> frozenset[str]:
    """The options that the adapter declares as secret; none if the adapter does not exist."""
    try:
        fields = find_adapter(BACKENDS[section], kind).options.model_fields
    except ConfigurationError:
        return frozenset()
    return frozenset(name for name, field in fields.items() if _holds_secret(field.annotation))


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_holds_secret(part) for part in typing.get_args(annotation))


def _is_in_file(settings: Settings, path: KeyPath) -> bool:
    return settings.provenance.origin(path).layer == "file"


def _unset(settings: Settings, path: KeyPath, variable: str) -> Problem:
    variable = unless_key(variable)
    return Problem(
        settings.provenance.place(path),
        f"The environment variable {variable} is not set.",
        f"Type: export {variable}=…, or choose another profile.",
    )


def _redacted(resolver: Resolver, problem: Problem) -> Problem:
    return Problem(problem.place, resolver.redact(problem.message), resolver.redact(problem.remedy), problem.error)
