"""Tools of an OpenAPI document before policies."""

from __future__ import annotations

import json

import pytest

from lightagent import (
    CapabilityPolicy,
    CapabilityRule,
    InformationFlow,
    LightAgent,
    Requester,
    openapi_tools,
)
from lightagent.domain.json_types import JsonObject
from lightagent.domain.network.http_calls import HttpAnswer, HttpCall
from lightagent.ports.http import HttpSender
from lightagent.testing import ScriptedModel, call_tool

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
