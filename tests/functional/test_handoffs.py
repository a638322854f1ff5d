"""One run, several agents: a tool hands the conversation over, and offers more tools from the next turn on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lightagent import (
    ConfigurationError,
    Journal,
    JsonObject,
    LightAgent,
    RunResult,
    ToolAnswer,
    ToolList,
    ToolSource,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.domain.runs.events import ModelReplied, ModelRequested, ToolFinished, ToolStarted
from tests.support.handoff_runs import Request, Seen, build_agents, route

ROOT = Path(__file__).parents[2]
TOUR = route(
    [("front_work", "a")],
    [("move", "billing"), ("front_work", "b")],
    [("billing_work", "c")],
    [("move", "travel")],
    [("travel_work", "d"), ("move", "billing")],
    [("move", "front")],
    [("front_work", "e")],
)


async def tour(query: str = TOUR) -> tuple[RunResult[str], Seen]:
    seen = Seen()
    return await build_agents(seen)["front"].arun(query, deps=seen, result_format="object"), seen


async def test_each_request_is_that_of_the_agent_which_acts() -> None:
    result, seen = await tour()
    acted = ["front", "front", "billing", "billing", "travel", "billing", "front", "front"]
    numbers = {"front": 0, "billing": 1, "travel": 2}
    assert seen.requests == [
        Request(name, name, f"You are {name}.", numbers[name], (f"{name}_work", "move")) for name in acted
    ]
    assert result.content == (
        "front sums up: front did a; billing goes on; front did b; billing did c; travel goes on; "
        "travel did d; billing goes on; front goes on; front did e"
    )
    requested = [event for event in result.journal.events if isinstance(event, ModelRequested)]
    assert [event.tools for event in requested] == [(f"{name}_work", "move") for name in acted]
    replied = [event for event in result.journal.events if isinstance(event, ModelReplied)]
    assert [event.model for event in replied] == [f"{name}-model" for name in acted]
    assert result.journal.run.head.name == "front"


def elsewhere(journals: list[Journal]) -> list[JsonObject]:
    """How these journals end in a process that knows nothing but their JSON."""
    lines = "\n".join(journal.to_json() for journal in journals)
    command = [sys.executable, "-m", "tests.support.handoff_runs"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=50, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_a_run_with_handoffs_cut_after_any_event_ends_the_same_elsewhere() -> None:
    result, _ = await tour()
    cut = [Journal(result.journal.events[:length]) for length in range(1, len(result.journal.events))]
    for prefix, ending in zip(cut, elsewhere(cut), strict=True):
        ended, asked, ran = ending["result"], ending["asked"], ending["ran"]
        assert isinstance(ended, dict)
        assert (ended["content"], ended["outcome"]) == (result.content, "completed")
        assert ended["usage"] == result.usage.to_dict()
        assert isinstance(asked, list)
        assert len(asked) == 8 - prefix.run.turn
        assert isinstance(ran, list)
        assert not finished_keys(prefix) & set(map(str, ran))


def finished_keys(journal: Journal) -> set[str]:
    """The idempotency keys of the calls that have their result."""
    begun: dict[str, str] = {}
    keys: set[str] = set()
    for event in journal.events:
        if isinstance(event, ToolStarted):
            begun[event.call_id] = event.idempotency_key
        elif isinstance(event, ToolFinished):
            keys.add(begun.pop(event.call_id))
    return keys


async def test_a_run_that_was_handed_over_needs_its_agent_to_go_on() -> None:
    result, _ = await tour()
    at = next(place for place, event in enumerate(result.journal.events) if isinstance(event, ModelReplied)) + 1
    handed = [
        Journal(result.journal.events[:length])
        for length in range(at, len(result.journal.events))
        if Journal(result.journal.events[:length]).run.head.name == "travel"
    ]
    seen = Seen()
    lone = build_agents(seen)["travel"]
    alone = LightAgent(deps_type=Seen, name="front", model=lone.means.model, tools=[])
    with pytest.raises(ConfigurationError, match="travel"):
        await alone.aresume(handed[0], deps=seen)
    assert seen == Seen()


async def test_a_stream_has_no_seam() -> None:
    plain, _ = await tour()
    seen = Seen()
    stream = build_agents(seen)["front"].astream(TOUR, deps=seen, result_format="event")
    events = [event async for event in stream]
    assert [event.type for event in events].count("done") == 1
    assert events[-1].type == "done"
    assert {event.trace_id for event in events} == {stream.result.trace_id}
    assert all(event.path == () for event in events)
    replies = [event for event in plain.journal.events if isinstance(event, ModelReplied)]
    assert "".join(str(event.data["text"]) for event in events if event.type == "content") == "".join(
        event.message.content or "" for event in replies
    )
    assert stream.result.journal == plain.journal
    chunks = build_agents(Seen())["front"].astream(TOUR, deps=Seen())
    finished = [choice.finish_reason async for chunk in chunks for choice in chunk.choices]
    assert finished[-1] == "stop"
    assert finished.count("stop") == 1


async def test_an_unknown_target_is_told_to_the_model_and_nobody_else_acts() -> None:
    result, seen = await tour(route([("move", "nobody")]))
    [call] = result.tool_calls
    assert call.status == "failed"
    assert (
        call.output
        == "[LA-TOOL] Unknown agent 'nobody': the run cannot be handed over to it. Agents: front, billing, travel."
    )
    assert [request.agent for request in seen.requests] == ["front", "front"]


async def test_the_first_of_two_handoffs_in_one_round_wins() -> None:
    result, seen = await tour(route([("move", "travel"), ("move", "billing")]))
    assert [request.agent for request in seen.requests] == ["front", "travel"]
    assert [call.status for call in result.tool_calls] == ["ok", "ok"]


async def test_the_output_type_of_the_first_agent_stays() -> None:
    @tool
    async def leave() -> ToolAnswer:
        """Hands over."""
        return ToolAnswer("bye", hand_over="second")

    second = LightAgent(name="second", model=ScriptedModel(["no number", "42"]), output_type=list[str])
    first = LightAgent(
        name="first", model=ScriptedModel([call_tool("leave")]), tools=[leave], handoffs=[second], output_type=int
    )
    result = await first.arun("How many?", result_format="object")
    assert result.output == 42
    head = result.journal.run.head
    assert head.name == "second"
    assert head.output_schema == first.means.head.output_schema != second.means.head.output_schema
    assert '"integer"' in head.instructions.content


def test_agents_that_hand_over_to_each_other_have_names_of_their_own() -> None:
    twin = LightAgent(name="twin", model=ScriptedModel([]))
    with pytest.raises(ConfigurationError, match="two agents are called 'twin'"):
        LightAgent(name="twin", model=ScriptedModel([]), handoffs=[twin])


@tool
async def hidden() -> str:
    """Is offered only when somebody asks for it."""
    return "found"


@tool
async def search() -> ToolAnswer:
    """Finds the hidden tool."""
    return ToolAnswer("There is one called hidden.", offer=("hidden",))


class Cellar(ToolSource[None]):
    """Holds more than it offers."""

    name = "cellar"
    version = 0

    async def tools(self) -> ToolList[None]:
        return ToolList({"search": search, "hidden": hidden}, offered=("search",))

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_a_tool_that_is_offered_by_another_can_be_called_from_the_next_turn_on() -> None:
    model = ScriptedModel(
        [[call_tool("hidden"), call_tool("search")], [call_tool("hidden"), call_tool("search")], "done"]
    )
    result = await LightAgent(model=model, tools=[Cellar()]).arun("?", result_format="object")
    assert [(call.name, call.status) for call in result.tool_calls] == [
        ("hidden", "refused"),
        ("search", "ok"),
        ("hidden", "ok"),
        ("search", "ok"),
    ]
    requested = [event.tools for event in result.journal.events if isinstance(event, ModelRequested)]
    assert requested == [("search",), ("search", "hidden"), ("search", "hidden")]
    assert [[spec.name for spec in request.tools] for request in model.requests] == [list(names) for names in requested]


@pytest.mark.parametrize("odd", [ToolAnswer("x", offer=("gone",)), ToolAnswer("x", hand_over="gone")])
async def test_an_answer_with_an_effect_that_cannot_be_fails_the_call_only(odd: ToolAnswer) -> None:
    @tool
    async def strange() -> ToolAnswer:
        """Wants what is not there."""
        return odd

    agent = LightAgent(model=ScriptedModel([call_tool("strange"), "went on"]), tools=[strange])
    result = await agent.arun("?", result_format="object")
    assert result.content == "went on"
    [call] = result.tool_calls
    assert call.status == "failed"
    assert call.output is not None
    assert call.output.startswith("[LA-TOOL]")
    assert "'gone'" in call.output


@pytest.mark.parametrize(("name", "value"), [("offer", 5), ("offer", "hidden"), ("offer", (5,)), ("hand_over", ["x"])])
async def test_an_effect_of_a_wrong_type_fails_the_call_only(name: str, value: object) -> None:
    @tool
    async def strange() -> ToolAnswer:
        """Answers with an effect that is none."""
        answer = ToolAnswer("x")
        object.__setattr__(answer, name, value)
        return answer

    agent = LightAgent(model=ScriptedModel([call_tool("strange"), "went on"]), tools=[strange, hidden])
    result = await agent.arun("?", result_format="object")
    assert result.content == "went on"
    [call] = result.tool_calls
    assert call.status == "failed"
    assert call.output is not None
    assert name in call.output
