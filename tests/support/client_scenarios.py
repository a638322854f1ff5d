"""An agent that clients are tried with: what the user asks names what happens.

`text`, `think` (reasoning), `add` (a tool of its own), `weather` (a tool of the client), `break` (an error in
mid-stream), `wait` (a word, and then nothing until it is stopped), `pay` (a call that waits for a person); of a message
with images it tells how many came.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette

from lightagent import LightAgent, ProviderError, Runs, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.run_view import ShownTools
from lightagent.domain.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.limits import Limits
from lightagent.domain.messages import ToolMessage, UserMessage
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.serve_schema import ServeSettings

STOP_SECONDS = 30.0


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"Paid {amount}."


def answer(request: ChatRequest) -> Reply:
    """What the model says to each question."""
    last = request.messages[-1]
    if isinstance(last, ToolMessage):
        return f"It is {last.content}"
    asked, images = question(request)
    if images:
        return f"{images} image"
    replies: dict[str, Reply] = {
        "think": [
            ReasoningDelta("Hm. "),
            ReasoningDelta("Yes."),
            TextDelta("So be it."),
            ReplyEnd("stop", Usage(7, 3, 10)),
        ],
        "add": call_tool("add", a=2, b=3),
        "pay": call_tool("pay", amount=5),
        "weather": call_tool("weather"),
        "break": [TextDelta("I was about"), ProviderError("The line is dead.", code="LA-400")],
    }
    return replies.get(asked, f"You said {asked}.")


def question(request: ChatRequest) -> tuple[str, int]:
    """What the user asked last, and how many images came with it. Some clients send a text as a part as well."""
    content = [message.content for message in request.messages if isinstance(message, UserMessage)][-1]
    if isinstance(content, str):
        return content, 0
    images = sum(part.get("type") == "image_url" for part in content)
    return "".join(str(part.get("text", "")) for part in content), images


class ScenarioModel(ChatModel):
    """Answers as the script says, and keeps whoever asks `wait` waiting."""

    name = "scenarios"

    def __init__(self) -> None:
        self._scripted = ScriptedModel(answer)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        if question(request)[0] == "wait":
            yield TextDelta("Well, ")
            await asyncio.Event().wait()
        async for delta in self._scripted.stream(request):
            yield delta

    async def aclose(self) -> None:
        """Nothing is open."""


def scenario_app(store: MemoryJournalStore, tools: ShownTools = "extension") -> Starlette:
    """The agent, served as `helper`.

    Args:
        store: keeps the runs.
    """
    agent = LightAgent(name="helper", model=ScenarioModel(), tools=[add, pay], limits=Limits(max_retry=1))
    return serve(agent, store=store, settings=ServeSettings(tools_shown=tools, chat_approvals=True))


def cancelled_runs(store: MemoryJournalStore, wanted: int) -> int:
    """How many runs were cancelled, once it is as many as wanted; clients are gone before the server has noticed."""
    return asyncio.run(_cancelled_runs(store, wanted))


async def _cancelled_runs(store: MemoryJournalStore, wanted: int) -> int:
    found = 0
    for _ in range(int(STOP_SECONDS / 0.02)):
        found = len([info async for info in Runs(store).list(status="cancelled")])
        if found >= wanted:
            break
        await asyncio.sleep(0.02)
    return found
