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

from lightagent.adapters.telemetry.otel.attribute_names import Names
from lightagent.adapters.telemetry.otel.content_cleaning import read_leniently

SCOPE: Final = "lightagent"

_LOGGER: Final = logging.getLogger("lightagent")


def details(names: Names, span: Mapping[str, AnyValue], content: Mapping[str, str]) -> dict[str, AnyValue]:
    """The attributes of the event that tells what a model was asked and what it said.

    Args:
        names: of the attributes.
        span: those of the call's span; what the event has no place for is left out.
        content: what `ContentCapture` gives for the request and the reply, together.
    """
    made = {name: value for name, value in span.items() if name in names.of_details}
    for name, text in content.items():
        if name in names.structured:
            made[name] = read_leniently(text)
    return made


def exception_details(names: Names, type_: str, content: Mapping[str, str]) -> dict[str, AnyValue]:
    """The attributes of the event that tells why a model gave no answer.

    Args:
        names: of the attributes.
        type_: the exception's type.
        content: what `ContentCapture.error` gives for its message.
    """
    made: dict[str, AnyValue] = {names.exception_type: type_}
    if (message := content.get(names.exception_message)) is not None:
        made[names.exception_message] = message
    return made


def application_provider() -> LoggerProvider | None:
    """The logger provider that the application has set; None where it has set none."""
    internal = sys.modules.get("opentelemetry._logs._internal")
    provider: object = getattr(internal, "_LOGGER_PROVIDER", None)
    return provider if isinstance(provider, LoggerProvider) else None


def emit(
    names: Names,
    name: str,
    attributes: Mapping[str, AnyValue],
    context: Context,
    *,
    at: int | None = None,
    provider: LoggerProvider | None = None,
) -> bool:
    """Emit an event, and say whether anybody took it. Neither waits nor raises; a fault is logged once.

    Args:
        names: of the version of the conventions that the event keeps to.
        name: its `details_event` or `exception_event`.
        attributes: what it tells.
        context: one in which the call's span is the current one; the event carries its ids.
        at: when it happened, in nanoseconds since 1970; None: now.
        provider: whose loggers take it; None: the application's.
    """
    provider = provider or application_provider()
    if provider is None:
        return False
    severity = SeverityNumber.WARN if name == names.exception_event else SeverityNumber.INFO
    try:
        logger = provider.get_logger(SCOPE, schema_url=names.schema_url)
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
