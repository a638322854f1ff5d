"""Of two decisions about one call of an agent, the workflow of its run takes the first."""

from __future__ import annotations

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from lightagent import ApprovalDecision, LightAgent, tool
from lightagent.adapters.engines.temporal.late_decisions import refusal_of
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.flow.flow_log import flow_key, read_flow
from lightagent.domain.flow.events import AttemptNoted, CancelRequested
from lightagent.domain.flow.state import fold
from lightagent.domain.runs.events import ApprovalDecided
from lightagent.domain.scopes import Scope
from lightagent.testing import ScriptedModel, call_tool


@tool(requires_approval=True)
def send(text: str) -> str:
    """Send.

    Args:
        text: what is sent
    """
    return f"sent {text}"


async def test_the_first_of_two_decisions_about_one_call_counts() -> None:
    model = ScriptedModel([[call_tool("send", text="a"), call_tool("send", text="b")], "done"])
    store = MemoryJournalStore()
    clerk = LightAgent(name="clerk", model=model, tools=[send], engine=store)
    handle = await clerk.asubmit("send both", run_id="r")
    await handle.aresult()
    first, second = [str(call["id"]) for call in await handle.awaiting_calls()]
    _, events = await read_flow(store, flow_key("r", Scope()))
    state = fold(events)
    node = state.nodes["agent"]

    def decided(call_id: str) -> AttemptNoted:
        return AttemptNoted("agent", node.epoch, node.attempt, ApprovalDecided(call_id, ApprovalDecision.approve()))

    assert refusal_of(state, decided(first)) is None
    assert refusal_of(state, decided(second), [decided(first)]) is None
    again = refusal_of(state, decided(first), [decided(first)])
    assert again is not None
    assert (again.kind, again.path) == ("stale", "agent")
    state.apply(decided(first))
    assert refusal_of(state, decided(first)) is not None
    assert refusal_of(state, decided("another")) is not None
    assert refusal_of(state, CancelRequested()) is None
