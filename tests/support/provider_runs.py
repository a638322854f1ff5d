"""Plays a conversation of `provider_conversations`: a run, its approvals, and the run that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    Journal,
    JsonObject,
    LightAgent,
    Limits,
    RetryTool,
    RunContext,
    ToolAnswer,
    tool,
)
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import RunFinished
from lightagent.options import ToolLike
from lightagent.testing.system import ManualClock
from tests.support.provider_conversations import Conversation

DECISIONS = (
    ApprovalDecision.approve("fine"),
    ApprovalDecision.reject("no"),
    ApprovalDecision.edit({"n": 7}),
    ApprovalDecision.respond("a human says 5"),
)


@dataclass(frozen=True)
class Fact:
    """The output type of the conversations that have one."""

    n: int


@tool
async def double(n: int) -> int:
    """Twice n."""
    return 2 * n


@tool
async def now() -> str:
    """The time; it has no parameters."""
    return ""


@tool
async def fail(n: int) -> str:
    """Never works."""
    raise OSError(f"no {n}")


@tool
async def hint(n: int) -> str:
    """Wants something else."""
    raise RetryTool(f"try {n + 1}")


@tool
async def ask(ctx: RunContext[None], n: int) -> str:
    """Runs only when a human says so."""
    if not ctx.approved:
        raise ApprovalRequired("please look", {"n": n})
    return f"approved {n}"


@tool
async def move() -> ToolAnswer:
    """Hands the conversation over to the other agent."""
    return ToolAnswer("the other one goes on", hand_over="second")


TOOLS = (double, now, fail, hint, ask)


def build_agent(conversation: Conversation, model: OpenAIChatModel) -> LightAgent[None, str] | LightAgent[None, Fact]:
    """The agent of a conversation, which hands over to a second one and calls an expert."""
    clock = ManualClock()
    limits = Limits(max_retry=4, max_output_retries=2)
    instructions = "You work." if conversation.instructed else ""
    if not conversation.tools:
        return _answering(conversation, model, limits, instructions, ())
    expert = LightAgent(name="expert", model=model, tools=TOOLS, limits=limits, clock=clock)
    second = LightAgent(name="second", instructions="You are the second.", model=model, tools=TOOLS, clock=clock)
    tools = (*TOOLS, move, expert.as_tool("expert", "Knows more."))
    return _answering(conversation, model, limits, instructions, tools, second)


def _answering(
    conversation: Conversation,
    model: OpenAIChatModel,
    limits: Limits,
    instructions: str,
    tools: Sequence[ToolLike],
    *handoffs: LightAgent[None, str],
) -> LightAgent[None, str] | LightAgent[None, Fact]:
    clock = ManualClock()
    if conversation.typed:
        return LightAgent(
            output_type=Fact,
            name="first",
            model=model,
            instructions=instructions,
            tools=tools,
            handoffs=handoffs,
            limits=limits,
            clock=clock,
        )
    return LightAgent(
        name="first",
        model=model,
        instructions=instructions,
        tools=tools,
        handoffs=handoffs,
        limits=limits,
        clock=clock,
    )


async def play(conversation: Conversation, model: OpenAIChatModel) -> list[Journal]:
    """The journals of all its runs, each at its end; every resumption begins from JSON, with agents of its own."""
    journals = [await _run(conversation, model, conversation.history)]
    if conversation.follows:
        journals.append(await _run(conversation, model, build_agent(conversation, model).replay(journals[0]).history()))
    return journals


async def _run(conversation: Conversation, model: OpenAIChatModel, history: list[JsonObject]) -> Journal:
    agent = build_agent(conversation, model)
    if conversation.streamed:
        events = agent.astream(conversation.query, history=history, result_format="event")
        kinds = [event.type async for event in events if event.path == ()]
        assert kinds.count("done") == 1
        assert kinds[-1] == "done"
        journal = events.result.journal
    else:
        journal = (await agent.arun(conversation.query, history=history, result_format="object")).journal
    while isinstance(journal.run.outcome, Suspended):
        kept = journal.to_json()
        again = Journal.from_json(kept)
        decisions = dict(zip(journal.run.outcome.call_ids, DECISIONS[conversation.number % 4 :] * 4, strict=False))
        journal = await _resumed(conversation, build_agent(conversation, model), again, decisions)
    return journal


async def _resumed(
    conversation: Conversation,
    agent: LightAgent[None, str] | LightAgent[None, Fact],
    journal: Journal,
    decisions: dict[str, ApprovalDecision],
) -> Journal:
    if not conversation.streamed:
        return (await agent.aresume(journal, decisions)).journal
    return Journal((*journal.events, *[event async for event in agent.aresume_events(journal, decisions)]))


def endings(journal: Journal) -> list[str]:
    """The outcomes that a journal tells, but for those of runs that went on."""
    outcomes = [event.outcome for event in journal.events if isinstance(event, RunFinished)]
    return [outcome.kind for outcome in outcomes if not isinstance(outcome, Suspended)]
