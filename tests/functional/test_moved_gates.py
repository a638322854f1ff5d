"""A run goes on only where each of its policies still reviews the agent that it reviewed when the run was begun."""

from __future__ import annotations

import pytest

from lightagent import ConfigurationError, Gate, Journal, LightAgent, Passed
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.application.tools.decorator import tool
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.policy.phases import PayloadT, Phase, Subject, Verdict
from lightagent.ports.models import ChatRequest
from lightagent.ports.policy import HeldStream


class Guard(Gate):
    """Lets everything pass."""

    policies = ("guard",)
    phases: frozenset[Phase] = frozenset({"tool_call"})
    timeout = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


def crew(first: Gate | None, second: Gate | None) -> LightAgent[None, str]:
    @tool(idempotent=True)
    def look() -> str:
        """Look."""
        return "seen"

    model = ScriptedModel(lambda request: "done" if _has_result(request) else call_tool("look"))
    other = LightAgent(name="second", model=model, gate=second)
    return LightAgent(name="first", model=model, tools=[look], gate=first, handoffs=[other])


def _has_result(request: ChatRequest) -> bool:
    return isinstance(request.messages[-1], ToolMessage)


async def begun(agent: LightAgent[None, str]) -> Journal:
    events = []
    async for event in agent.aevents("?"):
        events.append(event)
        if event.type == "tool_finished":
            break
    return Journal.from_json(Journal(tuple(events)).to_json())


@pytest.mark.parametrize(
    ("before", "after"),
    [((True, True), (False, True)), ((True, False), (False, True)), ((False, True), (False, False))],
)
async def test_a_policy_that_reviews_another_agent_does_not_count(
    before: tuple[bool, bool], after: tuple[bool, bool]
) -> None:
    journal = await begun(crew(*(Guard() if there else None for there in before)))
    with pytest.raises(ConfigurationError, match="guard"):
        await crew(*(Guard() if there else None for there in after)).aresume(journal)


@pytest.mark.parametrize("after", [(True, True), (True, False)])
async def test_the_gate_of_the_first_agent_reviews_the_others_too(after: tuple[bool, bool]) -> None:
    journal = await begun(crew(Guard(), Guard()))
    result = await crew(*(Guard() if there else None for there in after)).aresume(journal)
    assert result.content == "done"
