"""Agents as tools of others: with fewer tools and permissions, side by side, ended and paid for with the run around."""

from __future__ import annotations

import asyncio

import pytest

from lightagent import (
    ApprovalDecision,
    BudgetLimits,
    Budgets,
    CapabilityPolicy,
    CapabilityRule,
    ConfigurationError,
    Journal,
    LightAgent,
    Tool,
    tool,
)
from lightagent.adapters.chat.scripted import Program, Reply
from lightagent.domain.runs.events import ModelRequested, Nested
from lightagent.testing import ScriptedModel, call_tool
from tests.support.loop_clock import jumping


@tool(capabilities=["read"])
def read_file(name: str) -> str:
    """Read a file."""
    return f"content of {name}"


@tool(capabilities=["write"])
def write_file(name: str) -> str:
    """Write a file."""
    return f"wrote {name}"


BOTH: tuple[Reply, ...] = ((call_tool("read_file", name="a"), call_tool("write_file", name="b")), "Done.")


def lead_of(child: Tool[None], name: str = "ask") -> LightAgent[None, str]:
    model = ScriptedModel([call_tool(name, query="Go."), lambda request: str(request.messages[-1].content)])
    return LightAgent(name="lead", model=model, tools=[child])


@pytest.mark.parametrize(
    ("tools", "offered"),
    [
        (None, ["read_file", "write_file"]),
        (["read_*"], ["read_file"]),
        (["write_file"], ["write_file"]),
        ([], []),
        (["*"], ["read_file", "write_file"]),
    ],
)
def test_an_agent_has_only_the_tools_that_it_is_given_as_a_tool(tools: list[str] | None, offered: list[str]) -> None:
    model = ScriptedModel(BOTH)
    clerk = LightAgent(name="clerk", model=model, tools=[read_file, write_file])
    result = lead_of(clerk.as_tool("ask", "A clerk.", tools=tools)).run("?", result_format="object")
    assert [spec.name for spec in model.requests[0].tools] == offered
    told = {str(message.content) for message in model.requests[1].messages if message.role == "tool"}
    assert ("content of a" in told) == ("read_file" in offered)
    assert ("wrote b" in told) == ("write_file" in offered)
    assert result.content == "Done."
    assert len(clerk.get_tools()) == 2


def test_nobody_gets_further_by_asking_another_agent() -> None:
    deepest = ScriptedModel(BOTH)
    deep = LightAgent(name="deep", model=deepest, tools=[read_file, write_file])
    middle = LightAgent(
        name="middle",
        model=ScriptedModel([call_tool("deep", query="Go."), "Done."]),
        tools=[deep.as_tool("deep", "Deep."), write_file],
    )
    lead_of(middle.as_tool("ask", "Middle.", tools=["deep", "read_file"])).run("?")
    assert [spec.name for spec in deepest.requests[0].tools] == ["read_file"]
    assert "wrote b" not in str(deepest.requests[1].messages)


def test_an_agent_has_fewer_permissions_as_a_tool() -> None:
    asks = CapabilityPolicy([CapabilityRule("ask", capabilities=["write"])], default="allow")
    model = ScriptedModel([call_tool("write_file", name="b"), "Done."])
    clerk = LightAgent(name="clerk", model=model, tools=[read_file, write_file])
    lead = lead_of(clerk.as_tool("ask", "A clerk.", capabilities=asks))
    waiting = lead.run("?", result_format="object")
    assert waiting.outcome.kind == "suspended"
    # It does not go on as an agent that may do more.
    freer = lead_of(clerk.as_tool("ask", "A clerk."))
    with pytest.raises(ConfigurationError, match="policies that this agent lacks: capabilities_as_tool:ask"):
        freer.resume(waiting.journal, ApprovalDecision.approve())
    assert lead.resume(waiting.journal, ApprovalDecision.approve()).content == "Done."


def test_what_is_refused() -> None:
    clerk = LightAgent(name="clerk", model=ScriptedModel([]))
    with pytest.raises(ConfigurationError, match="names of tools"):
        clerk.as_tool("ask", "A clerk.", tools="read_file")


async def test_agents_of_one_turn_run_side_by_side() -> None:
    """Each of them waits until all have begun."""
    begun: list[str] = []
    together = asyncio.Event()

    @tool
    async def meet(name: str) -> str:
        """Meet the others."""
        begun.append(name)
        if len(begun) == 3:
            together.set()
        await asyncio.wait_for(together.wait(), 10)
        return name

    def member(name: str) -> LightAgent[None, str]:
        replies: list[Reply | Program] = [call_tool("meet", name=name), f"{name} met."]
        return LightAgent(name=name, model=ScriptedModel(replies), tools=[meet])

    names = ("a", "b", "c")
    lead = LightAgent(
        model=ScriptedModel([tuple(call_tool(name, query="?") for name in names), "Done."]),
        tools=[member(name).as_tool(name, f"Is {name}.") for name in names],
    )
    result = await lead.arun("?", result_format="object")
    assert [call.output for call in result.tool_calls] == ["a met.", "b met.", "c met."]
    assert Journal.from_json(result.journal.to_json()).run == result.journal.run


@jumping
async def test_agents_end_with_the_run_that_called_them() -> None:
    ended: list[str] = []

    @tool
    async def wait(name: str) -> str:
        """Wait."""
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)
        return name

    def member(name: str) -> LightAgent[None, str]:
        return LightAgent(name=name, model=ScriptedModel([call_tool("wait", name=name)]), tools=[wait])

    lead = LightAgent(
        model=ScriptedModel([(call_tool("a", query="?"), call_tool("b", query="?"))]),
        tools=[member(name).as_tool(name, f"Is {name}.") for name in ("a", "b")],
    )
    result = await lead.arun("?", timeout=0.3, result_format="object")
    assert result.outcome.kind == "budget_exhausted"
    assert sorted(ended) == ["a", "b"]


def test_agents_that_run_side_by_side_spend_one_budget() -> None:
    def member(name: str) -> LightAgent[None, str]:
        return LightAgent(name=name, model=ScriptedModel(lambda request: "Yes."))

    names = ("a", "b", "c")
    lead = LightAgent(
        model=ScriptedModel([tuple(call_tool(name, query="?") for name in names), "Done."]),
        tools=[member(name).as_tool(name, f"Is {name}.") for name in names],
        budgets=Budgets(tree=BudgetLimits(model_calls=3)),
    )
    result = lead.run("?", result_format="object")
    assert result.outcome.kind == "budget_exhausted"
    requested = 0
    for event in result.journal.events:
        while isinstance(event, Nested):
            event = event.event
        requested += isinstance(event, ModelRequested)
    assert requested == 3
