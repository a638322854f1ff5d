"""Tool calls over real HTTP: one, several, cut anywhere; what goes back to the model, also when it errs."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.functional.agents import MODES, Tools, agent_at, ask, roles, sent
from tests.servers.aimock import Aimock
from tests.servers.fault_server import FaultServer
from tests.servers.json_values import as_list, as_object
from tests.servers.leaks import LeakCheck


@MODES
async def test_one_tool(leaks: LeakCheck, aimock: Aimock, stream: bool) -> None:
    tools = Tools()
    async with agent_at(aimock.base_url, tools.add, tools.weather) as agent:
        ending = await ask(agent, "[one-tool] What is 19 + 23?", stream=stream)
    assert ending.result.content == "19 + 23 = 42."
    assert ending.calls == [("add", "42", "ok")]
    assert tools.done == ["add 19 23"]
    first, second = aimock.journal()
    assert [as_object(as_object(tool)["function"])["name"] for tool in as_list(first.body["tools"])] == [
        "add",
        "weather",
    ]
    assert roles(second) == ["system", "user", "assistant", "tool"]
    assert sent(second.body)[:2] == sent(first.body)
    assert (first.body.get("stream") is True) == (second.body.get("stream") is True) == stream


@MODES
async def test_the_calls_of_one_turn_run_at_once_and_answer_in_order(
    leaks: LeakCheck, aimock: Aimock, stream: bool
) -> None:
    tools = Tools()
    async with agent_at(aimock.base_url, tools.add, tools.weather) as agent:
        ending = await ask(agent, "[many-tools]", stream=stream)
    assert ending.result.content == "All three calls are done."
    assert ending.calls == [("add", "3", "ok"), ("weather", "It is sunny in Zürich.", "ok"), ("add", "7", "ok")]
    assert tools.done[-1] == "weather Zürich", "the slow one did not hold up the one after it"
    *_, assistant, one, two, three = sent(aimock.journal()[1].body)
    calls = [as_object(call) for call in as_list(assistant["tool_calls"])]
    assert [call["id"] for call in calls] == ["call_1", "call_2", "call_3"]
    assert [call["type"] for call in calls] == ["function"] * 3
    assert [json.loads(str(as_object(call["function"])["arguments"])) for call in calls] == [
        {"a": 1, "b": 2},
        {"city": "Zürich"},
        {"a": 3, "b": 4},
    ]
    assert [(answer["role"], answer["tool_call_id"], answer["content"]) for answer in (one, two, three)] == [
        ("tool", "call_1", "3"),
        ("tool", "call_2", "It is sunny in Zürich."),
        ("tool", "call_3", "7"),
    ]


@MODES
async def test_a_turn_after_a_turn(leaks: LeakCheck, aimock: Aimock, stream: bool) -> None:
    tools = Tools()
    async with agent_at(aimock.base_url, tools.add) as agent:
        ending = await ask(agent, "[two-turns]", stream=stream, trace=True)
    assert ending.result.content == "3 and 7."
    assert ending.calls == [("add", "3", "ok"), ("add", "7", "ok")]
    assert [len(entry.body["messages"]) for entry in aimock.journal() if isinstance(entry.body["messages"], list)] == [
        2,
        4,
        6,
    ]


@MODES
@pytest.mark.parametrize(
    ("word", "outputs"),
    [
        ("[split-tool]", ['It is sunny in Zürich "old town" \\ 漢字.', "42"]),
        ("[surrogate-tool]", ["It is sunny in Zürich 👋🏽."]),
        ("[text-and-tool]", ["42"]),
    ],
)
async def test_calls_cut_at_every_character(
    leaks: LeakCheck, aimock: Aimock, word: str, outputs: list[str], stream: bool
) -> None:
    tools = Tools()
    async with agent_at(aimock.base_url, tools.add, tools.weather) as agent:
        ending = await ask(agent, word, stream=stream)
    assert ending.result.success
    assert [output for _, output, _ in ending.calls] == outputs
    assert len(aimock.journal()) == 2
    if stream and word == "[text-and-tool]":
        assert ending.live == "Let me add these.19 + 23 = 42."


@pytest.mark.parametrize("layout", ["whole", "packed", "split", "interleaved", "repeated", "indexless"])
@pytest.mark.parametrize("pieces", [1, 7, 64])
async def test_calls_cut_in_any_layout_at_any_byte(
    leaks: LeakCheck, faults: FaultServer, layout: str, pieces: int
) -> None:
    tools = Tools()
    scenario = faults.scenario("tools", calls=3, tool="add", layout=layout, pieces=pieces)
    async with agent_at(scenario.base_url, tools.add) as agent:
        ending = await ask(agent, "Add.", stream=True)
    assert ending.result.success
    assert tools.done == ["add 1 2"] * 3
    first, second = scenario.requests
    answers = [message for message in sent(second.json()) if message["role"] == "tool"]
    assert [answer["tool_call_id"] for answer in answers] == ["call_0_0", "call_0_1", "call_0_2"]
    assert first.connection == second.connection
    await scenario.all_closed()


@MODES
@pytest.mark.parametrize(
    ("word", "says", "final"),
    [
        ("[unknown-tool]", "There is no tool 'delete_everything'. Tools: add, weather.", "I have no such tool."),
        ("[wrong-arguments]", "'b' is missing", "I gave the wrong arguments."),
    ],
)
async def test_a_model_that_errs_is_told_and_the_run_goes_on(
    leaks: LeakCheck, aimock: Aimock, word: str, says: str, final: str, stream: bool
) -> None:
    tools = Tools()
    async with agent_at(aimock.base_url, tools.add, tools.weather) as agent:
        ending = await ask(agent, word, stream=stream)
    assert ending.result.content == final
    ((_, output, status),) = ending.calls
    assert status == "refused"
    assert output is not None
    assert output.startswith("[LA-TOOL] ")
    assert says in output
    assert tools.done == []
    assert sent(aimock.journal()[1].body)[-1]["content"] == output


@MODES
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ('{"a": 1, "b": 2', "[LA-JSON]"),
        ('{"a": 1, "b": NaN}', "[LA-JSON]"),
        ('{"a": 1, "a": 1, "b": 2}', "[LA-TOOL] The arguments hold the name 'a' twice"),
        ('{"a": 1, "b": 2, "c": 3}', "'c' is unknown"),
        ('{"a": true, "b": 2}', "[LA-TOOL]"),
        ("[1, 2]", "[LA-TOOL] The arguments must be a JSON object"),
        ("", "'a' is missing"),
    ],
)
async def test_arguments_that_are_none(
    leaks: LeakCheck, faults: FaultServer, arguments: str, says: str, stream: bool
) -> None:
    tools = Tools()
    scenario = faults.scenario("tools", arguments=arguments)
    async with agent_at(scenario.base_url, tools.add) as agent:
        ending = await ask(agent, "Add.", stream=stream)
    assert ending.result.success
    ((_, output, status),) = ending.calls
    assert (status, tools.done) == ("refused", [])
    assert output is not None
    assert says in output
    assert len(output.encode()) <= 2048


@MODES
async def test_a_tool_that_fails_or_hangs_is_told(leaks: LeakCheck, aimock: Aimock, stream: bool) -> None:
    def add(a: int, b: int) -> int:
        raise ValueError(f"no sum of {a} and {b}")

    async with agent_at(aimock.base_url, add, Tools().weather) as agent:
        ending = await ask(agent, "[many-tools]", stream=stream)
    assert ending.result.content == "All three calls are done."
    assert [status for _, _, status in ending.calls] == ["failed", "ok", "failed"]
    assert ending.calls[0][1] == "[LA-TOOL] add failed: ValueError: no sum of 1 and 2"


@MODES
async def test_a_model_that_never_stops_calling_is_bounded(leaks: LeakCheck, aimock: Aimock, stream: bool) -> None:
    tools = Tools()
    async with agent_at(aimock.base_url, tools.add) as agent:
        ending = await ask(agent, "[tool-loop]", stream=stream, max_tool_iterations=3)
    assert ending.code == "LA-BUDGET"
    assert ending.result.outcome.kind == "budget_exhausted"
    assert "after 3 rounds" in ending.message
    assert tools.done == ["add 1 1"] * 3
    assert len(aimock.journal()) == 4


@MODES
async def test_a_call_that_is_cut_off_is_not_carried_out(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    tools = Tools()
    scenario = faults.scenario("tools", cut=2, inside=1, end="rst")
    async with agent_at(scenario.base_url, tools.add) as agent:
        ending = await ask(agent, "Add.", stream=stream, max_retry=1)
    assert ending.code == "LA-503"
    assert tools.done == []


async def test_only_offered_tools_can_be_called(leaks: LeakCheck, faults: FaultServer) -> None:
    tools = Tools()
    scenario = faults.scenario("tools", tool="add")
    async with agent_at(scenario.base_url, tools.weather) as agent:
        first, second = await asyncio.gather(
            agent.arun("Add.", result_format="object", tools=[tools.add]),
            agent.arun("Add.", result_format="object"),
        )
    assert [call.status for call in first.tool_calls] == ["ok"]
    assert [call.status for call in second.tool_calls] == ["refused"]
    assert tools.done == ["add 1 2"]
