"""Events that tell of one model call, for applications that keep content apart from traces.

An event goes to the application's logger provider: the one that it set, or one that it hands over. None is ever set
here, and where there is none, nothing is emitted. That is read from the API's module instead of asking the API, which
makes and sets a provider where ``OTEL_PYTHON_LOGGER_PROVIDER`` names one.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import cache
from typing import Final

from opentelemetry._logs import LoggerProvider, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.util.types import AnyValue

from lightagent.adapters.telemetry.otel.content import ERROR, INPUT, INSTRUCTIONS, OUTPUT, TOOLS
from lightagent.adapters.telemetry.otel.content_cleaning import read_leniently

DETAILS: Final = "gen_ai.client.inference.operation.details"
"""What a model was asked and what it said."""

EXCEPTION: Final = "gen_ai.client.operation.exception"
"""Why a model gave no answer."""

SCOPE: Final = "lightagent"

_STRUCTURED: Final = frozenset({INPUT, OUTPUT, INSTRUCTIONS, TOOLS})
"""Attributes that are JSON on spans and must be structured on events."""

_DETAILS: Final = frozenset(
    {
        *_STRUCTURED,
        "error.type",
        "gen_ai.conversation.id",
        "gen_ai.operation.name",
        "gen_ai.output.type",
        "gen_ai.request.choice.count",
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.max_tokens",
        "gen_ai.request.model",
        "gen_ai.request.presence_penalty",
        "gen_ai.request.seed",
        "gen_ai.request.stop_sequences",
        "gen_ai.request.stream",
        "gen_ai.request.temperature",
        "gen_ai.request.top_p",
        "gen_ai.response.finish_reasons",
        "gen_ai.response.id",
        "gen_ai.response.model",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "server.address",
        "server.port",
    }
)
"""What version 1.41.1 of the conventions lets the event hold; the span of the call holds more."""

_LOGGER: Final = logging.getLogger("lightagent")


def details(span: Mapping[str, AnyValue], content: Mapping[str, str]) -> dict[str, AnyValue]:
    """The attributes of the event `DETAILS`.

    Args:
        span: those of the call's span; what the event has no place for is left out.
        content: what `ContentCapture` gives for the request and the reply, together.
    """
    made = {name: value for name, value in span.items() if name in _DETAILS and name not in _STRUCTURED}
    for name, text in content.items():
        if name in _STRUCTURED:
            made[name] = read_leniently(text)
    return made


def exception_details(type_: str, content: Mapping[str, str]) -> dict[str, AnyValue]:
    """The attributes of the event `EXCEPTION`.

    Args:
        type_: the exception's type.
        content: what `ContentCapture.error` gives for its message.
    """
    message = content.get(ERROR)
    return {"exception.type": type_} if message is None else {"exception.type": type_, ERROR: message}


def application_provider() -> LoggerProvider | None:
    """The logger provider that the application has set; None where it has set none."""
    internal = sys.modules.get("opentelemetry._logs._internal")
    provider: object = getattr(internal, "_LOGGER_PROVIDER", None)
    return provider if isinstance(provider, LoggerProvider) else None


def emit(
    name: str,
    attributes: Mapping[str, AnyValue],
    context: Context,
    *,
    at: int | None = None,
    provider: LoggerProvider | None = None,
    schema_url: str = "https://opentelemetry.io/schemas/1.41.1",
) -> bool:
    """Emit an event, and say whether anybody took it. Neither waits nor raises; a fault is logged once.

    Args:
        name: `DETAILS` or `EXCEPTION`.
        attributes: what it tells.
        context: one in which the call's span is the current one; the event carries its ids.
        at: when it happened, in nanoseconds since 1970; None: now.
        provider: whose loggers take it; None: the application's.
        schema_url: the version of the conventions.
    """
    provider = provider or application_provider()
    if provider is None:
        return False
    severity = SeverityNumber.WARN if name == EXCEPTION else SeverityNumber.INFO
    try:
        logger = provider.get_logger(SCOPE, schema_url=schema_url)
        if not logger.enabled(context=context, severity_number=severity, event_name=name):
            return False
        logger.emit(timestamp=at, context=context, severity_number=severity, attributes=attributes, event_name=name)
    except Exception as exc:
        _warn_once(type(exc).__name__)
        return False
    return True


@cache
def _warn_once(fault: str) -> None:
    _LOGGER.warning("Telemetry could not emit an event (%s).", fault)
