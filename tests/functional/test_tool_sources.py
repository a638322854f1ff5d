"""Sources of tools: listed when they are needed, as often as they change, and closed by whoever uses them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from lightagent import (
    ChatRequest,
    ConfigurationError,
    Gate,
    Journal,
    JsonObject,
    LightAgent,
    Passed,
    ProviderError,
    RunContext,
    Tool,
    ToolError,
    ToolList,
    ToolSource,
    ToolSpec,
    load_settings,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.bootstrap import App
from lightagent.domain.policy.phases import PayloadT, Phase, RequestPayload, Subject, Verdict
from lightagent.domain.runs.events import ModelReplied, ModelRequested, RunStarted

SCHEMA: JsonObject = {"type": "object", "properties": {}}


class Plain(Tool[object]):
    """A tool that answers with its name, and counts how often its declaration is looked at."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.looks = 0

    @property
    def spec(self) -> ToolSpec:
        self.looks += 1
        return ToolSpec(self.name, f"Answers {self.name}.", SCHEMA)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        return self.name


class Shelf(ToolSource[object]):
    """A source whose list a test changes, and which tells when it is listed and closed."""

    name = ""
    version = 0

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        *,
        offered: tuple[str, ...] | None = None,
        error: Exception | None = None,
        told: list[str] | None = None,
    ) -> None:
        self.name = name
        self.names = names
        self.offered = offered
        self.error = error
        self.told = [] if told is None else told

    async def tools(self) -> ToolList[object]:
        self.told.append(f"{self.name} listed")
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return ToolList({name: Plain(name) for name in self.names}, self.offered)

    async def aclose(self) -> None:
        self.told.append(f"{self.name} closed")
        if self.error is not None:
            raise self.error


def offered(model: ScriptedModel) -> list[list[str]]:
    return [[spec.name for spec in request.tools] for request in model.requests]


async def test_a_source_is_listed_at_its_first_use_and_once_for_five_runs() -> None:
    shelf = Shelf("shelf", ["hammer"])

    def told(request: ChatRequest) -> str:
        return ", ".join(spec.name for spec in request.tools)

    agent = LightAgent(model=ScriptedModel(told), tools=[shelf])
    assert shelf.told == []
    answers = await asyncio.gather(*(agent.arun("?") for _ in range(5)))
    assert answers == ["hammer"] * 5
    assert shelf.told == ["shelf listed"]
    assert await agent.arun("?") == "hammer"
    assert shelf.told == ["shelf listed"]


async def test_a_list_that_changed_is_read_again_before_the_next_request() -> None:
    shelf = Shelf("shelf", ["hammer", "saw"])

    @tool
    async def rearrange() -> str:
        """Changes what the shelf holds."""
        shelf.names, shelf.version = ["hammer", "drill"], shelf.version + 1
        return "done"

    model = ScriptedModel([[call_tool("rearrange"), call_tool("saw")], [call_tool("drill"), call_tool("saw")], "done"])
    result = await LightAgent(model=model, tools=[rearrange, shelf]).arun("?", result_format="object")
    assert offered(model) == [
        ["rearrange", "hammer", "saw"],
        ["rearrange", "hammer", "drill"],
        ["rearrange", "hammer", "drill"],
    ]
    # What was offered for a turn can be called in it, whatever has changed meanwhile.
    assert [(call.name, call.status) for call in result.tool_calls] == [
        ("rearrange", "ok"),
        ("saw", "ok"),
        ("drill", "ok"),
        ("saw", "refused"),
    ]
    assert shelf.told == ["shelf listed"] * 2
    requested = [event for event in result.journal.events if isinstance(event, ModelRequested)]
    assert [list(event.tools) for event in requested] == offered(model)


async def test_a_name_that_is_taken_twice_names_both_places() -> None:
    one, other = Shelf("one", ["saw"]), Shelf("other", ["saw"])
    result = await LightAgent(model=ScriptedModel([]), tools=[one, other]).arun("?", result_format="object")
    assert result.error is not None
    assert result.error.code == "LA-CONFIG"
    assert "'saw'" in result.error.message
    assert "the source 'one'" in result.error.message
    assert "the source 'other'" in result.error.message

    @tool
    async def saw() -> str:
        """Saws."""
        return ""

    result = await LightAgent(model=ScriptedModel([]), tools=[one, saw]).arun("?", result_format="object")
    assert result.error is not None
    assert "the agent's own tools and in the source 'one'" in result.error.message


@pytest.mark.parametrize(
    ("error", "code"),
    [(ProviderError("the shelf is locked", code="LA-503"), "LA-503"), (OSError("no shelf here"), "LA-UNKNOWN")],
)
async def test_a_source_that_fails_ends_the_run_as_failed_with_its_error(error: Exception, code: str) -> None:
    shelf = Shelf("shelf", ["saw"], error=error)
    model = ScriptedModel(["never said"])
    agent = LightAgent(model=model, tools=[shelf])
    result = await agent.arun("?", result_format="object")
    assert result.outcome.kind == "failed"
    assert result.error is not None
    assert result.error.code == code
    assert "shelf" in result.error.message
    assert model.requests == ()
    with pytest.raises(type(error) if isinstance(error, ProviderError) else Exception) as caught:
        await agent.arun("?")
    assert error in (caught.value, caught.value.__cause__)
    shelf.error = None
    assert await agent.arun("?") == "never said"


async def test_a_source_that_offers_what_it_does_not_have_is_refused() -> None:
    shelf = Shelf("shelf", ["saw"], offered=("hammer",))
    result = await LightAgent(model=ScriptedModel([]), tools=[shelf]).arun("?", result_format="object")
    assert result.error is not None
    assert "the source 'shelf' offers 'hammer'" in result.error.message


class Closing(ScriptedModel):
    """A model that tells when it is closed."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(lambda request: "yes")
        self._told = told

    async def aclose(self) -> None:
        self._told.append("model closed")


async def test_an_agent_closes_its_sources_the_last_one_first_and_then_its_model() -> None:
    told: list[str] = []
    shelves = [Shelf(name, [name], told=told) for name in ("a", "b", "c")]
    agent = LightAgent(model=Closing(told), tools=shelves)
    await agent.arun("?")
    shelves[1].error = OSError("b does not close")
    with pytest.raises(OSError, match="b does not close"):
        await agent.aclose()
    assert told == ["a listed", "b listed", "c listed", "c closed", "b closed", "a closed", "model closed"]
    shelves[1].error = None
    assert await agent.arun("?") == "yes"
    assert told[-3:] == ["a listed", "b listed", "c listed"]


async def test_an_app_closes_the_sources_of_its_agents_before_its_model() -> None:
    told: list[str] = []
    async with App(load_settings(environ={}), Closing(told)) as app:
        first = app.agent(tools=[Shelf("a", ["a"], told=told), Shelf("b", ["b"], told=told)])
        second = app.agent(tools=[Shelf("c", ["c"], told=told)])
        assert list(await asyncio.gather(first.arun("?"), second.arun("?"))) == ["yes", "yes"]
        del told[:]
    assert told == ["c closed", "b closed", "a closed", "model closed"]


class Warehouse(ToolSource[object]):
    """Ten thousand tools, of which ten are offered."""

    name = "warehouse"
    version = 0

    def __init__(self) -> None:
        self.stock = {f"tool_number_{number}": Plain(f"tool_number_{number}") for number in range(10_000)}

    async def tools(self) -> ToolList[object]:
        return ToolList(self.stock, tuple(f"tool_number_{number}" for number in range(10)))

    async def aclose(self) -> None:
        """Nothing is open."""

    def looked_at(self) -> Iterator[str]:
        return (name for name, one in self.stock.items() if one.looks)


async def test_of_ten_thousand_tools_only_those_that_are_offered_are_looked_at() -> None:
    warehouse = Warehouse()

    @tool
    async def own() -> str:
        """The agent's own."""
        return "own"

    @tool
    async def besides() -> str:
        """The run's own."""
        return "besides"

    model = ScriptedModel([[call_tool("tool_number_3"), call_tool("besides"), call_tool("tool_number_99")], "done"])
    agent = LightAgent(model=model, tools=[own, warehouse])
    result = await agent.arun("?", tools=[besides], result_format="object")
    assert offered(model) == [["own", *(f"tool_number_{number}" for number in range(10)), "besides"]] * 2
    assert [(call.name, call.status) for call in result.tool_calls] == [
        ("tool_number_3", "ok"),
        ("besides", "ok"),
        ("tool_number_99", "refused"),
    ]
    assert list(warehouse.looked_at()) == [f"tool_number_{number}" for number in range(10)]
    started = result.journal.events[0]
    assert isinstance(started, RunStarted)
    assert await agent.aresume(_before_answer(result.journal.to_json()), tools=[besides]) is not None


def _before_answer(journal: str) -> str:
    """The same journal, cut off before the last answer."""
    from lightagent import Journal

    events = Journal.from_json(journal).events
    return Journal(events[:-2]).to_json()


async def test_an_unknown_name_among_ten_thousand_is_answered_in_two_kilobytes() -> None:
    names = [f"a_rather_long_name_of_a_tool_with_a_number_{number:05}" for number in range(10_000)]
    shelf = Shelf("shelf", names)
    asked = "a_rather_long_name_of_a_tool_with_a_number_0042"
    model = ScriptedModel([[call_tool(asked), call_tool("x" * 5_000)], "done"])
    agent = LightAgent(model=model, tools=[shelf], tool_selection=False)
    result = await agent.arun("?", result_format="object")
    near, far = [call.output or "" for call in result.tool_calls]
    assert len(near.encode()) <= 2_048
    assert len(far.encode()) <= 2_048
    assert "Did you mean" in near
    assert "9,980 more" in far


async def test_a_tool_of_the_run_may_not_have_the_name_of_one_of_a_source() -> None:
    @tool
    async def saw() -> str:
        """Saws."""
        return ""

    agent = LightAgent(model=ScriptedModel([]), tools=[Shelf("shelf", ["saw"])])
    result = await agent.arun("?", tools=[saw], result_format="object")
    assert result.error is not None
    assert "'saw'" in result.error.message
    with pytest.raises(ConfigurationError, match="a source of tools belongs to an agent"):
        await agent.arun("?", tools=[Shelf("other", ["drill"])])


async def test_a_source_that_is_locked_while_a_run_is_resumed_refuses_the_resumption() -> None:
    shelf = Shelf("shelf", ["saw"])
    agent = LightAgent(model=ScriptedModel([call_tool("saw"), "done", "done"]), tools=[shelf])
    journal = (await agent.arun("?", result_format="object")).journal
    shelf.error, shelf.version = ToolError("locked"), 1
    with pytest.raises(ToolError, match="locked"):
        await agent.aresume(_before_answer(journal.to_json()))
    shelf.error = None
    assert (await agent.aresume(_before_answer(journal.to_json()))).content == "done"


class Shy(Gate):
    """Takes the saw out of every request but the second."""

    policies = ("shy",)
    phases: frozenset[Phase] = frozenset({"model_request"})
    timeout = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        if isinstance(payload, RequestPayload) and subject.origin.turn != 2:
            shown = tuple(name for name in payload.tools if name != "saw")
            return Passed(replace(payload, tools=shown))
        return Passed(payload)

    def hold(self, subject: Subject) -> None:
        return None


async def test_a_tool_that_a_policy_hides_from_one_request_may_be_offered_by_the_next() -> None:
    model = ScriptedModel([[call_tool("saw")], [call_tool("saw")], [call_tool("saw")], "done"])
    agent = LightAgent(model=model, tools=[Shelf("shelf", ["hammer", "saw"])], gate=Shy())
    result = await agent.arun("?", result_format="object")
    assert offered(model) == [["hammer"], ["hammer", "saw"], ["hammer"], ["hammer"]]
    assert [call.status for call in result.tool_calls] == ["refused", "ok", "refused"]
    for length in range(1, len(result.journal.events)):
        journal = Journal.from_json(Journal(result.journal.events[:length]).to_json())
        done = sum(isinstance(event, ModelReplied) for event in journal.events)
        rest = ScriptedModel(([[call_tool("saw")]] * 3 + ["done"])[done:])
        tools = [Shelf("shelf", ["hammer", "saw"])]
        again = await LightAgent(name=agent.name, model=rest, tools=tools, gate=Shy()).aresume(journal)
        first, second, third = [call.status for call in again.tool_calls]
        assert (first, third) == ("refused", "refused")
        assert second in ("ok", "unknown")  # One that the cut interrupted may have taken effect.
