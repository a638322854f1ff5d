"""Tools of an OpenAPI document before policies, and tools that a model writes under the policies of its agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lightagent import (
    BudgetLimits,
    CapabilityPolicy,
    CapabilityRule,
    InformationFlow,
    LightAgent,
    LightAgentError,
    Requester,
    RunContext,
    openapi_tools,
)
from lightagent.domain.http_calls import HttpAnswer, HttpCall
from lightagent.domain.json_types import JsonObject
from lightagent.ports.http import HttpSender
from lightagent.testing import ScriptedModel, call_tool
from tests.unit.test_generated_tools import DOUBLE, answer

DOCUMENT: JsonObject = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example"}],
    "paths": {
        "/order": {"get": {"operationId": "read_order"}, "post": {"operationId": "make_order"}},
    },
}


class Answering(HttpSender):
    """Answers every call with the same order."""

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.calls.append(call)
        return HttpAnswer(200, "application/json", content=json.dumps({"id": 1}).encode())


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_rule_speaks_of_all_operations_of_an_api() -> None:
    listed = (await openapi_tools(DOCUMENT, name="shop", methods=["*"]).tools()).tools
    policy = CapabilityPolicy(
        [CapabilityRule("allow", tools=["shop/*"]), CapabilityRule("deny", tools=["shop/*"], capabilities=["write"])]
    )
    decided = {name: policy.decide(Requester(), tool.spec).access for name, tool in listed.items()}
    assert decided == {"read_order": "allow", "make_order": "deny"}
    assert (
        CapabilityPolicy([CapabilityRule("allow", tools=["other/*"])])
        .decide(Requester(), listed["read_order"].spec)
        .access
        == "deny"
    )


@pytest.mark.parametrize(
    ("flow", "made"),
    [
        (InformationFlow(), 1),
        (InformationFlow(tainted_calls="deny"), 1),
        (InformationFlow(trusted_labels=["openapi:shop", "tool:read_*"]), 2),
    ],
)
async def test_a_call_after_an_answer_waits_unless_the_api_is_trusted(flow: InformationFlow, made: int) -> None:
    sender = Answering()
    source = openapi_tools(DOCUMENT, name="shop", methods=["*"], sender=sender)
    model = ScriptedModel([call_tool("read_order"), call_tool("make_order"), "Done."])
    await LightAgent(model=model, tools=[source], information_flow=flow).arun("Order.", result_format="object")
    assert len(sender.calls) == made


async def test_tools_are_written_under_the_policies_of_the_agent(tmp_path: Path) -> None:
    def refuses(text: str, _context: object) -> bool:
        return "secret" not in text

    agent = LightAgent(model=ScriptedModel([answer(), answer()]), input_guardrails=[refuses])
    with pytest.raises(LightAgentError, match="LA-GUARDRAIL"):
        await agent.acreate_tool("The secret API.", tmp_path)
    assert files(tmp_path) == []
    agent = LightAgent(model=ScriptedModel([answer()]), budgets=BudgetLimits(model_calls=0))
    with pytest.raises(LightAgentError, match="LA-BUDGET"):
        await agent.acreate_tool("Double numbers.", tmp_path)
    assert files(tmp_path) == []


async def test_the_run_that_writes_tools_is_a_run_of_the_agent(tmp_path: Path) -> None:
    def shout(text: str, ctx: RunContext[int]) -> str:
        """Shout."""
        return text * ctx.deps

    model = ScriptedModel([answer()])
    agent = LightAgent(model=model, tools=[shout], deps_type=int, instructions="You are loud.", role="A crier.")
    await agent.acreate_tool("Double numbers.", tmp_path, user_id="ann")
    (request,) = model.requests
    assert request.tools == ()
    assert "You are loud" not in str(request.messages[0].to_openai())
    journal = agent.export_journal()
    assert journal is not None
    assert journal.run.started.scope.user == "ann"
    assert [event.type for event in journal.events][-1] == "run_finished"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_text_is_needed(text: str) -> None:
    with pytest.raises(LightAgentError, match="there is no text"):
        LightAgent(model=ScriptedModel([])).create_tool(text)


def test_written_tools_can_be_called_at_once(tmp_path: Path) -> None:
    model = ScriptedModel([answer(DOUBLE), call_tool("double", x=21), "42"])
    agent = LightAgent(model=model)
    agent.create_tool("Double numbers.", tmp_path, auto_load=True)
    assert agent.run("Double 21.", result_format="object").tool_calls[0].output == "42"
