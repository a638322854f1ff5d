"""Loads settings from their layers: built-in, the file's default and profile, the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from lightagent.adapters.registry import kinds
from lightagent.application.run_loop.start_run import checked_params
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.secrets.masking import shown, unless_key
from lightagent.options.default_model import default_model
from lightagent.settings.environment import (
    CONFIG_VARIABLE,
    PREFIX,
    PROFILE_VARIABLE,
    environment_leaves,
    typed_leaves,
    unknown_variables,
)
from lightagent.settings.merge_layers import flatten, overlay, unflatten
from lightagent.settings.origins import KeyPath, Leaves, Origin, Provenance, closest_origin, short_path
from lightagent.settings.problems import Problem, problem_of, raise_problems, suggest, validation_problems
from lightagent.settings.schema import BACKENDS, SECTIONS, Settings, backend_of, backend_path
from lightagent.settings.secrets import refer_to
from lightagent.settings.settings_file import FILE_NAME, ConfigFile, find_file, read_file
from lightagent.settings.trust import check_trust, untrusted_keys
from lightagent.settings.written_secrets import guard_secrets


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading settings: `settings` is None if there are problems."""

    settings: Settings | None
    problems: tuple[Problem, ...] = ()


def load_settings(
    path: str | Path | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    trust: bool = False,
) -> Settings:
    """Return the effective settings.

    Args:
        path: the file; without it LIGHTAGENT_CONFIG, then the nearest `lightagent.toml`, then none.
        profile: the profile; without it LIGHTAGENT_PROFILE, then only `[default]`.
        environ: the environment; without it the process's own.
        trust: trust the nearest file, whatever it sets. A file named by `path` or LIGHTAGENT_CONFIG is always trusted.

    Raises:
        ConfigurationError: something does not fit, or the nearest file sets what only a trusted file may; the text
            names each place and the remedy.
    """
    variables = os.environ if environ is None else environ
    reading = read_settings(open_file(path, variables, trust=trust), profile, variables)
    raise_problems(reading.problems)
    if reading.settings is None:
        raise ConfigurationError("No settings file was found.")
    return reading.settings


def open_file(path: str | Path | None, environ: Mapping[str, str], *, trust: bool = False) -> ConfigFile | None:
    """Return the settings file, or None without one. A file that was found rather than named must be trusted.

    Raises:
        ConfigurationError: a named file cannot be read, or is not valid TOML.
    """
    if named := path or environ.get(CONFIG_VARIABLE):
        return read_file(Path(named).absolute(), SECTIONS)
    found = find_file(Path.cwd())
    return check_trust(read_file(found.absolute(), SECTIONS), environ, trust=trust) if found else None


def read_settings(file: ConfigFile | None, profile: str | None, environ: Mapping[str, str]) -> Reading:
    """Merge the layers and validate them; collects every problem instead of stopping at the first.

    Raises:
        ConfigurationError: the profile does not exist.
    """
    chosen = _profile(file, profile, environ)
    leaves = _merged(file, chosen, environ)
    refused = unknown_variables(environ)
    if distrusted := untrusted_keys(file, leaves):
        # Must come before any look-up of an adapter, which would already import code that the file chooses.
        return Reading(None, (*distrusted, *refused))
    leaves, problems = guard_secrets(leaves)
    problems += refused
    problems += _refused_params(leaves)
    origins = {path: leaf.origin for path, leaf in leaves.items()}
    provenance = Provenance(chosen, file.path if file else None, tuple(origins.items()))
    try:
        settings = Settings.assemble(unflatten(typed_leaves(leaves)), provenance)
    except ValidationError as exc:
        found = validation_problems(exc, Settings, partial(_place, file, origins), "Sections")
        named = ((path, _with_kinds(leaves, path, problem)) for path, problem in found)
        return Reading(None, (*problems, *(_in_environment(origins, path, problem) for path, problem in named)))
    return Reading(None if problems else settings, tuple(problems))


def _profile(file: ConfigFile | None, profile: str | None, environ: Mapping[str, str]) -> str:
    chosen = profile or environ.get(PROFILE_VARIABLE) or "default"
    known = file.profiles if file else ("default",)
    if chosen in known:
        return chosen
    asked = "--profile" if profile else PROFILE_VARIABLE
    if file is None:
        raise ConfigurationError(
            f"{asked}: Unknown profile {shown(chosen)}: no {FILE_NAME} was found here or above.",
            guidance=f"Write one with a table [{unless_key(chosen)}.model], or name it with --config.",
        )
    raise ConfigurationError(
        f"{asked}: {short_path(file.path)} has no profile {shown(chosen)}.",
        guidance=suggest(chosen, known, "Profiles there are")
        + f" A profile is a table such as [{unless_key(chosen)}.model].",
    )


def _merged(file: ConfigFile | None, profile: str, environ: Mapping[str, str]) -> Leaves:
    leaves: Leaves = {}
    for name in dict.fromkeys(("default", profile)):
        leaves = overlay(leaves, file.leaves(name) if file else {}, BACKENDS)
    leaves = overlay(leaves, environment_leaves(environ), BACKENDS)
    if ("model", "kind") in leaves or ("model",) in leaves:
        return leaves
    # Only without a configured model: a key of the environment must not be added to a backend that lacks one.
    return overlay(_default_leaves(environ), leaves, BACKENDS)


def _default_leaves(environ: Mapping[str, str]) -> Leaves:
    """The lowest layer: the model that is used if none is configured."""
    return flatten(("model",), _default_model(environ), lambda _: Origin())


def _default_model(environ: Mapping[str, str]) -> JsonObject:
    """OpenAI, if the environment is set up for it; otherwise the offline model."""
    if not (environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL")):
        return {"kind": "offline"}
    known = {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"}
    model: JsonObject = {"kind": "openai", "model": default_model(environ)}
    for option, variable in known.items():
        if environ.get(variable):
            model[option] = refer_to(variable)
    return model


def _refused_params(leaves: Leaves) -> Iterator[Problem]:
    """Yield problems for parameters of model requests that every run would refuse."""
    for path, leaf in leaves.items():
        if path[:2] != ("agent", "metadata") or len(path) < 3:
            continue
        try:
            checked_params({path[2]: leaf.value})
        except ConfigurationError as exc:
            yield problem_of(exc, leaf.origin.place(path[:3]), f"metadata.{path[2]}: ")


def _place(file: ConfigFile | None, origins: Mapping[KeyPath, Origin], path: KeyPath) -> str:
    """Return the place of the value at `path` for an error; a missing value is located by its siblings."""
    beside = (origin for known, origin in origins.items() if len(path) > 1 and known[: len(path) - 1] == path[:-1])
    found = closest_origin(origins, path)
    origin = next(beside, found) if found == Origin() else found
    if file is None or origin.layer != "file" or origin.line is None:
        return origin.place(path)
    # A list has one origin, its first line. An item may have a header of its own further down.
    inside = file.origin(origin.name, path)
    return (inside if (inside.line or 0) > origin.line else origin).place(path)


def _with_kinds(leaves: Leaves, path: KeyPath, problem: Problem) -> Problem:
    """Return `problem` with the kinds of adapters, if it is about the kind of a backend."""
    backend = backend_of(path)
    if backend is None or path != (*backend_path(backend), "kind"):
        return problem
    message = problem.message if path in leaves else "The kind is missing."
    return replace(problem, message=message, remedy=f"Use one of: {', '.join(kinds(BACKENDS[backend]))}.")


def _in_environment(origins: Mapping[KeyPath, Origin], path: KeyPath, problem: Problem) -> Problem:
    """Return an additional remedy for variables, whose form is easy to get wrong."""
    if closest_origin(origins, path).layer != "environment":
        return problem
    hint = f"Variables are {PREFIX}SECTION__OPTION; lists and objects are written as JSON."
    return replace(problem, remedy=f"{problem.remedy} {hint}".strip())
