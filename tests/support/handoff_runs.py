"""Runs that three agents hand over to each other: `front`, `billing` and `travel`, each with a tool of its own.

A query is a route as JSON text: for each turn the calls that whoever acts then makes. As a program this module goes on
with cut journals, a line each, and writes their ends.

    python -m tests.support.handoff_runs < journals.jsonl > endings.jsonl
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from lightagent import ChatRequest, Journal, LightAgent, RunContext, ToolAnswer, tool
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from lightagent.testing.system import ManualClock, SequentialIds

NAMES = ("front", "billing", "travel")


@dataclass(frozen=True)
class Request:
    """One model call: who was asked, with which instructions, parameters and tools."""

    model: str
    agent: str
    instructions: str
    temperature: object
    tools: tuple[str, ...]


@dataclass
class Seen:
    """What happened in this process: the requests, and the idempotency keys of the calls that ran."""

    requests: list[Request] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)


def route(*turns: list[tuple[str, str]]) -> str:
    """A query: for each turn, calls as tool and argument."""
    return json.dumps(turns)


def own_tool(name: str) -> Callable[..., object]:
    """The tool that only the agent of this name has."""

    @tool(name=f"{name}_work", idempotent=True)
    async def work(ctx: RunContext[Seen], text: str) -> str:
        """Does the work of one department."""
        ctx.deps.ran.append(ctx.idempotency_key)
        return f"{name} did {text}"

    return work


@tool(idempotent=True)
async def move(ctx: RunContext[Seen], text: str) -> ToolAnswer:
    """Hands the conversation over to another department."""
    ctx.deps.ran.append(ctx.idempotency_key)
    return ToolAnswer(f"{text} goes on", hand_over=text)


def build_agents(seen: Seen, *, first_id: int = 1) -> dict[str, LightAgent[Seen, str]]:
    """The three agents by name; `front` may hand over to each of the others, and they to each other and back."""
    clock, ids = ManualClock(), SequentialIds(first_id)

    def model(name: str) -> ScriptedModel:
        def told(request: ChatRequest) -> AssistantMessage:
            system = request.messages[0]
            instructions = system.content if isinstance(system, SystemMessage) else ""
            tools = tuple(spec.name for spec in request.tools)
            temperature = request.params.get("temperature")
            seen.requests.append(Request(name, request.origin.agent_name, instructions, temperature, tools))
            return _play(request, name)

        return ScriptedModel(told, f"{name}-model", record=False)

    def agent(number: int, *others: LightAgent[Seen, str]) -> LightAgent[Seen, str]:
        name = NAMES[number]
        return LightAgent(
            deps_type=Seen,
            name=name,
            instructions=f"You are {name}.",
            model=model(name),
            metadata={"temperature": number},
            tools=[own_tool(name), move],
            handoffs=others,
            clock=clock,
            ids=ids,
        )

    travel = agent(2)
    billing = agent(1, travel)
    return {"front": agent(0, billing), "billing": billing, "travel": travel}


def _play(request: ChatRequest, name: str) -> AssistantMessage:
    turns = json.loads(next(message.text for message in request.messages if isinstance(message, UserMessage)))
    turn = sum(isinstance(message, AssistantMessage) for message in request.messages)
    if turn < len(turns):
        calls = [
            ToolCall(f"c{place}", tool_name, json.dumps({"text": text}))
            for place, (tool_name, text) in enumerate(turns[turn])
        ]
        return AssistantMessage(f"{name} speaks. ", tuple(calls))
    results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    return AssistantMessage(f"{name} sums up: {'; '.join(results)}")


async def _other_process() -> None:
    for line in sys.stdin:
        seen = Seen()
        agents = build_agents(seen, first_id=10**6)
        result = await agents["front"].aresume(Journal.from_json(line), deps=seen)
        asked = [request.model for request in seen.requests]
        sys.stdout.write(json.dumps({"result": result.to_dict(), "asked": asked, "ran": seen.ran}) + "\n")


if __name__ == "__main__":
    asyncio.run(_other_process())
