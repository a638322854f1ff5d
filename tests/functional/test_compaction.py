"""A conversation that is kept within its bounds, for ten thousand turns and more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from lightagent import (
    ChatModel,
    ChatRequest,
    Compactor,
    Delta,
    HistoryReference,
    Journal,
    LightAgent,
    Replacement,
    ReplyEnd,
    Subject,
    ToolCallDelta,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.domain.conversation.messages import Message, ToolMessage, UserMessage
from lightagent.domain.runs.events import ContextReplaced, RunStarted
from lightagent.domain.runs.folding import apply, start
from tests.support.call_counts import CallCount
from tests.support.stored_history import Store, look


class Window(Compactor):
    """Keeps the last messages, and the query in words of its own."""

    name = "window"

    def __init__(self, most: int, keep: int) -> None:
        self._most, self._keep = most, keep

    def is_due(self, messages: Sequence[Message]) -> bool:
        return len(messages) > self._most

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        count = len(messages) - self._keep
        while isinstance(messages[count], ToolMessage):
            count -= 1
        return Replacement(count, (UserMessage("What was said before, in short."),))


class Careless(Window):
    """Cuts between a call and its result."""

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        place = next(place for place, message in enumerate(messages) if isinstance(message, ToolMessage))
        return Replacement(place, (UserMessage("short"),))


async def test_a_replacement_that_parts_a_call_from_its_result_ends_the_run() -> None:
    model = ScriptedModel([call_tool("look"), call_tool("look"), "done"])
    result = await LightAgent(model=model, tools=[look], compactor=Careless(2, 1)).arun("?", result_format="object")
    assert result.outcome.kind == "failed"
    assert result.error is not None
    assert result.error.message == "context_replaced: this would part a call from its result."
    assert len(model.requests) == 1
    assert Journal.from_json(result.journal.to_json()).run.outcome == result.outcome


@pytest.mark.parametrize(
    ("replacement", "text"),
    [
        (Replacement(99, ()), "there are no 99 messages"),
        (Replacement(0, ()), "there are no 0 messages"),
        (Replacement(3, ()), "nothing would be left"),
        (Replacement(1, (ToolMessage("x", "y"),)), "no call 'x' waits"),
    ],
)
async def test_a_replacement_that_cannot_be_ends_the_run(replacement: Replacement, text: str) -> None:
    class Odd(Window):
        async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
            return replacement

    model = ScriptedModel([call_tool("look"), "done"])
    result = await LightAgent(model=model, tools=[look], compactor=Odd(2, 1)).arun("?", result_format="object")
    assert result.outcome.kind == "failed"
    assert result.error is not None
    assert text in result.error.message


TURNS = 10_000


class Endless(ChatModel):
    """Calls a tool at every turn, for 10,000 turns; counts what 40 turns cost at the beginning and at the end."""

    name = "endless"

    def __init__(self) -> None:
        self.turn = 0
        self.most = 0
        self.early = CallCount()
        self.late = CallCount()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.turn += 1
        self.most = max(self.most, len(request.messages))
        for count, first in ((self.early, 100), (self.late, TURNS - 60)):
            if self.turn == first:
                count.begin()
            elif self.turn == first + 40:
                count.end()
        if self.turn < TURNS:
            yield ToolCallDelta(0, "c", "look", "{}")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_ten_thousand_turns_stay_flat_with_a_compactor() -> None:
    model = Endless()
    agent = LightAgent(model=model, tools=[look], compactor=Window(40, 20))
    result = await agent.arun("Go on.", max_tool_iterations=TURNS, result_format="object")
    assert result.success
    assert model.turn == TURNS
    assert model.most <= 42
    assert model.late.calls <= 1.5 * model.early.calls
    assert model.early.calls > 1_000
    events = result.journal.events
    first = events[0]
    assert isinstance(first, RunStarted)
    run, costs = start(first), dict[int, int]()
    for event in events[1:]:
        count = CallCount()
        if run.turn in (100, TURNS - 100) and not isinstance(event, ContextReplaced):
            count.begin()
        run = apply(run, event)
        count.end()
        if count.calls:
            costs[run.turn] = max(costs.get(run.turn, 0), count.calls)
    assert costs[TURNS - 100] <= 1.5 * costs[100]
    assert run == result.journal.run


async def test_compaction_of_a_referenced_history_is_counted_from_its_beginning() -> None:
    model = ScriptedModel([call_tool("look"), "done"])
    agent = LightAgent(model=model, tools=[look], history_source=Store(40), compactor=Window(30, 10))
    result = await agent.arun("?", history=HistoryReference("s", 1, 40), result_format="object")
    assert result.content == "done"
    [replaced] = [event for event in result.journal.events if isinstance(event, ContextReplaced)]
    assert replaced.count == 31
    assert [len(request.messages) for request in model.requests] == [12, 14]
    for length in range(1, len(result.journal.events)):
        model = ScriptedModel(lambda request: "resumed")
        agent = LightAgent(model=model, tools=[look], history_source=Store(40), compactor=Window(30, 10))
        journal = Journal.from_json(Journal(result.journal.events[:length]).to_json())
        assert (await agent.aresume(journal)).success
        assert all(len(request.messages) in (12, 14) for request in model.requests)
