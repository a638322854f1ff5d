"""The sink of a process whose application has set its OpenTelemetry providers; without them nothing is even imported.

Looking for them must change nothing. With ``OTEL_PYTHON_TRACER_PROVIDER`` in the environment `get_tracer_provider`
makes a provider and sets it for good, so that the application's own is refused afterwards. So it is only looked at what
has been imported and set by now. It is looked at again for each run: a provider that is set later is used from then on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lightagent.ports.telemetry import TelemetrySink

TELEMETRY_VARIABLE: Final = "LIGHTAGENT_TELEMETRY"
"""``off`` in it leaves agents alone, whatever the application has set."""

_OFF: Final = frozenset({"off", "0", "false", "no"})

_kept: tuple[object, object, TelemetrySink | None] = (None, None, None)


def is_off(environ: Mapping[str, str]) -> bool:
    """Whether agents are not to be traced by themselves."""
    return environ.get(TELEMETRY_VARIABLE, "").strip().lower() in _OFF


def native_sink() -> TelemetrySink | None:
    """The sink for the providers that the application has set by now; None where there are none."""
    if "opentelemetry.trace" not in sys.modules or is_off(os.environ):
        return None
    tracers, meters = set_tracers(), set_meters()
    if tracers is None and meters is None:
        return None
    global _kept
    kept = _kept
    if kept[0] is not tracers or kept[1] is not meters:
        kept = _kept = tracers, meters, _made(tracers, meters)
    return kept[2]


def set_tracers() -> object:
    """The tracer provider that the application has set by now; None where there is none."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    return _set_provider(api, "_TRACER_PROVIDER", "OTEL_PYTHON_TRACER_PROVIDER", "get_tracer_provider")


def set_meters() -> object:
    """The meter provider, likewise."""
    api = sys.modules.get("opentelemetry.metrics._internal")
    if api is None:
        return None
    return _set_provider(api, "_METER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER", "get_meter_provider")


def _set_provider(api: ModuleType, attribute: str, variable: str, getter: str) -> object:
    """The provider that was set; None as long as it is the API's own, which records nothing."""
    try:
        provider: object = vars(api)[attribute]
    except KeyError:  # Another version of the API keeps it elsewhere.
        get: object = None if variable in os.environ else getattr(api, getter, None)
        provider = get() if callable(get) else None
    return None if provider is None or type(provider).__module__ == api.__name__ else provider


def _made(tracers: object, meters: object) -> TelemetrySink | None:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    from lightagent.adapters.telemetry.otel.sink import sink_for  # It imports OpenTelemetry, which is there.

    return sink_for(tracers, meters)
