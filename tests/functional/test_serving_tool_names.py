"""Names of a client's functions that are taken, or that no provider takes: refused before anything runs."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from starlette.applications import Starlette

from lightagent import LightAgent, LightSwarm, ToolSelection, serve
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.domain.json_types import JsonObject, JsonValue
from tests.support.asgi_calls import answer_to, chat, objects

PROTOCOLS = ("chat", "responses", *(["agui"] if find_spec("ag_ui") is not None else []))


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def look_up(word: str) -> str:
    """Look a word up."""
    return word


def made() -> tuple[Starlette, list[ScriptedModel]]:
    """A server of an agent that selects its tools, and of a swarm whose second agent has a tool of its own."""
    models = [ScriptedModel(["Well."]) for _ in range(3)]
    alone, first, second = models
    helper = LightAgent(
        name="helper", model=alone, tools=[add, look_up], tool_selection=ToolSelection(threshold=1, always=("add",))
    )
    swarm = LightSwarm(consult=True)
    front = LightAgent(name="front", model=first)
    swarm.register_agent(front, LightAgent(name="expert", model=second, tools=[look_up]))
    return serve([helper], swarms={"team": swarm}), models


def asking(protocol: str, model: str, *names: JsonValue) -> tuple[str, JsonObject]:
    """The address, and a request that declares functions of these names."""
    if protocol == "chat":
        tools: list[JsonValue] = [{"type": "function", "function": {"name": name}} for name in names]
        return "/v1/chat/completions", {**chat("Hi", tools=tools), "model": model}
    if protocol == "responses":
        return "/v1/responses", {
            "model": model,
            "input": "Hi",
            "tools": [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in names],
        }
    declared: list[JsonValue] = [{"name": name, "description": "", "parameters": {"type": "object"}} for name in names]
    said: JsonObject = {"id": "m1", "role": "user", "content": "Hi"}
    return f"/ag-ui/{model}", {"threadId": "t", "runId": "r", "messages": [said], "tools": declared}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("helper", "add"),
        ("helper", "search_tools"),
        ("team", "transfer_to_expert"),
        ("team", "consult_expert"),
        ("team", "look_up"),
        ("team", "transfer_to_front"),
        ("helper", "a name"),
        ("helper", "x" * 129),
        ("helper", ""),
        ("helper", "\ud800"),
        ("helper", "fine"),
    ],
)
async def test_a_name_that_is_taken_or_that_no_provider_takes_is_named(protocol: str, model: str, name: str) -> None:
    app, models = made()
    path, body = asking(protocol, model, "fine", name)
    refused = await answer_to(app, path, body)
    assert refused.status == 400
    (error,) = objects([refused.json["error"]])
    function = ".function" if protocol == "chat" else ""
    assert error["param"] == f"tools[1]{function}.name"
    assert str(error["message"]).startswith(f"{error['param']}: ")
    assert error["guidance"] == "Rename the function."
    assert not any(model.requests for model in models)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ["weather", "get-weather_2", "files/read", "a.b:c"])
async def test_other_names_are_offered_to_the_model(protocol: str, name: str) -> None:
    app, models = made()
    path, body = asking(protocol, "helper", name)
    assert (await answer_to(app, path, body)).status == 200
    assert name in [tool.name for tool in models[0].requests[0].tools]
