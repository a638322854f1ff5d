"""Runs that wait for people at any depth, and are resumed one decision at a time, here or in another process.

A case is a line of JSON. As a program this module is the other process: it reads cases whose journals wait, a line
each, goes on with what is decided in the store, and writes the cases with their new journals.

    python -m tests.support.review_runs STORE < waiting.jsonl > gone_on.jsonl
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lightagent import (
    ApprovalDecision,
    ChatRequest,
    HumanApprovalHook,
    Journal,
    LightAgent,
    ReviewStore,
    RunContext,
    RunResult,
    Runs,
    Sessions,
    tool,
)
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, ToolMessage
from lightagent.options import ResumeOptions, RunOptions
from lightagent.ports.journals import JournalStore
from lightagent.testing import ScriptedModel

ACTIONS = {
    "approve": ApprovalDecision.approve("fine", actor="carol"),
    "reject": ApprovalDecision.reject("No.", actor="carol"),
    "edit": ApprovalDecision.edit({"amount": 70}, actor="carol"),
    "respond": ApprovalDecision.respond("Paid in cash.", actor="carol"),
}


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        actions: what is decided about each call that waits, in order.
        depth: how many agents stand around the one that pays.
        kept: how the run is kept: ``json``, in a ``run`` of a store, or in a ``session`` of one.
        given: the tool is given to the run, not to the agent.
        run_id: of the run, once it has begun.
        journal: where it waits, as JSON.
        paid: the amounts that were paid so far.
    """

    actions: tuple[str, ...]
    depth: int = 0
    streamed: bool = False
    elsewhere: bool = False
    kept: str = "json"
    given: bool = False
    run_id: str = ""
    journal: str = ""
    paid: tuple[int, ...] = ()
    outcome: str = ""
    told: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For the name of a session or a test."""
        how = ["stream" if self.streamed else "plain", "elsewhere" if self.elsewhere else "here", self.kept]
        return "-".join([*self.actions, str(self.depth), *how, *(["given"] if self.given else [])])


@dataclass
class Deps:
    """What the tool needs of its run."""

    paid: list[int] = field(default_factory=list)


@tool(idempotent=False)
def pay(ctx: RunContext[Deps], amount: int) -> str:
    """Pay."""
    ctx.deps.paid.append(amount)
    return f"paid {amount}"


def build(case: Case, journals: JournalStore) -> LightAgent[Deps, str]:
    """The outermost agent of a case."""
    desk = HumanApprovalHook(store=ReviewStore(journals), tools={"pay"})

    def payer(request: ChatRequest) -> AssistantMessage:
        results = _results(request.messages)
        if results:
            return AssistantMessage(json.dumps(results))
        calls = (ToolCall(f"c{n}", "pay", json.dumps({"amount": n + 1})) for n in range(len(case.actions)))
        return AssistantMessage(None, tuple(calls))

    def asks(request: ChatRequest) -> AssistantMessage:
        results = _results(request.messages)
        call = ToolCall("ask", "below", '{"query": "Pay."}')
        return AssistantMessage(results[0]) if results else AssistantMessage(None, (call,))

    agent = LightAgent(
        deps_type=Deps,
        name="level 0",
        model=ScriptedModel(payer, record=False),
        tools=[] if case.given else [pay],
        hooks=[desk],
        session_store=journals,
    )
    for level in range(1, case.depth + 1):
        below = agent.as_tool("below", "Pays.")
        agent = LightAgent(
            deps_type=Deps,
            name=f"level {level}",
            model=ScriptedModel(asks, record=False),
            tools=[below],
            session_store=journals,
        )
    return agent


def _results(messages: tuple[Message, ...]) -> list[str]:
    return [message.content for message in messages if isinstance(message, ToolMessage)]


async def begin(case: Case, journals: JournalStore) -> Case:
    """The case once its run waits."""
    deps, agent = Deps(), build(case, journals)
    options: RunOptions[Deps] = {"user_id": "bob", "trace": True}
    if case.given:
        options["tools"] = [pay]
    if case.kept == "run":
        options["journal"] = journals
    if case.kept == "session":
        options["session_id"] = case.name
    if not case.streamed:
        return _after(case, await agent.arun("Pay.", deps=deps, result_format="object", **options), deps)
    async with agent.aevents("Pay.", deps=deps, **options) as events:
        async for _ in events:
            pass
    return _after(case, events.result, deps)


async def go_on(case: Case, journals: JournalStore) -> Case:
    """The case after its run went on with what is decided in the store."""
    deps, agent = Deps(), build(case, journals)
    journal = await _journal(case, journals)
    options: ResumeOptions[Deps] = {"trace": True}
    if case.given:
        options["tools"] = [pay]
    if case.kept == "run":
        options["store"] = journals
    if not case.streamed:
        return _after(case, await agent.aresume(journal, deps=deps, **options), deps)
    async with agent.aresume_events(journal, deps=deps, **options) as events:
        async for _ in events:
            pass
    return _after(case, events.result, deps)


async def _journal(case: Case, journals: JournalStore) -> Journal | str:
    if case.kept == "json":
        return case.journal
    found = await (
        Runs(journals).journal(case.run_id, "bob")
        if case.kept == "run"
        else Sessions(journals).journal(case.name, "bob")
    )
    assert found is not None
    return found.to_json()


def _after(case: Case, result: RunResult[str], deps: Deps) -> Case:
    calls = result.tool_calls
    while len(calls) == 1 and calls[0].nested:
        calls = calls[0].nested
    return replace(
        case,
        run_id=result.run_id,
        journal=result.journal.to_json(),
        paid=(*case.paid, *deps.paid),
        outcome=result.outcome.kind,
        told=tuple(f"{call.status} {call.output or ''}".strip() for call in calls),
    )


def read_case(line: str) -> Case:
    """A case from its line."""
    found = json.loads(line)
    lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    return Case(**{**found, **lists})


def write_case(case: Case) -> str:
    """A case as a line."""
    return json.dumps(asdict(case))


async def _other_process(path: str) -> None:
    journals = SqliteJournalStore(Path(path))
    for line in sys.stdin:
        sys.stdout.write(write_case(await go_on(read_case(line), journals)) + "\n")
    await journals.aclose()


if __name__ == "__main__":
    asyncio.run(_other_process(sys.argv[1]))
