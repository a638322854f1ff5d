"""Arize Phoenix as the backend: what agents do is exported to it over OTLP, and asked back over its own API."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lightagent import ApprovalDecision, LightAgent, MemoryPolicy, RunResult, tool
from lightagent.adapters.chat.scripted import Reply
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.adapters.telemetry.otel.export import TelemetryExport
from lightagent.adapters.telemetry.otel.options import OtlpOptions, Protocol
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
from lightagent.domain.errors import ProviderError
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.json_values import Json, JsonObject, as_list, as_object
from tests.servers.phoenix import PROJECT_ATTRIBUTE, PhoenixServer
from tests.support.walked_features import FEATURES, ROOT, Scene

pytestmark = [pytest.mark.timeout(400), pytest.mark.needs("phoenix")]

USER: Final = "ann"
SESSION: Final = "talk-1"
PROTOCOLS: Final[dict[str, Protocol]] = {"http": "http/protobuf", "grpc": "grpc"}


@dataclass(frozen=True)
class Export:
    """A sink whose spans go to Phoenix, and are kept here as well."""

    sink: OpenTelemetrySink
    kept: InMemorySpanExporter


@contextmanager
def export_to(phoenix: PhoenixServer, protocol: str, project: str) -> Iterator[Export]:
    """All that is told in the block has been sent when it ends, as settings would have it sent."""
    endpoint = phoenix.grpc_traces if protocol == "grpc" else phoenix.url
    options = OtlpOptions(
        endpoint=endpoint, protocol=PROTOCOLS[protocol], metrics=False, resource={PROJECT_ATTRIBUTE: project}
    )
    export, kept = TelemetryExport(options), InMemorySpanExporter()
    export.tracer_provider.add_span_processor(SimpleSpanProcessor(kept))
    try:
        yield Export(OpenTelemetrySink(tracer_provider=export.tracer_provider, meter_provider=MeterProvider()), kept)
        assert export.flush(30)
        assert (export.sent, export.lost) == (len(kept.get_finished_spans()), 0)
    finally:
        export.close(10)


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
    replies: list[Reply] = [
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


def trace_of(span: JsonObject) -> Json:
    return as_object(span["context"])["trace_id"]


def id_of(span: JsonObject) -> str:
    return str(as_object(span["context"])["span_id"])


def ids_of(sent: ReadableSpan) -> tuple[str, str]:
    """The ids of the trace and of the span, as Phoenix writes them."""
    assert sent.context is not None
    return f"{sent.context.trace_id:032x}", f"{sent.context.span_id:016x}"


def parents(spans: Sequence[JsonObject]) -> list[tuple[str, str, str]]:
    """The kind and the name of each span, and the name of the one above it, in the order of their beginning."""
    names = {id_of(span): str(span["name"]) for span in spans}
    ordered = sorted(spans, key=lambda span: str(span["start_time"]))
    return [(str(span["span_kind"]), str(span["name"]), names.get(str(span["parent_id"]), "")) for span in ordered]


def named(spans: Sequence[JsonObject], name: str) -> list[JsonObject]:
    return [span for span in sorted(spans, key=lambda span: str(span["start_time"])) if span["name"] == name]


def attribute(span: JsonObject, name: str) -> Json:
    return as_object(span["attributes"]).get(name)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_run_is_asked_back_in_its_right_shape(phoenix: PhoenixServer, protocol: str, tmp_path: Path) -> None:
    project = f"buyer-{protocol}"
    with export_to(phoenix, protocol, project) as export:
        waiting, done = await buy(export.sink, tmp_path)
    sent = export.kept.get_finished_spans()
    spans = phoenix.spans(project, lambda found: len(found) >= len(sent))

    assert parents(spans) == [
        ("AGENT", "invoke_agent buyer", ""),
        ("RETRIEVER", "retrieval sqlite", "invoke_agent buyer"),
        ("LLM", "chat gpt-buyer", "invoke_agent buyer"),
        ("LLM", "chat gpt-buyer", "invoke_agent buyer"),
        ("TOOL", "execute_tool stock", "invoke_agent buyer"),
        ("TOOL", "execute_tool shop__echo", "invoke_agent buyer"),
        ("LLM", "chat gpt-buyer", "invoke_agent buyer"),
        ("TOOL", "execute_tool clerk", "invoke_agent buyer"),
        ("AGENT", "invoke_agent clerk", "execute_tool clerk"),
        ("LLM", "chat gpt-clerk", "invoke_agent clerk"),
        ("TOOL", "execute_tool stock", "invoke_agent clerk"),
        ("LLM", "chat gpt-clerk", "invoke_agent clerk"),
        ("LLM", "chat gpt-buyer", "invoke_agent buyer"),
        ("AGENT", "invoke_agent buyer", ""),
        ("TOOL", "execute_tool order", "invoke_agent buyer"),
        ("LLM", "chat gpt-buyer", "invoke_agent buyer"),
    ]
    assert {trace_of(span) for span in spans} == {waiting.trace_id} == {done.trace_id}
    assert {id_of(span) for span in spans} == {ids_of(span)[1] for span in sent}
    assert {attribute(span, "session.id") for span in spans} == {SESSION}
    assert {attribute(span, "user.id") for span in spans} == {USER}

    first, second = named(spans, "invoke_agent buyer")
    assert [attribute(span, "lightagent.outcome") for span in (first, second)] == ["suspended", "completed"]
    assert {"lightagent.approval.requested", "lightagent.run.suspended"} <= events(first)
    assert {"lightagent.approval.decided", "lightagent.memory.write"} <= events(second)
    failed = {str(span["name"]): attribute(span, "error.type") for span in spans if span["status_code"] == "ERROR"}
    assert failed == {"chat gpt-buyer": "LA-503", "execute_tool stock": "LA-TOOL"}
    assert attribute(named(spans, "execute_tool stock")[0], "tool.id") == "call_2_1"

    # Phoenix keeps no links; what was suspended is linked with what went on.
    links = [f"{link.context.span_id:016x}" for span in sent for link in span.links]
    assert links == [id_of(first)]

    # Phoenix adds up what its own names say: each token once.
    told = [attribute(span, "llm.token_count.total") for span in spans]
    assert sum(count for count in told if isinstance(count, int)) == done.usage.total_tokens


def events(span: JsonObject) -> set[str]:
    return {str(as_object(event)["name"]) for event in as_list(span["events"])}


async def test_what_every_feature_tells_arrives(phoenix: PhoenixServer, tmp_path: Path) -> None:
    """A capability that is added to the walk is added here as well."""
    with export_to(phoenix, "http", "walk") as export:
        for place, show in enumerate(FEATURES.values()):
            folder = tmp_path / str(place)
            folder.mkdir()
            await show(Scene([export.sink], folder, "a word"))
    sent = export.kept.get_finished_spans()
    spans = phoenix.spans("walk", lambda found: len(found) >= len(sent))
    assert {(trace_of(span), id_of(span), span["parent_id"], span["name"]) for span in spans} == {
        (*ids_of(span), None if span.parent is None else f"{span.parent.span_id:016x}", span.name) for span in sent
    }
    kinds = {str(attribute(span, "gen_ai.operation.name")): span["span_kind"] for span in spans}
    assert kinds.items() >= {"invoke_agent": "AGENT", "chat": "LLM", "execute_tool": "TOOL"}.items()
