"""Policies at the handoffs of a swarm fail closed: where one does not plainly pass, nobody else acts."""

from __future__ import annotations

import asyncio

import pytest

from lightagent import (
    Handoff,
    HandoffLimits,
    HandoffPayload,
    HistoryTransfer,
    HookContext,
    HookDecision,
    LightAgent,
    LightSwarm,
    PolicyHook,
    RunResult,
    Runs,
    StreamEvent,
    Subject,
    on_handoff,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.journals.journal import Journal
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.runs.effects import HandOver
from lightagent.domain.runs.events import ContextReplaced, ToolFinished
from lightagent.domain.swarm.handoff_limits import HandoffText
from lightagent.testing import ScriptedModel, call_tool
from tests.functional.test_policy_table import ANSWERS, Answers, Deed, Once, patience
from tests.functional.test_policy_table import typed as typed_hook

QUERY = "Who pays?"
LATER = {"show": "A word. I stay.", "keep": "I stay.", "drop": "I stay."}


def swarm_of(
    *hooks: object, text: HandoffText = "show"
) -> tuple[LightSwarm[None], LightAgent[None, str], ScriptedModel, ScriptedModel]:
    handing = AssistantMessage("A word. ", (ToolCall("h", "transfer_to_finance", '{"reason": "x"}'),))
    desk = LightAgent(name="desk", model=ScriptedModel([handing, "I stay."]), hooks=hooks)
    finance_model, hr_model = ScriptedModel(["Finance."]), ScriptedModel(["HR."])
    finance = LightAgent(name="finance", model=finance_model)
    hr = LightAgent(name="hr", model=hr_model)
    swarm = LightSwarm(history=HistoryTransfer("none"), handoff_text=text)
    swarm.register_agent(desk, finance, hr)
    return swarm, desk, finance_model, hr_model


def check_stayed(result: RunResult[str], *models: ScriptedModel) -> None:
    assert result.content == "I stay."
    (finished,) = [event for event in result.journal.events if isinstance(event, ToolFinished)]
    assert (finished.status, finished.effects) == ("withheld", ())
    assert result.journal.run.actors == ("desk",)
    assert not any(isinstance(event, ContextReplaced) for event in result.journal.events)
    assert not any(model.requests for model in models)
    assert Journal.from_json(result.journal.to_json()).run == result.journal.run


@pytest.mark.parametrize("text", ["show", "keep", "drop"])
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "of a context"])
@pytest.mark.parametrize("deed", ANSWERS.values(), ids=ANSWERS)
async def test_a_hook_that_does_not_pass_keeps_the_run(deed: Deed, typed: bool, text: HandoffText) -> None:
    def hook(once: Once) -> object:
        if typed:
            (policy,) = typed_hook(on_handoff, once, patience(deed))["hooks"] or ()
            return policy
        return PolicyHook(once.hook, phases={"on_handoff"}, timeout=patience(deed))

    swarm, desk, finance, hr = swarm_of(hook(Once(deed, nested=False)), text=text)
    plain = await swarm.arun(desk, QUERY, result_format="object", trace=True)
    check_stayed(plain, finance, hr)
    assert not [line for line in plain.trace if line["type"] == "handoff"]
    swarm, desk, finance, hr = swarm_of(hook(Once(deed, nested=False)), text=text)
    stream = swarm.astream(desk, QUERY, result_format="event")
    events: list[StreamEvent] = [event async for event in stream]
    check_stayed(stream.result, finance, hr)
    shown = "".join(str(event.data["text"]) for event in events if event.type == "content")
    assert shown == LATER[text]


async def test_none_passes() -> None:
    once = Once(Answers(None), nested=False)
    swarm, desk, _, _ = swarm_of(PolicyHook(once.hook, phases={"on_handoff"}))
    assert await swarm.arun(desk, QUERY) == "Finance."
    assert once.done


async def test_a_hook_sends_the_run_to_another_agent() -> None:
    @on_handoff
    async def elsewhere(payload: HandoffPayload, subject: Subject) -> HandoffPayload:
        return HandoffPayload(payload.source, "hr")

    swarm, desk, finance, _ = swarm_of(elsewhere)
    result = await swarm.arun(desk, QUERY, result_format="object")
    assert result.content == "HR."
    assert result.journal.run.actors == ("desk", "hr")
    assert not finance.requests


@pytest.mark.parametrize("target", ["nobody", "", "Finance", "desk "])
async def test_a_hook_that_sends_it_to_nobody_ends_the_run(target: str) -> None:
    @on_handoff
    async def elsewhere(payload: HandoffPayload, subject: Subject) -> HandoffPayload:
        return HandoffPayload(payload.source, target)

    swarm, desk, finance, hr = swarm_of(elsewhere)
    result = await swarm.arun(desk, QUERY, result_format="object")
    assert result.outcome.kind == "blocked"
    assert not finance.requests
    assert not hr.requests


async def test_hooks_that_send_a_run_round_and_round_end_within_its_limits() -> None:
    @on_handoff
    async def back(payload: HandoffPayload, subject: Subject) -> HandoffPayload:
        return HandoffPayload(payload.source, payload.source)

    desk = LightAgent(
        name="desk",
        model=ScriptedModel(
            lambda request: "Enough." if "[LA-TOOL]" in str(request.messages[-1]) else call_tool("transfer_to_finance")
        ),
        hooks=[back],
    )
    swarm = LightSwarm(limits=HandoffLimits(max_handoffs=3))
    swarm.register_agent(desk, LightAgent(name="finance", model=ScriptedModel([])))
    result = await swarm.arun(desk, QUERY, result_format="object")
    assert result.content == "Enough."
    assert result.journal.run.actors == ("desk",) * 4


async def test_the_policies_of_each_agent_review_what_it_does_and_those_of_the_first_everything() -> None:
    seen: list[tuple[str, str]] = []

    def watch(whose: str) -> PolicyHook:
        def note(context: HookContext) -> HookDecision | None:
            seen.append((whose, str(context.metadata["agent"])) if "agent" in context.metadata else (whose, ""))
            return None

        return PolicyHook(note, phases={"on_handoff"}, name=whose)

    desk = LightAgent(name="desk", model=ScriptedModel([call_tool("transfer_to_finance")]), hooks=[watch("desk")])
    finance = LightAgent(name="finance", model=ScriptedModel([call_tool("transfer_to_hr")]), hooks=[watch("finance")])
    hr = LightAgent(name="hr", model=ScriptedModel(["HR."]), hooks=[watch("hr")])
    swarm = LightSwarm()
    swarm.register_agent(desk, finance, hr)
    assert await swarm.arun(desk, QUERY) == "HR."
    assert [whose for whose, _ in seen] == ["desk", "desk", "finance"]


async def test_a_run_that_is_cancelled_in_a_handoff_is_on_record() -> None:
    """The policy hangs; the call has its result, and nobody took over."""
    entered = asyncio.Event()

    @on_handoff
    async def hang(payload: HandoffPayload, subject: Subject) -> None:
        entered.set()
        await asyncio.Event().wait()

    swarm, desk, finance, _ = swarm_of(hang)
    member = swarm.member(desk)
    store = MemoryJournalStore()
    task = asyncio.create_task(member.arun(QUERY, journal=store))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (kept,) = [run async for run in Runs(store).list()]
    journal = await Runs(store).journal(kept.run_id)
    assert journal is not None
    assert journal.run.outcome is not None
    assert journal.run.outcome.kind == "cancelled"
    assert journal.run.actors == ("desk",)
    assert not finance.requests
    effects = [effect for event in journal.events if isinstance(event, ToolFinished) for effect in event.effects]
    assert not any(isinstance(effect, HandOver) for effect in effects)


async def test_what_a_handoff_may_not_pass_along_is_blocked_before_its_briefing_is_told() -> None:
    def no_secrets(context: HookContext) -> HookDecision | None:
        return HookDecision.block("No secrets.") if "SECRET" in str(context.payload) else None

    desk = LightAgent(
        name="desk",
        model=ScriptedModel([call_tool("transfer_to_finance", reason="x"), "I stay."]),
        hooks=[PolicyHook(no_secrets, phases={"after_tool_result"})],
    )
    finance = LightAgent(name="finance", model=ScriptedModel(["Finance."]))
    swarm = LightSwarm()
    swarm.register_agent(desk, finance)
    swarm.register_handoff(Handoff(finance, briefing=lambda reason: f"SECRET {reason}"))
    result = await swarm.arun(desk, QUERY, result_format="object")
    assert result.content == "I stay."
    assert "SECRET" not in result.journal.to_json()
