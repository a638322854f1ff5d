"""Flows: what may be a step, what its callables are given, and what each way to run gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_type

from lightagent import (
    ApprovalDecision,
    Artifact,
    Backoff,
    FlowLimits,
    JsonLightFlowStore,
    JsonObject,
    JsonValue,
    LightAgent,
    LightFlow,
    LightFlowResult,
    LightFlowStep,
    LightFlowStepResult,
    LightSwarm,
    Proposal,
    ProposedStep,
    RetryPolicy,
    RetryRule,
    StepContext,
    StepVerdict,
    read_artifact,
)


@dataclass(frozen=True)
class Facts:
    name: str


def plain(query: str) -> str:
    return query


async def typed(query: str, context: StepContext) -> Facts:
    assert_type(context.input, str)
    assert_type(context["input"], str)
    assert_type(context["outputs"], Mapping[str, str])
    assert_type(context.outputs["a"], str)
    assert_type(context["steps"]["a"], LightFlowStepResult)
    assert_type(context["whatever"], object)
    assert_type(context.output("a"), JsonValue)
    assert_type(context.output("a", Facts), Facts)
    assert_type(context.output("a", list[Facts] | None), list[Facts] | None)
    return Facts(context.idempotency_key)


def approve(step: LightFlowStep, context: StepContext) -> dict[str, object]:
    return {"approved": step.name in context.outputs}


def propose(query: str, context: StepContext) -> Proposal:
    made = context.artifact("report.txt")
    assert_type(made, Artifact)
    assert_type(read_artifact(made), bytes)
    assert_type(context.steps["a"].artifacts, tuple[Artifact, ...])
    assert_type(context.item, JsonValue)
    assert_type(context.index, int | None)
    return Proposal([ProposedStep("a", "look", "x", depends_on=["b"])], {"content": 1})


def judge(result: object, context: StepContext) -> StepVerdict | bool | None:
    return StepVerdict.reject("no") if context.attempt else None


class Caller:
    def __call__(self, query: str) -> int:
        return len(query)


def flows(agent: LightAgent[None, Facts], plain_agent: LightAgent, swarm: LightSwarm[None]) -> None:
    inner = LightFlow().step("x", agent=plain).offer("look", agent=agent, max_retry=2)
    more = (
        LightFlow(limits=FlowLimits(max_items=5), max_wait=60)
        .map("m", "a", agent=inner, when=lambda context: context.input != "")
        .map("n", ["a", {"b": 1}], agent=typed, output_type=Facts, query=lambda context: context.item)
        .map("o", lambda context: context.output("a", list[str]), agent=agent, verify=plain_agent)
        .loop("l", agent=plain, until=lambda context: context.round > 3 or "x" in context.previous, rounds=3)
        .sleep("s", 3)
        .sleep("t", timedelta(days=1), depends_on=["s"])
        .sleep("u", until=datetime.now(UTC))
        .sleep("v", until=lambda context: timedelta(days=1))
        .wait_for("w", "paid", timeout=3, requires_approval=True)
        .step("p", agent=propose, accept_steps=lambda steps: steps[0].work == "look", max_added=3)
        .step("q", agent=plain, verify=judge, on_doubt="person", repeatable=False)
        .step("r", agent=plain, retry=RetryPolicy(3, (RetryRule(("ValueError",), 1, Backoff(0.5)),), Backoff(1)))
    )
    assert_type(more, LightFlow)
    assert_type(more.signal("r", "paid", {"amount": 3}, key="k"), bool)
    flow = (
        LightFlow(store=JsonLightFlowStore("runs"), name="f", max_parallel=3)
        .step("a", agent=agent)
        .step(
            "b", agent=plain_agent, fallback_agent=plain, depends_on=["a"], query=lambda context: context.outputs["a"]
        )
        .step("c", agent=swarm, query=lambda input, context: f"{input}{context.outputs['a']}")
        .step("d", agent=LightFlow().step("x", agent=plain))
        .step("e", agent=typed, output_type=Facts, cancel_if=lambda context: context.input == "")
        .step("f", agent=lambda query: {"a": query}, requires_approval=True, approval_handler=approve)
        .step("g", agent=Caller(), max_retry=2, timeout=3, metadata={"x": 1}, output_type=int | None)
    )
    assert_type(flow, LightFlow)
    assert_type(flow.validate(strict=True), dict[str, list[str]])
    assert_type(flow.run("x"), LightFlowResult)
    assert_type(flow.run_result("x", user_id="ann"), LightFlowResult)
    assert_type(flow.run("x", result_format="str"), str)
    assert_type(flow.run("x", result_format="dict", run_id="r", user_id="ann"), JsonObject)
    assert_type(flow.resume("r"), LightFlowResult)
    assert_type(flow.resume("r", result_format="str"), str)
    assert_type(flow.rerun_step("r", "a", result_format="dict"), JsonObject)
    assert_type(flow.approve("r", "f", {"approved": True}), ApprovalDecision)
    assert_type(flow.get_run("r"), JsonObject | None)
    assert_type(flow.list_runs(), list[JsonObject])


async def async_flows(flow: LightFlow) -> None:
    result = await flow.arun("x")
    assert_type(result, LightFlowResult)
    assert_type(await flow.aresume("r", result_format="str"), str)
    assert_type(await flow.arerun_step("r", "a", trace=True), LightFlowResult)
    assert_type(result.output("e", Facts), Facts)
    assert_type(result.output("e"), JsonValue)
    assert_type(result.step("e"), LightFlowStepResult)
    assert_type(await flow.aget_run("r"), JsonObject | None)
