"""People who decide within a step of a flow on Temporal's real server: about an agent's call, and in a flow below."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lightagent import ApprovalDecision, LightAgent, LightFlow, tool
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.errors import PolicyError
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.temporal_server import TemporalServer
from tests.support.working_engine import WorkingEngine


@pytest.fixture
async def engine(temporal: TemporalServer) -> AsyncIterator[WorkingEngine]:
    made = WorkingEngine(temporal.address)
    yield made
    await made.aclose()


@tool(requires_approval=True)
def send(text: str) -> str:
    """Send a text.

    Args:
        text: the text
    """
    return f"sent {text}"


def answer(request: ChatRequest) -> str | ToolCall:
    last = request.messages[-1]
    return last.content if isinstance(last, ToolMessage) else call_tool("send", text="it")


@pytest.mark.parametrize("approved", [True, False])
async def test_a_call_of_an_agent_waits_for_a_person(engine: WorkingEngine, approved: bool) -> None:
    model = ScriptedModel(answer)
    flow = LightFlow(engine=engine, name="mail").step("write", agent=LightAgent(model=model, tools=[send]))
    flow.step("after", agent=str.upper, depends_on=["write"], query="done")
    waiting = await flow.arun("x", run_id="r")
    assert (waiting.status, waiting.step("after").status) == ("waiting_approval", "pending")
    (one,) = await flow.awaiting_steps("r")
    assert one["step"] == "write"
    asked = len(model.requests)
    await flow.aapprove("r", "write", approved)
    result = await flow.aresume("r")
    assert (result.status, result.content) == ("success", "DONE")
    assert ("sent it" in result.step("write").content) is approved
    assert len(model.requests) == asked + 1, "what the agent had done before it waited is not done again"


async def test_a_step_of_a_flow_that_is_a_step_waits_for_a_person_and_an_event(engine: WorkingEngine) -> None:
    inner = LightFlow(name="inner").step(
        "send", agent=str.upper, query="sent", requires_approval=True, approvers=["carol"]
    )
    inner.wait_for("paid", event="payment", depends_on=["send"])
    outer = LightFlow(engine=engine, name="outer").step("first", agent=str.upper)
    outer.step("below", agent=inner, depends_on=["first"])
    outer.step("last", agent=str.upper, depends_on=["below"], query="last")
    assert (await outer.arun("x", run_id="r")).status == "waiting_approval"
    with pytest.raises(PolicyError, match="must be one of carol"):
        await outer.aapprove("r", "below/send", ApprovalDecision.approve(actor="mallory"))
    await outer.aapprove("r", "below/send", ApprovalDecision.approve(actor="carol"))
    waiting = await outer.aresume("r")
    assert waiting.status in ("waiting", "waiting_approval"), waiting.to_dict()
    assert await outer.asignal("r", "payment", 3, key="k")
    result = await outer.aresume("r")
    assert (result.status, result.content) == ("success", "LAST"), result.to_dict()
