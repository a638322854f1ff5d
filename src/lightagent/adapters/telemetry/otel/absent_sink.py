"""What stands for the sink where OpenTelemetry is not installed."""

from __future__ import annotations

from lightagent.adapters.registry import install_command
from lightagent.domain.errors import MissingExtraError


class AbsentSink:
    """Can be imported as `OpenTelemetrySink`, and says what to install as soon as one is to be made."""

    def __init__(self, **_options: object) -> None:
        raise MissingExtraError(
            "OpenTelemetrySink needs the package 'opentelemetry', which is not installed.",
            guidance=f"Type: {install_command('otel', 'opentelemetry-sdk')}",
        )
