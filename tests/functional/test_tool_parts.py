"""Tools that yield their answer show its parts while they go on, and nothing that a policy has yet to judge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from lightagent import Gate, HeldStream, LightAgent, Passed, ResultPayload, RunContext, StreamEvent, tool
from lightagent.domain.policy.phases import PayloadT, Phase, Subject, Verdict
from lightagent.testing import ScriptedModel, call_tool


@tool
def count(to: int) -> Iterator[str]:
    """Count, in a thread."""
    for number in range(to):
        yield f"{number} "


@tool
async def acount(to: int) -> AsyncIterator[str]:
    """Count, in the event loop."""
    for number in range(to):
        yield f"{number} "


@tool(output_limit=4)
async def chatty() -> AsyncIterator[str]:
    """Say more than is kept."""
    for word in ("abc", "def", "ghi"):
        yield word


@tool
async def mixed() -> AsyncIterator[object]:
    """Yield anything."""
    for item in ({"a": 1}, None, b"binary", "text", "", 2.5):
        yield item


@tool
async def breaks() -> AsyncIterator[str]:
    """Break halfway."""
    yield "half"
    raise ValueError("broken")


@tool
async def says(ctx: RunContext[None]) -> str:
    """Show parts of its own."""
    ctx.show_part("one")
    ctx.show_part("two")
    return "one and two"


async def watched(agent: LightAgent) -> list[StreamEvent]:
    async with agent.astream("?", result_format="event") as events:
        return [event async for event in events]


def parts(events: list[StreamEvent]) -> list[str]:
    return [event.data["text"] for event in events if event.type == "tool_part"]


@pytest.mark.parametrize("name", ["count", "acount"])
async def test_parts_come_before_the_result_which_holds_them_all(name: str) -> None:
    model = ScriptedModel([call_tool(name, to=3), "done"])
    events = await watched(LightAgent(model=model, tools=[count, acount]))
    assert [event.type for event in events][:5] == ["tool_call", *["tool_part"] * 3, "tool_result"]
    assert events[1].data == {"id": "call_1_1", "name": name, "text": "0 "}
    (result,) = [event for event in events if event.type == "tool_result"]
    assert result.data["output"] == "0 1 2 " == "".join(parts(events))


async def test_parts_are_in_no_journal_so_that_a_plain_run_has_the_same() -> None:
    def agent() -> LightAgent:
        return LightAgent(name="a", model=ScriptedModel([call_tool("acount", to=3), "done"]), tools=[acount])

    async with agent().astream("?", result_format="event") as events:
        assert [event async for event in events]
    plain = await agent().arun("?", result_format="object")
    assert [event.type for event in events.result.journal.events] == [event.type for event in plain.journal.events]
    async with agent().aevents("?") as seen:
        assert [event.type async for event in seen] == [event.type for event in plain.journal.events]


async def test_chunks_hold_the_answer_alone() -> None:
    agent = LightAgent(model=ScriptedModel([call_tool("count", to=3), "done"]), tools=[count])
    async with agent.astream("?") as chunks:
        said = [chunk.choices[0].delta.content async for chunk in chunks if chunk.choices]
    assert "".join(text or "" for text in said) == "done"


async def test_no_more_is_shown_than_the_model_will_read() -> None:
    events = await watched(LightAgent(model=ScriptedModel([call_tool("chatty"), "done"]), tools=[chatty]))
    assert parts(events) == ["abc", "d\n[Cut after 1 characters; 2 more were left out.]"]


async def test_parts_of_any_kind_are_shown_as_text() -> None:
    events = await watched(LightAgent(model=ScriptedModel([call_tool("mixed"), "done"]), tools=[mixed]))
    assert parts(events) == ['{"a": 1}', "null", "text", "2.5"]


async def test_a_tool_that_breaks_has_shown_what_it_had() -> None:
    events = await watched(LightAgent(model=ScriptedModel([call_tool("breaks"), "done"]), tools=[breaks]))
    assert [event.type for event in events][:3] == ["tool_call", "tool_part", "tool_result"]
    assert [event.data["status"] for event in events if event.type == "tool_result"] == ["failed"]


async def test_a_tool_of_another_kind_shows_parts_of_its_own() -> None:
    events = await watched(LightAgent(model=ScriptedModel([call_tool("says"), "done"]), tools=[says]))
    assert parts(events) == ["one", "two"]


async def test_parts_of_a_nested_agent_come_with_their_path() -> None:
    clerk = LightAgent(name="clerk", model=ScriptedModel([call_tool("count", to=2), "done"]), tools=[count])
    model = ScriptedModel([call_tool("ask", query="Count."), "done"])
    events = await watched(LightAgent(name="desk", model=model, tools=[clerk.as_tool("ask", "Asks the clerk.")]))
    assert [(event.path, event.data["text"]) for event in events if event.type == "tool_part"] == [
        (("call_1_1",), "0 "),
        (("call_1_1",), "1 "),
    ]


class Censor(Gate):
    """Replaces results."""

    policies = ("censor",)
    phases: frozenset[Phase] = frozenset({"tool_result"})
    timeout = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        if isinstance(payload, ResultPayload):
            return Passed(type(payload)("***"))
        return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


async def test_where_a_policy_reviews_results_the_whole_alone_is_shown() -> None:
    model = ScriptedModel([call_tool("acount", to=3), "done"])
    events = await watched(LightAgent(model=model, tools=[acount], gate=Censor()))
    assert parts(events) == []
    assert [event.data["output"] for event in events if event.type == "tool_result"] == ["***"]
    clerk = LightAgent(name="clerk", model=ScriptedModel([call_tool("acount", to=3), "done"]), tools=[acount])
    model = ScriptedModel([call_tool("ask", query="Count."), "done"])
    desk = LightAgent(name="desk", model=model, tools=[clerk.as_tool("ask", "Asks the clerk.")], gate=Censor())
    assert parts(await watched(desk)) == [], "the policies around a nested run review its results as well"
