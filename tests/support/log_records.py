"""What the code under test logs, apart from what other threads of the process log meanwhile."""

from __future__ import annotations

import logging

import pytest


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings and errors of this test.

    Exporters that earlier tests of the process have set up may still be giving up on a collector, in threads that
    OpenTelemetry names after itself.
    """
    return [
        f"{record.name}: {record.getMessage()}"
        for record in caplog.records
        if record.levelno >= logging.WARNING and not (record.threadName or "").startswith("Otel")
    ]
