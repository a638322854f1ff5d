"""The events of streams as plain data: names, their order and so the bytes are what programs keep and send on.

The golden file holds what the first version of them gave, one event a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, get_args

from lightagent import (
    ApprovalRequired,
    FlowStreamEvent,
    FlowStreamEventType,
    LightAgent,
    LightFlow,
    RunContext,
    StreamEvent,
    StreamEventType,
    ToolResultEvent,
)
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing import ScriptedModel, call_tool

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "stream_events.jsonl"
RANDOM: Final = re.compile(r'"[0-9a-f]{32}"')


def counted(ctx: RunContext[object], to: int) -> Iterator[str]:
    """Count."""
    ctx.report("counting")
    yield from map(str, range(to))


def pay(amount: int) -> str:
    """Pay."""
    raise ApprovalRequired("It is much.", {"amount": amount})


def failing(query: str) -> str:
    raise ConnectionError("away")


def agent_events() -> list[StreamEvent]:
    """One of each type: a run that waits for a human, and one that fails."""
    counting = AssistantMessage(None, reasoning="easy", tool_calls=(call_tool("counted", to=2),))
    waiting = LightAgent(model=ScriptedModel([counting, call_tool("pay", amount=5)]), tools=[counted, pay])
    broken = LightAgent(model=ScriptedModel([RuntimeError("boom")]))
    return [one for agent in (waiting, broken) for one in agent.stream_events("Go.", trace_id="t")]


def flow_events() -> list[FlowStreamEvent]:
    """One of each type: an agent, a step that a person approves, and one that fails twice."""
    counting = AssistantMessage(None, reasoning="easy", tool_calls=(call_tool("counted", to=1),))
    writer = LightAgent(model=ScriptedModel([counting, "Dear Ann"]), tools=[counted])
    flow = (
        LightFlow()
        .step("write", agent=writer)
        .step(
            "approve",
            agent=str.upper,
            depends_on=["write"],
            query="x",
            requires_approval=True,
            approval_handler=lambda step, context: True,
        )
        .step("fail", agent=failing, max_retry=2, depends_on=["approve"])
    )
    return list(flow.stream_events("Go.", run_id="run"))


def plain(events: Sequence[StreamEvent | FlowStreamEvent]) -> list[str]:
    return [RANDOM.sub('"?"', json.dumps(event.to_dict())) for event in events]


def test_the_plain_form_is_that_of_the_first_version() -> None:
    events = [*agent_events(), *flow_events()]
    assert plain(events) == GOLDEN.read_text(encoding="utf-8").splitlines()
    assert [RANDOM.sub('"?"', json.dumps(asdict(event))) for event in events] == plain(events)


def test_every_type_is_among_them() -> None:
    """Of a flow all but the approval of a tool call, which has the form of that of a step."""
    assert {event.type for event in agent_events()} | {"content"} == set(get_args(StreamEventType))
    assert {event.type for event in flow_events()} == set(get_args(FlowStreamEventType))


def test_the_plain_form_shares_nothing_with_the_event() -> None:
    call = next(event for event in agent_events() if event.type == "tool_call")
    arguments = call.to_dict()["data"]
    assert isinstance(arguments, dict)
    arguments.clear()
    assert call.data["arguments"] == {"to": 2}


def test_an_event_is_known_by_its_class_and_by_the_union() -> None:
    result = next(event for event in agent_events() if event.type == "tool_result")
    assert isinstance(result, ToolResultEvent)
    assert isinstance(result, StreamEvent)
    assert not isinstance(result, FlowStreamEvent)
    assert ToolResultEvent(result.data, "t") == result
