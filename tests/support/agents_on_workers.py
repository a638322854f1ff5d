"""Flows of one step that is an agent, whose process dies at a given point; what models and tools did is in a file.

The environment says where the file is, and at which points the process dies, each of them once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from lightagent import LightAgent, LightFlow, LightSwarm, RunContext, tool
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.models import ChatRequest
from lightagent.ports.tools import Tool
from lightagent.testing import ScriptedModel, call_tool

CALLS = "AGENTS_ON_WORKERS_CALLS"
DEATHS = "AGENTS_ON_WORKERS_DEATHS"
NUMBERS = (1, 2, 3, 4)
KINDS = ("plain", "nested", "handoff", "approval")


def done(calls: Path) -> list[tuple[str, str]]:
    """What was done in all processes: ``model NAME TURN`` or ``tool NAME NUMBER``, and ``begins`` or ``ends``."""
    lines = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
    return [(str(what), str(state)) for what, state in lines]


def _note(what: str, state: str) -> None:
    file = os.open(os.environ[CALLS], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, json.dumps([what, state]).encode() + b"\n")
    finally:
        os.close(file)


def _die_once(what: str) -> None:
    deaths = [one for one in os.environ.get(DEATHS, "").split(",") if one]
    died = Path(f"{os.environ[CALLS]} {what} died")
    if what in deaths and not died.exists():
        died.touch()
        os._exit(9)


def _numbered(name: str, *, requires_approval: bool = False) -> Tool[None]:
    def note_number(number: int, context: RunContext[None]) -> str:
        """Note a number.

        Args:
            number: the number
        """
        what = f"tool {name} {number}"
        _note(what, "begins")
        _die_once(what)
        _note(what, "ends")
        return f"noted {number}"

    return tool(name=name, requires_approval=requires_approval)(note_number)


def _turns(name: str, *calls: ToolCall) -> Callable[[ChatRequest], str | ToolCall]:
    """A model that makes these calls, a turn each, and then tells how many results it was given."""

    def reply(request: ChatRequest) -> str | ToolCall:
        asked = max(i for i, message in enumerate(request.messages) if message.role == "user")
        results = sum(isinstance(message, ToolMessage) for message in request.messages[asked:])
        what = f"model {name} {results}"
        _note(what, "begins")
        _die_once(what)
        return calls[results] if results < len(calls) else f"{name} had {results} results"

    return reply


def _agent(name: str, *, requires_approval: bool = False, engine: FlowEngine | None = None) -> LightAgent:
    calls = [call_tool(f"{name}_note", number=number) for number in NUMBERS]
    made = _numbered(f"{name}_note", requires_approval=requires_approval)
    return LightAgent(name=name, model=ScriptedModel(_turns(name, *calls)), tools=[made], engine=engine)


def clerk_on(engine: FlowEngine | None = None) -> LightAgent:
    """An agent that notes numbers with approval; its runs are submitted to the engine."""
    return _agent("clerk", requires_approval=True, engine=engine)


def declared(kind: str, engine: FlowEngine | None = None) -> LightFlow:
    """The flow of a kind, on the engine of the settings unless another one is given."""
    flow = LightFlow(name=kind) if engine is None else LightFlow(name=kind, engine=engine)
    match kind:
        case "nested":
            inner = _agent("inner").as_tool("inner", "Notes numbers.")
            first = call_tool("inner", query="Note.")
            outer = LightAgent(name="outer", model=ScriptedModel(_turns("outer", first)), tools=[inner])
            return flow.step("work", agent=outer)
        case "handoff":
            swarm = LightSwarm()
            front = LightAgent(name="front", model=ScriptedModel(_turns("front", call_tool("transfer_to_back"))))
            swarm.register_agent(front, _agent("back"))
            return flow.step("work", agent=swarm)
        case _:
            return flow.step("work", agent=_agent(kind, requires_approval=kind == "approval"))


clerk = clerk_on()
plain = declared("plain")
nested = declared("nested")
handoff = declared("handoff")
approval = declared("approval")
