"""Opens an adapter from a backend in the settings, or lists all problems of its settings.

A default key, such as OPENAI_API_KEY, is sent to its own host only. A settings file that names another host gets no key
unless it refers to one, ``api_key = { env = "OPENAI_API_KEY" }``, which `lightagent config trust` shows.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, SecretStr, ValidationError

from lightagent.adapters.registry import Adapter, find_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.settings.origins import KeyPath
from lightagent.settings.problems import Problem, problem_of, raise_problems, unset_variable, validation_problems
from lightagent.settings.schema import BACKENDS, Settings, backend_path
from lightagent.settings.secrets import Resolver

_OTHERWISE: Final = "choose another profile"
_HOSTS: Final = ("base_url", "azure_endpoint", "api_base")
_MAY_NAME_A_HOST: Final = {"model": re.compile("://"), "arguments": re.compile(r"(?i)[/\\@#?]|base|url|host|endpoint")}
"""Options of LiteLLM that may name a host, and what they hold then; the adapter decides whether they really do."""
_ALLOWED: Final = "default_key_allowed"


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
    options = _without_default_key(
        BACKENDS[section], backend.kind, options, lambda name: _is_in_file(settings, (*way, name))
    )
    unset = tuple(
        unset_variable(settings.provenance.place((*way, path[0])), variable, _OTHERWISE)
        for path, variable in resolver.missing
    )
    try:
        checked = adapter.options.model_validate(options)
    except ValidationError as exc:
        found = validation_problems(
            exc, adapter.options, lambda path: settings.provenance.place((*way, *path)), f"{backend.kind!r} takes"
        )
        # Values of unset variables cannot be checked, nor whether the options fit together.
        skipped = {path[:1] for path, _ in resolver.missing} | ({()} if unset else set())
        wrong = (problem for path, problem in found if path[:1] not in skipped)
        return BackendCheck(problems=tuple(problem.redacted(resolver.redact) for problem in wrong), unset=unset)
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
        return BackendCheck(problems=(problem_of(exc, place).redacted(resolver.redact),))


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


def _without_default_key(family: str, kind: str, options: JsonObject, in_file: Callable[[str], bool]) -> JsonObject:
    """Return `options` with which the adapter sends no default key to a host that a file names.

    Args:
        in_file: whether an option was written in a file. An option that holds backends, such as the models of a
            fallback, counts for all that is in it.
    """
    bound = {name: _within(family, value, in_file(name)) for name, value in options.items()}
    try:
        takes_it = _ALLOWED in find_adapter(family, kind).options.model_fields
    except ConfigurationError:
        return bound  # Its problems are reported when it is opened.
    by_user = _ALLOWED in options and not in_file(_ALLOWED)
    if (
        takes_it
        and not by_user
        and any(_names_a_host(name, value) and in_file(name) for name, value in options.items())
    ):
        bound[_ALLOWED] = False
    return bound


def _names_a_host(name: str, value: JsonValue) -> bool:
    found = _MAY_NAME_A_HOST.get(name)
    return name in _HOSTS or (found is not None and found.search(str(value)) is not None)


def _within(family: str, value: JsonValue, in_file: bool) -> JsonValue:
    if isinstance(value, list):
        return [_within(family, item, in_file) for item in value]
    if isinstance(value, dict) and isinstance(kind := value.get("kind"), str):
        return _without_default_key(family, kind, value, lambda _: in_file)
    return value
