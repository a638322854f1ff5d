"""A stream over three agents is that of the plain run at every split of what the models say, by each rule for text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent import (
    ApprovalDecision,
    HandoffLimits,
    HookContext,
    HookDecision,
    Journal,
    LightAgent,
    LightSwarm,
    OutputPayload,
    PolicyHook,
    ProviderError,
    ReplyEnd,
    ReplyPayload,
    RunResult,
    StreamEvent,
    Subject,
    TextDelta,
    ToolCallDelta,
    after_model_response,
    on_output,
    tool,
)
from lightagent.application.projections.live_events import StreamEvents
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.swarm.handoff_limits import HandoffText
from lightagent.testing import ScriptedModel

QUERY = "Wer zahlt?"
RULES: tuple[HandoffText, ...] = ("show", "keep", "drop")
SAID = {"desk": "Einen Moment, 財務… ", "finance": "Ich frage HR. ", "hr": "Die 部門 zahlt."}
THOUGHT = "Hm, wer?"
SHOWN = {"show": "".join(SAID.values()), "keep": SAID["hr"], "drop": SAID["hr"]}
LENGTH = max(map(len, SAID.values()))


@tool
async def note(text: str) -> str:
    """Note something."""
    return f"noted {text}"


def pieces(text: str, cuts: Sequence[int]) -> Iterator[str]:
    places = sorted({0, len(text), *(cut for cut in cuts if 0 < cut < len(text))})
    return (text[start:end] for start, end in pairwise(places))


def spoken(name: str, target: str, cuts: Sequence[int]) -> list[Delta]:
    """What an agent says: a thought, text, a call of a tool and the handoff, split at `cuts`."""
    deltas: list[Delta] = [ReasoningDelta(piece) for piece in pieces(THOUGHT, cuts)]
    deltas += [TextDelta(piece) for piece in pieces(SAID[name], cuts)]
    if target:
        calls = (("note", '{"text": "größe"}'), (f"transfer_to_{target}", '{"reason": "Weil sie zahlen."}'))
        for place, (tool_name, arguments) in enumerate(calls):
            deltas.append(ToolCallDelta(place, f"{name}-{place}", tool_name))
            deltas += [ToolCallDelta(place, arguments=piece) for piece in pieces(arguments, cuts)]
    return [*deltas, ReplyEnd("tool_calls" if target else "stop")]


def swarm_of_three(
    rule: HandoffText, cuts: Sequence[int], hooks: Sequence[object] = ()
) -> tuple[LightSwarm[None], LightAgent[None, str]]:
    route = {"desk": "finance", "finance": "hr", "hr": ""}
    agents = [
        LightAgent(name=name, role=name, model=ScriptedModel([spoken(name, target, cuts)]), tools=[note], hooks=hooks)
        for name, target in route.items()
    ]
    swarm = LightSwarm(handoff_text=rule)
    swarm.register_agent(*agents)
    return swarm, agents[0]


def joined(events: Sequence[StreamEvent]) -> list[tuple[str, object]]:
    """The events, with pieces of the same text put together and without ids that differ from run to run."""
    found: list[tuple[str, object]] = []
    for kind, group in groupby(events, key=lambda event: event.type):
        data = [event.data for event in group]
        if kind in ("content", "reasoning"):
            found.append((kind, "".join(str(one.get("text")) for one in data)))
        else:
            found.extend((kind, one) for one in data if kind != "done")
            found.extend((kind, {**one, "usage": None}) for one in data if kind == "done")
    return found


def projected(journal: Journal) -> list[tuple[str, object]]:
    view = StreamEvents("", live=False)
    return joined([event for step in journal.events for event in view.feed(step)])


def same_happened(journal: Journal) -> list[tuple[str, object]]:
    """The events of a journal, without what differs from run to run."""
    return [(event.type, getattr(event, "message", None)) for event in journal.events[1:]]


async def check(rule: HandoffText, cuts: Sequence[int], hooks: Sequence[object] = ()) -> None:
    swarm, desk = swarm_of_three(rule, (), hooks)
    plain: RunResult[str] = await swarm.arun(desk, QUERY, result_format="object")
    swarm, desk = swarm_of_three(rule, cuts, hooks)
    stream = swarm.astream(desk, QUERY, result_format="event")
    events = [event async for event in stream]
    assert joined(events) == projected(plain.journal)
    assert same_happened(stream.result.journal) == same_happened(plain.journal)
    text = "".join(str(event.data["text"]) for event in events if event.type == "content")
    assert text == SHOWN[rule]
    swarm, desk = swarm_of_three(rule, cuts, hooks)
    chunks = [chunk async for chunk in swarm.astream(desk, QUERY)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]


@pytest.mark.parametrize("rule", RULES)
async def test_at_every_split(rule: HandoffText) -> None:
    for cut in range(LENGTH + 1):
        await check(rule, [cut])
    await check(rule, range(LENGTH + 20))


@given(rule=st.sampled_from(RULES), cuts=st.lists(st.integers(0, LENGTH + 12), max_size=6))
async def test_at_any_splits(rule: HandoffText, cuts: list[int]) -> None:
    await check(rule, cuts)


@on_output
async def passes_answers(payload: OutputPayload, subject: Subject) -> None:
    """Hold every answer back until it is complete."""


@after_model_response
async def passes_replies(payload: ReplyPayload, subject: Subject) -> None:
    """Hold every reply back until it is complete."""


@pytest.mark.parametrize("hook", [passes_answers, passes_replies], ids=["answers", "replies"])
@pytest.mark.parametrize("rule", RULES)
async def test_behind_policies_that_hold_a_reply_back(rule: HandoffText, hook: object) -> None:
    for cut in (0, 3, 9):
        await check(rule, [cut], [hook])


@pytest.mark.parametrize("rule", RULES)
async def test_who_reads_text_beside_a_handoff(rule: HandoffText) -> None:
    swarm, desk = swarm_of_three(rule, ())
    result = await swarm.arun(desk, QUERY, result_format="object")
    replies = [one for one in result.journal.run.messages if isinstance(one, AssistantMessage)]
    kept = rule != "drop"
    assert [one.content for one in replies] == [
        SAID["desk"] if kept else None,
        SAID["finance"] if kept else None,
        SAID["hr"],
    ]
    assert ("Einen Moment" in result.journal.to_json()) is kept
    assert Journal.from_json(result.journal.to_json()) == result.journal


@pytest.mark.parametrize("rule", RULES)
async def test_text_beside_other_calls_is_shown(rule: HandoffText) -> None:
    call = ToolCall("n", "note", '{"text": "x"}')
    desk = LightAgent(
        name="desk",
        model=ScriptedModel([AssistantMessage("I note it. ", (call,)), "Noted."]),
        tools=[note],
    )
    swarm = LightSwarm(handoff_text=rule)
    swarm.register_agent(desk, LightAgent(name="finance", model=ScriptedModel([])))
    events = [event async for event in swarm.astream(desk, QUERY, result_format="event")]
    assert "".join(str(one.data["text"]) for one in events if one.type == "content") == "I note it. Noted."


@pytest.mark.parametrize("rule", RULES)
async def test_a_refused_handoff_goes_on_with_the_same_agent(rule: HandoffText) -> None:
    """What stood beside the call is settled by the call, whatever becomes of it."""
    handing = AssistantMessage("Off you go. ", (ToolCall("h", "transfer_to_finance", "{}"),))
    desk = LightAgent(name="desk", model=ScriptedModel([handing, "I stay."]))
    swarm = LightSwarm(handoff_text=rule, limits=HandoffLimits(max_handoffs=0))
    swarm.register_agent(desk, LightAgent(name="finance", model=ScriptedModel([])))
    events = [event async for event in swarm.astream(desk, QUERY, result_format="event")]
    shown = "".join(str(one.data["text"]) for one in events if one.type == "content")
    assert shown == ("Off you go. I stay." if rule == "show" else "I stay.")


@pytest.mark.parametrize("rule", RULES)
async def test_a_run_that_ends_at_a_handoff_gives_no_text_that_is_not_for_the_user(rule: HandoffText) -> None:
    def block(context: HookContext) -> HookDecision | None:
        return HookDecision.ask("Sure?") if "transfer_to" in str(context.payload) else None

    hook = PolicyHook(block, phases={"before_tool_call"}, failure_mode="block")
    swarm, desk = swarm_of_three(rule, (), [hook])
    waiting = await swarm.arun(desk, QUERY, result_format="object")
    assert waiting.outcome.kind == "suspended"
    assert waiting.content == (SAID["desk"] if rule == "show" else "")
    swarm, desk = swarm_of_three(rule, (), [hook])
    member = swarm.member(desk)
    result = await member.aresume(Journal.from_json(waiting.journal.to_json()), ApprovalDecision.approve())
    assert result.outcome.kind == "suspended"
    assert result.content == (SAID["finance"] if rule == "show" else "")


@pytest.mark.parametrize("rule", RULES)
async def test_a_reply_that_breaks_off_is_asked_for_again_where_nothing_of_it_was_shown(rule: HandoffText) -> None:
    """What has come of it may have stood beside a handoff: it is neither shown nor on record, unless all text is."""
    broken: list[ToolCall | Delta | Exception] = [TextDelta("Broken off"), ProviderError("Gone.", code="LA-500")]
    desk = LightAgent(name="desk", model=ScriptedModel([broken, "Whole."]))
    swarm = LightSwarm(handoff_text=rule)
    swarm.register_agent(desk, LightAgent(name="finance", model=ScriptedModel([])))
    stream = swarm.astream(desk, QUERY, result_format="event")
    events = [event async for event in stream]
    shown = "".join(str(one.data["text"]) for one in events if one.type == "content")
    assert shown == ("Broken off" if rule == "show" else "Whole.")
    assert ("Broken off" in stream.result.journal.to_json()) is (rule == "show")
