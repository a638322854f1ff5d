"""Arize Phoenix as the backend: what agents do is exported to it over OTLP, and asked back over its own API."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lightagent import ApprovalDecision, LightAgent, MemoryPolicy, RunResult, tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
from lightagent.domain.errors import ProviderError
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.json_values import Json, JsonObject, as_object
from tests.servers.phoenix import PROJECT_ATTRIBUTE, PhoenixServer
from tests.support.walked_features import FEATURES, ROOT, Scene

pytestmark = pytest.mark.timeout(400)

USER: Final = "ann"
SESSION: Final = "talk-1"
EXPORTERS: Final[dict[str, Callable[[PhoenixServer], SpanExporter]]] = {
    "http": lambda phoenix: HttpExporter(phoenix.http_traces),
    "grpc": lambda phoenix: GrpcExporter(phoenix.grpc_traces, insecure=True),
}


@dataclass(frozen=True)
class Export:
    """A sink whose spans go to Phoenix, and are kept here as well."""

    sink: OpenTelemetrySink
    tracers: TracerProvider
    kept: InMemorySpanExporter


@contextmanager
def export_to(exporter: SpanExporter, project: str) -> Iterator[Export]:
    """All that is told in the block has been sent when it ends."""
    tracers, kept = TracerProvider(resource=Resource({PROJECT_ATTRIBUTE: project})), InMemorySpanExporter()
    tracers.add_span_processor(BatchSpanProcessor(exporter))
    tracers.add_span_processor(SimpleSpanProcessor(kept))
    try:
        yield Export(OpenTelemetrySink(tracer_provider=tracers, meter_provider=MeterProvider()), tracers, kept)
        assert tracers.force_flush()
    finally:
        tracers.shutdown()


@tool
async def stock(item: str) -> int:
    """How many are left.

    Args:
        item: what is counted.
    """
    if item == "unicorn":
        raise LookupError("There are none.")
    return 7


@tool(requires_approval=True)
async def order(item: str, count: int) -> str:
    """Order something.

    Args:
        item: what is ordered.
        count: how many.
    """
    return f"{count} ordered"


async def buy(sink: OpenTelemetrySink, folder: Path) -> list[RunResult[str]]:
    """A run with memory, tools, an MCP server, an agent within, and an approval; it goes on after that."""
    clerk = LightAgent(
        name="clerk",
        model=ScriptedModel([call_tool("stock", item="pencil"), "Seven are left."], "gpt-clerk"),
        tools=[stock],
        telemetry=[sink],
    )
    busy = ProviderError("busy", code="LA-503", guidance="", retryable=True)
    replies = [
        busy,
        [call_tool("stock", item="unicorn"), call_tool("shop__echo", text="hello")],
        call_tool("clerk", query="How many pencils are left?"),
        call_tool("order", item="pencil", count=3),
        "Three pencils are on their way.",
    ]
    buyer = LightAgent(
        name="buyer",
        model=ScriptedModel(replies, "gpt-buyer"),
        tools=[stock, order, clerk.as_tool("clerk", "Knows what is left.")],
        memory=SqliteMemory(folder / "memory.db"),
        memory_policy=MemoryPolicy(namespace="shop"),
        session_store=MemoryJournalStore(),
        telemetry=[sink],
    )
    server: JsonObject = {"command": sys.executable, "args": ["-m", "tests.servers.mcp.stdio_server"], "cwd": ROOT}
    try:
        await buyer.setup_mcp(mcp_setting={"mcpServers": {"shop": server}})
        waiting = await buyer.arun_result("Remember that I like pencils. Buy some.", user_id=USER, session_id=SESSION)
        assert waiting.outcome.kind == "suspended", waiting.error
        done = await buyer.aresume(waiting.journal.to_json(), ApprovalDecision.approve(actor="carol"))
    finally:
        await buyer.aclose()
    assert done.success, done.error
    return [waiting, done]


def text(span: JsonObject, *names: str) -> Json:
    """What stands in a span below these names."""
    found: Json = span
    for name in names:
        found = as_object(found).get(name)
    return found


@pytest.mark.parametrize("protocol", EXPORTERS)
async def test_a_run_is_asked_back_in_its_right_shape(phoenix: PhoenixServer, protocol: str, tmp_path: Path) -> None:
    project = f"buyer-{protocol}"
    with export_to(EXPORTERS[protocol](phoenix), project) as export:
        results = await buy(export.sink, tmp_path)
    count = len(export.kept.get_finished_spans())
    spans = phoenix.spans(project, lambda found: len(found) >= count)
    for s in sorted(spans, key=lambda one: str(one["start_time"])):
        print(s["name"], s["span_kind"], s["parent_id"], s["context"], s["status_code"], s["attributes"], s["events"])
    assert results
    assert 0
