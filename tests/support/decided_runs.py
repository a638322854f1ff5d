"""Runs in which a policy decides at every boundary, and signs each decision with what it was about.

The agent asks two context sources, calls a tool whose arguments are rewritten and one that a human must allow, hands
over to an agent that calls a third as a tool, which asks a human too, and draws two conclusions. As a program this
module goes on with cut runs in a process of its own: it reads a scenario and a journal a line, and writes what came.

    python -m tests.support.decided_runs < cut.jsonl > endings.jsonl
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lightagent import ApprovalDecision, Journal, JsonObject, LightAgent, LightAgentError, ToolAnswer, tool
from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, ToolMessage, Trust, UserMessage
from lightagent.domain.errors import ProviderError
from lightagent.domain.outcomes import Suspended
from lightagent.domain.policy.phases import (
    PHASES,
    ApprovalPayload,
    Asked,
    CallPayload,
    Decision,
    Passed,
    Phase,
    RequestPayload,
    Subject,
    Verdict,
)
from lightagent.domain.runs.state import Run, waiting_calls
from lightagent.ports.models import ChatRequest
from lightagent.ports.policy import HeldStream
from lightagent.testing import ManualClock, ScriptedModel, SequentialIds

PayloadT = TypeVar("PayloadT")

SCENARIOS: dict[str, ApprovalDecision] = {
    "approve": ApprovalDecision.approve("fine"),
    "reject": ApprovalDecision.reject("no"),
    "edit": ApprovalDecision.edit({"to": "Eve"}),
    "edit into what is asked about again": ApprovalDecision.edit({"to": "Ann Other"}),
    "respond": ApprovalDecision.respond("a human paid"),
}


@dataclass
class Record:
    """What one process did for a run."""

    reviews: list[str] = field(default_factory=list)
    requests: list[JsonObject] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)


@dataclass
class SigningGate:
    """Rewrites requests and the arguments of `look`, and asks before somebody called Ann is paid."""

    record: Record
    policies: tuple[str, ...] = ("signing",)
    phases: frozenset[Phase] = frozenset(PHASES)
    timeout: float | None = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        place = "/".join((*subject.origin.path, subject.name, subject.call_id))
        about = json.dumps(payload.arguments) if isinstance(payload, CallPayload) else ""
        if isinstance(payload, ApprovalPayload):
            about = json.dumps(payload.request)
        signature = f"{phase} {subject.origin.turn} {place} {about}"
        self.record.reviews.append(signature)
        made: object = payload
        match payload:
            case RequestPayload(messages=messages):
                marked = tuple(map(_marked, messages))
                made = replace(payload, params={"seed": subject.origin.turn}, messages=marked)
            case CallPayload(arguments={"place": _}):
                made = CallPayload({"place": "a clean place"})
            case CallPayload(arguments={"to": str(name)}) if name.startswith("Ann"):
                return Asked(payload, f"Pay {name}?", (Decision(phase, "signing", "ask", signature),))
            case _:
                pass
        assert isinstance(made, type(payload))
        action = "allow" if made == payload else "rewrite"
        return Passed(made, (Decision(phase, "signing", "rewrite" if action == "rewrite" else "allow", signature),))

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


def _marked(message: Message) -> Message:
    return UserMessage(f"{message.text} (marked)") if isinstance(message, UserMessage) else message


@dataclass(frozen=True)
class Source:
    """A context source."""

    name: str
    record: Record
    trust: Trust = "trusted"
    timeout: float | None = None

    async def gather(self, subject: Subject, query: str) -> Sequence[str]:
        self.record.effects.append(f"source {'/'.join(subject.origin.path)} {self.name}")
        return [f"{self.name} knows {query}"]


@dataclass(frozen=True)
class Conclude:
    """A conclusion."""

    name: str
    record: Record

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        return {"answer": answer}

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> None:
        self.record.effects.append(f"conclusion {self.name}")


def build_agent(record: Record, *, gated: bool = True) -> LightAgent[None, str]:
    """The agent of all these runs."""

    @tool(idempotent=True)
    async def look(place: str) -> str:
        """Looks somewhere."""
        return f"saw {place}"

    @tool(idempotent=True)
    async def pay(to: str) -> str:
        """Pays somebody."""
        return f"paid {to}"

    @tool(idempotent=True)
    async def switch() -> ToolAnswer:
        """Hands over."""
        return ToolAnswer("handed over", hand_over="second")

    def says(program: Callable[[ChatRequest], AssistantMessage]) -> ScriptedModel:
        def answer(request: ChatRequest) -> AssistantMessage | ProviderError:
            told = [message.to_openai() for message in request.messages[1:]]
            origin = request.origin
            record.requests.append(
                {"turn": origin.turn, "path": [*origin.path], "params": request.params, "told": [*told]}
            )
            if origin.turn == 2 and origin.attempt == 1:
                return _busy()
            return program(request)

        return ScriptedModel(answer)

    inner = LightAgent(
        name="inner",
        model=says(_inner),
        tools=[pay],
        context_sources=[Source("recall", record)],
        clock=ManualClock(),
        ids=SequentialIds(1000),
    )
    second = LightAgent(name="second", model=says(_second), tools=[inner.as_tool("delegate", "Pays.")])
    return LightAgent(
        name="first",
        model=says(_first),
        tools=[look, pay, switch],
        gate=SigningGate(record) if gated else None,
        context_sources=[Source("memory", record), Source("files", record)],
        conclusions=[Conclude("remember", record), Conclude("tally", record)],
        handoffs=[second],
        clock=ManualClock(),
        ids=SequentialIds(),
    )


def _busy() -> ProviderError:
    error = ProviderError("busy", code="LA-429")
    error.retry_after = 0.0
    return error


def _first(request: ChatRequest) -> AssistantMessage:
    if not isinstance(request.messages[-1], ToolMessage):
        look, pay = ToolCall("look", "look", '{"place": "a dark place"}'), ToolCall("pay", "pay", '{"to": "Ann"}')
        return AssistantMessage("I look and pay.", (look, pay))
    return AssistantMessage(None, (ToolCall("switch", "switch", "{}"),))


def _second(request: ChatRequest) -> AssistantMessage:
    results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    if len(results) < 4:
        return AssistantMessage(None, (ToolCall("child", "delegate", '{"query": "pay Ann too"}'),))
    return AssistantMessage(f"{results}, {request.params}, {_query(request)}")


def _inner(request: ChatRequest) -> AssistantMessage:
    last = request.messages[-1]
    if isinstance(last, ToolMessage):
        return AssistantMessage(f"{last.content}, {request.params}, {_query(request)}")
    return AssistantMessage(None, (ToolCall("pay", "pay", '{"to": "Ann"}'),))


def _query(request: ChatRequest) -> str:
    return next(message.text for message in request.messages if isinstance(message, UserMessage))


def decisions(journal: Journal, scenario: str) -> Mapping[str, ApprovalDecision]:
    """What the reviewer of the scenario decides about each call that waits."""
    found: dict[str, ApprovalDecision] = {}
    for name, path in waiting_calls(journal.run).items():
        run: Run | None = journal.run
        for call_id in path[:-1]:
            run = None if run is None else run.calls[call_id].child
        assert run is not None
        first = run.calls[path[-1]].arguments == {"to": "Ann"}
        found[name] = SCENARIOS[scenario] if first else ApprovalDecision.approve("fine after all")
    return found


async def to_the_end(agent: LightAgent[None, str], journal: Journal, scenario: str) -> Journal:
    """Go on with a journal, and let the reviewer decide as often as it waits."""
    while journal.run.outcome is None or isinstance(journal.run.outcome, Suspended):
        waits = isinstance(journal.run.outcome, Suspended)
        result = await agent.aresume(journal, decisions(journal, scenario) if waits else None)
        journal = result.journal
    return journal


async def _other_process() -> None:
    for line in sys.stdin:
        task, record = json.loads(line), Record()
        ending: JsonObject = {}
        try:
            journal = await to_the_end(build_agent(record), Journal.from_json(task["journal"]), task["scenario"])
            ending["journal"] = journal.to_json()
        except LightAgentError as error:
            ending["error"] = str(error)
        ending |= {"reviews": [*record.reviews], "requests": [*record.requests], "effects": [*record.effects]}
        sys.stdout.write(json.dumps(ending) + "\n")


if __name__ == "__main__":
    asyncio.run(_other_process())
