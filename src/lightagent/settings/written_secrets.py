"""Secrets that are written out: refused in a file, replaced by a reference in a variable, so that none is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lightagent.domain.json_types import JsonValue
from lightagent.domain.secrets.masking import mask_urls, shown
from lightagent.domain.secrets.names import holds_secrets, is_secret_name
from lightagent.settings.backends import secret_options
from lightagent.settings.environment import variable_of
from lightagent.settings.origins import KeyPath, Leaf, Leaves
from lightagent.settings.problems import Problem
from lightagent.settings.schema import BACKENDS, backend_path
from lightagent.settings.secrets import is_meant_as_reference, is_users_name, refer_to, reference


def guard_secrets(leaves: Leaves) -> tuple[Leaves, list[Problem]]:
    """Refuse secrets in the file; a secret in a variable becomes a reference to it, so that it is never shown."""
    guarded: Leaves = {}
    problems: list[Problem] = []
    declared = _declared_secrets(leaves)
    for path, leaf in leaves.items():
        guarded[path] = leaf
        if beside := list(keys_beside_env(path, leaf.value)):
            problems += [_beside_env(key, leaf) for key in beside]
            continue
        for secret in literal_secrets(path, leaf.value, any(path[: len(option)] == option for option in declared)):
            if (
                leaf.origin.layer == "environment"
                and isinstance(leaf.value, str)
                and variable_of(path) == leaf.origin.name
            ):
                guarded[path] = replace(leaf, value=refer_to(leaf.origin.name))
            else:
                problems.append(_written_out(secret, leaf))
    return guarded, problems


def _declared_secrets(leaves: Leaves) -> set[KeyPath]:
    """The options that the chosen adapters declare as secret."""
    declared: set[KeyPath] = set()
    for backend in BACKENDS:
        way = backend_path(backend)
        kind = leaves.get((*way, "kind"))
        if kind is not None and isinstance(kind.value, str):
            declared |= {(*way, option) for option in secret_options(backend, kind.value)}
    return declared


def _written_out(path: KeyPath, leaf: Leaf) -> Problem:
    place = leaf.origin.place(path)
    if leaf.origin.layer == "environment":
        return Problem(place, "A secret inside JSON.", f"Set it by a variable of its own: {variable_of(path)}=…")
    variable = "_".join(path).upper().replace("-", "_")
    return Problem(
        place,
        "A secret is written out here.",
        f'Refer to the environment instead: {path[-1]} = {{ env = "{variable}" }}, and make the old secret invalid.',
    )


def _beside_env(path: KeyPath, leaf: Leaf) -> Problem:
    remedy = f'A reference is {path[-2]} = {{ env = "NAME" }}, and nothing else.'
    return Problem(leaf.origin.place(path), f"Unknown option {shown(path[-1])} beside env.", remedy)


def literal_secrets(path: KeyPath, value: JsonValue, secret: bool = False) -> Iterator[KeyPath]:
    """The paths of secrets written out in `value`; `secret` says that `path` is known to hold one."""
    if isinstance(value, str):
        named = is_secret_name(path[-1]) or any(
            holds_secrets(table) for place, table in enumerate(path[:-1], 1) if not is_users_name(path[:place])
        )
        if value and (secret or named or mask_urls(value) != value):
            yield path
    elif isinstance(value, list):
        for item in value:
            yield from literal_secrets(path, item, secret)
    elif isinstance(value, dict) and reference(value) is None:
        for name, item in value.items():
            yield from literal_secrets((*path, name), item, secret)


def keys_beside_env(path: KeyPath, value: JsonValue) -> Iterator[KeyPath]:
    """The paths of keys beside ``env`` in the place of a secret, where a reference was meant."""
    if isinstance(value, list):
        for item in value:
            yield from keys_beside_env(path, item)
    elif isinstance(value, dict):
        meant = is_meant_as_reference(path, value)
        for name, item in value.items():
            if meant and name != "env":
                yield (*path, name)
            elif not meant:
                yield from keys_beside_env((*path, name), item)
