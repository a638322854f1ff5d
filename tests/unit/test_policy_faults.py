"""What policies decide is neither lost nor got round: failures of tools, conclusions and outputs that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from lightagent import Journal, JsonObject, LightAgent, LightAgentErrorInfo, ToolAnswer, ToolError, tool
from lightagent.domain.conversation.messages import Message, UserMessage
from lightagent.domain.outcomes import Blocked, Completed
from lightagent.domain.policy.phases import (
    Decision,
    OutputPayload,
    Passed,
    Phase,
    QueryPayload,
    ResultPayload,
    Stopped,
    Subject,
    Verdict,
)
from lightagent.domain.runs.events import Admitted, Concluded, ModelReplied, OutputRejected, ToolFinished
from lightagent.ports.policy import HeldStream
from lightagent.testing import ScriptedModel, call_tool
from tests.support.policy_run import PayloadT

EventT = TypeVar("EventT")

NO = LightAgentErrorInfo("LA-GUARDRAIL", "It is forbidden.")


@dataclass
class OneGate:
    """Reviews one phase: blocks, or makes something of the payload, or lets it pass with a decision."""

    phases: frozenset[Phase]
    makes: object = None
    blocks: bool = False
    policies: tuple[str, ...] = ("one",)
    timeout: float | None = None
    seen: list[object] = field(default_factory=list)

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        self.seen.append(payload)
        if self.blocks:
            return Stopped(Blocked(NO))
        made = self.makes if isinstance(self.makes, type(payload)) else payload
        return Passed(made, (Decision(phase, "one", "allow" if made == payload else "rewrite"),))

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


def only(journal: Journal, kind: type[EventT]) -> list[EventT]:
    return [event for event in journal.events if isinstance(event, kind)]


def failing_agent(gate: OneGate) -> LightAgent[None, str]:
    @tool
    async def leak() -> str:
        """Fails, and says too much."""
        raise ToolError("the SECRET is 5", guidance="", details={"secret": "SECRET"})

    return LightAgent(model=ScriptedModel([call_tool("leak"), "Done."]), tools=[leak], gate=gate)


async def test_what_a_tool_says_when_it_fails_is_reviewed() -> None:
    gate = OneGate(frozenset({"tool_result"}), ResultPayload("it failed"))
    result = await failing_agent(gate).arun("q", result_format="object")
    assert [(call.output, call.status) for call in result.tool_calls] == [("it failed", "failed")]
    assert "SECRET" not in result.journal.to_json()
    blocked = await failing_agent(OneGate(frozenset({"tool_result"}), blocks=True)).arun("q", result_format="object")
    assert blocked.outcome == Blocked(NO)
    assert [call.status for call in blocked.tool_calls] == ["withheld"]
    assert "SECRET" not in blocked.journal.to_json()


async def test_the_decision_about_a_result_that_hands_over_to_nobody_is_on_record() -> None:
    @tool
    async def switch() -> ToolAnswer:
        """Hands over."""
        return ToolAnswer("over", hand_over="missing")

    gate = OneGate(frozenset({"tool_result"}))
    agent = LightAgent(model=ScriptedModel([call_tool("switch"), "Done."]), tools=[switch], gate=gate)
    result = await agent.arun("q", result_format="object")
    (finished,) = only(result.journal, ToolFinished)
    assert (finished.status, len(finished.decisions), len(gate.seen)) == ("failed", 1, 1)


class FailingConclusion:
    """Fails when it is carried out."""

    name = "failing"

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        return {}

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> None:
        raise OSError("disk full")


async def test_a_conclusion_that_fails_keeps_its_decision() -> None:
    gate = OneGate(frozenset({"conclusion"}))
    agent = LightAgent(model=ScriptedModel(["Fine."]), conclusions=[FailingConclusion()], gate=gate)
    result = await agent.arun("q", result_format="object")
    (concluded,) = only(result.journal, Concluded)
    assert concluded.error is not None
    assert concluded.decisions == (Decision("conclusion", "one", "allow"),)


async def test_an_output_that_does_not_fit_as_it_was_rewritten_keeps_the_decision() -> None:
    gate = OneGate(frozenset({"output"}), OutputPayload("[redacted]"))
    agent = LightAgent(output_type=int, model=ScriptedModel(["5"] * 4), gate=gate)
    result = await agent.arun("q", result_format="object")
    replies = only(result.journal, ModelReplied)
    assert len(replies) == len(only(result.journal, OutputRejected)) == len(gate.seen) == 4
    assert {(event.message.content, event.decisions) for event in replies} == {
        ("[redacted]", (Decision("output", "one", "rewrite"),))
    }


async def test_a_gate_that_names_no_policies_is_not_got_round() -> None:
    agent = LightAgent(model=ScriptedModel(["x"]), gate=OneGate(frozenset({"output"}), blocks=True, policies=()))
    result = await agent.arun("q", result_format="object")
    assert result.outcome == Blocked(NO)
    assert result.journal.started.policies == ("OneGate",)


@pytest.mark.parametrize("blocks", [False, True])
async def test_the_gate_of_an_agent_that_took_over_reviews_the_output(blocks: bool) -> None:
    @tool
    async def switch() -> ToolAnswer:
        """Hands over."""
        return ToolAnswer("over", hand_over="second")

    gate = OneGate(frozenset({"output"}), OutputPayload("clean"), blocks)
    second = LightAgent(name="second", model=ScriptedModel(["dirty"]), gate=gate)
    first = LightAgent(model=ScriptedModel([call_tool("switch")]), tools=[switch], handoffs=[second])
    result = await first.arun("q", result_format="object")
    assert result.outcome == (Blocked(NO) if blocks else Completed("clean"))


class MutatingGate(OneGate):
    """Changes what it is shown, in place, and keeps it."""

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        self.seen.append(payload)
        if isinstance(payload, QueryPayload) and not isinstance(payload.content, str):
            payload.content[0]["text"] = "changed"
        return Passed(payload)


async def test_a_change_in_place_is_a_rewriting_on_record_and_ends_with_the_review() -> None:
    gate = MutatingGate(frozenset({"admission"}))
    asked: list[JsonObject] = [{"type": "text", "text": "q"}]
    result = await LightAgent(model=ScriptedModel(["x"]), gate=gate).arun(asked, result_format="object")
    shown = gate.seen[0]
    assert isinstance(shown, QueryPayload)
    assert not isinstance(shown.content, str)
    shown.content[0]["text"] = "changed later"
    (admitted,) = only(result.journal, Admitted)
    assert admitted.message == UserMessage(({"type": "text", "text": "changed"},))
    assert [decision.action for decision in admitted.decisions] == ["rewrite"]
    assert asked == [{"type": "text", "text": "q"}]


@pytest.mark.parametrize(
    ("phase", "named"), [("tool_call", "output"), ("output", "end"), ("model_request", "tool_call")]
)
async def test_a_decision_about_another_boundary_blocks(phase: Phase, named: Phase) -> None:
    class Confused:
        policies = ("confused",)
        phases: frozenset[Phase] = frozenset({phase})
        timeout = None

        async def review(self, at: Phase, subject: Subject, payload: PayloadT) -> Passed[PayloadT]:
            return Passed(payload, (Decision(named, "confused", "allow"),))

        def hold(self, subject: Subject) -> HeldStream | None:
            return None

    def look() -> str:
        """Look."""
        return "seen"

    agent = LightAgent(model=ScriptedModel([call_tool("look"), "done"]), tools=[look], gate=Confused())
    result = await agent.arun("?", result_format="object")
    assert result.outcome.kind == "blocked"
    assert result.error is not None
    assert phase in result.error.message
