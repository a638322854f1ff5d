"""A flow whose run has all that a workflow is told of agents: finished calls, a nested agent, people who decide."""

from __future__ import annotations

from lightagent import ApprovalDecision, LightAgent, LightFlow, tool
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool

RUN = "agents"


@tool
def look(word: str) -> str:
    """Look a word up.

    Args:
        word: the word
    """
    return f"{word} is a word"


@tool(requires_approval=True)
def send(text: str) -> str:
    """Send a text.

    Args:
        text: the text
    """
    return f"sent {text}"


def inner(request: ChatRequest) -> str | ToolCall:
    """Looks something up, and answers."""
    last = request.messages[-1]
    return last.content if isinstance(last, ToolMessage) else call_tool("look", word="tree")


def outer(request: ChatRequest) -> str | ToolCall:
    """Asks the other agent, looks something up, sends a text, and answers."""
    calls = (call_tool("ask", query="tree?"), call_tool("look", word="leaf"), call_tool("send", text="it"))
    results = sum(isinstance(message, ToolMessage) for message in request.messages)
    return calls[results] if results < len(calls) else "all done"


def calling(engine: FlowEngine, calls: int) -> LightFlow:
    """A flow whose agent makes so many calls, one after the other."""

    def reply(request: ChatRequest) -> str | ToolCall:
        results = sum(isinstance(message, ToolMessage) for message in request.messages)
        return call_tool("look", word=f"word {results}") if results < calls else f"{results} results"

    agent = LightAgent(name="caller", model=ScriptedModel(reply, record=False), tools=[look])
    return LightFlow(engine=engine, name="calling").step("work", agent=agent)


def working(engine: FlowEngine) -> LightFlow:
    """The flow."""
    asked = LightAgent(name="inner", model=ScriptedModel(inner, record=False), tools=[look])
    agent = LightAgent(
        name="outer", model=ScriptedModel(outer, record=False), tools=[asked.as_tool("ask", "Answers."), look, send]
    )
    flow = LightFlow(engine=engine, name="working").step("plan", agent=str.upper)
    flow.step("work", agent=agent, depends_on=["plan"])
    flow.step(
        "sign",
        agent=str.upper,
        depends_on=["work"],
        query="signed",
        requires_approval=True,
        approvers=["carol"],
        approval_timeout=600.0,
    )
    return flow


async def play(engine: FlowEngine) -> LightFlowResult:
    """One run of it: a person decides about the agent's call, and about the step after it."""
    flow = working(engine)
    assert (await flow.arun("go", run_id=RUN)).step("work").status == "waiting_approval"
    await flow.aapprove(RUN, "work", ApprovalDecision.approve(actor="bob"))
    assert (await flow.aresume(RUN)).step("sign").status == "waiting_approval"
    await flow.aapprove(RUN, "sign", ApprovalDecision.approve(actor="carol"))
    return await flow.aresume(RUN)
