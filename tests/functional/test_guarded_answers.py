"""Answers that functions look at: what they block or take out is nowhere, whether the run is streamed or not."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from lightagent import GuardrailDecision, JsonObject, LightAgent, OutputPayload, Sessions, Subject, on_output
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.journals.journal import Journal
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.outcomes import Blocked, Completed
from lightagent.domain.policy.guardrails import TextGuardrail
from lightagent.domain.runs.events import OutputAccepted
from lightagent.testing import ScriptedModel, call_tool

SECRET = "sesame-77"
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


make: Callable[..., LightAgent[None, object]] = LightAgent


class Note(BaseModel):
    """An answer of a type."""

    text: str


def blocks(text: str, context: JsonObject) -> str | None:
    return "It is secret." if SECRET in text else None


async def takes_out(text: str, context: JsonObject) -> GuardrailDecision:
    return GuardrailDecision(True, value=text.replace(SECRET, "***"))


def pieces(text: str, at: int) -> list[Delta | Exception]:
    return [ReasoningDelta(f"Is it {SECRET}?"), TextDelta(text[:at]), TextDelta(text[at:]), ReplyEnd("stop")]


async def everything(agent: LightAgent[None, object], store: MemoryJournalStore, *, stream: bool) -> tuple[object, str]:
    """How a run ends, and all that anybody can see of it."""
    shown: list[object] = []
    if stream:
        events = agent.astream("q", result_format="event", trace=True, session_id="s")
        shown = [event.data async for event in events]
        result = events.result
    else:
        result = await agent.arun("q", result_format="object", trace=True, session_id="s")
    kept = "".join([line async for line in Sessions(store).export("s")])
    return result.outcome, json.dumps([shown, result.to_dict(), result.trace]) + result.journal.to_json() + kept


@MODES
@pytest.mark.parametrize("guardrail", [blocks, takes_out])
@pytest.mark.parametrize("kind", ["text", "typed", "nested"])
async def test_what_a_function_blocks_or_takes_out_is_nowhere(
    kind: str, guardrail: TextGuardrail, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = json.dumps({"text": f"It is {SECRET}."}) if kind == "typed" else f"It is {SECRET}."
    for at in range(len(text)):
        store = MemoryJournalStore()
        model = ScriptedModel([pieces(text, at)])
        inner = make(
            model=model,
            output_type=Note if kind == "typed" else str,
            output_guardrails=[guardrail],
            session_store=None if kind == "nested" else store,
            capture_content=True,
        )
        agent = inner
        if kind == "nested":
            script = ScriptedModel([call_tool("ask", query="q"), "Done."])
            agent = make(model=script, tools=[inner.as_tool("ask", "Asks.")], session_store=store)
        outcome, seen = await everything(agent, store, stream=stream)
        stopped = guardrail is blocks and kind != "nested"
        assert isinstance(outcome, Blocked if stopped else Completed)
        assert ("***" in seen) == (guardrail is takes_out)
        assert SECRET not in seen + caplog.text


async def test_an_answer_is_looked_at_once() -> None:
    asked: list[str] = []

    async def count(text: str, context: JsonObject) -> None:
        asked.append(text)

    await LightAgent(model=ScriptedModel(["Hello."]), output_guardrails=[count]).arun("q")
    assert asked == ["Hello."]


@on_output
def sign(output: OutputPayload, subject: Subject) -> OutputPayload:
    return OutputPayload(f"{output.content} (me)")


def test_an_answer_that_was_rewritten_before_a_crash_is_not_rewritten_again() -> None:
    result = LightAgent(name="a", model=ScriptedModel(["Hello."]), hooks=[sign]).run("q", result_format="object")
    assert result.content == "Hello. (me)"
    place = next(n for n, event in enumerate(result.journal.events) if isinstance(event, OutputAccepted))
    crashed = Journal(result.journal.events[:place])
    resumed = LightAgent(name="a", model=ScriptedModel([]), hooks=[sign]).resume(crashed)
    assert resumed.content == "Hello. (me)"
    assert resumed.journal == result.journal


def test_a_guardrail_that_joins_after_a_crash_is_asked_about_the_answer_on_record() -> None:
    result = LightAgent(name="a", model=ScriptedModel([f"It is {SECRET}."])).run("q", result_format="object")
    crashed = Journal(result.journal.events[:-1])
    guarded = LightAgent(name="a", model=ScriptedModel([]), output_guardrails=[blocks])
    assert isinstance(guarded.resume(crashed).outcome, Blocked)
