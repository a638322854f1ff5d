"""The sink of a process whose application has set its OpenTelemetry providers; without them nothing is even imported.

They are looked for again for each run: a provider that is set later is used from then on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from lightagent.adapters.telemetry._set_providers import set_meters, set_tracers

if TYPE_CHECKING:
    from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink

TELEMETRY_VARIABLE: Final = "LIGHTAGENT_TELEMETRY"
"""``off`` in it leaves agents alone, whatever the application has set."""

_OFF: Final = frozenset({"off", "0", "false", "no"})

_kept: tuple[object, object, OpenTelemetrySink | None] = (None, None, None)


def is_off(environ: Mapping[str, str]) -> bool:
    """Whether agents are not to be traced by themselves."""
    return environ.get(TELEMETRY_VARIABLE, "").strip().lower() in _OFF


def native_sink() -> OpenTelemetrySink | None:
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


def _made(tracers: object, meters: object) -> OpenTelemetrySink | None:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    from lightagent.adapters.telemetry.otel.sink import sink_for  # It imports OpenTelemetry, which is there.

    return sink_for(tracers, meters)
