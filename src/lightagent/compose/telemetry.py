"""Where the telemetry of an agent goes: the sinks it is given, and the providers of its application."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Literal, Never

from lightagent.adapters.telemetry._flushing import END_SECONDS, flush_sinks, is_closable, is_flushable, know_sink
from lightagent.adapters.telemetry._native import is_off, native_sink
from lightagent.compose.check_ports import check_each
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.server_telemetry import ServerSink
from lightagent.ports.telemetry import TelemetrySink


def flush_telemetry(timeout: float = END_SECONDS) -> bool:
    """Send the telemetry that this process still keeps: before a serverless platform freezes it, for instance.

    This also happens at the end of a process, of an `App` and of a command, within five seconds.

    Args:
        timeout: seconds for all sinks together, after which it returns in any case.

    Returns:
        Whether everything was sent.

    Raises:
        ConfigurationError: `timeout` is not a number of seconds.
    """
    given: object = timeout
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not given >= 0:
        raise ConfigurationError(f"flush_telemetry: timeout must be seconds, got {given!r:.50}.")
    native = native_sink()
    return flush_sinks(timeout, () if native is None or not is_flushable(native) else (native,))


async def end_telemetry(sink: TelemetrySink) -> None:
    """Have a sink send what waits and close what it owns, within END_SECONDS."""
    if is_closable(sink):
        await asyncio.to_thread(sink.close, END_SECONDS)
    elif is_flushable(sink):
        await asyncio.to_thread(sink.flush, END_SECONDS)


def compose_sinks(options: AgentOptions[Never]) -> tuple[TelemetrySink, ...]:
    """The sinks that an agent is given, those of `tracetools` included; none that makes spans where the environment
    switches telemetry off.

    Raises:
        ConfigurationError: an entry is not a sink, `tracetools` has an unknown value, or `telemetry` is True, which is
            not a valid value.
    """
    given, tracetools = options.get("telemetry"), options.get("tracetools")
    if given is None and tracetools is None:
        return ()
    if isinstance(given, bool):
        if given:
            raise ConfigurationError(
                "telemetry must be a list of sinks or False.",
                guidance="Leave it out: an agent is traced as soon as the application has set its providers.",
            )
        return ()
    sinks = tuple(check_each(given or (), "telemetry", "watch", remedy="Pass sinks, such as [OpenTelemetrySink()]."))
    if is_off(os.environ):
        sinks = tuple(sink for sink in sinks if not _makes_spans(sink))
    elif tracetools is not None:
        from lightagent.compose.tracetools import tracetool_sinks  # It needs pydantic, which most agents do without.

        sinks += tracetool_sinks(tracetools)
    for sink in sinks:
        if is_flushable(sink):
            know_sink(sink)
    return sinks


def compose_ambient_sink(
    options: AgentOptions[Never], sinks: tuple[TelemetrySink, ...]
) -> Callable[[], TelemetrySink | None] | None:
    """A function that finds the sink for the application's own providers; None for an agent that they do not trace.

    An agent with a sink that makes spans is traced by that one only: two would report everything twice.
    """
    if options.get("telemetry") is False or any(map(_makes_spans, sinks)):
        return None
    return native_sink


def compose_server_sink(given: TelemetrySink | Literal[False] | None) -> Callable[[], ServerSink | None]:
    """A function that finds the sink for the requests to a server, or None; it is called for each request.

    Args:
        given: sees them, if it can; None: the sink for the application's own providers, if any; False: none.
    """
    if given is False or (given is not None and (is_off(os.environ) or not isinstance(given, ServerSink))):
        return _no_sink
    if isinstance(given, ServerSink):
        return lambda: given
    return native_sink


def _no_sink() -> None:
    return None


def _makes_spans(sink: TelemetrySink) -> bool:
    return hasattr(type(sink), "prepare")
