"""Every feature of an agent once, with a secret in all that it says: what telemetry tells of them is checked by others.

A capability that is added to the project is added here, and is then held to the conventions and to privacy.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from lightagent import (
    ApprovalDecision,
    BudgetLimits,
    Budgets,
    CapabilityPolicy,
    CapabilityRule,
    ContextBudget,
    FallbackModel,
    Handoff,
    HistoryTransfer,
    HookContext,
    HookDecision,
    InProcessMemory,
    JsonObject,
    LightAgent,
    LightAgentError,
    LightFlow,
    LightSwarm,
    MemoryPolicy,
    ModelPrice,
    PriceTable,
    SelfLearning,
    TelemetrySink,
    ToolAnswer,
    ToolSelection,
    tool,
)
from lightagent.adapters.chat.scripted import Program, Reply
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.errors import ProviderError
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.loop_clock import ends_after
from tests.support.many_tools import many_tools
from tests.support.skill_folders import write_skill

ROOT: Final = str(Path(__file__).parents[2])
USER: Final = "user-7"
SESSION: Final = "session-7"


@dataclass(frozen=True)
class Scene:
    """Where a feature is shown.

    Attributes:
        sinks: what sees the runs.
        folder: for files.
        secret: a word that is in every text.
    """

    sinks: Sequence[TelemetrySink]
    folder: Path
    secret: str

    def model(self, *replies: Reply | Program) -> ScriptedModel:
        """A model that says this."""
        return ScriptedModel(replies, "gpt-scripted")

    @property
    def lookup(self) -> Callable[[str], str]:
        """A tool that is told the secret, and tells it."""

        def lookup(word: str) -> str:
            """Look a word up."""
            return f"{word} means {self.secret}"

        return lookup

    def say(self, text: str = "Tell me") -> str:
        """A text with the secret in it."""
        return f"{text} {self.secret}"


@dataclass(frozen=True)
class Task:
    """What a handoff passes along."""

    what: str


Feature: TypeAlias = Callable[[Scene], Awaitable[None]]
FEATURES: Final[dict[str, Feature]] = {}


def feature(show: Feature) -> Feature:
    """Adds a feature to the table."""
    FEATURES[show.__name__] = show
    return show


async def _fails(running: Awaitable[object]) -> None:
    with pytest.raises(LightAgentError):
        await running


@feature
async def an_answer(scene: Scene) -> None:
    agent = LightAgent(model=scene.model(scene.say("It is")), telemetry=scene.sinks, instructions=scene.say("Answer"))
    await agent.arun(
        scene.say(),
        user_id=USER,
        metadata={"temperature": 0, "max_tokens": 20, "stop": ["x"], "seed": 3, "user": scene.secret},
        history=[{"role": "user", "content": scene.say("Before")}, {"role": "assistant", "content": scene.say("So")}],
    )


@feature
async def a_streamed_answer(scene: Scene) -> None:
    agent = LightAgent(model=scene.model(scene.say("It is")), telemetry=scene.sinks)
    async for _ in agent.astream(scene.say()):
        pass


@feature
async def a_stream_that_is_left(scene: Scene) -> None:
    agent = LightAgent(model=scene.model(scene.say("It is a long answer that goes on")), telemetry=scene.sinks)
    async with aclosing(agent.astream(scene.say())) as stream:
        async for _ in stream:
            break


@feature
async def tools_side_by_side(scene: Scene) -> None:
    @tool
    async def broken(word: str) -> str:
        """Fails."""
        raise ValueError(scene.say(word))

    calls = (call_tool("lookup", word=scene.secret), call_tool("broken", word="a"), call_tool("absent", word="a"))
    wrong = call_tool("lookup", words=scene.secret)
    agent = LightAgent(
        model=scene.model(calls, wrong, scene.say()), tools=[scene.lookup, broken], telemetry=scene.sinks
    )
    await agent.arun(scene.say())


@feature
async def an_agent_within_an_agent(scene: Scene) -> None:
    desk = LightAgent(
        name="desk",
        model=scene.model(call_tool("lookup", word=scene.secret), scene.say()),
        tools=[scene.lookup],
        telemetry=scene.sinks,
    )
    lead = LightAgent(
        name="lead",
        model=scene.model(call_tool("desk", query=scene.say()), scene.say()),
        tools=[desk.as_tool("desk", "Knows words.")],
        telemetry=scene.sinks,
    )
    await lead.arun(scene.say())


@feature
async def a_handoff(scene: Scene) -> None:
    @tool
    def move(why: str) -> ToolAnswer:
        """Hand over."""
        return ToolAnswer(scene.say(why), hand_over="billing")

    billing = LightAgent(name="billing", model=scene.model(scene.say()), telemetry=scene.sinks)
    front = LightAgent(
        name="front",
        model=scene.model(call_tool("move", why=scene.secret)),
        tools=[move],
        handoffs=[billing],
        telemetry=scene.sinks,
    )
    await front.arun(scene.say())


def _swarm(scene: Scene, first: ScriptedModel, second: ScriptedModel) -> tuple[LightSwarm[None], LightAgent[None, str]]:
    front = LightAgent(name="front", role=scene.say("Is"), model=first, telemetry=scene.sinks)
    billing = LightAgent(name="billing", role=scene.say("Is"), model=second, telemetry=scene.sinks)
    swarm = LightSwarm(consult=True, mail=True)
    swarm.register_agent(front, billing)
    return swarm, front


@feature
async def a_handoff_in_a_swarm(scene: Scene) -> None:
    first = scene.model(call_tool("transfer_to_billing", reason=scene.say()))
    swarm, front = _swarm(scene, first, scene.model(scene.say()))
    await swarm.arun(front, scene.say())


@feature
async def an_agent_that_is_consulted(scene: Scene) -> None:
    again = call_tool("consult_front", query=scene.say())
    first = scene.model(call_tool("consult_billing", query=scene.say()), scene.say())
    swarm, front = _swarm(scene, first, scene.model(again, scene.say()))
    await swarm.arun(front, scene.say())


@feature
async def messages_between_agents(scene: Scene) -> None:
    send = call_tool("send_message", to="billing", message=scene.say())
    refused = call_tool("send_message", to=scene.secret, message=scene.say())
    first = scene.model((send, refused), call_tool("transfer_to_billing", reason=scene.say()))
    swarm, front = _swarm(scene, first, scene.model(call_tool("read_messages"), scene.say()))
    await swarm.asend_message("front", scene.say(), user_id=USER, sender=scene.secret)
    await swarm.arun(front, scene.say(), user_id=USER)


@feature
async def an_agent_with_fewer_tools_as_a_tool(scene: Scene) -> None:
    desk = LightAgent(
        name="desk",
        model=scene.model(call_tool("lookup", word=scene.secret), scene.say()),
        tools=[scene.lookup],
        telemetry=scene.sinks,
    )
    narrow = desk.as_tool("desk", "Knows words.", tools=[], capabilities=CapabilityPolicy())
    model = scene.model(call_tool("desk", query=scene.say()), scene.say())
    await LightAgent(name="lead", model=model, tools=[narrow], telemetry=scene.sinks).arun(scene.say())


@feature
async def a_swarm(scene: Scene) -> None:
    """A handoff with a type, a summary of what was said, text beside it, and a turn that the other agent takes up."""
    store = MemoryJournalStore()
    handing = AssistantMessage(scene.say("Over"), (call_tool("transfer_to_billing", what=scene.secret),))
    desk = LightAgent(
        name="desk",
        role=scene.say("Route"),
        model=scene.model(call_tool("lookup", word=scene.secret), handing),
        tools=[scene.lookup],
        session_store=store,
        telemetry=scene.sinks,
    )
    billing = LightAgent(
        name="billing",
        role=scene.say("Bill"),
        model=scene.model(scene.say("In short"), scene.say("One"), scene.say("Two")),
        session_store=store,
        telemetry=scene.sinks,
    )
    swarm = LightSwarm(history=HistoryTransfer("summary", foreign_calls="text"), handoff_text="keep")
    swarm.register_agent(desk, billing)
    swarm.register_handoff(Handoff(billing, input_type=Task, briefing=lambda task: scene.say(task.what)))
    for _ in range(2):
        await swarm.arun(desk, scene.say(), session_id=SESSION, user_id=USER)


@feature
async def an_approval(scene: Scene) -> None:
    @tool(requires_approval=True)
    def pay(amount: int, to: str) -> str:
        """Pay."""
        return scene.say(f"paid {amount} to {to}")

    agent = LightAgent(
        model=scene.model(call_tool("pay", amount=3, to=scene.secret), scene.say()), tools=[pay], telemetry=scene.sinks
    )
    waiting = await agent.arun_result(scene.say())
    await agent.aresume(waiting.journal, ApprovalDecision.approve(scene.say("fine,")))


@feature
async def hooks_and_guardrails(scene: Scene) -> None:
    def rewrite(context: HookContext) -> HookDecision | None:
        if context.phase == "before_tool_call":
            return HookDecision.block("no")
        return None

    def guard(text: str, context: JsonObject) -> bool | str:
        return "never" if "forbidden" in text else True

    model = scene.model(call_tool("lookup", word=scene.secret), scene.say(), scene.say("forbidden"))
    agent = LightAgent(
        model=model, tools=[scene.lookup], hooks=[rewrite], output_guardrails=[guard], telemetry=scene.sinks
    )
    await agent.arun(scene.say())
    await _fails(agent.arun(scene.say()))


@feature
async def a_capability_rule(scene: Scene) -> None:
    policy = CapabilityPolicy(rules=(CapabilityRule("deny", tools=("lookup",)),))
    model = scene.model(call_tool("lookup", word=scene.secret), scene.say())
    agent = LightAgent(model=model, tools=[scene.lookup], capabilities=policy, telemetry=scene.sinks)
    await agent.arun(scene.say())


@feature
async def failures_and_another_attempt(scene: Scene) -> None:
    busy = ProviderError(scene.say("busy"), code="LA-503", guidance="", retryable=True)
    agent = LightAgent(model=scene.model(busy, busy, scene.say()), telemetry=scene.sinks)
    await agent.arun(scene.say(), max_retry=3)
    failing = LightAgent(model=scene.model(ValueError(scene.say("broken"))), telemetry=scene.sinks)
    await _fails(failing.arun(scene.say(), max_retry=1))


@feature
async def an_answer_that_breaks_off(scene: Scene) -> None:
    deltas: list[Delta | Exception] = [
        TextDelta(scene.say()),
        ProviderError(scene.say("gone"), code="LA-500", guidance=""),
    ]
    agent = LightAgent(model=scene.model(deltas), telemetry=scene.sinks)
    await _fails(agent.arun(scene.say(), max_retry=1))


@feature
async def usage_with_parts(scene: Scene) -> None:
    usage = Usage(100, 40, 140, cached_input_tokens=60, reasoning_tokens=30)
    end = ReplyEnd("stop", usage, "gpt-scripted-1", "response-1")
    agent = LightAgent(model=scene.model([TextDelta(scene.say()), end]), telemetry=scene.sinks)
    await agent.arun(scene.say())


@feature
async def a_budget_that_is_spent(scene: Scene) -> None:
    model = scene.model(call_tool("lookup", word=scene.secret), scene.say())
    agent = LightAgent(
        model=model,
        tools=[scene.lookup],
        budgets=Budgets(run=BudgetLimits(model_calls=1)),
        telemetry=scene.sinks,
    )
    await _fails(agent.arun(scene.say()))


@feature
async def a_deadline(scene: Scene) -> None:
    begun = asyncio.Event()

    @tool
    async def sleep(word: str) -> str:
        """Sleep."""
        begun.set()
        await asyncio.sleep(60)
        return word

    agent = LightAgent(model=scene.model(call_tool("sleep", word=scene.secret)), tools=[sleep], telemetry=scene.sinks)
    await ends_after(30.0, _fails(agent.arun(scene.say(), timeout=30.0)), begun=begun.is_set)


@feature
async def a_typed_answer(scene: Scene) -> None:
    agent = LightAgent(model=scene.model(scene.say("no number"), "42"), output_type=int, telemetry=scene.sinks)
    await agent.arun(scene.say())


@feature
async def a_session(scene: Scene) -> None:
    model = scene.model(call_tool("lookup", word=scene.secret), scene.say(), scene.say())
    agent = LightAgent(model=model, tools=[scene.lookup], session_store=MemoryJournalStore(), telemetry=scene.sinks)
    for _ in range(2):
        await agent.arun(scene.say(), user_id=USER, session_id=SESSION)


@feature
async def memories(scene: Scene) -> None:
    agent = LightAgent(
        model=scene.model(scene.say(), scene.say()),
        memory=InProcessMemory(),
        memory_policy=MemoryPolicy(namespace="shop"),
        telemetry=scene.sinks,
    )
    for _ in range(2):
        await agent.arun(scene.say("Remember that my word is"), user_id=USER)


@feature
async def lessons(scene: Scene) -> None:
    def told(request: ChatRequest) -> AssistantMessage:
        if "look back" in str(request.messages[0].content):
            text = scene.say("This user wants").replace('"', "")
            return AssistantMessage(f'{{"lessons": [{{"text": "{text}", "about": "user", "confidence": 0.9}}]}}')
        return AssistantMessage(scene.say())

    agent = LightAgent(
        model=ScriptedModel(told, "gpt-scripted"),
        memory=InProcessMemory(),
        self_learning=SelfLearning(),
        telemetry=scene.sinks,
    )
    await agent.arun(scene.say(), user_id=USER)


@feature
async def a_long_conversation(scene: Scene) -> None:
    history: list[JsonObject] = []
    for number in range(40):
        history += [
            {"role": "user", "content": scene.say(f"Question {number} " + "word " * 30)},
            {"role": "assistant", "content": scene.say(f"Answer {number} " + "word " * 30)},
        ]
    agent = LightAgent(
        model=ScriptedModel(lambda request: scene.say("In short"), "gpt-scripted"),
        context_budget=ContextBudget(1500, "summarize"),
        telemetry=scene.sinks,
    )
    await agent.arun(scene.say(), history=history)


@feature
async def tools_that_are_selected(scene: Scene) -> None:
    model = scene.model(call_tool("search_tools", query=scene.say("certificates of servers")), scene.say())
    agent = LightAgent(
        model=model,
        tools=many_tools(),
        tool_selection=ToolSelection(threshold=10, tokens=800),
        telemetry=scene.sinks,
    )
    await agent.arun(scene.say("Please refund what was paid"))


@feature
async def skills(scene: Scene) -> None:
    write_skill(scene.folder / "skills", "prices", body=scene.say("Do"), files={"references/guide.md": scene.say()})
    model = scene.model(
        call_tool("activate_skill", name="prices"),
        call_tool("read_skill_reference", name="prices", path="references/guide.md"),
        scene.say(),
    )
    agent = LightAgent(model=model, skills_directories=[scene.folder / "skills"], telemetry=scene.sinks)
    await agent.arun(scene.say())


@feature
async def a_server_of_the_model_context_protocol(scene: Scene) -> None:
    server: JsonObject = {"command": sys.executable, "args": ["-m", "tests.servers.mcp.stdio_server"], "cwd": ROOT}
    agent = LightAgent(model=scene.model(call_tool("one__echo", text=scene.secret), scene.say()), telemetry=scene.sinks)
    try:
        await agent.setup_mcp(mcp_setting={"mcpServers": {"one": server}})
        await agent.arun(scene.say())
    finally:
        await agent.aclose()


@feature
async def a_tool_that_shows_parts(scene: Scene) -> None:
    @tool
    async def count(word: str) -> AsyncIterator[str]:
        """Count."""
        for number in range(3):
            yield f"{word} {number}"

    model = scene.model(call_tool("count", word=scene.secret), scene.say())
    agent = LightAgent(model=model, tools=[count], telemetry=scene.sinks)
    async for _ in agent.astream_events(scene.say()):
        pass


@feature
async def several_models_with_prices(scene: Scene) -> None:
    answering = scene.model([TextDelta(scene.say()), ReplyEnd("stop", Usage(100, 40, 140))])
    model = FallbackModel([scene.model(ProviderError(scene.say(), code="LA-503")), answering])
    budgets = Budgets(prices=PriceTable({"gpt-scripted": ModelPrice(2.0, 8.0)}))
    await LightAgent(model=model, budgets=budgets, telemetry=scene.sinks).arun(scene.say())


@feature
async def a_tool_that_the_model_made_up(scene: Scene) -> None:
    model = scene.model([call_tool(scene.secret, word="x"), call_tool("lookup", word="x")], scene.say())
    await LightAgent(model=model, tools=[scene.lookup], telemetry=scene.sinks).arun(scene.say())


def _flow(scene: Scene) -> LightFlow:
    """A flow of an agent, a flow and callables, one of which fails, and whose hook decides."""

    def fail(query: str) -> str:
        raise ValueError(scene.say("broken"))

    def look(context: HookContext) -> HookDecision:
        return HookDecision.continue_(metadata={"seen": True})

    agent = LightAgent(
        name="clerk",
        model=scene.model(call_tool("lookup", word=scene.secret), scene.say(), scene.say()),
        tools=[scene.lookup],
        telemetry=scene.sinks,
    )
    below = LightFlow(name="below").step("deep", agent=agent)
    return (
        LightFlow(name="letters", telemetry=scene.sinks, hooks=[look])
        .step("draft", agent=agent, query=scene.say("Write"))
        .step("below", agent=below, depends_on=["draft"])
        .step("broken", agent=fail, max_retry=2)
        .step("send", agent=lambda query: scene.say(query), depends_on=["below"], requires_approval=True)
    )


@feature
async def a_flow(scene: Scene) -> None:
    """It fails in one step, waits for a person in another, and goes on with what they edited."""
    flow = _flow(scene)
    await flow.arun(scene.say(), run_id="run", user_id=USER)
    edited = ApprovalDecision.edit({"query": scene.say("Better")}, scene.say("since"), actor="ann")
    await flow.aapprove("run", "send", edited, user_id=USER)
    await flow.aresume("run", user_id=USER)
    await flow.arerun_step("run", "draft", user_id=USER)


@feature
async def a_flow_that_is_streamed(scene: Scene) -> None:
    async for _ in _flow(scene).astream_events(scene.say()):
        pass
    async with _flow(scene).astream_events(scene.say()) as left:
        async for event in left:
            if event.type == "content":
                break
