"""An agent with a tool and a memory, served to a chat interface whose key says whose runs they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lightagent import InProcessMemory, LightAgent, Runs, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.ports.memory import OwnerSelection
from lightagent.ports.models import ChatRequest
from tests.servers.polling import ticks
from tests.support.served import served


@dataclass(frozen=True)
class InterfaceScene:
    """What is served as `helper`, and what became of the requests.

    Attributes:
        address: of the API, up to `/v1`.
        key: of the interface.
        added: what the tool gave, call by call.
    """

    address: str
    key: str
    model: ScriptedModel
    store: MemoryJournalStore
    memory: InProcessMemory
    added: list[int]

    def wait_for(self, requests: int) -> None:
        """Wait until the model was asked so often."""
        for pause in ticks(60):
            if len(self.model.requests) >= requests:
                return
            time.sleep(pause)

    async def history(self, user: str) -> list[tuple[str, str]]:
        """The runs of a user: the chat of each, and what was asked."""
        runs = Runs(self.store, tenant="acme")
        found = [await runs.journal(info.run_id, user) async for info in runs.list(user)]
        return [(one.started.run_group_id, str(one.started.messages[-1].content)) for one in found if one is not None]

    async def remembered(self) -> list[str]:
        """What is remembered of anybody."""
        return [record.text for record in (await self.memory.read(OwnerSelection(), 100)).records]


@contextmanager
def interface_scene() -> Iterator[InterfaceScene]:
    """The agent, served as long as the block goes on. It adds 2 and 3 where it may call its tool."""
    added = list[int]()

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        added.append(a + b)
        return a + b

    def answer(request: ChatRequest) -> Reply:
        if request.messages[-1].role == "tool":
            return f"It is {request.messages[-1].content}."
        return call_tool("add", a=2, b=3) if request.tools else '{ "title": "Sums" }'

    model, store, memory = ScriptedModel(answer), MemoryJournalStore(), InProcessMemory()
    agent = LightAgent(name="helper", model=model, tools=[add], memory=memory, instructions="Secret rules.")
    key, _ = asyncio.run(AccessKeys(store, time.time).create("interface", tenant="acme", delegating=True))
    with served(serve(agent, store=store)) as base:
        yield InterfaceScene(f"{base}/v1", key, model, store, memory, added)
