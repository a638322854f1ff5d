"""Hooks and guardrails that allow, block, fail or answer nonsense, at every phase of a run: they fail closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lightagent import (
    GuardrailDecision,
    HookContext,
    JsonObject,
    LightAgentErrorInfo,
    ObservingHook,
    PolicyHook,
    RunResult,
    StreamEvent,
)
from lightagent.application.policies.typed_hooks import (
    after_model_response,
    after_run,
    after_tool_result,
    before_model_request,
    before_run,
    before_tool_call,
    on_approval_required,
    on_conclusion,
    on_context,
    on_handoff,
    on_output,
)
from lightagent.domain.outcomes import Blocked, Completed, Suspended
from lightagent.domain.policy.hooks import BOUNDARIES, HOOK_PHASES, HookPhase
from lightagent.domain.policy.phases import MEMORY_PHASES, Phase, Subject
from lightagent.domain.policy.rulings import ABOUT_CALLS
from lightagent.domain.runs.events import ToolFinished
from tests.support.gate_checks import REFUSED_CALLS, Ending, check_stopped, check_withheld
from tests.support.gate_deeds import allow
from tests.support.policy_run import QUERY, DeedGate, Effects, Policies, passing_agent


async def raises() -> object:
    raise RuntimeError("CANARY in an error")


async def hangs() -> object:
    return await asyncio.Event().wait()


@dataclass(frozen=True)
class Answers:
    """A function that answers with something."""

    answer: object

    async def __call__(self) -> object:
        return self.answer


Deed = Callable[[], object]

BLOCKS: dict[str, Deed] = {
    "False": Answers(False),
    "text": Answers("It is forbidden."),
    "an object": Answers({"allowed": False, "reason": "It is forbidden."}),
}
FAILS: dict[str, Deed] = {
    "raises": raises,
    "times out": hangs,
    "a number": Answers(5),
    "an object of its own": Answers(object()),
}
NONSENSE: dict[str, Deed] = {
    "an unknown action": Answers({"action": "perhaps"}),
    "no truth value": Answers({"allowed": "no"}),
    "a payload of no type": Answers({"payload": 5}),
    "a payload that does not fit": Answers({"payload": {"no such key": 5}}),
}
"""It is clear that something was decided, and not what."""
ANSWERS = BLOCKS | FAILS | NONSENSE
GUARDRAIL_ANSWERS: dict[str, Deed] = {
    **BLOCKS,
    "raises": raises,
    "a number": Answers(5),
    "nothing": Answers({}),
    "another key": Answers({"allow": True}),
    "no truth value": Answers({"allowed": 1}),
    "a reason alone": Answers({"reason": "because"}),
    "a value that does not fit": Answers({"allowed": True, "value": 5}),
    "a reason that is not text": Answers({"allowed": True, "reason": 5}),
    "no decision": Answers(GuardrailDecision(allowed=json.loads('"yes"'))),
}


class Once:
    """Does its deed the first time that its phase is met, in a nested run if that is asked for; else it allows."""

    def __init__(self, deed: Deed, *, nested: bool) -> None:
        self.deed = deed
        self.nested = nested
        self.done = False

    async def answer(self, path: object) -> object:
        if self.done or (self.nested and not path):
            return None
        self.done = True
        answer = self.deed()
        return await answer if asyncio.iscoroutine(answer) else answer

    async def hook(self, context: HookContext) -> object:
        return await self.answer(context.metadata["path"])

    async def guardrail(self, value: object, context: JsonObject) -> object:
        return await self.answer(context["path"])


async def run_both(make: Callable[[Once], Policies], deed: Deed, phase: Phase, *, nested: bool) -> Ending:
    """The end of a plain run, which a streamed one must equal."""
    query = "outer query" if nested else QUERY
    onces, effects = [Once(deed, nested=nested) for _ in range(2)], [Effects(), Effects()]
    plain, streamed = (
        passing_agent(None, effect, phase, nested=nested, policies=make(once))
        for once, effect in zip(onces, effects, strict=True)
    )
    stream = streamed.astream(query, result_format="event", trace=True)

    async def watch() -> list[StreamEvent]:
        return [event async for event in stream]

    async with asyncio.timeout(30):
        result, shown = await asyncio.gather(plain.arun(query, result_format="object", trace=True), watch())
    assert isinstance(result, RunResult)
    assert stream.result.journal == result.journal
    assert effects[0] == effects[1]
    assert [once.done for once in onces] == [True, True]
    assert "CANARY in an error" not in result.journal.to_json()
    return Ending(result, shown, effects[0], DeedGate(phase, allow, nested))


def check_blocked(ending: Ending, phase: Phase, code: str) -> None:
    """The model got the error of a call; anything else ended the run, or its conclusion."""
    if phase not in ABOUT_CALLS:
        check_stopped(ending, phase, Blocked, code)
        return
    assert isinstance(ending.outcome, Completed), ending.outcome
    call_id, status = REFUSED_CALLS[phase]
    (finished,) = [e for e in ending.events if isinstance(e, ToolFinished) and e.call_id == call_id]
    assert isinstance(finished.error, LightAgentErrorInfo)
    assert (finished.status, finished.ends, finished.error.code) == (status, None, code)
    check_withheld(ending, phase)


def check_went_on(ending: Ending) -> None:
    assert isinstance(ending.outcome, Completed), ending.outcome


PLAIN_AND_NESTED = pytest.mark.parametrize("nested", [False, True], ids=["alone", "nested"])

DECORATORS: dict[str, tuple[object, Phase]] = {
    "before_run": (before_run, "admission"),
    "on_context": (on_context, "context"),
    "before_model_request": (before_model_request, "model_request"),
    "after_model_response": (after_model_response, "model_reply"),
    "before_tool_call": (before_tool_call, "tool_call"),
    "on_approval_required": (on_approval_required, "approval"),
    "after_tool_result": (after_tool_result, "tool_result"),
    "on_handoff": (on_handoff, "handoff"),
    "on_output": (on_output, "output"),
    "on_conclusion": (on_conclusion, "conclusion"),
    "after_run": (after_run, "end"),
}
GUARDRAILS: dict[str, Phase] = {"input": "admission", "tool": "tool_call", "output": "output"}
LEGACY: list[HookPhase] = [
    phase for phase in HOOK_PHASES if phase != "on_error" and BOUNDARIES[phase] not in MEMORY_PHASES
]
"""The run that is tried ends well, or is stopped by what is tried. Those about memories are in test_memory_table.py."""


def typed(decorator: object, once: Once, timeout: float | None) -> Policies:
    async def hook(payload: object, subject: Subject) -> object:
        return await once.answer(subject.origin.path)

    # What a hook answers is not trusted, even where its types are right.
    assert callable(decorator)
    made: object = decorator(timeout=timeout)
    assert callable(made)
    return Policies(hooks=[made(hook)])


def patience(deed: Deed) -> float | None:
    return 0.01 if deed is hangs else None


@pytest.mark.parametrize("phase", DECORATORS)
@PLAIN_AND_NESTED
@pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)
async def test_a_typed_hook_fails_closed(phase: str, nested: bool, deed: Deed) -> None:
    decorator, boundary = DECORATORS[phase]
    ending = await run_both(lambda once: typed(decorator, once, patience(deed)), deed, boundary, nested=nested)
    check_blocked(ending, boundary, "LA-HOOK")


@pytest.mark.parametrize("phase", LEGACY)
@PLAIN_AND_NESTED
@pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)
async def test_a_policy_hook_fails_closed(phase: HookPhase, nested: bool, deed: Deed) -> None:
    ending = await run_both(
        lambda once: Policies(hooks=[PolicyHook(once.hook, phases=[phase], timeout=patience(deed))]),
        deed,
        BOUNDARIES[phase],
        nested=nested,
    )
    check_blocked(ending, BOUNDARIES[phase], "LA-HOOK")


@pytest.mark.parametrize("stage", GUARDRAILS)
@PLAIN_AND_NESTED
@pytest.mark.parametrize("deed", GUARDRAIL_ANSWERS.values(), ids=GUARDRAIL_ANSWERS)
async def test_a_guardrail_fails_closed(stage: str, nested: bool, deed: Deed) -> None:
    def make(once: Once) -> Policies:
        match stage:
            case "input":
                return Policies(input_guardrails=[once.guardrail])
            case "tool":
                return Policies(tool_guardrails=[once.guardrail])
            case _:
                return Policies(output_guardrails=[once.guardrail])

    ending = await run_both(make, deed, GUARDRAILS[stage], nested=nested)
    check_blocked(ending, GUARDRAILS[stage], "LA-GUARDRAIL")


class OnePhase:
    """An object with a method of one phase."""

    def __init__(self, phase: HookPhase, once: Once) -> None:
        setattr(self, phase, once.hook)


@pytest.mark.parametrize("phase", LEGACY)
@pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)
async def test_a_plain_hook_that_fails_is_isolated_and_one_that_decides_is_heard(phase: HookPhase, deed: Deed) -> None:
    if deed is hangs:
        return  # A plain hook has no timeout.
    boundary = BOUNDARIES[phase]
    ending = await run_both(lambda once: Policies(hooks=[OnePhase(phase, once)]), deed, boundary, nested=False)
    if deed in FAILS.values():
        check_went_on(ending)
        reasons = [event["data"]["reason"] for event in ending.result.trace if event["type"] == "hook_decision"]
        assert [str(reason).endswith("The run goes on without it.") for reason in reasons] == [True]
    else:
        check_blocked(ending, boundary, "LA-HOOK")


@pytest.mark.parametrize("phase", LEGACY)
async def test_a_policy_hook_may_go_on_where_it_fails(phase: HookPhase) -> None:
    def make(once: Once) -> Policies:
        hook = PolicyHook(once.hook, phases=[phase], failure_mode="continue", timeout=patience(once.deed))
        return Policies(hooks=[hook])

    for deed in FAILS.values():
        check_went_on(await run_both(make, deed, BOUNDARIES[phase], nested=True))


@pytest.mark.parametrize("phase", LEGACY)
async def test_an_observing_hook_changes_nothing(phase: HookPhase) -> None:
    for deed in ANSWERS.values():
        ending = await run_both(
            lambda once: Policies(hooks=[ObservingHook(once.hook, phases=[phase], timeout=0.01)]),
            deed,
            BOUNDARIES[phase],
            nested=False,
        )
        check_went_on(ending)


@pytest.mark.parametrize("phase", DECORATORS)
@PLAIN_AND_NESTED
async def test_none_goes_on(phase: str, nested: bool) -> None:
    decorator, boundary = DECORATORS[phase]
    ending = await run_both(lambda once: typed(decorator, once, None), Answers(None), boundary, nested=nested)
    assert isinstance(ending.outcome, Suspended if phase == "on_approval_required" else Completed)
