"""Whatever parts of an application's own change in what they are given, nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lightagent import Compactor, Conclusion, Gate, JsonObject, LightAgent, Passed, Replacement, Subject
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.domain.conversation.messages import Message, UserMessage
from lightagent.domain.policy.phases import PayloadT, Phase, RequestPayload, Verdict

QUERY: list[JsonObject] = [{"type": "text", "text": "Pay 1."}]


def change(messages: Sequence[object]) -> None:
    """Change the first content part of every message in place."""
    for message in messages:
        if isinstance(message, UserMessage) and not isinstance(message.content, str):
            message.content[0]["text"] = "Pay 9999."


class Changing(Gate):
    """Changes what it reviews in place, and passes it on."""

    policies = ("changing",)
    phases: frozenset[Phase] = frozenset({"model_request"})
    timeout = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        if isinstance(payload, RequestPayload):
            change(payload.messages)
        return Passed(payload)

    def hold(self, subject: Subject) -> None:
        return None


class Shortens(Compactor):
    """Changes the conversation in place and replaces nothing."""

    name = "shortens"

    def is_due(self, messages: Sequence[Message]) -> bool:
        change(messages)
        return True

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        change(messages)
        return None


class Remembers(Conclusion):
    """Changes the conversation in place and proposes nothing."""

    name = "remembers"

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        change(messages)
        return None

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> None:
        """Never reached."""


@pytest.mark.parametrize("part", ["compactor", "conclusion"])
async def test_a_conversation_that_is_changed_in_place_stays_what_it_was(part: str) -> None:
    model = ScriptedModel(["Done."])
    if part == "compactor":
        agent = LightAgent(model=model, compactor=Shortens())
    else:
        agent = LightAgent(model=model, conclusions=[Remembers()])
    result = await agent.arun(QUERY, result_format="object")
    assert "Pay 9999." not in result.journal.to_json()
    assert "Pay 9999." not in str(model.requests[0].messages)
    assert result.content == "Done."


async def test_what_a_gate_changes_in_place_is_a_rewrite_on_record() -> None:
    model = ScriptedModel(["Done."])
    result = await LightAgent(model=model, gate=Changing()).arun(QUERY, result_format="object")
    started, requested, *_ = result.journal.events
    assert "Pay 9999." not in str(started)
    assert "Pay 9999." in str(requested)
    assert "rewrite" in str(requested)
