"""A gate that holds no stream back gets a reply whole, before any of it is shown or on record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from lightagent import LightAgent, LightAgentErrorInfo, Limits, ProviderError, StreamEvent
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.outcomes import Blocked, Completed
from lightagent.domain.policy.phases import Passed, Phase, Stopped, Subject, Verdict
from lightagent.domain.runs.events import ModelFailed, RunFinished
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.ports.policy import Gate, HeldStream
from lightagent.testing import ManualClock, ScriptedModel, SequentialIds, call_tool
from tests.support.window_gate import PayloadT, WindowGate

FORBIDDEN = Stopped(Blocked(LightAgentErrorInfo("LA-GUARDRAIL", "It is forbidden.")))
PIECES: list[Delta | Exception] = [ReasoningDelta("I see "), TextDelta("red "), TextDelta("roses")]
ANSWER = [*PIECES, ReplyEnd("stop")]
PHASES = pytest.mark.parametrize("phase", ["model_reply", "output"])
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@dataclass
class WholeGate:
    """Reviews replies or answers, and looks at what was shown by then.

    Attributes:
        stops: the verdict about all of them; None to let them pass.
        only_nested: let everything pass but what an agent says that is called as a tool.
    """

    phases: frozenset[Phase]
    stops: Stopped | None = None
    held: HeldStream | None = None
    timeout: float | None = None
    only_nested: bool = False
    policies: tuple[str, ...] = ("whole",)
    reviews: list[Phase] = field(default_factory=list)
    shown: list[StreamEvent] = field(default_factory=list)

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        if self.only_nested and not subject.origin.path:
            return Passed(payload)
        self.reviews.append(phase)
        assert not texts(self.shown)
        return Passed(payload) if self.stops is None else self.stops

    def hold(self, subject: Subject) -> HeldStream | None:
        return self.held


def texts(shown: Sequence[StreamEvent]) -> list[str]:
    """The pieces of text that were shown."""
    return [str(event.data["text"]) for event in shown if event.type in ("content", "reasoning")]


def agent_with(gate: Gate, model: ChatModel, **limits: float) -> LightAgent[None, str]:
    limit = Limits(model_timeout=limits.get("model_timeout", 600.0), timeout=limits.get("timeout"))
    return LightAgent(
        model=model, gate=gate, limits=limit, capture_content=True, clock=ManualClock(), ids=SequentialIds()
    )


async def shown_of(agent: LightAgent[None, str], shown: list[StreamEvent]) -> tuple[str, str]:
    """Watch a run into `shown`; its content and everything that anybody can see of it."""
    events = agent.astream("q", result_format="event", trace=True)
    while (event := await anext(events, None)) is not None:
        shown.append(event)  # One by one: a gate looks at what was shown by then.
    told = json.dumps([event.data for event in shown])
    return events.result.content, told + events.result.journal.to_json() + json.dumps(events.result.to_dict())


@PHASES
async def test_nothing_is_shown_before_the_review(phase: Phase) -> None:
    gate = WholeGate(frozenset({phase}))
    content, _ = await shown_of(agent_with(gate, ScriptedModel([ANSWER])), gate.shown)
    assert gate.reviews == [phase]
    assert content == "red roses"
    assert "".join(texts(gate.shown)) == "I see red roses"


@PHASES
async def test_nothing_of_a_forbidden_reply_is_shown(phase: Phase) -> None:
    gate = WholeGate(frozenset({phase}), FORBIDDEN)
    content, everything = await shown_of(agent_with(gate, ScriptedModel([ANSWER])), gate.shown)
    assert content == ""
    assert not texts(gate.shown)
    assert "roses" not in everything
    assert "I see" not in everything


@PHASES
@pytest.mark.parametrize("forbidden", [False, True])
async def test_another_gate_that_holds_the_stream_changes_nothing(phase: Phase, forbidden: bool) -> None:
    """The gate of the calling run reviews whole replies; that of the called agent lets pieces pass."""
    gate = WholeGate(frozenset({phase}), FORBIDDEN if forbidden else None, only_nested=True)
    inner = agent_with(WindowGate(blocks=False), ScriptedModel([ANSWER]))
    tools = [inner.as_tool("inner", "Sees.")]
    outer = LightAgent(model=ScriptedModel([call_tool("inner", query="q"), "Fine."]), tools=tools, gate=gate)
    await shown_of(outer, gate.shown)
    assert gate.reviews == [phase]
    assert "".join(texts([event for event in gate.shown if event.path])) == ("" if forbidden else "I see red roses")


@PHASES
@MODES
async def test_what_came_before_a_failure_was_not_reviewed_and_is_nowhere(phase: Phase, stream: bool) -> None:
    gate = WholeGate(frozenset({phase}))
    agent = agent_with(gate, ScriptedModel([[*PIECES, ProviderError("broken", code="LA-400")]]))
    if stream:
        content, everything = await shown_of(agent, gate.shown)
    else:
        result = await agent.arun("q", result_format="object", trace=True)
        content, everything = result.content, result.journal.to_json() + json.dumps(result.to_dict())
    assert not gate.reviews
    assert content == ""
    assert "roses" not in everything
    assert "I see" not in everything


class SilentModel(ChatModel):
    """Says something, and then nothing any more."""

    def __init__(self) -> None:
        self.spoke = asyncio.Event()

    @property
    def name(self) -> str:
        return "silent"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        for piece in PIECES:
            if not isinstance(piece, Exception):
                yield piece
        self.spoke.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Nothing is open."""


@PHASES
@pytest.mark.parametrize("limit", ["model_timeout", "timeout"])
async def test_what_came_before_a_deadline_is_nowhere(phase: Phase, limit: str) -> None:
    gate = WholeGate(frozenset({phase}))
    _, everything = await shown_of(agent_with(gate, SilentModel(), **{limit: 0.05}), gate.shown)
    assert "roses" not in everything


@PHASES
async def test_what_came_before_a_cancellation_is_nowhere(phase: Phase) -> None:
    model = SilentModel()
    agent = agent_with(WholeGate(frozenset({phase})), model)
    events = agent.aevents("q")

    async def read() -> None:
        async for _ in events:
            pass

    task = asyncio.create_task(read())
    await model.spoke.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    failed, finished = events.result.journal.events[-2:]
    assert isinstance(failed, ModelFailed)
    assert isinstance(finished, RunFinished)
    assert failed.partial == ""
    assert "roses" not in events.result.journal.to_json()


@MODES
@pytest.mark.parametrize("forbidden", [False, True])
async def test_an_answer_that_was_cut_off_is_given_only_after_the_review(stream: bool, forbidden: bool) -> None:
    gate = WholeGate(frozenset({"output"}), FORBIDDEN if forbidden else None)
    agent = agent_with(gate, ScriptedModel([[*PIECES, ReplyEnd("length")]]))
    if stream:
        content, everything = await shown_of(agent, gate.shown)
        assert "".join(texts(gate.shown)) == ("" if forbidden else "I see red roses")
    else:
        result = await agent.arun("q", result_format="object")
        content, everything = result.content, result.journal.to_json()
    assert gate.reviews == ["output"]
    assert content == ("" if forbidden else "red roses")
    assert ("LA-GUARDRAIL" if forbidden else "LA-413") in everything
    assert not forbidden or "roses" not in everything


class FaultyStream:
    """Holds a stream, and does something wrong."""

    def __init__(self, fault: str, released: Sequence[Delta] | Stopped) -> None:
        self._fault = fault
        self._released = released

    def feed(self, delta: Delta) -> Sequence[Delta] | Stopped:
        if self._fault == "feed raises":
            raise ValueError("roses")
        return self._released if self._fault == "feed" else ()

    async def end(self) -> Passed[tuple[Delta, ...]] | Stopped:
        if self._fault == "end raises":
            raise ValueError("roses")
        if self._fault == "end is cancelled":
            raise asyncio.CancelledError
        if self._fault == "end waits":
            await asyncio.Event().wait()
        return Passed(tuple(self._released)) if not isinstance(self._released, Stopped) else self._released


FAULTS = {
    "feed raises": (),
    "feed": "roses",
    "end raises": (),
    "end is cancelled": (),
    "end waits": (),
    "end": "roses",
    "success": Stopped(Completed("roses")),
    "decisions": Stopped(FORBIDDEN.outcome, tuple(json.loads('["roses"]'))),
}


@MODES
@pytest.mark.parametrize(("fault", "released"), FAULTS.items(), ids=FAULTS.keys())
async def test_a_held_stream_that_fails_blocks(fault: str, released: Sequence[Delta], stream: bool) -> None:
    gate = WholeGate(frozenset(), held=FaultyStream(fault, released), timeout=0.01)
    agent = agent_with(gate, ScriptedModel([ANSWER]))
    if stream:
        _, everything = await shown_of(agent, gate.shown)
        journal = agent.export_journal()
    else:
        result = await agent.arun("q", result_format="object", trace=True)
        journal, everything = result.journal, json.dumps(result.to_dict())
    assert journal is not None
    failed = next(event for event in journal.events if isinstance(event, ModelFailed))
    assert isinstance(journal.run.outcome, Blocked)
    assert journal.run.outcome.error.code == "LA-POLICY"
    assert [decision.action for decision in failed.decisions] == ["error"]
    assert "roses" not in everything + journal.to_json()
