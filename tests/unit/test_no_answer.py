"""What the errors of runs without an answer hold, and agents that close themselves."""

from __future__ import annotations

import pytest

from lightagent import LightAgent, LightAgentError, RunSuspended, tool
from lightagent.testing import ScriptedModel, call_tool


@tool(requires_approval=True)
def pay(amount: int, to: str) -> str:
    """Pay somebody."""
    return f"{to} has {amount}"


def bank() -> LightAgent:
    return LightAgent(model=ScriptedModel([call_tool("pay", amount=3, to="Bob"), "Done."]), tools=[pay])


def test_the_calls_that_wait_are_in_the_details() -> None:
    result = bank().run_result("Pay.")
    errors: list[LightAgentError] = []
    for way in (lambda: bank().run("Pay."), lambda: [*bank().stream("Pay.")], result.unwrap):
        with pytest.raises(RunSuspended) as caught:
            way()
        errors.append(caught.value)
    for error in errors:
        assert error.details["calls"] == [{"id": "call_1_1", "name": "pay", "arguments": {"amount": 3, "to": "Bob"}}]
        assert "pay (call_1_1)" in str(error)
        assert error.details["run_id"]


def test_one_of_an_agent_that_is_called_is_named_as_decisions_name_it() -> None:
    outer = LightAgent(
        model=ScriptedModel([call_tool("bank", query="Pay."), "Done."]), tools=[bank().as_tool("bank", "Pays.")]
    )
    with pytest.raises(RunSuspended) as caught:
        outer.run("Pay.")
    calls = caught.value.details["calls"]
    assert isinstance(calls, list)
    assert [call["id"] for call in calls if isinstance(call, dict)] == ["call_1_1/call_1_1"]


class Closing(ScriptedModel):
    """Counts how often it is closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


def test_with_closes() -> None:
    model = Closing(["Hi."])
    with LightAgent(model=model) as agent:
        assert agent.run("Hello") == "Hi."
        assert model.closed == 0
    assert model.closed == 1


async def test_async_with_closes_whatever_happens() -> None:
    model = Closing(["Hi."])
    with pytest.raises(KeyError):
        await _fail_within(LightAgent(model=model))
    assert model.closed == 1


async def _fail_within(agent: LightAgent) -> None:
    async with agent:
        assert await agent.arun("Hello") == "Hi."
        raise KeyError
