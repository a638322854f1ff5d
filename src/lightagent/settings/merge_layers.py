"""Merges layers of settings, value by value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.settings.origins import KeyPath, Leaf, Leaves, Origin
from lightagent.settings.secrets import is_meant_as_reference, reference

DEEPEST: Final = 64
"""Levels of tables and lists that settings may have. More would exhaust the stack of whatever walks them."""


def is_too_deep(value: object) -> bool:
    """Whether tables and lists are nested more than `DEEPEST` levels deep. It does not recurse."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for one in level for inner in _parts(one)]
    return bool(level)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def flatten(path: KeyPath, value: JsonValue, origin: Callable[[KeyPath], Origin]) -> Leaves:
    """Return every value in `value` with its path and origin.

    Lists and references to the environment, also failed ones, are single values.
    """
    if not isinstance(value, dict) or reference(value) is not None or is_meant_as_reference(path, value):
        return {path: Leaf(value, origin(path))}
    leaves: Leaves = {}
    for name, inner in value.items():
        leaves.update(flatten((*path, name), inner, origin))
    return leaves


def overlay(lower: Leaves, upper: Leaves, backends: Collection[str]) -> Leaves:
    """Merge `upper` over `lower`: tables are merged, values replaced.

    Where `upper` chooses another kind of backend, nothing of the lower backend remains: its options belong to the other
    adapter.
    """
    switched = [path for name in backends if _switches(lower, upper, path := tuple(name.split(".")))]
    kept = {
        path: leaf
        for path, leaf in lower.items()
        if not any(path[: len(one)] == one for one in switched) and not any(_overlap(path, other) for other in upper)
    }
    return kept | upper


def unflatten(leaves: Leaves) -> JsonObject:
    """Return the values as nested tables again."""
    tree: JsonObject = {}
    for path, leaf in leaves.items():
        table = tree
        for name in path[:-1]:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                break
            table = inner
        table[path[-1]] = leaf.value
    return tree


def _switches(lower: Leaves, upper: Leaves, backend: KeyPath) -> bool:
    old, new = lower.get((*backend, "kind")), upper.get((*backend, "kind"))
    return old is not None and new is not None and old.value != new.value


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
