"""A run that meets every boundary about memories, and what a store of memories was asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from typing_extensions import Unpack

from lightagent import InProcessMemory, LightAgent, MemoryOwner, MemoryPolicy, MemoryRecord
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory
from lightagent.domain.runs.events import Concluded, ContextAdded, Event, Nested
from lightagent.ports.models import ChatRequest
from lightagent.testing import ManualClock, ScriptedModel, SequentialIds
from tests.support.policy_run import Policies

SAID = "Please book the usual hotel near the harbour."
KNOWN = "The usual hotel is the Gannet."
LESSON = "Offers of hotels are wanted with breakfast."


@dataclass
class WatchedMemory(InProcessMemory):
    """A store that tells what it was asked, and what it holds."""

    queries: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        self.queries.append(query)
        return await super().recall(owner, query, limit, wanted)

    def texts(self) -> list[str]:
        """What is remembered, in the order in which it was written."""
        kept = sorted((one for shelf in self._shelves.values() for one in shelf.kept), key=lambda one: one.number)
        return [one.record.text for one in kept]


async def known_memory() -> WatchedMemory:
    """A store that knows something about the query of `SAID`."""
    store = WatchedMemory()
    metadata = {"source": "user", "scope": "user"}
    await store.write([MemoryRecord("known", MemoryOwner(user="default_user"), KNOWN, {**metadata})])
    store.queries.clear()
    return store


def reflecting(request: ChatRequest) -> AssistantMessage:
    """Answers, or tells one lesson where it is to look back on a run."""
    if "look back" in str(request.messages[0].content):
        lesson = {"text": LESSON, "about": "user", "confidence": 0.75}
        return AssistantMessage(json.dumps({"lessons": [lesson]}))
    return AssistantMessage("Booked.")


def remembering_agent(
    store: WatchedMemory, *, nested: bool = False, **policies: Unpack[Policies]
) -> LightAgent[None, str]:
    """An agent that recalls, remembers, learns and promotes; with `nested`, one that calls it as a tool."""
    agent = LightAgent(
        name="inner",
        model=ScriptedModel(reflecting),
        memory=store,
        memory_policy=MemoryPolicy(memory_promotion_admission=lambda candidate, context: True),
        self_learning=True,
        clock=ManualClock(),
        ids=SequentialIds(),
        **(Policies() if nested else policies),
    )
    if not nested:
        return agent
    return LightAgent(
        name="outer",
        model=ScriptedModel(_calling),
        tools=[agent.as_tool("inner", "An agent.")],
        clock=ManualClock(),
        ids=SequentialIds(),
        **policies,
    )


def _calling(request: ChatRequest) -> AssistantMessage:
    if isinstance(request.messages[-1], ToolMessage):
        return AssistantMessage("Done.")
    return AssistantMessage(None, (ToolCall("inner_call", "inner", json.dumps({"query": SAID})),))


def memory_events(events: Sequence[Event]) -> list[ContextAdded | Concluded]:
    """What is on record of sources and conclusions, also of a nested run."""
    found: list[ContextAdded | Concluded] = []
    for event in events:
        while isinstance(event, Nested):
            event = event.event
        if isinstance(event, (ContextAdded, Concluded)):
            found.append(event)
    return found
