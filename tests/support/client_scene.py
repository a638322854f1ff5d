"""What a client of a served agent has to get through: one agent that can be asked for all of it, over real HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from lightagent import LightAgent, ProviderError, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.limits import Limits
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.served import served

PIXEL: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""An image of one pixel."""

SECONDS: Final = 20.0
"""For what takes milliseconds on a machine that has nothing else to do."""

Shown = Literal["hidden", "reasoning", "extension"]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def reply_to(request: ChatRequest) -> Reply:
    """What the model says to each of the questions."""
    users = [message for message in request.messages if isinstance(message, UserMessage)]
    if request.messages[-1].role == "tool":
        return f"It is {request.messages[-1].content}."
    parts = [part for message in users if not isinstance(message.content, str) for part in message.content]
    if images := [part for part in parts if part["type"] == "image_url"]:
        return f"Images: {len(images)}."
    end = ReplyEnd("stop", Usage(7, 3, 10))
    told: dict[str, Reply] = {
        "add": call_tool("add", a=2, b=3),
        "pay": call_tool("pay", amount=5),
        "weather": call_tool("weather"),
        "think": [ReasoningDelta("Hm. "), ReasoningDelta("Yes."), TextDelta("So be it."), end],
        "break": [TextDelta("I was about"), ProviderError("The line is dead.", code="LA-400")],
        "count": [TextDelta("One, "), TextDelta("two."), end],
    }
    asked = users[-1].text
    return told.get(asked, f"You said {asked}.")


class PatientModel(ChatModel):
    """Is scripted, but until its request is given up it is silent after a word to `wait`, and goes on at `talk`."""

    name = "patient"

    def __init__(self) -> None:
        self.given_up = threading.Event()
        self._scripted = ScriptedModel(reply_to, record=False)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        asked = getattr(request.messages[-1], "text", "")
        try:
            while asked in ("wait", "talk"):
                yield TextDelta("Well, ")
                await (asyncio.sleep(0.1) if asked == "talk" else asyncio.Event().wait())
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        async for delta in self._scripted.stream(request):
            yield delta

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class ClientScene:
    """An agent that is served as `helper`.

    Attributes:
        url: the base address of the API, which ends with `/v1`.
        paid: what was paid; the tool for it needs an approval.
    """

    url: str
    model: PatientModel
    store: MemoryJournalStore
    paid: list[int] = field(default_factory=list)

    def stopped(self) -> bool:
        """Whether the request to the model is given up, or is soon."""
        return self.model.given_up.wait(SECONDS)


@contextmanager
def client_scene(tools_shown: Shown = "hidden") -> Iterator[ClientScene]:
    """The agent, served as long as the block goes on.

    Args:
        tools_shown: the setting of that name.
    """
    paid = list[int]()

    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return f"{amount} paid"

    model, store = PatientModel(), MemoryJournalStore()
    agent = LightAgent(name="helper", model=model, tools=[add, pay], limits=Limits(max_retry=1))
    app = serve(agent, store=store, settings=ServeSettings(tools_shown=tools_shown, chat_approvals=True))
    with served(app) as base:
        yield ClientScene(f"{base}/v1", model, store, paid)
