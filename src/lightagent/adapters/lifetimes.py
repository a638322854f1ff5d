"""Which backends keep what they are given beyond the end of the process."""

from __future__ import annotations

from typing import Final

from lightagent.domain.json_types import JsonObject

_IN_PROCESS: Final = ("memory", "process", "shared")
"""The kinds of stores that live as long as their process."""


def outlives_process(backend: JsonObject) -> bool:
    """Whether another process finds what is kept there.

    Args:
        backend: a kind of store with its options, which may name the store behind it; empty where there is none.
    """
    while isinstance(behind := backend.get("store"), dict):
        backend = behind
    return backend.get("kind") not in (None, *_IN_PROCESS) and backend.get("path") != ":memory:"
