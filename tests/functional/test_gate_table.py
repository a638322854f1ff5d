"""A gate that allows, rewrites, blocks, exhausts, asks, fails, or answers nonsense, at every boundary of a run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pytest

from lightagent import Journal, RunResult, StreamEvent, event_to_dict
from lightagent.aiokits.abandon import abandoned_count
from lightagent.domain.events import ApprovalRequested, Concluded, Event, Nested, RunFinished, ToolFinished
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Completed, Outcome, Suspended, outcome_error
from lightagent.domain.policy import PHASES, Phase, Stopped
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
    rewrite,
)
from tests.support.policy_run import FORBIDDEN, QUERY, Deed, DeedGate, Effects, canary, passing_agent

FRESH: tuple[Phase, ...] = ("context", "model_reply", "tool_result", "conclusion")
"""What these review comes into being there, so nothing that went before holds it."""

AT_EVERY_BOUNDARY = pytest.mark.parametrize("phase", PHASES)
PLAIN_AND_NESTED = pytest.mark.parametrize("nested", [False, True], ids=["alone", "nested"])


@dataclass(frozen=True)
class Ending:
    """What a run came to, plain and streamed."""

    result: RunResult[str]
    shown: list[StreamEvent]
    effects: Effects
    gate: DeedGate

    @property
    def events(self) -> list[Event]:
        """The events of the run that the gate minds."""
        events = self.result.journal.events
        if self.gate.nested_only:
            return [event.event for event in events if isinstance(event, Nested)]
        return list(events)

    @property
    def outcome(self) -> Outcome:
        last = self.events[-1]
        assert isinstance(last, RunFinished)
        return last.outcome


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


def bears(event: Event, phase: Phase) -> bool:
    """Whether a decision of this boundary, other than to let pass, rides on the event."""
    while isinstance(event, Nested):
        event = event.event
    decisions = getattr(event, "decisions", ())
    return any(decision.phase == phase and decision.action != "allow" for decision in decisions)


def check_withheld(ending: Ending, phase: Phase) -> None:
    """What was reviewed here is nowhere from the decision on, and was never shown."""
    word, journal = canary(phase), ending.result.journal.events
    bearing = [place for place, event in enumerate(journal) if bears(event, phase)]
    assert len(bearing) == 1
    texts = [json.dumps(event_to_dict(event)) for event in journal]
    alone = not ending.gate.nested_only
    known = texts if phase in FRESH or (phase == "admission" and alone) else texts[bearing[0] :]
    assert not [text for text in known if word in text]
    assert word not in ending.result.content
    shown = [event for event in ending.shown if phase != "admission" or alone or event.path]
    assert not [event for event in shown if word in json.dumps(event.data)]
    if phase in FRESH:
        assert word not in json.dumps(ending.result.to_dict())


def check_stopped(ending: Ending, phase: Phase, outcome: type[Outcome], code: str) -> None:
    """The run ended so because of this boundary; at a conclusion only that conclusion did."""
    if phase == "conclusion":
        concluded = [event for event in ending.events if isinstance(event, Concluded)]
        assert [event.error.code if event.error else None for event in concluded] == [code]
        assert isinstance(ending.outcome, Completed)
        assert not ending.effects.concluded
    else:
        assert isinstance(ending.outcome, outcome), ending.outcome
        error = outcome_error(ending.outcome)
        assert error is not None
        assert error.code == code
    check_withheld(ending, phase)
    finished = {e.call_id: e.status for e in ending.events if isinstance(e, ToolFinished)}
    if phase == "tool_call":
        assert finished == {"look_call": "refused"}
        assert not ending.effects.touched
    elif phase == "tool_result":
        assert finished == {"look_call": "withheld"}
        assert ending.effects.touched
    elif phase == "approval":
        assert finished == {"pay_call": "refused"}
        assert not ending.effects.touched


@AT_EVERY_BOUNDARY
@PLAIN_AND_NESTED
async def test_what_passes_goes_on(phase: Phase, nested: bool) -> None:
    ending = await run_both(phase, allow, nested=nested)
    assert isinstance(ending.outcome, Suspended if phase == "approval" else Completed)
    assert not [event for event in ending.events if bears(event, phase)]
    met = {one for one, _ in ending.gate.reviews}
    missed = {"tool_result", "handoff", "output", "conclusion"} if phase == "approval" else {"approval"}
    assert met == set(PHASES) - missed


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
