"""An agent with many tools offers those that fit; what was offered stays, byte for byte, wherever the run goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import cast

import pytest

from lightagent import (
    ApprovalDecision,
    CapabilityPolicy,
    CapabilityRule,
    ChatRequest,
    ConfigurationError,
    ContextBudget,
    Journal,
    JsonObject,
    LightAgent,
    RunResult,
    Sessions,
    ToolAnswer,
    ToolSelection,
    ToolSpec,
    before_model_request,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.policy.phases import RequestPayload, Subject
from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.selection import ToolsSelected
from lightagent.testing import ScriptedModel, call_tool
from tests.support.many_tools import (
    DEEDS,
    THINGS,
    ChangingTools,
    EchoTool,
    assert_only_added,
    many_tools,
    offered,
    parameters,
    serialised,
)

FEW = ToolSelection(threshold=10, tokens=800)
REFUND = "Please refund what was paid."


def selections(journal: Journal) -> list[ToolsSelected]:
    return [event for event in journal.events if isinstance(event, ToolsSelected)]


def test_the_model_is_offered_what_fits_and_finds_the_rest() -> None:
    model = ScriptedModel(
        [
            call_tool("search_tools", query="certificates of servers"),
            call_tool("update_certificate", certificate_id="7"),
            "Renewed.",
        ]
    )
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=FEW)
    result = agent.run(REFUND, result_format="object", trace=True)
    first, second, third = model.requests
    assert len(first.tools) < 12
    assert offered(first)[0] == "search_tools"
    assert {"create_refund", "delete_refund", "list_refund"} <= set(offered(first))
    assert not any("certificate" in name for name in offered(first))
    assert "update_certificate" in offered(second)
    assert_only_added(model.requests)
    assert offered(third) == offered(second)
    assert [call.output for call in result.tool_calls][1] == "update_certificate done"
    assert result.content == "Renewed."
    (event,) = selections(result.journal)
    assert event.searched == 100
    assert event.rankers == ("lexical",)
    assert event.candidates[0].name in offered(first)
    assert [tool.score for tool in event.candidates] == sorted((one.score for one in event.candidates), reverse=True)
    lines = {line["type"]: line["data"] for line in result.trace or ()}
    assert lines["tools_selected"]["tools"] == offered(first)
    assert lines["tools_found"]["tools"] == offered(second)[len(first.tools) :]
    assert Journal.from_json(result.journal.to_json()) == result.journal


def test_few_tools_are_all_offered_and_nothing_is_on_record() -> None:
    model = ScriptedModel(["done"] * 4)
    tools = many_tools()[:64]
    for selection, count in ((None, 64), (ToolSelection(threshold=64), 64), (False, 64), (True, None)):
        agent = LightAgent(model=model, tools=tools, tool_selection=selection)
        result = agent.run(REFUND, result_format="object")
        assert bool(selections(result.journal)) is (count is None)
        assert len(model.requests[-1].tools) == count or (
            count is None and "search_tools" in offered(model.requests[-1])
        )


def test_more_than_the_threshold_are_selected_unless_that_is_switched_off() -> None:
    model = ScriptedModel(["done"] * 2)
    LightAgent(model=model, tools=many_tools()[:65]).run(REFUND)
    LightAgent(model=model, tools=many_tools()[:65], tool_selection=False).run(REFUND)
    first, second = map(offered, model.requests)
    assert "search_tools" in first
    assert len(second) == 65
    assert "search_tools" not in second


def test_thousands_of_functions_with_tool_info_are_one_argument() -> None:
    """The adaptive tools of the 0.9 line: any number of functions, and the model sees those that fit."""

    def made(thing: str, number: int) -> Callable[[str], str]:
        def look_up(what: str) -> str:
            return f"{thing} {number}: {what}"

        vars(look_up)["tool_info"] = {
            "tool_name": f"look_up_{thing}_{number}",
            "tool_description": f"Look up a {thing} in the archive {number}.",
            "tool_params": [{"name": "what", "description": f"The {thing}.", "type": "string", "required": True}],
        }
        return look_up

    def get_weather(city_name: str) -> str:
        return f"Query result: {city_name} is sunny."

    vars(get_weather)["tool_info"] = {
        "tool_name": "get_weather",
        "tool_description": "Get current weather information for the specified city.",
        "tool_params": [
            {"name": "city_name", "description": "The name of the city to query", "type": "string", "required": True}
        ],
    }
    tools = [made(thing, number) for thing in THINGS for number in range(100)]
    model = ScriptedModel([call_tool("get_weather", city_name="Shanghai"), "Shanghai is sunny."])
    agent = LightAgent(model=model, tools=[*tools, get_weather])
    assert agent.run("Please check the weather in Shanghai.") == "Shanghai is sunny."
    assert len(model.requests[0].tools) < 40
    assert offered(model.requests[0])[:2] == ["search_tools", "get_weather"]


def test_a_stream_offers_the_same_and_has_the_same_journal() -> None:
    def answers() -> ScriptedModel:
        return ScriptedModel([call_tool("search_tools", query="backup"), call_tool("list_backup"), "done"])

    plain, streamed = answers(), answers()
    result = LightAgent(model=plain, name="a", tools=many_tools(), tool_selection=FEW).run(
        REFUND, result_format="object"
    )
    stream = LightAgent(model=streamed, name="a", tools=many_tools(), tool_selection=FEW).run(REFUND, stream=True)
    list(stream)
    assert [*map(serialised, plain.requests)] == [*map(serialised, streamed.requests)]
    assert [event.type for event in stream.result.journal.events] == [event.type for event in result.journal.events]


async def test_the_next_turn_of_a_session_goes_on_with_what_was_offered() -> None:
    store, source = MemoryJournalStore(), ChangingTools(many_tools())
    model = ScriptedModel(
        [call_tool("search_tools", query="certificate"), "found", "second", "third", "again", "trimmed", "elsewhere"]
    )

    def agent() -> LightAgent:
        return LightAgent(model=model, tools=[source], tool_selection=FEW, session_store=store)

    first = agent()
    await first.arun(REFUND, session_id="s")
    source.change("create_refund", "list_certificate")
    await first.arun("Now delete the backup of the database.", session_id="s")
    assert "delete_backup" in offered(model.requests[-1])
    await agent().arun("And the meeting?", session_id="s")
    assert_only_added(model.requests)
    third = await Sessions(store).last_turn("s")
    assert third is not None
    await agent().arun("I mean the salary.", session_id="s", replace_turn=third.run_id)
    # What is taken back has offered nothing: what was offered before it is still there.
    assert serialised(model.requests[-1]).startswith(serialised(model.requests[2]) + b",")
    assert not any("meeting" in name for name in offered(model.requests[-1]))
    await Sessions(store).trim("s", keep=1)
    await agent().arun("Thanks.", session_id="s")
    assert_only_added(model.requests[-2:])
    # Another conversation begins with the declarations of its own time.
    await agent().arun(REFUND, session_id="other")
    told = {spec.name: spec for spec in model.requests[-1].tools}
    assert told["create_refund"].description == "Changed meanwhile."


async def test_a_turn_of_a_session_that_would_have_too_many_tools_begins_with_a_new_set() -> None:
    asked: list[str] = []

    class Counting:
        name = "counting"

        async def rank(self, query: str, tools: tuple[ToolSpec, ...], limit: int) -> Sequence[RankedTool]:
            asked.append(query)
            return []

    store, model = MemoryJournalStore(), ScriptedModel(lambda request: "done")
    few = ToolSelection(threshold=10, tokens=300, most=12, rankers=(Counting(),))
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=few, session_store=store)
    for thing in THINGS:
        await agent.arun(f"List every {thing}.", session_id="s")
        assert f"list_{thing}" in offered(model.requests[-1])
        assert len(model.requests[-1].tools) <= 12
    kept = [serialised(after).startswith(serialised(before)) for before, after in pairwise(model.requests)]
    assert kept.count(True) > kept.count(False) > 0
    assert len(asked) == len(THINGS), "a ranker, perhaps behind a network, is asked once a turn"


def waiting_agent(model: ScriptedModel, source: ChangingTools) -> LightAgent:
    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay an amount."""
        return f"paid {amount}"

    selection = ToolSelection(threshold=10, tokens=800, always=("pay",))
    return LightAgent(model=model, name="a", tools=[source, pay], tool_selection=selection)


def test_a_run_that_is_resumed_elsewhere_shows_the_declarations_of_then() -> None:
    model = ScriptedModel([call_tool("search_tools", query="backup"), call_tool("pay", amount=1), "paid"])
    waiting = waiting_agent(model, ChangingTools(many_tools())).run(REFUND, result_format="object")
    assert waiting.outcome.kind == "suspended"
    source = ChangingTools(many_tools())
    source.change(*(name for name in offered(model.requests[0]) if "_" in name and name != "search_tools"))
    source.change("list_backup")
    agent = waiting_agent(model, source)
    result = agent.resume(waiting.journal.to_json(), ApprovalDecision.approve())
    assert result.content == "paid"
    assert_only_added(model.requests)
    assert serialised(model.requests[-1]) == serialised(model.requests[-2])


async def test_wherever_a_run_is_interrupted_it_goes_on_with_the_same_tools() -> None:
    def model() -> ScriptedModel:
        return ScriptedModel(
            lambda request: call_tool("search_tools", query="backup") if len(request.messages) < 3 else "done"
        )

    whole = model()
    agent = LightAgent(model=whole, name="a", tools=many_tools(), tool_selection=FEW)
    result = await agent.arun(REFUND, result_format="object")
    expected = [serialised(request) for request in whole.requests]
    events = result.journal.events
    for cut in range(1, len(events)):
        after = model()
        source = ChangingTools(many_tools())
        if any(isinstance(event, ToolsSelected) for event in events[:cut]):
            source.change("create_refund", "delete_refund")
        again = LightAgent(model=after, name="a", tools=[source], tool_selection=FEW)
        resumed = await again.aresume(Journal(events[:cut]))
        assert resumed.content == "done"
        for request in after.requests:
            assert serialised(request) in expected


async def test_compaction_leaves_what_is_offered_as_it_is() -> None:
    replies = [call_tool("search_tools", query=thing) for thing in THINGS[:8]]
    model = ScriptedModel([*replies, "done"])
    budget = ContextBudget(3_000, target_tokens=2_000)
    selection = ToolSelection(threshold=10, tokens=100)
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=selection, context_budget=budget)
    result = await agent.arun("word " * 1_500 + REFUND, history=HISTORY, result_format="object")
    assert result.content == "done"
    assert any(event.type == "context_replaced" for event in result.journal.events)
    assert len(model.requests[-1].tools) > len(model.requests[0].tools)
    assert_only_added(model.requests)


async def test_a_model_that_searches_without_end_does_not_use_up_its_context_budget() -> None:
    replies = [call_tool("search_tools", query=thing) for thing in THINGS]
    model = ScriptedModel([*replies[:9], "done"])
    store = MemoryJournalStore()
    budget = ContextBudget(1_600, "spill", store=store)
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=FEW, context_budget=budget)
    result = await agent.arun(REFUND, result_format="object")
    assert result.content == "done"
    assert_only_added(model.requests)
    assert 5 < len(model.requests[-1].tools) < 16
    assert "there cannot be more of them here" in (result.tool_calls[-1].output or "")
    # What the framework itself offers is there, whatever is asked.
    assert offered(model.requests[0])[:2] == ["read_tool_result", "search_tools"]


HISTORY: list[JsonObject] = [
    {"role": "user", "content": "word " * 500},
    {"role": "assistant", "content": "Yes."},
]


async def test_a_source_that_changes_during_a_run_adds_nothing_unasked_and_changes_nothing_that_was_told() -> None:
    source = ChangingTools(many_tools())
    unicorn = EchoTool(ToolSpec("create_unicorn", "Create a new unicorn.", parameters("unicorn")))

    @tool
    def shake() -> str:
        """Change the office."""
        source.change("create_refund", "list_refund")
        source.add(unicorn)
        return "shaken"

    model = ScriptedModel(
        [
            call_tool("shake"),
            call_tool("search_tools", query="unicorn"),
            call_tool("create_unicorn"),
            call_tool("list_refund"),
            "done",
        ]
    )
    agent = LightAgent(model=model, tools=[source], tool_selection=FEW)
    result = await agent.arun(REFUND, tools=[shake], result_format="object")
    assert_only_added(model.requests)
    assert offered(model.requests[1]) == offered(model.requests[0])
    assert "create_unicorn" in offered(model.requests[2])
    assert [call.status for call in result.tool_calls] == ["ok"] * 4


async def test_a_tool_that_is_gone_is_offered_no_more() -> None:
    source = ChangingTools(many_tools())

    @tool
    def shake() -> str:
        """Remove a tool."""
        source.remove("create_refund")
        return "shaken"

    model = ScriptedModel([call_tool("shake"), call_tool("create_refund"), "done"])
    agent = LightAgent(model=model, tools=[source], tool_selection=FEW)
    result = await agent.arun(REFUND, tools=[shake], result_format="object")
    first, second, _ = map(offered, model.requests)
    assert second == [name for name in first if name != "create_refund"]
    assert "There is no tool 'create_refund'" in (result.tool_calls[1].output or "")
    assert "search_tools" in (result.tool_calls[1].output or "")


def test_what_is_always_offered_or_forced_or_was_called_is_there() -> None:
    model = ScriptedModel(["done"])
    selection = ToolSelection(threshold=10, tokens=300, always=("list_meeting",))
    choice: JsonObject = {"type": "function", "function": {"name": "create_server"}}
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=selection, metadata={"tool_choice": choice})
    history: list[JsonObject] = [
        {"role": "user", "content": "Export the branch."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "export_branch", "arguments": "{}"}},
                {"id": "2", "type": "function", "function": {"name": "no_more", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "done"},
        {"role": "tool", "tool_call_id": "2", "content": "done"},
        {"role": "assistant", "content": "Done."},
    ]

    @tool
    def mine() -> str:
        """A tool of this run."""
        return "mine"

    agent.run(REFUND, tools=[mine], history=history)
    (request,) = model.requests
    assert offered(request)[:5] == ["list_meeting", "search_tools", "mine", "create_server", "export_branch"]
    assert any("refund" in name for name in offered(request)[5:])


def test_many_tools_of_one_run_are_selected_too() -> None:
    model = ScriptedModel(["done"])
    LightAgent(model=model).run(REFUND, tools=many_tools())
    assert "search_tools" in offered(model.requests[0])
    assert "create_refund" in offered(model.requests[0])
    assert len(model.requests[0].tools) < 60


async def test_the_search_offers_no_more_than_a_request_may_hold() -> None:
    searches = [call_tool("search_tools", query=thing) for thing in THINGS]
    model = ScriptedModel([*searches[:9], "done"])
    selection = ToolSelection(threshold=10, tokens=800, most=20)
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=selection)
    result = await agent.arun(REFUND, result_format="object")
    assert max(len(request.tools) for request in model.requests) == 20
    assert_only_added(model.requests)
    assert "there cannot be more of them here" in (result.tool_calls[-1].output or "")


async def test_two_searches_of_one_turn_that_find_the_same_tool_offer_it_once() -> None:
    both = [call_tool("search_tools", query="list backup"), call_tool("search_tools", query="backup list")]
    model = ScriptedModel([both, "done"])
    result = await LightAgent(model=model, tools=many_tools(), tool_selection=FEW).arun(REFUND, result_format="object")
    names = offered(model.requests[1])
    assert len(names) == len(set(names))
    assert_only_added(model.requests)
    assert Journal.from_json(result.journal.to_json()) == result.journal


@pytest.mark.parametrize("query", ["zzzz qqqq", "the of and", "한국어", "", "   ", "\ud800", "x" * 100_000])
async def test_a_search_that_finds_nothing_says_so(query: str) -> None:
    model = ScriptedModel([call_tool("search_tools", query=query), "done"])
    result = await LightAgent(model=model, tools=many_tools(), tool_selection=FEW).arun(REFUND, result_format="object")
    assert result.content == "done"
    assert serialised(model.requests[0]) == serialised(model.requests[1])
    output = result.tool_calls[0].output or ""
    assert "None of 100 tools fits" in output or "It takes a query" in output or "LA-TOOL" in output


async def test_what_is_denied_takes_no_place() -> None:
    """A policy that allows one kind of tools leaves the others out of the choice, and not only out of the request."""
    policy = CapabilityPolicy([CapabilityRule("allow", tools=["list_*"])])
    model = ScriptedModel([call_tool("search_tools", query="create certificate"), "done"])
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=FEW, capabilities=policy)
    result = await agent.arun(REFUND, result_format="object")
    names = offered(model.requests[1])
    assert "list_refund" in offered(model.requests[0])
    assert "list_certificate" in names
    assert all(name == "search_tools" or name.startswith("list_") for name in names)
    assert len(offered(model.requests[0])) > 1
    assert not any(name.startswith("create") for name in (result.tool_calls[0].output or "").split())


class Told:
    """A ranker that says what it was told."""

    def __init__(self, answer: object, name: str = "told") -> None:
        self.name = name
        self.answer = answer

    async def rank(self, query: str, tools: tuple[ToolSpec, ...], limit: int) -> Sequence[RankedTool]:
        if isinstance(self.answer, Exception):
            raise self.answer
        assert isinstance(self.answer, list)
        return self.answer


async def selected_with(*rankers: Told) -> tuple[ToolsSelected, list[str]]:
    model = ScriptedModel(["done"])
    selection = ToolSelection(threshold=10, tokens=800, rankers=rankers)
    result = await LightAgent(model=model, tools=many_tools(), tool_selection=selection).arun(
        REFUND, result_format="object"
    )
    (event,) = selections(result.journal)
    assert Journal.from_json(result.journal.to_json()) == result.journal
    return event, offered(model.requests[0])


async def test_rankings_are_fused() -> None:
    event, names = await selected_with(Told([RankedTool("export_server", 0.9), RankedTool("create_refund", 0.8)]))
    assert event.rankers == ("lexical", "told")
    assert names[1] == "create_refund", "both rankers name it"
    assert "export_server" in names


@pytest.mark.parametrize(
    "answer",
    [
        ConnectionError("no network"),
        [RankedTool("create_refund", float("nan"))],
        [RankedTool("nowhere", 1.0)],
        [RankedTool("create_refund", 1.0)] * 2,
        ["create_refund"],
    ],
)
async def test_a_ranker_that_fails_is_on_record_and_the_others_decide(answer: object) -> None:
    event, names = await selected_with(Told(answer))
    assert event.rankers == ("lexical",)
    assert len(event.errors) == 1
    assert "create_refund" in names


def test_a_tool_of_ones_own_that_is_called_search_tools_is_named() -> None:
    @tool
    def search_tools(query: str) -> str:
        """Mine."""
        return query

    model = ScriptedModel(["done"] * 2)
    agent = LightAgent(model=model, tools=[*many_tools(), search_tools])
    failed = agent.run(REFUND, result_format="object")
    assert failed.error is not None
    assert "'search_tools' is the name of a tool" in failed.error.message
    own = LightAgent(model=model, tools=[*many_tools(), search_tools], tool_selection=ToolSelection(search=False))
    assert own.run(REFUND) == "done"


def test_a_tool_that_is_always_to_be_offered_has_to_be_there() -> None:
    agent = LightAgent(
        model=ScriptedModel(["done"]), tools=many_tools(), tool_selection=ToolSelection(always=("creat_refund",))
    )
    result = agent.run(REFUND, result_format="object")
    assert result.error is not None
    assert "'creat_refund' is always to be offered" in result.error.message


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": -1},
        {"tokens": 0},
        {"most": True},
        {"always": "pay"},
        {"always": [1]},
        {"rankers": [object()]},
        {"rankers": None},
        {"rankers": Told([])},
        {"rankers": [Told]},
        {"rankers": [Told([], cast("str", 5))]},
        {"rankers": [Told([], "")]},
        {"rankers": [Told([], "x" * 1_000)]},
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    make: Callable[..., object] = ToolSelection
    with pytest.raises(ConfigurationError, match="tool_selection"):
        make(**wrong)


async def test_each_agent_of_a_run_selects_its_own() -> None:
    inner = ScriptedModel([call_tool("search_tools", query="backup"), "inner done"])
    outer = ScriptedModel([call_tool("helper", query="Delete the contract."), "done"])
    helper = LightAgent(model=inner, name="helper", tools=many_tools(), tool_selection=FEW)
    agent = LightAgent(
        model=outer,
        name="outer",
        tools=[*many_tools(), helper.as_tool("helper", "Helps.")],
        tool_selection=ToolSelection(threshold=10, tokens=800, always=("helper",)),
    )
    result: RunResult[str] = await agent.arun(REFUND, result_format="object")
    assert result.content == "done"
    assert "delete_contract" in offered(inner.requests[0])
    assert "create_refund" in offered(outer.requests[0])
    assert_only_added(inner.requests)
    assert_only_added(outer.requests)
    assert Journal.from_json(result.journal.to_json()) == result.journal


async def test_an_agent_that_takes_over_selects_its_own_and_the_next_turn_is_the_first_ones() -> None:
    @tool
    def hand_over() -> ToolAnswer:
        """Hand the customer over."""
        return ToolAnswer("over to you", hand_over="second")

    store = MemoryJournalStore()
    first = ScriptedModel([call_tool("hand_over"), "welcome back"])
    second = ScriptedModel([call_tool("search_tools", query="backup"), "hello"])
    other = LightAgent(model=second, name="second", tools=many_tools(2), tool_selection=FEW)
    agent = LightAgent(
        model=first,
        name="first",
        tools=[*many_tools(), hand_over],
        tool_selection=replace(FEW, always=("hand_over",)),
        handoffs=[other],
        session_store=store,
    )
    result = await agent.arun(REFUND, session_id="s", result_format="object")
    assert result.content == "hello"
    assert [event.searched for event in selections(result.journal)] == [101, 200]
    assert await agent.arun("And my salary?", session_id="s") == "welcome back"
    assert_only_added(first.requests)
    assert_only_added(second.requests)
    assert offered(first.requests[0]) != offered(first.requests[1])


async def test_a_session_goes_on_selecting_with_few_tools() -> None:
    store, model = MemoryJournalStore(), ScriptedModel(["one", "two", "three"])
    source = ChangingTools(many_tools())
    agent = LightAgent(model=model, tools=[source], tool_selection=FEW, session_store=store)
    await agent.arun(REFUND, session_id="s")
    kept = offered(model.requests[0])
    for made in many_tools():
        if made.spec.name not in kept and made.spec.name != "list_salary":
            source.remove(made.spec.name)
    await agent.arun("Which salary?", session_id="s")
    assert_only_added(model.requests)
    assert offered(model.requests[1]) == [*kept, "list_salary"]


async def test_runs_at_once_have_the_index_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    from lightagent.application.tool_selection import rank_by_words

    index: Callable[..., object] = rank_by_words._indexed

    def counted(*arguments: object) -> object:
        made.append(1)
        return index(*arguments)

    monkeypatch.setattr(rank_by_words, "_indexed", counted)
    model = ScriptedModel(lambda request: "done")
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=FEW)
    await asyncio.gather(*(agent.arun(REFUND) for _ in range(20)))
    await agent.arun(REFUND)
    assert made == [1]


RUNS = max(12, int(os.environ.get("TEST_GENERATED_RUNS", "0")) // 5)


@pytest.mark.parametrize("seed", range(RUNS))
async def test_whatever_a_model_searches_and_calls_the_run_ends_and_its_tools_only_grow(seed: int) -> None:
    """Turns of a session, in new agents, with searches and calls of tools that are offered or not, many in one turn."""
    chance = Random(seed)
    store, source = MemoryJournalStore(), ChangingTools(many_tools())

    def call(request: ChatRequest) -> ToolCall:
        kind = chance.random()
        if kind < 0.5:
            words = " ".join(chance.sample([*THINGS, *DEEDS, "zzz"], chance.randint(1, 4)))
            return call_tool("search_tools", query=words)
        if kind < 0.9:
            return call_tool(chance.choice(request.tools).name, query="backup")
        return call_tool(chance.choice(["list_backup", "no_such_tool", "delete_ticket", ""]))

    def answer(request: ChatRequest) -> Sequence[ToolCall] | str:
        if chance.random() < 0.35:
            return "done"
        if chance.random() < 0.3:
            source.change(chance.choice(offered(request)[1:]))
        return [call(request) for _ in range(chance.randint(1, 6))]

    model = ScriptedModel(answer)
    for number in range(3):
        agent = LightAgent(model=model, name="a", tools=[source], tool_selection=FEW, session_store=store)
        thing = chance.choice(THINGS)
        result = await agent.arun(f"Look after the {thing}.", session_id="s", result_format="object")
        assert result.outcome.kind in ("completed", "budget_exhausted"), number
        assert all(call.output is not None for call in result.tool_calls)
        assert Journal.from_json(result.journal.to_json()).events == result.journal.events
    assert_only_added(model.requests)
    assert max(len(request.tools) for request in model.requests) <= 128


async def test_agents_that_share_a_session_are_each_told_of_their_own_tools() -> None:
    """Tools of the same name are others in another agent, and so are their declarations."""
    store, here, there = MemoryJournalStore(), ScriptedModel(lambda request: "x"), ScriptedModel(lambda request: "y")
    others = [EchoTool(replace(made.spec, description=f"Elsewhere: {made.spec.description}")) for made in many_tools()]
    first = LightAgent(model=here, name="first", tools=many_tools(), tool_selection=FEW, session_store=store)
    second = LightAgent(model=there, name="second", tools=others, tool_selection=FEW, session_store=store)
    for query in (REFUND, "And the backup?"):
        await first.arun(query, session_id="s")
        await second.arun(query, session_id="s")
    assert not any("Elsewhere" in spec.description for spec in here.requests[-1].tools)
    assert all("Elsewhere" in spec.description for spec in there.requests[-1].tools if spec.name != "search_tools")
    assert_only_added(here.requests)
    assert_only_added(there.requests)


async def test_an_agent_that_takes_over_again_goes_on_with_what_it_was_offered() -> None:
    @tool
    def hand_over() -> ToolAnswer:
        """Hand the customer over."""
        return ToolAnswer("over to you", hand_over="second")

    store = MemoryJournalStore()
    second = ScriptedModel([call_tool("search_tools", query="backup"), "hello", "again", "once more"])
    agent = LightAgent(
        model=ScriptedModel(lambda request: call_tool("hand_over")),
        name="first",
        tools=[*many_tools(), hand_over],
        tool_selection=replace(FEW, always=("hand_over",)),
        handoffs=[LightAgent(model=second, name="second", tools=many_tools(2), tool_selection=FEW)],
        session_store=store,
    )
    await agent.arun(REFUND, session_id="s")
    await agent.arun("And my salary?", session_id="s")
    await Sessions(store).trim("s", keep=1)
    await agent.arun("And my vacation?", session_id="s")
    assert_only_added(second.requests)
    assert len(second.requests[-1].tools) > len(second.requests[0].tools)


async def test_what_was_away_for_a_while_comes_back_behind_the_others() -> None:
    """A tool that a hook takes out of one request, and one that its source does not list for a while."""
    store, source = MemoryJournalStore(), ChangingTools(many_tools())
    away = next(made for made in many_tools() if made.spec.name == "create_refund")
    seen: list[Subject] = []

    @before_model_request
    def hide_once(request: RequestPayload, subject: Subject) -> RequestPayload:
        seen.append(subject)
        left = tuple(name for name in request.tools if name != "delete_refund")
        return replace(request, tools=left) if len(seen) == 1 else request

    def answer(request: ChatRequest) -> ToolCall | str:
        if len(request.messages) > 2:
            return "done"
        source.remove(away.spec.name)
        return call_tool("search_tools", query="backup")

    model = ScriptedModel(answer)
    agent = LightAgent(
        model=model, name="a", tools=[source], tool_selection=FEW, session_store=store, hooks=[hide_once]
    )
    await agent.arun(REFUND, session_id="s")
    assert "delete_refund" not in offered(model.requests[0])
    assert "create_refund" not in offered(model.requests[1])
    source.add(away)
    await agent.arun("And the salary?", session_id="s")
    assert_only_added(model.requests[1:])
    assert {"create_refund", "delete_refund", "list_salary"} < set(offered(model.requests[2]))
