"""A flow whose run has all that a workflow decides about: questions, retries, people, waits, a step done again."""

from __future__ import annotations

from lightagent import LightFlow
from lightagent.application.flow.step_context import StepContext
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.domain.flow.retrying import Backoff, RetryPolicy
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.ports.flow_engine import FlowEngine

RUN = "replayed"


def draft(query: str, context: StepContext) -> str:
    """Fails once, so that another attempt is made after a pause."""
    if context.attempt == 1:
        raise ConnectionError("not yet")
    return f"{query}!"


def upper(query: str) -> str:
    """Work that cannot fail."""
    return query.upper()


def replayed(engine: FlowEngine) -> LightFlow:
    """The flow."""
    flow = LightFlow(engine=engine, name="replayed")
    flow.step("plan", agent=upper)
    flow.step(
        "draft",
        agent=draft,
        depends_on=["plan"],
        query=lambda context: f"draft of {context.outputs['plan']}",
        retry=RetryPolicy(2, backoff=Backoff(first=0.1, jitter=0.0)),
    )
    flow.map("each", ["x", "y", "z"], agent=upper, depends_on=["plan"], when=lambda context: True)
    flow.step("send", agent=upper, depends_on=["draft", "each"], query="send it", requires_approval=True)
    flow.sleep("rest", 0.2, depends_on=["send"])
    flow.wait_for("paid", event="payment", depends_on=["rest"])
    return flow


async def play(engine: FlowEngine) -> LightFlowResult:
    """One run of it: a person decides, a step is done again, and an event comes from outside."""
    flow = replayed(engine)
    waiting = await flow.arun("go", run_id=RUN)
    assert waiting.status == "waiting_approval"
    await flow.aapprove(RUN, "send", ApprovalDecision.edit({"query": "send that"}, actor="bob"))
    assert (await flow.aresume(RUN)).status == "waiting"
    await flow.arerun_step(RUN, "each[1]/each")
    await flow.aapprove(RUN, "send")
    await flow.aresume(RUN)
    await flow.asignal(RUN, "payment", {"amount": 3}, key="k")
    return await flow.aresume(RUN)
