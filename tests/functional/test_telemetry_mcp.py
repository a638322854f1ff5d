"""Requests to MCP servers: how long they took, and on the spans of the calls, the way they went."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.sdk.metrics.export import HistogramDataPoint

from lightagent import LightAgent
from lightagent.compose.mcp import mcp_tools
from lightagent.domain.mcp.servers import McpServer
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.leaks import LeakCheck
from tests.support.mcp_servers import http_process, http_server, stdio_server
from tests.support.recorded_spans import RecordedSpans, attributes, status
from tests.support.semconv_rules import metric_faults, span_faults

METRIC = "mcp.client.operation.duration"
BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)


async def asked(server: McpServer, tool: str, contents: bool = False, **arguments: str) -> RecordedSpans:
    """The telemetry of a run that calls one tool of a server."""
    spans = RecordedSpans()
    model = ScriptedModel([call_tool(tool, **arguments), "Done."])
    agent = LightAgent(model=model, tools=[mcp_tools(server, contents=contents)], telemetry=[spans.sink])
    await agent.arun("?", user_id="ada")
    await agent.aclose()
    assert not [fault for span in spans.ended for fault in span_faults(span)]
    assert not [fault for metric in spans.metrics for fault in metric_faults(metric)]
    return spans


def measured(spans: RecordedSpans) -> Mapping[str, object]:
    """The attributes of the only request."""
    (point,) = spans.points(METRIC)
    assert point.count == 1
    return dict(point.attributes or {})


async def test_a_server_behind_a_pipe(leaks: LeakCheck) -> None:
    spans = await asked(stdio_server(), "faulty__echo", text="canary")
    call = attributes(spans.one("execute_tool faulty__echo"))
    route = {"mcp.method.name": "tools/call", "network.transport": "pipe", "mcp.protocol.version": "2025-11-25"}
    assert call.items() >= route.items()
    assert not {"mcp.session.id", "server.address", "network.protocol.name", "rpc.response.status_code"} & {*call}
    assert measured(spans) == {**route, "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "echo"}
    (point,) = spans.points(METRIC)
    assert isinstance(point, HistogramDataPoint)
    assert tuple(point.explicit_bounds) == BOUNDS
    assert 0 < point.sum < 30


async def test_a_server_behind_a_url(leaks: LeakCheck, tmp_path: Path) -> None:
    with http_process(tmp_path) as child:
        port = int(child.url.rpartition(":")[2])
        spans = await asked(http_server(child.url), "faulty__echo", text="canary")
    call = attributes(spans.one("execute_tool"))
    route = {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2025-11-25",
        "network.transport": "tcp",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    assert call.items() >= route.items()
    assert call["mcp.session.id"]
    assert measured(spans) == {**route, "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "echo"}


@pytest.mark.parametrize(
    ("tool", "error", "code"),
    [("fail", "tool_error", None), ("no_schema", "-32602", "-32602"), ("die", "LA-TOOL", None)],
)
async def test_why_a_request_failed(leaks: LeakCheck, tool: str, error: str, code: str | None) -> None:
    spans = await asked(stdio_server(), f"faulty__{tool}")
    found = measured(spans)
    assert (found["error.type"], found.get("rpc.response.status_code")) == (error, code)
    call = spans.one("execute_tool")
    assert status(call)[0] == "ERROR"
    assert attributes(call).get("rpc.response.status_code") == code


async def test_what_an_agent_reads_besides_tools_has_its_own_method(leaks: LeakCheck) -> None:
    spans = await asked(stdio_server(), "faulty__read_resource", contents=True, uri="note://1")
    assert attributes(spans.one("execute_tool"))["mcp.method.name"] == "resources/read"
    found = measured(spans)
    assert found["mcp.method.name"] == "resources/read"
    assert "gen_ai.tool.name" not in found
    assert "note://1" not in str([span.to_json() for span in spans.ended])


def test_a_session_that_lives_in_another_loop_tells_the_same(leaks: LeakCheck) -> None:
    spans = RecordedSpans()
    source = mcp_tools(stdio_server())

    async def ask() -> None:
        model = ScriptedModel([call_tool("faulty__echo", text="x"), "Done."])
        await LightAgent(model=model, tools=[source], telemetry=[spans.sink]).arun("?")

    async def side_by_side() -> None:
        await asyncio.gather(ask(), asyncio.to_thread(asyncio.run, ask()))
        await source.aclose()

    asyncio.run(side_by_side())
    calls = [attributes(span) for span in spans.named("execute_tool")]
    assert [call["network.transport"] for call in calls] == ["pipe", "pipe"]
    assert sum(point.count for point in spans.points(METRIC)) == 2


async def test_an_agent_without_telemetry_tells_nothing(leaks: LeakCheck) -> None:
    model = ScriptedModel([call_tool("faulty__echo", text="x"), "Done."])
    agent = LightAgent(model=model, tools=[mcp_tools(stdio_server())], telemetry=False)
    assert (await agent.arun("?", result_format="object")).tool_calls[0].output == "x"
    await agent.aclose()
