"""What still waits is sent as a process ends, a worker is forked, or a collector comes back; within its limit."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from tests.servers.otlp import Collector, grpc_collector, http_collector
from tests.support.warm_programs import WarmPrograms

BEGIN = """
import os, sys, time
from lightagent.adapters.telemetry.otel.export import TelemetryExport
from lightagent.adapters.telemetry.otel.options import OtlpOptions
export = TelemetryExport(OtlpOptions(endpoint=sys.argv[1], protocol=sys.argv[2]))
tracer = export.tracer_provider.get_tracer("tests")
calls = export.meter_provider.get_meter("tests").create_counter("calls")
def work(name):
    tracer.start_span(name).end()
    calls.add(1)
"""
ENDS = {
    "at its end": "work('a')",
    "by sys.exit": "work('a'); sys.exit(0)",
    "by an exception": "work('a'); raise SystemExit('over')",
    "with a thread": "import threading; threading.Thread(target=lambda: (time.sleep(0.1), work('a'))).start()",
}
FORK = """
work('before'); export.flush(10)
work('waiting')
if not (child := os.fork()):
    work('child')
    sys.exit(0 if export.flush(10) else 1)
assert os.waitpid(child, 0)[1] == 0
work('after')
"""
FORK_WHILE_EXPORTING = """
calls.add(1)
assert not export.flush(0.5)
if not (child := os.fork()):
    work('child')
    sys.exit(0 if export.flush(20) else 1)
assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""
PROTOCOLS = ("http/protobuf", "grpc")
Run = Callable[[str, Collector, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=PROTOCOLS)
def collector(request: pytest.FixtureRequest) -> Iterator[tuple[Collector, str]]:
    with (grpc_collector if request.param == "grpc" else http_collector)() as one:
        yield one, request.param


@pytest.fixture
def forked(tmp_path: Path, warm_programs: WarmPrograms) -> Run:
    """Runs a program in a process that is forked from a warm one; it ends as any other does."""

    def run(text: str, collector: Collector, protocol: str) -> "subprocess.CompletedProcess[str]":
        file = tmp_path / "program.py"
        file.write_text(BEGIN + text, encoding="utf-8")
        return warm_programs.run(file, collector.url, protocol, folder=tmp_path, environment=os.environ)

    return run


def program(text: str, collector: Collector, protocol: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", BEGIN + text, collector.url, protocol],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("end", ENDS)
def test_a_process_sends_what_waits_as_it_ends(collector: tuple[Collector, str], end: str, forked: Run) -> None:
    done = forked(ENDS[end], *collector)
    assert done.stderr in ("", "over\n")
    assert [span.name for span in collector[0].spans] == ["a"]
    assert "calls" in collector[0].metrics


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no forks.")
def test_a_forked_worker_exports_what_is_its_own(collector: tuple[Collector, str]) -> None:
    done = program(FORK, *collector)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(span.name for span in collector[0].spans) == ["after", "before", "child", "waiting"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no forks.")
def test_a_worker_exports_that_is_forked_during_an_export(collector: tuple[Collector, str]) -> None:
    """What the parent's threads hold, the child would wait for for good."""
    collector[0].mode = "hung at first"
    done = program(FORK_WHILE_EXPORTING, *collector)
    assert done.returncode == 0, done.stderr  # gRPC says there that it was forked at work.
    assert [span.name for span in collector[0].spans] == ["child"]
    assert "calls" in collector[0].metrics


def test_a_collector_that_hangs_does_not_keep_a_process(collector: tuple[Collector, str]) -> None:
    collector[0].mode = "hung"
    began = time.monotonic()
    done = program("import logging; logging.basicConfig(); work('a')", *collector)
    assert time.monotonic() - began < 20
    assert done.returncode == 0
    assert "Telemetry to 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
