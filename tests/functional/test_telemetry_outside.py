"""What tools ask of other processes is linked to the span of the call; who acts is told also where a run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import ApprovalDecision, LightAgent, Suspended, ToolAnswer, tool
from lightagent.compose.mcp import mcp_tools
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.json_types import JsonObject
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.api_server import api_server
from tests.servers.leaks import LeakCheck
from tests.support.mcp_servers import http_process, http_server, stdio_server
from tests.support.recorded_spans import RecordedSpans, attributes, parent_id, span_id, trace_id


def traceparents(spans: RecordedSpans, name: str) -> list[str]:
    """The headers that make others' spans children of these."""
    found = spans.named(name)
    flags = [0 if span.context is None else span.context.trace_flags for span in found]
    return [f"00-{trace_id(span)}-{span_id(span):016x}-{flag:02x}" for span, flag in zip(found, flags, strict=True)]


ORDERS: JsonObject = {
    "openapi": "3.0.3",
    "info": {"title": "Orders", "version": "1"},
    "paths": {"/order": {"get": {"operationId": "read_order", "responses": {"200": {"description": "An order."}}}}},
}


async def test_a_tool_of_an_api_takes_the_span_of_its_call_along() -> None:
    spans = RecordedSpans()
    async with api_server() as server:
        source = openapi_tools(ORDERS, server=server.url, private_hosts=[server.host])
        model = ScriptedModel([[call_tool("read_order"), call_tool("read_order")], "Done."])
        agent = LightAgent(model=model, tools=[source], telemetry=[spans.sink])
        with spans.app.start_as_current_span("request"):
            await agent.arun("?")
        await agent.aclose()
    sent = [seen.headers["traceparent"] for seen in server.seen]
    calls = traceparents(spans, "execute_tool read_order")
    assert sorted(sent) == sorted(calls)  # They are carried out side by side.
    assert len({*sent}) == 2
    assert {trace_id(span) for span in spans.all} == {trace_id(spans.one("request"))}


async def test_without_telemetry_an_api_is_sent_no_trace() -> None:
    async with api_server() as server:
        source = openapi_tools(ORDERS, server=server.url, private_hosts=[server.host])
        agent = LightAgent(model=ScriptedModel([call_tool("read_order"), "Done."]), tools=[source], telemetry=False)
        await agent.arun("?")
        await agent.aclose()
    assert "traceparent" not in server.seen[0].headers


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_tool_of_an_mcp_server_is_told_the_span_of_its_call(
    leaks: LeakCheck, tmp_path: Path, transport: str
) -> None:
    spans = RecordedSpans()
    model = ScriptedModel([call_tool("faulty__meta"), "Done."])
    with http_process(tmp_path, "--modern") as child:
        server = stdio_server() if transport == "stdio" else http_server(child.url)
        agent = LightAgent(model=model, tools=[mcp_tools(server)], telemetry=[spans.sink])
        result = await agent.arun("?", result_format="object")
        await agent.aclose()
    (call,) = result.tool_calls
    told = json.loads(call.output or "")
    assert [told["traceparent"]] == traceparents(spans, "execute_tool faulty__meta")
    attributes_ = attributes(spans.one("execute_tool"))
    assert attributes_["mcp.method.name"] == "tools/call"
    assert attributes_["gen_ai.tool.name"] == "faulty__meta"


async def test_who_acts_in_a_nested_run_after_a_handoff_is_known_when_it_goes_on() -> None:
    @tool
    def transfer() -> ToolAnswer:
        """Hands over."""
        return ToolAnswer("handed over", hand_over="travel")

    @tool(requires_approval=True)
    async def careful() -> str:
        """Works."""
        return "worked"

    spans = RecordedSpans()
    travel = LightAgent(name="travel", model=ScriptedModel([call_tool("careful"), "Booked."]), tools=[careful])
    front = LightAgent(name="front", model=ScriptedModel([call_tool("transfer")]), tools=[transfer], handoffs=[travel])
    lead = LightAgent(
        name="lead",
        model=ScriptedModel([call_tool("front", query="?"), "Done."]),
        tools=[front.as_tool("front", "The front desk.")],
        telemetry=[spans.sink],
    )
    waits = await lead.arun("?", result_format="object")
    assert isinstance(waits.outcome, Suspended)
    acting = [attributes(span)["lightagent.agent.name"] for span in spans.named("chat")]
    assert acting == ["lead", "front", "travel"]
    spans.clear()
    (name,) = waits.outcome.call_ids
    result = await lead.aresume(waits.journal.to_json(), {name: ApprovalDecision.approve()})
    assert result.content == "Done."
    assert [attributes(span)["lightagent.agent.name"] for span in spans.named("chat")] == ["travel", "lead"]
    # The run is that of the agent that was called, whoever acts in it by now.
    nested = spans.one("invoke_agent front")
    assert parent_id(nested) == span_id(spans.one("execute_tool front"))
    assert parent_id(spans.one("execute_tool careful")) == span_id(nested)
    assert spans.open == 0
