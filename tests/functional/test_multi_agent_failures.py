"""What goes wrong where several agents work together: each row of docs/multi-agent-failures.md happens here.

Each test has the symptom, finds in the trace what the page says of it, and has it go away by the remedy.
"""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import pytest
from rich.console import Console

from lightagent import (
    BudgetLimits,
    ConfigurationError,
    ContextBudget,
    HandoffLimits,
    InProcessMemory,
    JsonObject,
    LightAgent,
    LightSwarm,
    MemoryPolicy,
    RunResult,
    tool,
)
from lightagent.adapters.chat.scripted import Program, Reply
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage
from lightagent.entrypoints.cli.trace.tree import trace_tree
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.functional.test_cli import Cli, cli, folder

__all__ = ["cli", "folder"]

PAGE = Path(__file__).parents[2] / "docs/multi-agent-failures.md"


def lines(result: RunResult[str], *kinds: str) -> list[JsonObject]:
    """The data of the lines of these types."""
    return [event["data"] for event in result.trace if event["type"] in kinds]


def told(request: ChatRequest) -> str:
    """What an agent is told before the conversation."""
    return " ".join(message.content for message in request.messages if isinstance(message, SystemMessage))


def swarm_of(*agents: LightAgent, limits: HandoffLimits | None = None) -> LightSwarm:
    swarm = LightSwarm(limits=limits)
    swarm.register_agent(*agents)
    return swarm


def test_the_page_names_each_test_and_no_other() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    here = [name for name in globals() if name.startswith("test_") and "page" not in name]
    assert sorted(named) == sorted(here)


def frontdesk_talk(request: ChatRequest) -> Reply:
    handing = call_tool("transfer_to_finance")
    return AssistantMessage("Welcome to the front desk, dear guest!", (handing,))


def imitating(request: ChatRequest) -> Reply:
    """Goes on as the conversation began, unless it is told who it is."""
    if "finance" in told(request).lower():
        return "Invoices are paid on Mondays."
    said = [message.content for message in request.messages if isinstance(message, AssistantMessage)]
    return f"{said[-1]} (again)" if said else "?"


def test_role_drift() -> None:
    def ask(role: str | None) -> RunResult[str]:
        desk = LightAgent(
            name="frontdesk", role="Greet guests.", model=ScriptedModel(frontdesk_talk), capture_content=True
        )
        finance = LightAgent(name="finance", role=role, model=ScriptedModel(imitating))
        return swarm_of(desk, finance).run(desk, "When are invoices paid?", result_format="object", trace=True)

    drifted = ask(None)
    assert drifted.content == "Welcome to the front desk, dear guest! (again)"
    (handoff,) = lines(drifted, "handoff")
    assert handoff["target_agent"] == "finance"
    assert "finance" not in str(handoff["instructions"]), "it was never told who it is"
    mended = ask("You are finance. Answer questions about invoices.")
    assert mended.content == "Invoices are paid on Mondays."
    assert "You are finance." in str(lines(mended, "handoff")[0]["instructions"])


def test_one_agent_in_two_roles() -> None:
    agent = LightAgent(name="helper", model=ScriptedModel(["Hello."]))
    other = LightAgent(name="helper", model=ScriptedModel(["Hello."]))
    with pytest.raises(ConfigurationError, match="another agent is called 'helper'"):
        swarm_of(agent, other)
    assert swarm_of(agent, agent).agents == ("helper",), "the same agent again is one agent"


def recalling(request: ChatRequest) -> Reply:
    """Answers by what it was told beside the question."""
    known = " ".join(str(message.to_openai().get("content")) for message in request.messages[:-1])
    return "One million." if "one million" in known else "I do not know."


def test_memory_pollution() -> None:
    def talk(policy: MemoryPolicy | None) -> RunResult[str]:
        memory = InProcessMemory()
        games = LightAgent(name="games", model=ScriptedModel(["Let us play."]), memory=memory)
        games.run("In this game my budget is one million.", user_id="ann")
        finance = LightAgent(name="finance", model=ScriptedModel(recalling), memory=memory, memory_policy=policy)
        return finance.run("What is my budget?", user_id="ann", result_format="object", trace=True)

    polluted = talk(None)
    assert polluted.content == "One million."
    (kept,) = lines(polluted, "memory_retrieve_filter")
    assert (kept["allowed"], kept["blocked"]) == (1, {})
    mended = talk(MemoryPolicy(allowed_agent_names=("finance",)))
    assert mended.content == "I do not know."
    (kept,) = lines(mended, "memory_retrieve_filter")
    assert kept["allowed"] == 0


def passing_to(name: str) -> Program:
    def reply(request: ChatRequest) -> Reply:
        handoff = f"transfer_to_{name}"
        last = str(request.messages[-1].to_openai().get("content"))
        return "I could not find out." if "may not" in last or "LA-" in last else call_tool(handoff)

    return reply


def test_ping_pong() -> None:
    def pass_around(limits: HandoffLimits | None) -> RunResult[str]:
        sales = LightAgent(name="sales", model=ScriptedModel(passing_to("support")))
        support = LightAgent(name="support", model=ScriptedModel(passing_to("sales")))
        return swarm_of(sales, support, limits=limits).run(sales, "Help.", result_format="object", trace=True)

    loops = pass_around(None)
    assert [line["target_agent"] for line in lines(loops, "handoff")] == ["support", "sales"] * 2
    bounded = pass_around(HandoffLimits(max_handoffs=3, max_repeats=1))
    assert [line["target_agent"] for line in lines(bounded, "handoff")] == ["support", "sales"]
    refused = lines(bounded, "tool_result")[-1]
    assert (refused["name"], refused["status"]) == ("transfer_to_support", "failed")
    assert bounded.content == loops.content == "I could not find out."


def test_agents_that_do_not_end() -> None:
    def ask(budgets: BudgetLimits | None) -> RunResult[str]:
        worker = LightAgent(name="worker", model=ScriptedModel(lambda request: "Nearly done."))
        lead = LightAgent(
            name="lead",
            model=ScriptedModel(lambda request: call_tool("ask_worker", query="Are you done?")),
            tools=[worker.as_tool("ask_worker", "Asks the worker.")],
        )
        return lead.run("Is it done?", result_format="object", trace=True, budgets=budgets)

    endless = ask(None)
    assert endless.outcome.kind == "budget_exhausted"
    assert len(lines(endless, "model_request")) == 21, "10 rounds of two agents, and one more"
    bounded = ask(BudgetLimits(model_calls=6))
    assert bounded.outcome.kind == "budget_exhausted"
    assert [line["agent_name"] for line in lines(bounded, "model_request")] == ["lead", "worker"] * 3


CONSTRAINT = "Never name a price."


def discreet(request: ChatRequest) -> Reply:
    """Keeps to what it is still told."""
    conversation = " ".join(str(message.to_openai().get("content")) for message in request.messages)
    return "Ask our sales people." if CONSTRAINT in conversation else "It costs 5 euros."


def test_lost_context() -> None:
    def sell(role: str | None) -> RunResult[str]:
        agent = LightAgent(
            name="shop", role=role, model=ScriptedModel(discreet), context_budget=ContextBudget(300, "drop")
        )
        past: list[JsonObject] = [{"role": "user", "content": CONSTRAINT}, {"role": "assistant", "content": "I will."}]
        for number in range(12):
            past.append({"role": "user", "content": f"Question {number}: " + "what about shoes? " * 5})
            past.append({"role": "assistant", "content": "They are nice. " * 5})
        return agent.run("How much is this?", history=past, result_format="object", trace=True)

    lost = sell(None)
    assert lost.content == "It costs 5 euros."
    assert lines(lost, "context_replaced")
    kept = sell(CONSTRAINT)
    assert kept.content == "Ask our sales people."
    assert lines(kept, "context_replaced")


def test_an_agent_that_was_not_told() -> None:
    def ask(query: str) -> RunResult[str]:
        worker = LightAgent(name="worker", model=ScriptedModel(discreet))
        lead = LightAgent(
            name="lead",
            model=ScriptedModel([call_tool("ask_worker", query=query), "Done."]),
            tools=[worker.as_tool("ask_worker", "Asks the worker.")],
        )
        return lead.run(f"{CONSTRAINT} How much is this?", result_format="object", trace=True)

    silent = ask("How much is this?")
    assert silent.tool_calls[0].output == "It costs 5 euros."
    (inner,) = [line for line in lines(silent, "model_request") if "path" in line]
    assert (inner["agent_name"], inner["message_count"]) == ("worker", 2), "its instructions, and the query"
    assert ask(f"{CONSTRAINT} How much is this?").tool_calls[0].output == "Ask our sales people."


def test_unreadable_logs(caplog: pytest.LogCaptureFixture) -> None:
    def team() -> tuple[LightSwarm, LightAgent]:
        desk = LightAgent(name="desk", model=ScriptedModel([call_tool("transfer_to_clerk")]))
        checker = LightAgent(name="checker", model=ScriptedModel(["Fine."]))
        clerk = LightAgent(
            name="clerk",
            model=ScriptedModel([call_tool("ask_checker", query="Is it?"), "It is."]),
            tools=[checker.as_tool("ask_checker", "Asks the checker.")],
        )
        return swarm_of(desk, clerk), desk

    async def both() -> list[RunResult[str]]:
        teams = [team(), team()]
        runs = [swarm.arun(desk, "Well?", result_format="object", trace=True) for swarm, desk in teams]
        return await asyncio.gather(*runs)

    with caplog.at_level(logging.DEBUG, logger="lightagent"):
        first, second = asyncio.run(both())
    for result in (first, second):
        mark = result.trace_id
        said = [record.getMessage().split(" ", 3) for record in caplog.records if mark in record.getMessage()]
        acting = [name for name, _, kind, *_ in said if kind == "model_request"]
        assert acting == ["desk", "clerk", "checker", "clerk"]
        assert {event["trace_id"] for event in result.trace} == {result.trace_id}
    console = Console(width=120)
    with console.capture() as shown:
        console.print(trace_tree(first.trace, first.tool_calls))
    assert "turn 2 · clerk" in shown.get()


def test_one_tool_that_breaks_several_agents() -> None:
    @tool
    def exchange_rate(currency: str) -> float:
        """The rate of a currency."""
        raise ConnectionError("The server of rates is gone.")

    def ask(name: str, *, broken: bool) -> RunResult[str]:
        replies: list[Reply] = [call_tool("exchange_rate", currency="USD"), "I guess 1.1."] if broken else ["Paid."]
        agent = LightAgent(name=name, model=ScriptedModel(replies), tools=[exchange_rate] if broken else [])
        return agent.run("Pay.", result_format="object", trace=True, run_group_id="nightly")

    failed = [ask(name, broken=True) for name in ("sales", "finance")]
    for result in failed:
        (line,) = lines(result, "tool_result")
        assert (line["name"], line["status"], line["code"]) == ("exchange_rate", "failed", "LA-TOOL")
        assert {event["run_group_id"] for event in result.trace} == {"nightly"}
    assert not lines(ask("hr", broken=False), "tool_result")


def test_a_tool_that_only_another_agent_has() -> None:
    @tool
    def pay(to: str) -> str:
        """Pay."""
        return f"paid {to}"

    desk = LightAgent(name="desk", model=ScriptedModel([call_tool("pay", to="Bob"), call_tool("transfer_to_finance")]))
    finance = LightAgent(name="finance", model=ScriptedModel([call_tool("pay", to="Bob"), "Done."]), tools=[pay])
    result = swarm_of(desk, finance).run(desk, "Pay Bob.", result_format="object", trace=True)
    assert [(line["name"], line["status"]) for line in lines(result, "tool_result")] == [
        ("unknown", "refused"),
        ("transfer_to_finance", "ok"),
        ("pay", "ok"),
    ]
    assert (result.tool_calls[0].name, result.tool_calls[0].status) == ("pay", "refused")
    assert "transfer_to_finance" in str(result.tool_calls[0].output), "the refusal says which tools there are"


SETTINGS = """\
[default.model]
kind = "openai"
model = "gpt-4.1"
api_key = { env = "TEAM_KEY" }

[prod.model]
model = "gpt-4.1-mini"
"""


def test_deployments_that_differ(cli: Cli, folder: Path) -> None:
    (folder / "lightagent.toml").write_text(SETTINGS)
    done = cli("config", "diff", "default", "prod", TEAM_KEY="k")
    assert "gpt-4.1-mini" in done.stdout
    assert "model.model" in done.stdout


def test_what_works_here_and_not_there(cli: Cli, folder: Path) -> None:
    (folder / "lightagent.toml").write_text(SETTINGS)
    assert cli("config", "check", TEAM_KEY="k").returncode == 0
    done = cli("config", "check")
    assert done.returncode == 2
    assert "TEAM_KEY" in done.stdout + done.stderr
