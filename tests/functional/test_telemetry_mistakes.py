"""What a user of telemetry gets wrong is told at once, and what was lost at the end of a command, after the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.sdk.trace import TracerProvider

from lightagent import ConfigurationError, ContentCapture, ContentMode, OpenTelemetrySink, flush_telemetry
from tests.functional.test_cli import environment
from tests.servers.child import free_port
from tests.support.command_line import call_lightagent
from tests.support.warm_programs import WarmPrograms

MAKE: Callable[..., object] = OpenTelemetrySink
CAPTURE: Callable[..., object] = ContentCapture
FLUSH: Callable[..., object] = flush_telemetry


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"content": ContentMode.SPAN_ONLY}, "content must be a ContentCapture, got ContentMode. Such as"),
        ({"content": "span_only"}, "content must be a ContentCapture, got str"),
        ({"tracer_provider": "x"}, "tracer_provider: expected an object with get_tracer, got str"),
        ({"tracer_provider": TracerProvider}, "tracer_provider: expected an object with get_tracer"),
        ({"meter_provider": 5}, "meter_provider: expected an object with get_meter, got int"),
        ({"logger_provider": logging.getLogger()}, "logger_provider: expected an object with get_logger"),
    ],
)
def test_a_sink_with_wrong_options_is_refused(options: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        MAKE(**options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"mode": "span_only"}, r"mode is 'span_only'\. Give one of ContentMode\.NO_CONTENT, ContentMode\.SPAN_ONLY"),
        ({"limits": 5}, "limits: expected ContentLimits, got int"),
        ({"policy": "keep"}, "policy: expected a function of kind and text, got str"),
        ({"detectors": ("validated",)}, "detectors: expected objects with find, got str"),
    ],
)
def test_a_capture_with_wrong_options_is_refused(options: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        CAPTURE(**options)


@pytest.mark.parametrize("timeout", ["2", None, True, -1, float("nan")])
def test_a_flush_of_no_time_is_refused(timeout: object) -> None:
    with pytest.raises(ConfigurationError, match="timeout must be seconds"):
        FLUSH(timeout)


@pytest.fixture(name="gone")
def _gone() -> str:
    """The address of a collector that is not there."""
    return f"http://127.0.0.1:{free_port()}"


SETTINGS = """
[default.model]
kind = "scripted"
replies = ["Hello."]

[default.telemetry]
endpoint = "{endpoint}"
{more}
"""


def test_an_answer_does_not_wait_for_a_dead_collector_and_what_was_lost_is_told(
    gone: str, tmp_path: Path, warm_programs: WarmPrograms
) -> None:
    (tmp_path / "lightagent.toml").write_text(SETTINGS.format(endpoint=gone, more="timeout = 1\nmetrics = false"))
    program = tmp_path / "program.py"  # No handler of pytest's is in there.
    program.write_text("from lightagent.entrypoints.cli import main\n\nmain()\n", encoding="utf-8")
    done = warm_programs.run(program, "run", "Hi", folder=tmp_path, environment=environment(), together=True)
    assert done.returncode == 0
    answer, told = done.stdout.find("Hello."), done.stdout.find("Telemetry to 127.0.0.1: 2 spans could not be sent")
    assert -1 < answer < told
    assert "(ConnectionError)" in done.stdout


def test_a_wrong_value_of_the_resource_is_one_problem(gone: str, tmp_path: Path) -> None:
    (tmp_path / "lightagent.toml").write_text(SETTINGS.format(endpoint=gone, more="resource = { a = [1] }"))
    done = call_lightagent("config", "check", folder=tmp_path, variables=environment(), together=True)
    assert "Write text, a number, true or false" in done.stdout
    assert "1 problem." in done.stdout


@pytest.mark.parametrize("tags", ['["a", " "]', '["' + "a" * 201 + '"]', str(["a"] * 33).replace("'", '"')])
def test_the_check_of_settings_finds_wrong_tags(gone: str, tags: str, tmp_path: Path) -> None:
    (tmp_path / "lightagent.toml").write_text(SETTINGS.format(endpoint=gone, more=f"tags = {tags}"))
    done = call_lightagent("config", "check", folder=tmp_path, variables=environment(), together=True)
    assert done.returncode == 2
    assert "default.telemetry.tags" in done.stdout
