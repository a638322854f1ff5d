"""Where the telemetry of an agent goes: the sinks it is given, and the providers of its application."""

from __future__ import annotations

import os
from collections.abc import Callable

from lightagent.adapters.telemetry._native import is_off, native_sink
from lightagent.compose.ports import check_each
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.telemetry import TelemetrySink


def compose_sinks(options: AgentOptions) -> tuple[TelemetrySink, ...]:
    """The sinks that an agent is given.

    Raises:
        ConfigurationError: one is no sink, or `telemetry` is True, which says nothing that is not so anyway.
    """
    given = options.get("telemetry")
    if isinstance(given, bool):
        if given:
            raise ConfigurationError(
                "telemetry must be a list of sinks or False.",
                guidance="Leave it out: an agent is traced as soon as the application has set its providers.",
            )
        return ()
    return tuple(check_each(given or (), "telemetry", "watch"))


def compose_ambient_sink(
    options: AgentOptions, sinks: tuple[TelemetrySink, ...]
) -> Callable[[], TelemetrySink | None] | None:
    """What finds the sink for the application's own providers; None for an agent that they do not trace.

    An agent that is given a sink which makes spans is traced by that one alone: two would tell everything twice.
    """
    if options.get("telemetry") is False or any(hasattr(type(sink), "prepare") for sink in sinks):
        return None
    return None if is_off(os.environ) else native_sink
