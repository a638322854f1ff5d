"""Settings from their layers: built-in, the file's default and profile, the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from lightagent.application.run_loop.start_run import checked_params
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.secrets.masking import shown, unless_key
from lightagent.settings.backends import secret_options
from lightagent.settings.defaults import default_leaves
from lightagent.settings.environment import (
    CONFIG_VARIABLE,
    PREFIX,
    PROFILE_VARIABLE,
    environment_leaves,
    unknown_variables,
)
from lightagent.settings.layers import overlay, unflatten
from lightagent.settings.origins import (
    KeyPath,
    Leaf,
    Leaves,
    Origin,
    Problem,
    Provenance,
    closest_origin,
    problem_of,
    raise_problems,
    short_path,
    suggest,
)
from lightagent.settings.schema import BACKENDS, SECTIONS, Settings, backend_of, backend_path, read_text
from lightagent.settings.secrets import keys_beside_env, literal_secrets, refer_to
from lightagent.settings.toml_file import FILE_NAME, ConfigFile, find_file, read_file
from lightagent.settings.trust import judged, withheld
from lightagent.settings.validation import validation_problems


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
    return judged(read_file(found.absolute(), SECTIONS), environ, trust=trust) if found else None


def read_settings(file: ConfigFile | None, profile: str | None, environ: Mapping[str, str]) -> Reading:
    """Merge the layers and validate them; collects every problem instead of stopping at the first.

    Raises:
        ConfigurationError: the profile does not exist.
    """
    chosen = _profile(file, profile, environ)
    leaves = _merged(file, chosen, environ)
    refused = unknown_variables(environ)
    if distrusted := withheld(file, leaves):
        # Must come before any look-up of an adapter, which would already import code that the file chooses.
        return Reading(None, (*distrusted, *refused))
    leaves, problems = _guard(leaves)
    problems += refused
    problems += _refused_params(leaves)
    origins = {path: leaf.origin for path, leaf in leaves.items()}
    provenance = Provenance(chosen, file.path if file else None, tuple(origins.items()))
    try:
        settings = Settings.assemble(unflatten(_typed(leaves)), provenance)
    except ValidationError as exc:
        found = validation_problems(exc, Settings, partial(_place, origins), "Sections")
        return Reading(None, (*problems, *(_in_environment(origins, path, problem) for path, problem in found)))
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
    return overlay(default_leaves(environ), leaves, BACKENDS)


def _guard(leaves: Leaves) -> tuple[Leaves, list[Problem]]:
    """Refuse secrets in the file; a secret in a variable becomes a reference to it, so that it is never shown."""
    guarded: Leaves = {}
    problems: list[Problem] = []
    for path, leaf in leaves.items():
        declared = _is_declared_secret(leaves, path)
        guarded[path] = leaf
        if beside := list(keys_beside_env(path, leaf.value)):
            problems += [_beside_env(key, leaf) for key in beside]
            continue
        for secret in literal_secrets(path, leaf.value, declared):
            if (
                leaf.origin.layer == "environment"
                and isinstance(leaf.value, str)
                and _variable(path) == leaf.origin.name
            ):
                guarded[path] = replace(leaf, value=refer_to(leaf.origin.name))
            else:
                problems.append(_written_out(secret, leaf))
    return guarded, problems


def _is_declared_secret(leaves: Leaves, path: KeyPath) -> bool:
    backend = backend_of(path)
    if backend is None:
        return False
    way = backend_path(backend)
    kind = leaves.get((*way, "kind"))
    if len(path) <= len(way) or kind is None or not isinstance(kind.value, str):
        return False
    return path[len(way)] in secret_options(backend, kind.value)


def _written_out(path: KeyPath, leaf: Leaf) -> Problem:
    place = leaf.origin.place(path)
    if leaf.origin.layer == "environment":
        return Problem(place, "A secret within JSON.", f"Set it by a variable of its own: {_variable(path)}=…")
    variable = "_".join(path).upper().replace("-", "_")
    return Problem(
        place,
        "A secret is written out here.",
        f'Refer to the environment instead: {path[-1]} = {{ env = "{variable}" }}, and make the old secret invalid.',
    )


def _beside_env(path: KeyPath, leaf: Leaf) -> Problem:
    remedy = f'A reference is {path[-2]} = {{ env = "NAME" }}, and nothing else.'
    return Problem(leaf.origin.place(path), f"Unknown option {shown(path[-1])} beside env.", remedy)


def _refused_params(leaves: Leaves) -> Iterator[Problem]:
    """Yield problems for parameters of model requests that every run would refuse."""
    for path, leaf in leaves.items():
        if path[:2] != ("agent", "metadata") or len(path) < 3:
            continue
        try:
            checked_params({path[2]: leaf.value})
        except ConfigurationError as exc:
            yield problem_of(exc, leaf.origin.place(path[:3]), f"metadata.{path[2]}: ")


def _typed(leaves: Leaves) -> Leaves:
    """Parse values of the environment by the type of their option; values of files have types already."""
    return {
        path: replace(leaf, value=read_text(path, leaf.value)) if leaf.origin.layer == "environment" else leaf
        for path, leaf in leaves.items()
    }


def _variable(path: KeyPath) -> str:
    return PREFIX + "__".join(path).upper()


def _place(origins: Mapping[KeyPath, Origin], path: KeyPath) -> str:
    """Return the place of the value at `path` for an error; a missing value is located by its siblings."""
    beside = (origin for known, origin in origins.items() if len(path) > 2 and known[: len(path) - 1] == path[:-1])
    found = closest_origin(origins, path)
    return (next(beside, found) if found == Origin() else found).place(path)


def _in_environment(origins: Mapping[KeyPath, Origin], path: KeyPath, problem: Problem) -> Problem:
    """Return an additional remedy for variables, whose form is easy to get wrong."""
    if closest_origin(origins, path).layer != "environment":
        return problem
    hint = f"Variables are {PREFIX}SECTION__OPTION; lists and objects are written as JSON."
    return replace(problem, remedy=f"{problem.remedy} {hint}".strip())
