"""Runs made from a seed: several tools a turn, failing requests, failing tools, approvals of all four kinds.

The model and the reviewer are pure functions of the conversation, so that a run can be cut anywhere and go on in
another process. As a program this module is that process: it reads cut journals, a line each, and writes their ends.

    python -m tests.support.generated_runs < journals.jsonl > endings.jsonl
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncGenerator, Sequence

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    ChatRequest,
    Journal,
    LightAgent,
    Limits,
    ProviderError,
    RetryTool,
    RunContext,
    RunResult,
    TelemetrySink,
    tool,
)
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.conversation.messages import AssistantMessage, ToolMessage, UserMessage
from lightagent.domain.outcomes import Suspended
from lightagent.domain.usage import Usage
from lightagent.testing.system import ManualClock, SequentialIds

DECISIONS = {
    "approve": ApprovalDecision.approve("fine"),
    "reject": ApprovalDecision.reject("no"),
    "edit": ApprovalDecision.edit({"n": 7, "decision": "edit"}),
    "respond": ApprovalDecision.respond("a human says 5"),
}


def scenario(seed: int) -> str:
    """A run as JSON text: for each turn, how often the request fails first and which calls the model makes."""
    chance = random.Random(seed)
    turns = []
    for _ in range(chance.randint(0, 4)):
        calls = []
        for _ in range(chance.randint(1, 4)):
            name = chance.choice(["double", "slow", "fail", "hint", "ask", "missing", "double"])
            arguments: dict[str, int | str] = {"n": chance.randint(0, 9)}
            if name == "ask":
                arguments["decision"] = chance.choice(list(DECISIONS))
            if chance.random() < 0.1:
                arguments["unknown"] = 1
            calls.append([name, json.dumps(arguments) if chance.random() < 0.95 else "{not json"])
        turns.append({"failures": chance.choice([0, 0, 0, 1, 2]), "calls": calls})
    return json.dumps({"seed": seed, "turns": turns, "pieces": chance.randint(1, 5)})


class ScenarioModel:
    """Plays the scenario that the first user message holds; the last answer quotes every result it was given."""

    name = "scenario"

    def __init__(self) -> None:
        self._failed: dict[tuple[str, int], int] = {}

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply that the scenario has for this turn."""
        text = next(message.text for message in request.messages if isinstance(message, UserMessage))
        plan = json.loads(text)
        turn = sum(isinstance(message, AssistantMessage) for message in request.messages)
        if turn >= len(plan["turns"]):
            results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
            for piece in _pieces(json.dumps(results), plan["pieces"]):
                yield TextDelta(piece)
            yield ReplyEnd("stop", Usage(3, 2, 5))
            return
        step = plan["turns"][turn]
        key = (text, turn)
        self._failed[key] = self._failed.get(key, 0) + 1
        if self._failed[key] <= step["failures"]:
            error = ProviderError("busy", code="LA-429")
            error.retry_after = 0.0
            raise error
        for index, (name, arguments) in enumerate(step["calls"]):
            yield ToolCallDelta(index, f"call_{index}", name)
            for piece in _pieces(arguments, plan["pieces"]):
                yield ToolCallDelta(index, arguments=piece)
        yield ReplyEnd("tool_calls", Usage(1, 1, 2))

    async def aclose(self) -> None:
        """Nothing is open."""


def _pieces(text: str, count: int) -> list[str]:
    size = max(1, len(text) // count)
    return [text[start : start + size] for start in range(0, len(text), size)]


class Executions:
    """Which calls really ran, by their idempotency keys."""

    def __init__(self) -> None:
        self.keys: list[str] = []


def build_agent(*, repeatable: bool = True, sinks: Sequence[TelemetrySink] = ()) -> LightAgent[Executions, str]:
    """The agent of all generated runs.

    Args:
        repeatable: whether its tools say of themselves that they may be repeated after a crash.
        sinks: what sees the runs.
    """

    @tool(idempotent=repeatable)
    async def double(ctx: RunContext[Executions], n: int) -> int:
        """Twice n."""
        ctx.deps.keys.append(ctx.idempotency_key)
        return 2 * n

    @tool(idempotent=repeatable)
    async def slow(ctx: RunContext[Executions], n: int) -> str:
        """Reports while it works."""
        ctx.deps.keys.append(ctx.idempotency_key)
        ctx.report("half way")
        await asyncio.sleep(0)
        return f"slow {n}"

    @tool(idempotent=repeatable)
    async def fail(ctx: RunContext[Executions], n: int) -> str:
        """Never works."""
        ctx.deps.keys.append(ctx.idempotency_key)
        raise OSError(f"no {n}")

    @tool(idempotent=repeatable)
    async def hint(ctx: RunContext[Executions], n: int) -> str:
        """Wants something else."""
        ctx.deps.keys.append(ctx.idempotency_key)
        raise RetryTool(f"try {n + 1}")

    @tool(idempotent=repeatable)
    async def ask(ctx: RunContext[Executions], n: int, decision: str) -> str:
        """Runs only when a human says so."""
        if not ctx.approved:
            raise ApprovalRequired("please look", {"n": n, "decision": decision})
        ctx.deps.keys.append(ctx.idempotency_key)
        return f"approved {n}"

    return LightAgent(
        deps_type=Executions,
        name="generated",
        model=ScenarioModel(),
        tools=[double, slow, fail, hint, ask],
        limits=Limits(max_tool_iterations=10, max_retry=5),
        clock=ManualClock(),
        ids=SequentialIds(),
        telemetry=sinks,
    )


def decisions(journal: Journal) -> dict[str, ApprovalDecision]:
    """What the reviewer of the scenario decides about each call that waits."""
    waiting = [call.call for call in journal.run.calls.values() if call.status == "waiting"]
    return {call.id: DECISIONS[json.loads(call.arguments)["decision"]] for call in waiting}


async def to_the_end(agent: LightAgent[Executions, str], journal: Journal, deps: Executions) -> RunResult[str]:
    """Go on with a journal, and let the reviewer decide as often as it waits."""
    while True:
        waits = isinstance(journal.run.outcome, Suspended)
        if journal.run.outcome is not None and not waits:
            return agent.replay(journal)
        result = await agent.aresume(journal, decisions(journal) if waits else None, deps=deps)
        if not isinstance(result.outcome, Suspended):
            return result
        journal = result.journal


async def _other_process() -> None:
    agent = build_agent(repeatable="--once" not in sys.argv)
    for line in sys.stdin:
        deps = Executions()
        result = await to_the_end(agent, Journal.from_json(line), deps)
        sys.stdout.write(json.dumps({"result": result.to_dict(), "ran": deps.keys}) + "\n")


if __name__ == "__main__":
    asyncio.run(_other_process())
