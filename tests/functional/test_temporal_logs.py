"""What the SDK of Temporal logs: shown to programs that ask for it, without content, and else in our words alone."""

from __future__ import annotations

import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from lightagent.adapters.engines.temporal.runtime import CORE, runtime
from lightagent.domain.errors import ConfigurationError, ContentKeyError
from tests.servers.child import free_port

RETRIED = "[sdk_core::temporalio_client::retry] gRPC call poll_activity_task_queue retried {} times"


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "lightagent"]


def core_line(text: str, **fields: object) -> logging.LogRecord:
    """A line as the SDK hands it over."""
    record = CORE.makeRecord("temporalio.core-sdk_core::x", logging.WARNING, "(sdk-core)", 0, text, (), None)
    record.temporal_log = SimpleNamespace(fields=fields)
    return record


def test_what_the_core_says_is_shown_without_content(caplog: pytest.LogCaptureFixture) -> None:
    runtime()
    CORE.handle(core_line("[TMPRL1103] Attempted to upload", status="Success([c2VjcmV0])", size=7, run_id="r"))
    (line,) = (record for record in caplog.records if "TMPRL1103" in record.getMessage())
    assert line.getMessage() == "[TMPRL1103] Attempted to upload {'run_id': 'r', 'size': 7}"
    assert not hasattr(line, "temporal_log")
    assert ours(caplog) == []


def test_a_server_that_is_away_is_told_once_however_often_the_core_says_it(caplog: pytest.LogCaptureFixture) -> None:
    runtime()
    for number in range(6, 30):
        CORE.handle(core_line(RETRIED.format(number)))
    assert ours(caplog) == ["The Temporal server does not answer; the worker asks again until it does."]


def test_a_run_that_a_worker_cannot_go_on_with_is_told_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    runtime()
    missing = ContentKeyError("The payload is encrypted with the key 'spring', which is not among the keys.")
    foreign = ValueError("what a customer wrote")
    for error in (missing, foreign):
        logging.getLogger("temporalio.worker._workflow_instance").warning(
            "Failed activation on workflow lightagent.flow with ID acme/ann/r and run ID 1",
            exc_info=error,
            extra={"temporal_workflow": {"workflow_id": "acme/ann/r"}},
        )
    assert ours(caplog) == [
        "The worker cannot go on with a run of the workflow 'acme/ann/r': The payload is encrypted with the key "
        "'spring', which is not among the keys.",
        "The worker cannot go on with a run of the workflow 'acme/ann/r': ValueError",
    ]


def test_a_terminal_shows_nothing_of_it() -> None:
    """Python itself prints warnings of loggers that have no handler at all."""
    program = (
        "import logging; from lightagent.adapters.engines.temporal.runtime import runtime; runtime();"
        "logging.getLogger('temporalio.activity').warning('Completing activity as failed')"
    )
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert (asked.stdout, asked.stderr) == (b"", b"")


def test_metrics_that_cannot_be_served_are_refused_with_their_place() -> None:
    port = free_port()
    assert runtime(f"127.0.0.1:{port}") is runtime(f"127.0.0.1:{port}")
    for place in (f"127.0.0.1:{port}", "nowhere"):
        with pytest.raises(ConfigurationError, match="cannot be served at") as told:
            runtime(place) if place == "nowhere" else runtime(f"localhost:{port}")
        assert told.value.guidance
