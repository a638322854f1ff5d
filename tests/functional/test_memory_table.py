"""Gates, hooks and typed hooks that allow, rewrite, block, fail or answer nonsense about memories: they fail closed.

What is blocked is not recalled, not written, not promoted, or is taken back; and the run has its answer all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lightagent import (
    HookContext,
    HookDecision,
    JsonObject,
    MemoryPromotionDecision,
    ObservingHook,
    PolicyHook,
    RunResult,
    StreamEvent,
)
from lightagent.application.policies.typed_hooks import (
    after_memory_promote,
    after_memory_retrieve,
    after_memory_write,
    before_memory_promote,
    before_memory_retrieve,
    before_memory_write,
)
from lightagent.domain.json_copies import copy_json
from lightagent.domain.outcomes import BudgetExhausted, Completed
from lightagent.domain.policy.hooks import BOUNDARIES, HookPhase
from lightagent.domain.policy.phases import MEMORY_PHASES, PHASES, Phase, Stopped, Subject
from tests.functional.test_policy_table import ANSWERS, FAILS, Answers, Deed, Once, hangs, patience
from tests.support.gate_deeds import NONSENSE, Answer, allow, ask, block, cancel, exhaust, fail, refuse
from tests.support.memory_run import KNOWN, LESSON, SAID, WatchedMemory, known_memory, memory_events, remembering_agent
from tests.support.policy_run import Deed as GateDeed
from tests.support.policy_run import DeedGate, Policies

DECORATORS = {
    "memory_retrieve": before_memory_retrieve,
    "memory_found": after_memory_retrieve,
    "memory_write": before_memory_write,
    "memory_promote": before_memory_promote,
    "memory_promoted": after_memory_promote,
    "memory_written": after_memory_write,
}
LEGACY: dict[HookPhase, Phase] = {name: phase for name, phase in BOUNDARIES.items() if phase in MEMORY_PHASES}
ALONE_AND_NESTED = pytest.mark.parametrize("nested", [False, True], ids=["alone", "nested"])

HELD: dict[Phase, list[str]] = {
    "memory_retrieve": [KNOWN, SAID, LESSON],
    "memory_found": [KNOWN, SAID, LESSON],
    "memory_write": [KNOWN, LESSON],
    "memory_promote": [KNOWN, SAID],
    "memory_promoted": [KNOWN, SAID],
    "memory_written": [KNOWN, LESSON],
}
"""What is remembered at the end, where a policy blocks what it is asked first at this boundary."""


def held(phase: Phase, *, nested: bool) -> list[str]:
    """The same; what a calling agent asked is no word of the user, and is not remembered."""
    if not nested:
        return HELD[phase]
    return [KNOWN] if phase == "memory_written" else [text for text in HELD[phase] if text != SAID]


@dataclass(frozen=True)
class Ending:
    """What a run came to."""

    result: RunResult[str]
    store: WatchedMemory

    @property
    def codes(self) -> list[str]:
        return [event.error.code for event in memory_events(self.result.journal.events) if event.error is not None]


async def run_both(make: Callable[[], Policies], *, nested: bool = False) -> Ending:
    """The end of a plain run, which a streamed one must equal."""
    stores = [await known_memory(), await known_memory()]
    plain, streamed = (remembering_agent(store, nested=nested, **make()) for store in stores)
    stream = streamed.astream(SAID, result_format="event", trace=True)

    async def watch() -> list[StreamEvent]:
        return [event async for event in stream]

    async with asyncio.timeout(30):
        result, _ = await asyncio.gather(plain.arun(SAID, result_format="object", trace=True), watch())
    assert stream.result.journal == result.journal
    assert stores[0].texts() == stores[1].texts()
    return Ending(result, stores[0])


def check_blocked(ending: Ending, phase: Phase, code: str, *, nested: bool = False) -> None:
    assert isinstance(ending.result.outcome, Completed), ending.result.outcome
    assert ending.store.texts() == held(phase, nested=nested)
    assert ending.codes == [code]
    added = [event for event in memory_events(ending.result.journal.events) if event.type == "context_added"]
    recalled = phase not in ("memory_retrieve", "memory_found")
    assert [message.content.count(KNOWN) for event in added for message in event.messages] == [1] * recalled
    if phase == "memory_retrieve":
        assert len(ending.store.queries) == 2, "the lessons of the user and of everybody are still asked for"
    assert "CANARY in an error" not in ending.result.journal.to_json()


def check_went_on(ending: Ending, *, nested: bool = False) -> None:
    assert isinstance(ending.result.outcome, Completed)
    assert ending.store.texts() == ([KNOWN, LESSON] if nested else [KNOWN, SAID, LESSON])
    assert ending.codes == []


def test_every_boundary_about_memories_is_tried() -> None:
    assert set(DECORATORS) == set(LEGACY.values()) == MEMORY_PHASES < set(PHASES)


@pytest.mark.parametrize("phase", DECORATORS)
@ALONE_AND_NESTED
async def test_what_passes_goes_on(phase: Phase, nested: bool) -> None:
    gates: list[DeedGate] = []

    def make() -> Policies:
        gates.append(DeedGate(phase, allow))
        return Policies(gate=gates[-1])

    check_went_on(await run_both(make, nested=nested), nested=nested)
    assert {one for one, _ in gates[0].reviews} >= MEMORY_PHASES


GATES: dict[str, tuple[GateDeed, str]] = {
    "block": (block, "LA-GUARDRAIL"),
    "refuse": (refuse, "LA-GUARDRAIL"),
    "ask": (ask, "LA-POLICY"),
    "raise": (fail, "LA-POLICY"),
    "cancelled inside": (cancel, "LA-POLICY"),
}


@pytest.mark.parametrize("phase", DECORATORS)
@pytest.mark.parametrize("deed", GATES)
async def test_a_gate_fails_closed(phase: Phase, deed: str) -> None:
    done, code = GATES[deed]
    nested = deed == "raise"  # The gates of a nested run are asked in the same way.
    ending = await run_both(lambda: Policies(gate=DeedGate(phase, done)), nested=nested)
    check_blocked(ending, phase, code, nested=nested)


@pytest.mark.parametrize("phase", DECORATORS)
@pytest.mark.parametrize("verdict", NONSENSE.values(), ids=NONSENSE.keys())
async def test_a_gate_that_answers_nonsense_blocks(phase: Phase, verdict: Stopped) -> None:
    ending = await run_both(lambda: Policies(gate=DeedGate(phase, Answer(verdict))))
    check_blocked(ending, phase, "LA-POLICY")


@pytest.mark.parametrize("phase", DECORATORS)
async def test_a_gate_may_end_the_run_before_it_has_an_answer(phase: Phase) -> None:
    ending = await run_both(lambda: Policies(gate=DeedGate(phase, exhaust)))
    if phase in ("memory_retrieve", "memory_found"):
        assert isinstance(ending.result.outcome, BudgetExhausted)
        assert ending.store.texts() == [KNOWN]
    else:
        check_blocked(ending, phase, "LA-BUDGET")


@pytest.mark.parametrize("phase", DECORATORS)
@pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)
async def test_a_typed_hook_fails_closed(phase: Phase, deed: Deed) -> None:
    def make() -> Policies:
        once = Once(deed, nested=False)

        async def hook(payload: object, subject: Subject) -> object:
            return await once.answer(subject.origin.path)

        # What a hook answers is not trusted, even where its types are right.
        decorator: object = DECORATORS[phase]
        assert callable(decorator)
        made: object = decorator(timeout=patience(deed))
        assert callable(made)
        return Policies(hooks=[made(hook)])

    check_blocked(await run_both(make), phase, "LA-HOOK")


@pytest.mark.parametrize("name", LEGACY)
@pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)
async def test_a_policy_hook_fails_closed(name: HookPhase, deed: Deed) -> None:
    nested = deed is ANSWERS["text"]

    def make() -> Policies:
        return Policies(hooks=[PolicyHook(Once(deed, nested=nested).hook, phases=[name], timeout=patience(deed))])

    check_blocked(await run_both(make, nested=nested), LEGACY[name], "LA-HOOK", nested=nested)


@pytest.mark.parametrize("name", LEGACY)
@pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)
async def test_a_plain_hook_that_fails_is_isolated_and_one_that_decides_is_heard(name: HookPhase, deed: Deed) -> None:
    if deed is hangs:
        return  # A plain hook has no timeout.

    def make() -> Policies:
        once = Once(deed, nested=False)

        async def hook(context: HookContext) -> object:
            return await once.hook(context) if context.phase == name else None

        return Policies(hooks=[hook])

    ending = await run_both(make)
    if deed in FAILS.values():
        check_went_on(ending)
    else:
        check_blocked(ending, LEGACY[name], "LA-HOOK")


@pytest.mark.parametrize("name", LEGACY)
async def test_an_observing_hook_changes_nothing(name: HookPhase) -> None:
    for deed in (Answers(False), *FAILS.values()):
        ending = await run_both(
            lambda deed=deed: Policies(  # type: ignore[misc]
                hooks=[ObservingHook(Once(deed, nested=False).hook, phases=[name], timeout=0.01)]
            )
        )
        check_went_on(ending)


REWRITTEN: dict[HookPhase, JsonObject] = {
    "before_memory_retrieve": {"query": "Gannet"},
    "after_memory_retrieve": {"memories": {"results": [{"memory": "It is the Heron."}]}},
    "before_memory_write": {"data": "The hotel by the harbour."},
    "before_memory_promote": {"data": "Hotels with breakfast."},
}


@pytest.mark.parametrize("name", REWRITTEN)
@ALONE_AND_NESTED
async def test_what_is_rewritten_goes_on_as_the_hook_left_it(name: HookPhase, nested: bool) -> None:
    """As a program of the 0.9 line does it, with the whole payload; only of what the user said, and of the lesson."""

    def make() -> Policies:
        def hook(context: HookContext) -> HookDecision | None:
            is_lesson = context.payload.get("source") == "reflection"
            if context.phase != name or is_lesson != (name == "before_memory_promote"):
                return None
            return HookDecision.replace({**context.payload, **copy_json(REWRITTEN[name])})

        return Policies(hooks=[hook])

    ending = await run_both(make, nested=nested)
    assert isinstance(ending.result.outcome, Completed)
    texts, added = ending.store.texts(), memory_events(ending.result.journal.events)[0]
    assert added.type == "context_added"
    match name:
        case "before_memory_retrieve":
            # Lessons are looked for at the same time, with a query of their own.
            assert ending.store.queries.count("Gannet") == 1
        case "after_memory_retrieve":
            assert "Heron" in added.messages[0].content
            assert KNOWN not in added.messages[0].content
        case "before_memory_write":
            assert texts == ([KNOWN, LESSON] if nested else [KNOWN, "The hotel by the harbour.", LESSON])
        case _:
            assert texts == ([KNOWN, "Hotels with breakfast."] if nested else [KNOWN, SAID, "Hotels with breakfast."])


@pytest.mark.parametrize("name", LEGACY)
async def test_no_hook_changes_whose_memories_are_meant(name: HookPhase) -> None:
    def make() -> Policies:
        seen: list[str] = []

        async def hook(context: HookContext) -> HookDecision | None:
            seen.append(name)
            return HookDecision.replace({**context.payload, "memory_user_id": "Eve"}) if len(seen) == 1 else None

        return Policies(hooks=[PolicyHook(hook, phases=[name])])

    check_blocked(await run_both(make), LEGACY[name], "LA-HOOK")


@pytest.mark.parametrize("decision", ["reject", "rewrite"])
async def test_a_hook_may_decide_about_a_candidate(decision: str) -> None:
    """With an object of its own, as programs of the 0.9 line do."""

    def make() -> Policies:
        def hook(context: HookContext) -> object:
            if context.phase != "before_memory_promote":
                return None
            text = f"reviewed: {context.payload['data']}"
            said = MemoryPromotionDecision.rewrite(text) if decision == "rewrite" else MemoryPromotionDecision.reject()
            return HookDecision.replace({**context.payload, "decision": said})  # type: ignore[dict-item]

        return Policies(hooks=[hook])

    ending = await run_both(make)
    assert ending.store.texts() == [KNOWN, SAID, *([f"reviewed: {LESSON}"] if decision == "rewrite" else [])]
    kinds = [event["type"] for event in ending.result.trace]
    assert ("memory_promotion_rewritten" if decision == "rewrite" else "memory_promotion_rejected") in kinds
