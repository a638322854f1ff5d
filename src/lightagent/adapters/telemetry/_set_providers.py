"""The OpenTelemetry providers that an application has set.

Looking for them must change nothing. With ``OTEL_PYTHON_TRACER_PROVIDER`` in the environment `get_tracer_provider`
makes a provider and sets it for good, so that the application's own is refused afterwards. So it is only looked at what
has been imported and set by now.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType


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
