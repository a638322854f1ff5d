"""A secret in a reply, split between two deltas at every place, gets past no gate that holds streams back."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from lightagent import LightAgent, ProviderError, RunResult, StreamEvent, tool
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.outcomes import Blocked, Completed
from lightagent.domain.runs.events import ModelFailed, ModelReplied
from lightagent.domain.usage import Usage
from lightagent.ports.policy import Gate
from lightagent.testing import ManualClock, Reply, ScriptedModel, SequentialIds
from tests.support.window_gate import SECRET, WindowGate

KINDS = ("text", "reasoning", "arguments")
PLACES = ("at the start", "in the middle", "at the end")
SPLITS = [(kind, place, at) for kind in KINDS for place in PLACES for at in range(len(SECRET))]
"""In two parts at each character, or (at 0) with the secret in one piece."""

BROKEN = ProviderError("The line broke.", code="LA-400")


def deltas(kind: str, place: str, at: int) -> list[Delta]:
    """A streamed reply that holds the secret."""
    before = "" if place == "at the start" else "The word that was asked for is: "
    after = "" if place == "at the end" else " and that is all there is to say."
    pieces = [piece for piece in (before + SECRET[:at], SECRET[at:] + after) if piece]
    end = ReplyEnd("stop", Usage(1, 1, 2))
    match kind:
        case "text":
            return [*map(TextDelta, pieces), end]
        case "reasoning":
            return [*map(ReasoningDelta, pieces), TextDelta("Done."), end]
        case _:
            pieces = ['{"text": "', *pieces, '"}']
            return [ToolCallDelta(0, "c", "keep"), *(ToolCallDelta(0, arguments=piece) for piece in pieces), end]


@dataclass(frozen=True)
class Watched:
    """A run and what was shown of it."""

    result: RunResult[str]
    shown: list[StreamEvent]
    kept: list[str]

    def everything(self) -> str:
        """All that anybody can see of the run, private content of its trace included."""
        shown = json.dumps([event.data for event in self.shown])
        return "\n".join((shown, self.result.journal.to_json(), json.dumps(self.result.to_dict()), *self.kept))

    def text(self, kind: str) -> str:
        return "".join(str(event.data.get("text")) for event in self.shown if event.type == kind)


async def watch(gate: Gate, reply: Reply, *, stream: bool) -> Watched:
    """One run of a model that replies so, and then "Fine."."""
    kept: list[str] = []

    @tool
    async def keep(text: str) -> str:
        """Keeps a text."""
        kept.append(text)
        return "kept"

    agent = LightAgent(
        name="held",
        model=ScriptedModel([reply, "Fine."]),
        tools=[keep],
        gate=gate,
        capture_content=True,
        clock=ManualClock(),
        ids=SequentialIds(),
    )
    if not stream:
        return Watched(await agent.arun("q", result_format="object", trace=True), [], kept)
    events = agent.astream("q", result_format="event", trace=True)
    shown = [event async for event in events]
    return Watched(events.result, shown, kept)


@pytest.mark.parametrize(("kind", "place", "at"), SPLITS)
async def test_a_split_secret_is_taken_out(kind: str, place: str, at: int) -> None:
    plain, streamed = [await watch(WindowGate(blocks=False), deltas(kind, place, at), stream=s) for s in (False, True)]
    assert plain.result.journal == streamed.result.journal
    assert isinstance(streamed.result.outcome, Completed)
    for run in (plain, streamed):
        assert "sk-" not in run.everything()
        assert "SECRET" not in run.everything()
        assert "1234" not in run.everything()
        assert "[redacted]" in run.everything()
    reply = next(event for event in plain.result.journal.events if isinstance(event, ModelReplied))
    assert [decision.action for decision in reply.decisions] == ["rewrite"]
    said = [event.message for event in plain.result.journal.events if isinstance(event, ModelReplied)]
    assert streamed.text("content") == "".join(message.content or "" for message in said)
    assert streamed.text("reasoning") == (reply.message.reasoning or "")


@pytest.mark.parametrize(("kind", "place", "at"), SPLITS)
async def test_a_split_secret_ends_the_run(kind: str, place: str, at: int) -> None:
    plain, streamed = [await watch(WindowGate(blocks=True), deltas(kind, place, at), stream=s) for s in (False, True)]
    assert plain.result.journal == streamed.result.journal
    for run in (plain, streamed):
        assert isinstance(run.result.outcome, Blocked)
        assert run.result.content == ""
        assert not run.kept
        for part in ("sk-", "SECRET", "1234"):
            assert part not in run.everything()
    assert streamed.text("content") + streamed.text("reasoning") in "The word that was asked for is: "


@pytest.mark.parametrize("at", range(1, len(SECRET)))
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_broken_stream_leaves_no_part_of_the_secret(at: int, stream: bool) -> None:
    reply: list[Delta | Exception] = [TextDelta("The word is: " + SECRET[:at]), BROKEN]
    run = await watch(WindowGate(blocks=False), reply, stream=stream)
    failed = [event for event in run.result.journal.events if isinstance(event, ModelFailed)]
    assert len(failed) == 1
    assert failed[0].partial == "The word is: "[:at] == run.result.content
    assert "sk-" not in run.everything()
