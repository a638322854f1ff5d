"""A stored conversation that runs begin from. As a program this module goes on with journals, a line each.

python -m tests.support.stored_history MESSAGES < journals.jsonl > endings.jsonl
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from lightagent import ChatRequest, HistoryReference, HistorySource, Journal, LightAgent, tool
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from lightagent.testing.system import ManualClock, SequentialIds


class Store(HistorySource):
    """Holds the conversation of one stream, which has so many messages."""

    def __init__(self, count: int) -> None:
        self.messages: tuple[Message, ...] = tuple(
            AssistantMessage(f"answer {number}") if number % 2 else UserMessage(f"question {number}")
            for number in range(count)
        )
        self.read_count = 0

    async def read(self, reference: HistoryReference) -> Sequence[Message]:
        self.read_count += 1
        await asyncio.sleep(0)
        return self.messages


@tool(idempotent=True)
async def look() -> str:
    """Looks something up."""
    return "seen"


def build_agent(store: HistorySource | None, asked: list[int] | None = None) -> LightAgent[None, str]:
    """Looks once and then answers; `asked` learns how many messages each request held."""

    def told(request: ChatRequest) -> AssistantMessage | ToolCall:
        if asked is not None:
            asked.append(len(request.messages))
        looked = any(isinstance(message, ToolMessage) for message in request.messages)
        return AssistantMessage("done") if looked else call_tool("look")

    return LightAgent(
        name="historian",
        model=ScriptedModel(told),
        tools=[look],
        history_source=store,
        clock=ManualClock(),
        ids=SequentialIds(),
    )


async def _other_process() -> None:
    for line in sys.stdin:
        asked: list[int] = []
        store = Store(int(sys.argv[1]))
        result = await build_agent(store, asked).aresume(Journal.from_json(line))
        ending = {"content": result.content, "asked": asked, "history": result.history(), "read": store.read_count}
        sys.stdout.write(json.dumps(ending) + "\n")


if __name__ == "__main__":
    asyncio.run(_other_process())
