"""The SDK's runtime in this process. What it logs goes to Python's `logging`, and none of it to a terminal by itself.

The SDK writes its warnings to standard error, with parts of payloads in them. Here its lines go to the loggers below
`temporalio` without what they are about, where programs may have them shown, and what users of a worker need to know is
told in the words of lightagent.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from lightagent.domain.errors import ConfigurationError, LightAgentError

SDK: Final = logging.getLogger("temporalio")
CORE: Final = logging.getLogger("temporalio.core")
"""The lines of the SDK's core, which is not written in Python."""

_LOGGER: Final = logging.getLogger("lightagent")

_AGAIN: Final = 60.0
"""Seconds until the same message may be logged again."""

_SHOWN: Final = ("namespace", "task_queue", "workflow_id", "run_id", "attempt", "size", "limit")
"""Fields of the core's lines that hold no content."""

_LOCK: Final = threading.Lock()
_MADE: dict[tuple[int, str], Runtime] = {}


def runtime(metrics: str = "") -> Runtime:
    """Return the runtime that all clients and workers of this process share.

    Args:
        metrics: HOST:PORT where Prometheus finds the metrics of its workers; a runtime of its own.

    Raises:
        ConfigurationError: nothing can listen there.
    """
    with _LOCK:
        key = os.getpid(), metrics  # A runtime does not outlive a fork.
        if key not in _MADE:
            _install_handler()
            _MADE[key] = _made(metrics)
        return _MADE[key]


def _made(metrics: str) -> Runtime:
    prometheus = None
    if metrics:
        prometheus = PrometheusConfig(metrics, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True)
    lines = LoggingConfig(
        TelemetryFilter("WARN", "ERROR"), LogForwardingConfig(CORE, append_log_fields_to_message=False)
    )
    try:
        return Runtime(telemetry=TelemetryConfig(logging=lines, metrics=prometheus))
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"The metrics of the worker cannot be served at {metrics!r:.200}: {error}",
            guidance="Give the port another number; another program may use it.",
        ) from None


def _install_handler() -> None:
    if not any(isinstance(handler, _PlainMessages) for handler in SDK.handlers):
        SDK.addHandler(_PlainMessages())
        CORE.addFilter(_without_content)


def _without_content(record: logging.LogRecord) -> bool:
    """Take from a line of the core what it is about, such as parts of payloads."""
    line = record.__dict__.pop("temporal_log", None)
    fields: object = getattr(line, "fields", None)
    if isinstance(fields, Mapping):
        shown = {name: fields[name] for name in _SHOWN if name in fields}
        record.msg = f"{record.msg} {shown}" if shown else record.msg
    return True


class _PlainMessages(logging.Handler):
    """Logs in plain words what users need to know of the SDK's lines.

    Since there is a handler, `logging` itself prints none of them.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text, now = _in_words(record), time.monotonic()
        if not text or now - self._last.get(text, -_AGAIN) < _AGAIN:
            return
        self._last = {known: at for known, at in self._last.items() if now - at < _AGAIN} | {text: now}
        _LOGGER.warning("%s", text)


def _in_words(record: logging.LogRecord) -> str:
    """What a line of the SDK means for a worker; empty where that is nothing."""
    said = record.getMessage()
    if record.name.startswith(CORE.name):
        is_away = "gRPC call poll_" in said and "retried" in said
        return "The Temporal server does not answer; the worker asks again until it does." if is_away else ""
    error = None if record.exc_info is None else record.exc_info[1]
    if error is None or not said.startswith(("Failed activation", "Failed handling activation", "Completing activity")):
        return ""
    what = "carry out a step" if said.startswith("Completing") else "go on with a run"
    return f"The worker cannot {what}{_place(record)}: {_reason(error)}"


def _place(record: logging.LogRecord) -> str:
    for name in ("temporal_workflow", "temporal_activity"):
        about: object = getattr(record, name, None)
        if isinstance(about, Mapping) and isinstance(workflow := about.get("workflow_id"), str):
            return f" of the workflow {workflow!r:.200}"
    return ""


def _reason(error: BaseException) -> str:
    """What went wrong: the words of our own errors, and of others the class alone, since their texts may be content."""
    own = next((one for one in _causes(error) if isinstance(one, LightAgentError)), None)
    return type(error).__name__ if own is None else own.message


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen, one = set[int](), error
    while id(one) not in seen:
        yield one
        seen.add(id(one))
        one = one.__cause__ or one.__context__ or one
