"""A gate that allows, rewrites, blocks, exhausts, asks, fails, or answers nonsense, at every boundary of a run.

Those about memories have tables of their own, in test_memory_table.py.
"""

from __future__ import annotations

import asyncio

import pytest

from lightagent import Journal, StreamEvent
from lightagent.aiokits.abandon import abandoned_count
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Completed, Suspended
from lightagent.domain.policy.phases import MEMORY_PHASES, PHASES, Phase, Stopped
from lightagent.domain.policy.rulings import ABOUT_CALLS
from lightagent.domain.runs.events import ApprovalRequested, ToolFinished
from tests.support.gate_checks import Ending, bears, check_refused, check_stopped, check_withheld
from tests.support.gate_deeds import (
    NONSENSE,
    Answer,
    SwallowCancellation,
    allow,
    ask,
    block,
    cancel,
    exhaust,
    fail,
    never_answer,
    refuse,
    rewrite,
)
from tests.support.policy_run import FORBIDDEN, QUERY, Deed, DeedGate, Effects, canary, passing_agent

AT_EVERY_BOUNDARY = pytest.mark.parametrize("phase", [phase for phase in PHASES if phase not in MEMORY_PHASES])
PLAIN_AND_NESTED = pytest.mark.parametrize("nested", [False, True], ids=["alone", "nested"])


async def run_both(phase: Phase, deed: Deed, *, nested: bool, patience: float | None = None) -> Ending:
    """The end of a plain run, which a streamed one must equal."""
    gates = [DeedGate(phase, deed, nested, patience) for _ in range(2)]
    effects = [Effects(), Effects()]
    plain, streamed = (
        passing_agent(gate, effect, phase, nested=nested) for gate, effect in zip(gates, effects, strict=True)
    )
    stream = streamed.astream(QUERY if not nested else "outer query", result_format="event", trace=True)

    async def watch() -> list[StreamEvent]:
        return [event async for event in stream]

    async with asyncio.timeout(30):
        asked = plain.arun(QUERY if not nested else "outer query", result_format="object", trace=True)
        result, shown = await asyncio.gather(asked, watch())
    assert stream.result.journal == result.journal
    assert stream.result.content == result.content
    assert effects[0] == effects[1]
    assert Journal.from_json(result.journal.to_json()) == result.journal
    assert gates[0].done
    return Ending(result, shown, effects[0], gates[0])


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
async def test_what_passes_goes_on(phase: Phase, nested: bool) -> None:
    ending = await run_both(phase, allow, nested=nested)
    assert isinstance(ending.outcome, Suspended if phase == "approval" else Completed)
    assert not [event for event in ending.events if bears(event, phase)]
    met = {one for one, _ in ending.gate.reviews}
    missed = {"tool_result", "handoff", "output", "conclusion"} if phase == "approval" else {"approval"}
    assert met == set(PHASES) - MEMORY_PHASES - missed


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
async def test_what_is_rewritten_goes_on_as_the_gate_left_it(phase: Phase, nested: bool) -> None:
    ending = await run_both(phase, rewrite, nested=nested)
    match phase:
        case "approval":
            assert isinstance(ending.outcome, Suspended)
            asked = [event for event in ending.events if isinstance(event, ApprovalRequested)]
            assert [(event.reason, event.request) for event in asked] == [("clean", {"clean": True})]
            assert canary(phase) not in str([event.data for event in ending.shown])
            return  # The arguments that the approval is for are on record with it, and are not what was rewritten.
        case "end":
            assert ending.outcome == Blocked(FORBIDDEN)
        case "output":
            assert ending.outcome == Completed("clean")
        case _:
            assert isinstance(ending.outcome, Completed)
    if phase == "handoff":
        heads = [event.effects for event in ending.events if isinstance(event, ToolFinished)]
        assert "third" in str(heads[-1])
        assert "second" not in str(heads[-1])
    elif phase == "conclusion":
        assert ending.effects.concluded == [{"note": "clean"}]
    elif phase == "tool_call":
        assert ending.effects.touched == ["look clean"]
    check_withheld(ending, phase)


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
async def test_a_block_is_a_block(phase: Phase, nested: bool) -> None:
    check_stopped(await run_both(phase, block, nested=nested), phase, Blocked, "LA-GUARDRAIL")


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
async def test_what_is_refused_of_a_call_is_told_to_the_model(phase: Phase, nested: bool) -> None:
    ending = await run_both(phase, refuse, nested=nested)
    if phase not in ABOUT_CALLS:
        check_stopped(ending, phase, Blocked, "LA-GUARDRAIL")
        return
    check_refused(ending, phase, FORBIDDEN)


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
async def test_a_policy_may_say_that_the_budget_is_spent(phase: Phase, nested: bool) -> None:
    check_stopped(await run_both(phase, exhaust, nested=nested), phase, BudgetExhausted, "LA-BUDGET")


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
async def test_only_a_tool_call_can_wait_for_a_human(phase: Phase, nested: bool) -> None:
    ending = await run_both(phase, ask, nested=nested)
    if phase != "tool_call":
        check_stopped(ending, phase, Blocked, "LA-POLICY")
        return
    assert ending.outcome == Suspended(("look_call",))
    assert ending.result.outcome == Suspended(("inner_call/look_call" if nested else "look_call",))
    assert not ending.effects.touched
    assert len([event for event in ending.events if bears(event, phase)]) == 1


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
@pytest.mark.parametrize("deed", [fail, cancel], ids=["raises", "cancelled inside"])
async def test_a_gate_that_fails_blocks(phase: Phase, nested: bool, deed: Deed) -> None:
    check_stopped(await run_both(phase, deed, nested=nested), phase, Blocked, "LA-POLICY")


@AT_EVERY_BOUNDARY
@pytest.mark.parametrize("verdict", NONSENSE.values(), ids=NONSENSE.keys())
async def test_a_gate_that_answers_nonsense_blocks(phase: Phase, verdict: Stopped) -> None:
    nested = verdict is None
    check_stopped(await run_both(phase, Answer(verdict), nested=nested), phase, Blocked, "LA-POLICY")


@AT_EVERY_BOUNDARY
async def test_a_gate_that_does_not_answer_blocks(phase: Phase) -> None:
    async def both(*, nested: bool) -> None:
        ending = await run_both(phase, never_answer, nested=nested, patience=0.01)
        check_stopped(ending, phase, Blocked, "LA-POLICY")

    await asyncio.gather(both(nested=False), both(nested=True))


@AT_EVERY_BOUNDARY
async def test_a_gate_that_goes_on_although_it_was_cancelled_blocks(phase: Phase) -> None:
    deed = SwallowCancellation(asyncio.Event(), asyncio.Semaphore(0))

    async def both(*, nested: bool) -> None:
        check_stopped(await run_both(phase, deed, nested=nested, patience=0.01), phase, Blocked, "LA-POLICY")

    try:
        await asyncio.gather(both(nested=False), both(nested=True))
    finally:
        assert abandoned_count() == 4
        deed.released.set()
        for _ in range(4):
            await deed.ended.acquire()
