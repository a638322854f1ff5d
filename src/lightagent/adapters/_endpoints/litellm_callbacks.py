"""LiteLLM's callbacks: whether all that it tells of a call goes to OpenTelemetry, which knows of the call already."""

from __future__ import annotations

import sys
from typing import Final

LISTS: Final = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)


def only_opentelemetry_listens() -> bool:
    """Whether LiteLLM has its OpenTelemetry callback and no other.

    A call can be kept from all callbacks or from none. Others may count costs, so they are not robbed of a call.
    """
    litellm = sys.modules.get("litellm")
    listening: list[object] = [one for name in LISTS for one in _listed(getattr(litellm, name, None))]
    return bool(listening) and all(_is_opentelemetry(one) for one in listening)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _is_opentelemetry(callback: object) -> bool:
    """Its own callback, by name or as it is; those of products that are made from it tell somebody else."""
    return callback == "otel" or type(callback).__name__ in ("OpenTelemetry", "OpenTelemetryV2")
