"""Going on with a run: what a journal decides cannot be changed, and nothing happens before all is checked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import pytest

from lightagent import (
    ApprovalDecision,
    ChatRequest,
    ConfigurationError,
    Delta,
    Journal,
    LightAgent,
    RunResult,
    Tool,
    tool,
)
from lightagent.domain.outcomes import Cancelled
from lightagent.testing import ScriptedModel, call_tool


@dataclass
class Answer:
    """An answer with a field."""

    x: str


def pay_tool(paid: list[int]) -> Tool[object]:
    """Pays, with approval."""

    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    return pay


def paying(paid: list[int], *replies: str) -> LightAgent:
    """An agent that pays first, and then says its replies."""
    return LightAgent(model=ScriptedModel([call_tool("pay", amount=1), *replies]), tools=[pay_tool(paid)])


def waiting() -> RunResult[str]:
    """A run that waits for a human."""
    return paying([]).run("q", result_format="object", user_id="alice")


@pytest.mark.parametrize("option", [{"user_id": "eve"}, {"timeout": 1.0}, {"history": []}, {"metadata": {}}])
def test_what_the_journal_decides_cannot_be_passed(option: dict[str, object]) -> None:
    paid: list[int] = []
    resume: Callable[..., object] = paying(paid).resume
    with pytest.raises(ConfigurationError, match=f"no option '{next(iter(option))}'"):
        resume(waiting().journal, ApprovalDecision.approve(), **option)
    assert paid == []


def test_another_output_type_is_refused_before_anything_runs() -> None:
    paid: list[int] = []

    typed = LightAgent(output_type=Answer, model=ScriptedModel(["x"]), tools=[pay_tool(paid)])
    with pytest.raises(ConfigurationError, match="output_type"):
        typed.resume(waiting().journal, ApprovalDecision.approve())
    assert paid == []


async def test_resuming_event_by_event_gives_the_decision_first() -> None:
    paid: list[int] = []
    agent = LightAgent(model=ScriptedModel(["Done."]), tools=[pay_tool(paid)])
    journal = waiting().journal
    events = [event async for event in agent.aresume_events(journal, ApprovalDecision.approve())]
    kinds = [event.type for event in events]
    assert kinds[:3] == ["approval_decided", "tool_started", "tool_finished"]
    assert kinds[-1] == "run_finished"
    whole = Journal((*journal.events, *events))
    assert agent.replay(whole).content == "Done."
    assert agent.export_journal() == whole


class Interrupted:
    """A model during whose answer the user presses Ctrl-C."""

    name = "interrupted"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Never answers."""
        raise KeyboardInterrupt
        yield

    async def aclose(self) -> None:
        """Nothing is open."""


def test_a_run_that_was_interrupted_is_the_last_one_all_the_same() -> None:
    agent = LightAgent(model=Interrupted())
    with pytest.raises(KeyboardInterrupt):
        agent.run("bob's")
    journal = agent.export_journal()
    assert journal is not None
    assert isinstance(journal.run.outcome, Cancelled)
    assert agent.get_history() == [{"role": "user", "content": "bob's"}]
