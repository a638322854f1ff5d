"""Flows: what may be a step, what its callables are given, and what each way to run gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_type

from lightagent import (
    ApprovalDecision,
    JsonLightFlowStore,
    JsonObject,
    JsonValue,
    LightAgent,
    LightFlow,
    LightFlowResult,
    LightFlowStep,
    LightFlowStepResult,
    LightSwarm,
    StepContext,
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


class Caller:
    def __call__(self, query: str) -> int:
        return len(query)


def flows(agent: LightAgent[None, Facts], plain_agent: LightAgent, swarm: LightSwarm[None]) -> None:
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
