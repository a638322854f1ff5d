"""Runs of agents within agents, three levels of them: `lead` calls `desk`, `desk` calls `clerk`, and each has tools.

A query is a plan as JSON text: for each turn the calls that the model makes. The models and the reviewer are pure
functions of the conversation, so that a run can be cut anywhere and go on in another process. As a program this module
is that process: it reads cut journals, a line each, and writes their ends.

    python -m tests.support.nested_runs < journals.jsonl > endings.jsonl
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    ChatRequest,
    Gate,
    Journal,
    JsonObject,
    LightAgent,
    RunContext,
    RunResult,
    TelemetrySink,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import Event, Nested
from lightagent.domain.runs.state import PendingCall, Run, waiting_calls
from lightagent.testing.system import ManualClock, SequentialIds

DECISIONS = {
    "approve": ApprovalDecision.approve("fine"),
    "reject": ApprovalDecision.reject("no"),
    "edit": ApprovalDecision.edit({"amount": 7, "decision": "edit"}),
    "respond": ApprovalDecision.respond("a human says 5"),
}

Call: TypeAlias = tuple[str, str, JsonObject]
"""The id, the tool and the arguments of one call."""


@dataclass
class Done:
    """What really happened in this process.

    Attributes:
        asked: the model calls, as the path of calls that leads to the run, the id of the run, and the turn.
        ran: the idempotency keys of the calls that had an effect.
    """

    asked: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)


def plan(*turns: Sequence[Call]) -> str:
    """A query: the calls of each turn, after which the model answers with all results."""
    return json.dumps({"turns": turns})


def pay(call_id: str, decision: str = "approve") -> Call:
    """A call that waits for a human, who will decide so."""
    return call_id, "pay", {"amount": 1, "decision": decision}


def ask(call_id: str, agent: str, *turns: Sequence[Call]) -> Call:
    """A call of another agent, with its plan."""
    return call_id, agent, {"query": plan(*turns)}


def random_plan(seed: int) -> str:
    """Up to two turns a run, up to two calls a turn, three levels deep."""
    chance = random.Random(seed)
    return plan(*_random_turns(chance, ["desk", "clerk"]))


def _random_turns(chance: random.Random, below: list[str]) -> list[list[Call]]:
    return [_random_calls(chance, below) for _ in range(chance.randint(1, 2))]


def _random_calls(chance: random.Random, below: list[str]) -> list[Call]:
    calls: list[Call] = []
    for number in range(chance.randint(1, 2)):
        kind = chance.choice(["pay", "fast", "agent", "agent"] if below else ["pay", "fast"])
        if kind == "agent":
            calls.append(ask(f"c{number}", below[0], *_random_turns(chance, below[1:])))
        elif kind == "pay":
            calls.append(pay(f"c{number}", chance.choice(list(DECISIONS))))
        else:
            calls.append((f"c{number}", "fast", {"n": number}))
    return calls


def play(request: ChatRequest) -> AssistantMessage:
    """The reply that the plan in the query has for this turn; the last one quotes every result."""
    query = next(message.text for message in request.messages if isinstance(message, UserMessage))
    turns = json.loads(query)["turns"]
    turn = sum(isinstance(message, AssistantMessage) for message in request.messages)
    if turn < len(turns):
        calls = tuple(ToolCall(call_id, name, json.dumps(arguments)) for call_id, name, arguments in turns[turn])
        return AssistantMessage(None, calls)
    results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    return AssistantMessage(json.dumps(results))


@tool(idempotent=True)
async def fast(ctx: RunContext[Done], n: int) -> str:
    """Answers at once."""
    ctx.deps.ran.append(ctx.idempotency_key)
    ctx.report("half way")
    await asyncio.sleep(0)
    return f"fast {n} at {'/'.join(ctx.origin.path)}"


@tool(idempotent=True, name="pay")
async def pay_out(ctx: RunContext[Done], amount: int, decision: str) -> str:
    """Pays only when a human says so."""
    if not ctx.approved:
        raise ApprovalRequired("please look", {"amount": amount, "decision": decision})
    ctx.deps.ran.append(ctx.idempotency_key)
    return f"paid {amount}"


def build_team(
    done: Done, *, first_id: int = 1, gate: Gate | None = None, sinks: Sequence[TelemetrySink] = ()
) -> LightAgent[Done, str]:
    """The agent `lead`; `done` learns of every model call, and `first_id` keeps the ids of processes apart."""
    clock, ids = ManualClock(), SequentialIds(first_id)

    def told(request: ChatRequest) -> AssistantMessage:
        origin = request.origin
        done.asked.append(f"{'/'.join(origin.path)} {origin.run_id} {origin.turn}")
        return play(request)

    def member(name: str, *below: LightAgent[Done, str]) -> LightAgent[Done, str]:
        others = [agent.as_tool(agent.name, f"Does what {agent.name} does.") for agent in below]
        return LightAgent(
            deps_type=Done,
            name=name,
            model=ScriptedModel(told, name, record=False),
            tools=[fast, pay_out, *others],
            clock=clock,
            ids=ids,
            gate=gate if name == "lead" else None,
            telemetry=sinks if name == "lead" else (),
        )

    clerk = member("clerk")
    return member("lead", member("desk", clerk), clerk)


def waiting(run: Run) -> dict[str, PendingCall]:
    """The calls that wait, in this run and in those that are nested in it, by the ids that decisions name."""
    return {name: _call_at(run.calls, path) for name, path in waiting_calls(run).items()}


def _call_at(calls: Mapping[str, PendingCall], path: tuple[str, ...]) -> PendingCall:
    call = calls[path[0]]
    return call if len(path) == 1 or call.child is None else _call_at(call.child.calls, path[1:])


def decisions(journal: Journal) -> dict[str, ApprovalDecision]:
    """What the reviewer of the plan decides about each call that waits."""
    return {
        name: DECISIONS[str(call.arguments["decision"])]
        for name, call in waiting(journal.run).items()
        if call.arguments is not None
    }


def unwrapped(events: tuple[Event, ...]) -> Iterator[tuple[str, Event]]:
    """Every event with the path of calls that leads to its run."""
    for event in events:
        path: list[str] = []
        while isinstance(event, Nested):
            path.append(event.call_id)
            event = event.event
        yield "/".join(path), event


async def to_the_end(agent: LightAgent[Done, str], journal: Journal, done: Done) -> RunResult[str]:
    """Go on with a journal, and let the reviewer decide as often as it waits."""
    while True:
        waits = isinstance(journal.run.outcome, Suspended)
        if journal.run.outcome is not None and not waits:
            return agent.replay(journal)
        result = await agent.aresume(journal, decisions(journal) if waits else None, deps=done)
        if not isinstance(result.outcome, Suspended):
            return result
        journal = result.journal


async def _other_process() -> None:
    for line in sys.stdin:
        done = Done()
        result = await to_the_end(build_team(done, first_id=10**6), Journal.from_json(line), done)
        sys.stdout.write(json.dumps({"result": result.to_dict(), "asked": done.asked, "ran": done.ran}) + "\n")


if __name__ == "__main__":
    asyncio.run(_other_process())
