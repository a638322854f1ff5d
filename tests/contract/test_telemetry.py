"""The certificates of telemetry sinks."""

from collections.abc import Mapping

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent.testing.contracts.telemetry_sink import TelemetrySinkContract


class TestOtel(TelemetrySinkContract):
    kind = "otel"


class TestOtelThatExports(TelemetrySinkContract):
    """To a collector that is not there."""

    kind = "otel"

    def prepare(self) -> Mapping[str, object]:
        return {"endpoint": "http://127.0.0.1:9", "timeout": 0.2}
