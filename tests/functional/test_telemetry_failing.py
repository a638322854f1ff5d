"""Many runs beside a collector that is down, hangs or refuses: none fails, none waits, and memory is bounded.

`TEST_TELEMETRY_RUNS` says how many runs there are; in `make soak` it is 10,000.
"""

import asyncio
import gc
import logging
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import LightAgent
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.telemetry.otel.export import TelemetryExport
from lightagent.adapters.telemetry.otel.exporting_sink import ExportingSink
from lightagent.adapters.telemetry.otel.options import OtlpOptions
from tests.servers.child import free_port
from tests.servers.otlp import Mode, grpc_collector, http_collector
from tests.servers.polling import POLL_SECONDS, ticks

RUNS = int(os.environ.get("TEST_TELEMETRY_RUNS", "300"))
QUEUE = 200
pytestmark = pytest.mark.timeout(max(60, RUNS // 10))
AT_ONCE = 50


@pytest.fixture(autouse=True)
def nothing_goes_on() -> Iterator[None]:
    """What an exporter's threads still tell, after the time for its end was over, is none of the next test's lines."""
    before = set(threading.enumerate())
    yield
    for pause in ticks(30):
        new = {thread.name for thread in threading.enumerate() if thread not in before}
        if not any(name.startswith(("Otel", "lightagent-telemetry")) for name in new):
            return
        time.sleep(pause)


@contextmanager
def behaving(mode: str, protocol: str) -> Iterator[str]:
    """The address of a collector that behaves like this."""
    if mode == "down":
        yield f"http://127.0.0.1:{free_port()}"
    elif mode == "garbage":
        with _garbage() as address:
            yield f"http://{address}"
    elif mode == "no TLS":
        with http_collector() as collector:
            yield collector.url.replace("http:", "https:")
    else:
        modes: dict[str, Mode] = {
            "hung": "hung",
            "slow": "slow",
            "refusing": "refusing",
            "limiting": "limiting",
            "dripping": "dripping",
        }
        with (grpc_collector if protocol == "grpc" else http_collector)() as collector:
            collector.mode = modes[mode]
            yield collector.url


@contextmanager
def _garbage() -> Iterator[str]:
    """A server that speaks neither HTTP nor TLS."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.sendall(b"\x16\x03\x01\x00\xff no protocol \r\n\r\n" * 10)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def runs(agent: LightAgent, count: int) -> int:
    """So many runs, a few at once; how many gave their answer."""
    done = 0
    for begin in range(0, count, AT_ONCE):
        batch = (agent.arun(f"Hello {number}?") for number in range(begin, min(begin + AT_ONCE, count)))
        done += sum(answer == "Hi." for answer in await asyncio.gather(*batch))
    return done


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("mode", ["down", "hung", "slow", "refusing", "limiting", "dripping", "garbage", "no TLS"])
def test_runs_do_not_notice_what_the_collector_does(mode: str, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    with behaving(mode, protocol) as url, caplog.at_level(logging.WARNING):
        options = OtlpOptions.model_validate(
            {"endpoint": url, "protocol": protocol, "queue_size": QUEUE, "timeout": 0.3}
        )
        export = TelemetryExport(options, lambda: now[0])
        agent = LightAgent(
            name="tireless",
            model=ScriptedModel(lambda request: "Hi.", record=False),
            telemetry=[ExportingSink(options, export)],
        )
        assert asyncio.run(runs(agent, RUNS)) == RUNS
        assert export.waiting <= QUEUE
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) <= 1, lines  # The clock stands still: the first minute is not over.
        now[0] += 60.0
        export.close(0.5)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) <= 3, told
    assert all(line.startswith("Telemetry to 127.0.0.1: ") for line in told)
    if mode != "slow":
        assert export.sent == 0
        assert export.lost >= 2 * RUNS
        assert told


def test_memory_does_not_grow_with_what_cannot_be_sent() -> None:
    with behaving("hung", "http/protobuf") as url:
        options = OtlpOptions(endpoint=url, queue_size=QUEUE, metrics=False)
        export = TelemetryExport(options)
        agent = LightAgent(
            name="tireless",
            model=ScriptedModel(lambda request: "Hi.", record=False),
            telemetry=[ExportingSink(options, export)],
        )
        asyncio.run(runs(agent, QUEUE))  # The queue is full.
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        asyncio.run(runs(agent, RUNS))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        export.close(0.1)
    assert grown < RUNS * 2_000  # A run has two spans, each of some 3,000 bytes.
