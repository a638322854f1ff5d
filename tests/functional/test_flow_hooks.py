"""Hooks of flows: they see, replace and block steps, approvals, resumptions and reruns, and are on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from lightagent import (
    ConfigurationError,
    HookContext,
    HookDecision,
    JsonLightFlowStore,
    LightAgent,
    LightAgentError,
    LightFlow,
    LightFlowResult,
    ObservingHook,
    PolicyHook,
    Subject,
)
from lightagent.application.policies.typed_hooks import (
    after_flow_step,
    before_flow_step,
    before_tool_call,
    on_approval_required,
    on_rerun,
    on_resume,
)
from lightagent.domain.policy.flow_payloads import FlowResultPayload, FlowStepPayload
from lightagent.domain.policy.hooks import FLOW_HOOK_PHASES, HookPhase
from lightagent.testing import ScriptedModel


class Effects:
    """What the steps of the flow that is tried have done, by name."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def step(self, name: str) -> Callable[[str], str]:
        def do(query: str) -> str:
            self.done.append(name)
            return f"{name}({query})"

        return do


def passing(effects: Effects, *hooks: object) -> LightFlow:
    """A flow that meets every phase of flows."""
    return (
        LightFlow(hooks=hooks)
        .step("draft", agent=effects.step("draft"))
        .step("send", agent=effects.step("send"), depends_on=["draft"], requires_approval=True)
    )


@dataclass(frozen=True)
class Met:
    """What came of a run in which every phase was to be met.

    Attributes:
        error: what resume or rerun raised.
    """

    result: LightFlowResult
    effects: tuple[str, ...]
    error: LightAgentError | None = None


async def meet(phase: HookPhase, *hooks: object) -> Met:
    """Run a flow until the phase has been met."""
    effects = Effects()
    flow = passing(effects, *hooks)
    result = await flow.arun("letter", run_id="run", trace=True)
    if phase in ("before_flow_step", "after_flow_step", "on_approval_required"):
        return Met(result, tuple(effects.done))
    assert result.status == "waiting_approval"
    await flow.aapprove("run", "send")
    try:
        result = await flow.aresume("run", trace=True)
        if phase == "on_rerun":
            result = await flow.arerun_step("run", "draft", trace=True)
    except LightAgentError as error:
        return Met(result, tuple(effects.done), error)
    return Met(result, tuple(effects.done))


async def raises() -> object:
    raise RuntimeError("CANARY in an error")


async def hangs() -> object:
    return await asyncio.Event().wait()


def answers(answer: object) -> Callable[[], object]:
    async def give() -> object:
        return answer

    return give


BLOCKS: dict[str, Callable[[], object]] = {
    "False": answers(False),
    "text": answers("It is forbidden."),
    "an object": answers({"allowed": False, "reason": "It is forbidden."}),
}
FAILS: dict[str, Callable[[], object]] = {
    "raises": raises,
    "times out": hangs,
    "a number": answers(5),
    "an object of its own": answers(object()),
}
NONSENSE: dict[str, Callable[[], object]] = {
    "an unknown action": answers({"action": "perhaps"}),
    "no truth value": answers({"allowed": "no"}),
    "a payload of no type": answers({"payload": 5}),
    "a payload that does not fit": answers({"payload": {"no such key": 5}}),
    "asking a person": answers(HookDecision.ask("Is it right?")),
}
ANSWERS = BLOCKS | FAILS | NONSENSE
DECORATORS: dict[HookPhase, object] = {
    "before_flow_step": before_flow_step,
    "after_flow_step": after_flow_step,
    "on_approval_required": on_approval_required,
    "on_resume": on_resume,
    "on_rerun": on_rerun,
}
AT_EVERY_PHASE = pytest.mark.parametrize("phase", FLOW_HOOK_PHASES)
ALL_ANSWERS = pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)


def patience(deed: Callable[[], object]) -> float | None:
    return 0.01 if deed is hangs else None


async def answer_of(deed: Callable[[], object]) -> object:
    made = deed()
    return await made if asyncio.iscoroutine(made) else made


def check_blocked(met: Met, phase: HookPhase) -> None:
    """What the hook was asked about was not done, and the error says so without what the hook has seen."""
    effects: tuple[str, ...] = ("draft",)
    match phase:
        case "before_flow_step":
            failed, effects = met.result.step("draft"), ()
        case "after_flow_step":
            failed = met.result.step("draft")
        case "on_approval_required":
            failed = met.result.step("send")
        case _:
            assert met.error is not None
            assert met.error.code in ("LA-HOOK", "LA-POLICY")
            assert "CANARY" not in str(met.error)
            assert met.effects == (("draft",) if phase == "on_resume" else ("draft", "send"))
            return
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.code in ("LA-HOOK", "LA-POLICY")
    assert "CANARY" not in str(met.result.to_dict())
    assert met.effects == effects
    blocks = [event["data"] for event in met.result.trace if event["type"] == "hook_block"]
    assert [block["step"] for block in blocks if block["action"] in ("block", "error")] or any(
        event["type"] == "hook_decision" for event in met.result.trace
    )


def check_went_on(met: Met, phase: HookPhase) -> None:
    assert met.error is None
    whole = ("draft",) if phase in FLOW_HOOK_PHASES[:3] else ("draft", "send")
    assert met.effects == (("draft", "send", "draft") if phase == "on_rerun" else whole)
    assert met.result.status == ("success" if phase == "on_resume" else "waiting_approval")


@AT_EVERY_PHASE
@ALL_ANSWERS
async def test_a_policy_hook_of_a_flow_fails_closed(phase: HookPhase, deed: Callable[[], object]) -> None:
    async def hook(context: HookContext) -> object:
        return await answer_of(deed)

    met = await meet(phase, PolicyHook(hook, phases=[phase], timeout=patience(deed)))
    check_blocked(met, phase)


@AT_EVERY_PHASE
@ALL_ANSWERS
async def test_a_typed_hook_of_a_flow_fails_closed(phase: HookPhase, deed: Callable[[], object]) -> None:
    async def hook(payload: object, subject: Subject) -> object:
        return await answer_of(deed)

    decorator = DECORATORS[phase]
    assert callable(decorator)
    made: object = decorator(timeout=patience(deed))
    assert callable(made)
    check_blocked(await meet(phase, made(hook)), phase)


@AT_EVERY_PHASE
@ALL_ANSWERS
async def test_a_plain_hook_of_a_flow_that_fails_is_isolated(phase: HookPhase, deed: Callable[[], object]) -> None:
    if deed is hangs:
        return  # A plain hook has no timeout.

    class OnePhase:
        """An object with a method of one phase."""

    hook = OnePhase()

    async def method(context: HookContext) -> object:
        return await answer_of(deed)

    setattr(hook, phase, method)
    met = await meet(phase, hook)
    if deed in FAILS.values():
        check_went_on(met, phase)
        reasons = [event["data"]["reason"] for event in met.result.trace if event["type"] == "hook_decision"]
        assert reasons
        assert all(str(reason).endswith("The run goes on without it.") for reason in reasons)
    else:
        check_blocked(met, phase)


@AT_EVERY_PHASE
@ALL_ANSWERS
async def test_an_observing_hook_of_a_flow_changes_nothing(phase: HookPhase, deed: Callable[[], object]) -> None:
    async def hook(context: HookContext) -> object:
        return await answer_of(deed)

    check_went_on(await meet(phase, ObservingHook(hook, phases=[phase], timeout=0.01)), phase)


def test_hooks_see_where_they_are_and_are_called_once_a_step() -> None:
    seen: list[tuple[str, str, str, str]] = []

    def look(context: HookContext) -> None:
        seen.append((context.phase, context.flow_id, context.step_name, context.user_id))

    flow = passing(Effects(), look)
    flow.run("letter", run_id="run", user_id="ann")
    flow.approve("run", "send", user_id="ann")
    flow.resume("run", user_id="ann")
    flow.rerun_step("run", "send", user_id="ann")
    assert seen == [
        ("before_flow_step", "run", "draft", "ann"),
        ("after_flow_step", "run", "draft", "ann"),
        ("before_flow_step", "run", "send", "ann"),
        ("on_approval_required", "run", "send", "ann"),
        ("on_resume", "run", "", "ann"),
        ("after_flow_step", "run", "send", "ann"),
        ("on_rerun", "run", "send", "ann"),
        ("before_flow_step", "run", "send", "ann"),
        ("on_approval_required", "run", "send", "ann"),
    ]


def test_what_a_person_edits_is_reviewed_anew() -> None:
    def no_secrets(context: HookContext) -> object:
        return "secret" not in str(context.payload["query"])

    effects = Effects()
    flow = passing(effects, PolicyHook(no_secrets, phases=["before_flow_step"]))
    flow.run("letter", run_id="run")
    flow.approve("run", "send", {"action": "edit", "arguments": {"query": "a secret"}})
    result = flow.resume("run")
    assert (result.status, effects.done) == ("failed", ["draft"])
    assert result.error is not None
    assert result.error.code == "LA-HOOK"


def test_queries_and_results_are_replaced_and_that_is_on_record() -> None:
    def rewrite(context: HookContext) -> HookDecision | None:
        match context.phase:
            case "before_flow_step":
                return HookDecision.replace({"query": "another", "context": context.payload["context"]})
            case "after_flow_step":
                result = context.payload["step_result"]
                assert isinstance(result, dict)
                return HookDecision.replace({"step_result": {**result, "content": f"<{result['content']}>"}})
            case _:
                return None

    result = LightFlow(hooks=[rewrite]).step("draft", agent=lambda query: query).run("letter", trace=True)
    assert result.content == "<another>"
    decided = [(event["type"], event["data"]["action"]) for event in result.trace if "hook" in event["type"]]
    assert decided == [("hook_decision", "rewrite")] * 2


@before_flow_step
def shorten(step: FlowStepPayload, subject: Subject) -> FlowStepPayload:
    return replace(step, query=f"{subject.name}: {step.query[:5]}")


@after_flow_step(name="count")
async def count(result: FlowResultPayload, subject: Subject) -> FlowResultPayload:
    assert isinstance(result.output, int)
    return replace(result, output=result.output + 1)


def test_typed_hooks_of_a_flow_change_values_and_the_type_still_holds() -> None:
    flow = LightFlow(hooks=[shorten, count]).step("length", agent=len, output_type=int)
    assert flow.run("a long letter").output("length", int) == len("length: a lon") + 1

    @after_flow_step
    def spoil(result: FlowResultPayload, subject: Subject) -> FlowResultPayload:
        return replace(result, output="many")

    result = LightFlow(hooks=[spoil]).step("length", agent=len, output_type=int).run("letter")
    assert result.error is not None
    assert (result.status, result.error.code) == ("failed", "LA-HOOK")


def test_a_hook_cannot_rewrite_what_it_may_only_see() -> None:
    @before_flow_step
    def forge(step: FlowStepPayload, subject: Subject) -> FlowStepPayload:
        return replace(step, context={**step.context, "input": "forged"})

    effects = Effects()
    result = passing(effects, forge).run("letter")
    assert result.error is not None
    assert (result.status, result.error.code, effects.done) == ("failed", "LA-HOOK", [])


def test_a_failed_step_shows_its_error_once_its_attempts_are_used_up() -> None:
    seen: list[object] = []

    def look(context: HookContext) -> None:
        if context.phase == "after_flow_step":
            result = context.payload["step_result"]
            assert isinstance(result, dict)
            seen.append((result["status"], result["attempts"]))

    def fail(query: str) -> str:
        raise ConnectionError("away")

    LightFlow(hooks=[look]).step("fetch", agent=fail, max_retry=1).run("query")
    assert seen == [("failed", 1)]


def test_a_blocked_step_is_asked_about_anew_when_the_run_is_resumed() -> None:
    allowed = False

    def ask(context: HookContext) -> object:
        return allowed

    effects = Effects()
    flow = LightFlow(hooks=[PolicyHook(ask, phases=["before_flow_step"])]).step("draft", agent=effects.step("draft"))
    assert flow.run("letter", run_id="run").status == "failed"
    allowed = True
    assert flow.resume("run").status == "success"
    assert effects.done == ["draft"]


def test_a_run_is_not_resumed_without_its_hooks(tmp_path: object) -> None:
    store = JsonLightFlowStore(f"{tmp_path}/runs")

    def guard(context: HookContext) -> object:
        return True

    def declared(*hooks: object) -> LightFlow:
        return LightFlow(store=store, hooks=hooks).step("draft", agent=lambda query: query, requires_approval=True)

    assert declared(PolicyHook(guard)).run("letter", run_id="run").status == "waiting_approval"
    with pytest.raises(ConfigurationError, match="hook:guard"):
        declared().resume("run")
    assert declared(PolicyHook(guard)).resume("run").status == "waiting_approval"


def test_hooks_of_a_flow_see_the_flows_within_it_and_theirs_are_asked_too() -> None:
    seen: list[str] = []

    def outer(context: HookContext) -> None:
        seen.append(f"outer {context.phase} {context.step_name}")

    def inner(context: HookContext) -> None:
        seen.append(f"inner {context.phase} {context.step_name}")

    below = LightFlow(name="below", hooks=[inner]).step("deep", agent=lambda query: query)
    result = LightFlow(hooks=[PolicyHook(outer, phases=["before_flow_step"])]).step("top", agent=below).run("query")
    assert result.content == "query"
    assert seen == [
        "outer before_flow_step top",
        "outer before_flow_step deep",
        "inner before_flow_step deep",
        "inner after_flow_step deep",
    ]


def test_a_hook_of_an_agent_knows_the_step_that_it_is_in() -> None:
    seen: set[tuple[str, str]] = set()

    def look(context: HookContext) -> None:
        seen.add((context.flow_id, context.step_name))

    agent = LightAgent(name="writer", model=ScriptedModel(["done"]), hooks=[look])
    LightFlow().step("write", agent=agent).run("query", run_id="run")
    assert seen == {("run", "write")}


def test_what_is_called_at_no_phase_of_a_flow_is_refused() -> None:
    @before_tool_call
    def call(payload: object, subject: Subject) -> None: ...

    def guard(context: HookContext) -> object:
        return True

    for hook in (call, PolicyHook(guard, phases=["before_run"]), 5):
        with pytest.raises(ConfigurationError):
            LightFlow(hooks=[hook])


@pytest.mark.parametrize("phase", ["before_flow_step", "on_approval_required"])
@pytest.mark.parametrize("on", ["step", "wait", "map", "loop"])
@pytest.mark.parametrize("goes_on", ["resume", "fork"])
async def test_a_step_that_a_hook_forbade_before_anybody_decided_is_not_done_without_a_person(
    phase: HookPhase, on: str, goes_on: str
) -> None:
    allowed = phase == "before_flow_step" and on != "step"  # This phase is about steps that do something themselves.
    effects = Effects()
    verdict = [HookDecision.block("not today")]

    def forbid(context: HookContext) -> HookDecision | None:
        return verdict[0] if verdict else None

    flow = LightFlow(hooks=[PolicyHook(forbid, phases={phase})])
    if on == "step":
        flow.step("send", agent=effects.step("send"), requires_approval=True)
    elif on == "wait":
        flow.sleep("send", 0, requires_approval=True)
    elif on == "map":
        flow.map("send", over=["one"], agent=effects.step("send"), requires_approval=True)
    else:
        flow.loop("send", rounds=1, agent=effects.step("send"), requires_approval=True)
    first = await flow.arun("letter", run_id="run")
    assert first.status == ("waiting_approval" if allowed else "failed")
    verdict.clear()

    again = await (flow.aresume("run") if goes_on == "resume" else flow.afork("run", new_run_id="fork"))
    assert (again.status, effects.done) == ("waiting_approval", [])
    await flow.aapprove(again.run_id, "send")
    assert (await flow.aresume(again.run_id)).status == "success"
    assert effects.done == ([] if on == "wait" else ["send"])
