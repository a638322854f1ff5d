"""What an agent that selects its tools offers stays within its limits, whatever models, servers and callers do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    CapabilityPolicy,
    CapabilityRule,
    ConfigurationError,
    ContextBudget,
    Journal,
    JsonObject,
    LightAgent,
    Tool,
    ToolAnswer,
    ToolSelection,
    ToolSpec,
    load_settings,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.runs.events import ToolFinished
from lightagent.testing import ScriptedModel, call_tool
from tests.support.many_tools import THINGS, EchoTool, assert_only_added, many_tools, offered

REFUND = "Please refund what was paid."
TWENTY = ToolSelection(threshold=10, tokens=800, most=20)


def numbered(number: int) -> Tool[object]:
    @tool(name=f"mine_{number}")
    def mine() -> str:
        """A tool of this run."""
        return "mine"

    return mine


async def test_searches_of_one_turn_share_what_room_there_is() -> None:
    model = ScriptedModel([[call_tool("search_tools", query=thing) for thing in THINGS[:8]], "done"])
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=TWENTY)
    result = await agent.arun(REFUND, result_format="object")
    assert result.content == "done"
    assert len(model.requests[1].tools) == 20
    assert_only_added(model.requests)
    assert "there cannot be more of them here" in (result.tool_calls[-1].output or "")


async def test_searches_of_one_turn_share_the_context_budget() -> None:
    model = ScriptedModel([[call_tool("search_tools", query=thing) for thing in THINGS[:6]], "done"])
    agent = LightAgent(
        model=model,
        tools=many_tools(4),
        tool_selection=ToolSelection(threshold=10),
        context_budget=ContextBudget(3_000, "drop"),
    )
    result = await agent.arun(REFUND, result_format="object")
    assert result.content == "done", result.error
    assert len(model.requests[1].tools) > len(model.requests[0].tools)


async def test_a_search_that_is_repeated_leaves_room_for_what_its_turn_had_offered_before() -> None:
    names = tuple(made.spec.name for made in many_tools() if "backup" in made.spec.name)

    @tool
    def unlock() -> ToolAnswer:
        """Unlock the tools for backups."""
        return ToolAnswer("unlocked", offer=names)

    selection = ToolSelection(threshold=10, tokens=800, most=14, always=("unlock",))
    calls = [call_tool("unlock"), *(call_tool("search_tools", query=thing) for thing in THINGS[:3])]
    model = ScriptedModel([calls, "done", "done"])
    agent = LightAgent(model=model, name="a", tools=[*many_tools(), unlock], tool_selection=selection)
    events = (await agent.arun(REFUND, result_format="object")).journal.events
    unlocked = next(event for event in events if isinstance(event, ToolFinished) and event.output == "unlocked")
    others = [event for event in events if isinstance(event, ToolFinished) and event is not unlocked]
    begun = [event for event in events[: events.index(others[-1])] if event not in others and event is not unlocked]
    await agent.aresume(Journal((*begun, unlocked)))
    assert set(names) < set(offered(model.requests[-1]))
    assert len(model.requests[-1].tools) <= 14


async def test_a_turn_whose_own_tools_find_no_room_begins_with_a_new_set() -> None:
    searches = [call_tool("search_tools", query=thing) for thing in THINGS[:9]]
    store, model = MemoryJournalStore(), ScriptedModel([*searches, "done", "ok"])
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=TWENTY, session_store=store)
    await agent.arun(REFUND, session_id="s")
    assert len(model.requests[-1].tools) == 20
    # The query fits nothing, so that nothing that is chosen lacks room.
    await agent.arun("Hm?", session_id="s", tools=[numbered(number) for number in range(5)])
    assert len(model.requests[-1].tools) <= 20
    assert {f"mine_{number}" for number in range(5)} < set(offered(model.requests[-1]))


def test_tools_of_one_run_that_would_fill_the_request_are_selected_too() -> None:
    model = ScriptedModel(["done"])
    selection = ToolSelection(threshold=70, most=30)
    LightAgent(model=model, tools=many_tools(), tool_selection=selection).run(
        REFUND, tools=[numbered(number) for number in range(60)]
    )
    assert "create_refund" in offered(model.requests[0])
    assert len(model.requests[0].tools) <= 30


def test_of_a_conversation_with_hundreds_of_calls_the_last_ones_are_offered() -> None:
    names = [made.spec.name for made in many_tools()]
    calls: list[JsonObject] = [
        {"id": str(number), "type": "function", "function": {"name": name, "arguments": "{}"}}
        for number, name in enumerate(names)
    ]
    answers: list[JsonObject] = [
        {"role": "tool", "tool_call_id": str(number), "content": "done"} for number in range(len(names))
    ]
    history: list[JsonObject] = [
        {"role": "user", "content": "Call all."},
        {"role": "assistant", "content": None, "tool_calls": [*calls]},
        *answers,
        {"role": "assistant", "content": "Done."},
    ]
    model = ScriptedModel(["done", "done"])
    for selection, most in ((ToolSelection(threshold=10, tokens=1), 18), (ToolSelection(threshold=10, most=6), 6)):
        LightAgent(model=model, tools=many_tools(), tool_selection=selection).run("Hm?", history=history)
        told = offered(model.requests[-1])
        assert told[-1] == names[-1]
        assert len(told) <= most


def huge(name: str = "refund_everything") -> EchoTool:
    """A tool that fits every question about refunds, and takes more than any request has room for."""
    values = [f"refund {number} {'x' * 100}" for number in range(200)]
    schema: JsonObject = {"type": "object", "properties": {"kind": {"type": "string", "enum": [*values]}}}
    return EchoTool(ToolSpec(name, "Refund refund refund.", schema))


@pytest.mark.parametrize("budget", [None, 6_000])
async def test_a_tool_too_large_for_the_request_keeps_no_other_out(budget: int | None) -> None:
    model = ScriptedModel([call_tool("search_tools", query="backup"), "done"])
    agent = LightAgent(
        model=model,
        tools=[*many_tools(), *(huge(f"refund_everything_{number}") for number in range(8))],
        tool_selection=ToolSelection(threshold=10),
        context_budget=None if budget is None else ContextBudget(budget),
    )
    result = await agent.arun("refund", result_format="object")
    assert result.content == "done"
    assert {"create_refund", "list_refund"} < set(offered(model.requests[0]))
    assert "list_backup" in offered(model.requests[1])
    # Where there is room for it, the one that fits best is offered.
    assert sum("everything" in name for name in offered(model.requests[0])) == (budget is None)


async def test_a_tool_that_no_request_has_room_for_does_not_make_each_turn_begin_anew() -> None:
    store, model = MemoryJournalStore(), ScriptedModel(lambda request: "done")
    agent = LightAgent(
        model=model,
        tools=[*many_tools(), huge()],
        tool_selection=ToolSelection(threshold=10, tokens=200),
        context_budget=ContextBudget(6_000),
        session_store=store,
    )
    for query in ("refund", "refund the backup", "refund the salary"):
        await agent.arun(query, session_id="s")
    assert_only_added(model.requests)
    assert len(model.requests[-1].tools) > len(model.requests[0].tools)


def test_more_tools_than_may_be_offered_cannot_always_be() -> None:
    make: Callable[..., object] = ToolSelection
    with pytest.raises(ConfigurationError, match="always names 3 tools, but most is 2"):
        make(most=2, always=("a", "b", "c"))
    assert ToolSelection(most=2, always=("a", "a", "b")).always == ("a", "b")


def test_settings_that_name_more_tools_than_may_be_offered_are_refused_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "lightagent.toml"
    file.write_text('[default.tool_selection]\nmost = 1\nalways = ["a", "b"]\n')
    with pytest.raises(ConfigurationError, match=r"tool_selection .*always names 2 tools, but most is 1"):
        load_settings(file)


async def test_what_a_policy_denies_keeps_nothing_out_that_it_allows() -> None:
    """Hundreds of tools fit better, and none of them may be called."""
    denied = [EchoTool(ToolSpec(f"delete_refund_{number}", "Delete a refund.", {})) for number in range(500)]
    told = "Lists what was given back to customers, page by page, with dates and the refund of each."
    policy = CapabilityPolicy([CapabilityRule("allow", tools=["list_*"])])
    model = ScriptedModel([call_tool("search_tools", query="refund"), "done"])
    agent = LightAgent(
        model=model, tools=[*denied, EchoTool(ToolSpec("list_repayments", told, {}))], capabilities=policy
    )
    result = await agent.arun("Which invoices?", result_format="object")
    assert offered(model.requests[1]) == ["search_tools", "list_repayments"]
    assert "list_repayments" in (result.tool_calls[0].output or "")


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


async def waiting(*calls: ToolCall) -> Journal:
    """A run that has searched, and waits for a human."""
    model = ScriptedModel([call_tool("search_tools", query="backup"), [call_tool("pay", amount=1), *calls]])
    agent = LightAgent(model=model, name="a", tools=[*many_tools(), pay], tool_selection=PAYING)
    journal = (await agent.arun(REFUND, result_format="object")).journal
    return Journal.from_json(journal.to_json())


PAYING = ToolSelection(threshold=10, tokens=800, always=("pay",))


@pytest.mark.parametrize("selection", [PAYING, replace(PAYING, search=False), False])
async def test_a_run_that_waited_goes_on_without_what_is_gone_or_switched_off(selection: ToolSelection | bool) -> None:
    journal = await waiting(call_tool("search_tools", query="salary"))
    model = ScriptedModel(["done"])
    left = [made for made in many_tools() if made.spec.name not in ("create_refund", "list_backup")]
    agent = LightAgent(model=model, name="a", tools=[*left, pay], tool_selection=selection)
    result = await agent.aresume(journal, ApprovalDecision.approve())
    assert result.content == "done"
    told = offered(model.requests[0])
    assert {"pay", "delete_backup", "list_refund"} < set(told)
    assert not {"create_refund", "list_backup"} & set(told)
    assert ("search_tools" in told) is (selection is PAYING)


async def test_a_run_that_waited_does_not_go_on_without_what_its_calls_want_or_with_another_agent() -> None:
    journal = await waiting()
    for tools, told in ((many_tools(), "lacks: pay"), ([numbered(1)], "lacks: pay, ")):
        agent = LightAgent(model=ScriptedModel(["done"]), name="a", tools=tools, tool_selection=False)
        with pytest.raises(ConfigurationError, match=told):
            await agent.aresume(journal, ApprovalDecision.approve())
