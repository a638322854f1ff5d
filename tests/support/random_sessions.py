"""Agents whose turns do what a plan in their query says, and the record of what they asked and did.

A query is a plan as JSON text: who asks, the number of the turn, the tools of each round, and how the turn ends. The
model is a pure function of the conversation, so any agent can go on with what another one began.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from lightagent import (
    ChatModel,
    ChatRequest,
    Compactor,
    Delta,
    JournalStore,
    LightAgent,
    LightAgentErrorInfo,
    ProviderError,
    Replacement,
    ReplyEnd,
    RunContext,
    Subject,
    TextDelta,
    ToolAnswer,
    ToolCallDelta,
    tool,
)
from lightagent.domain.conversation.messages import AssistantMessage, Message, SystemMessage, UserMessage
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy.phases import OutputPayload, Passed, PayloadT, Phase, QueryPayload, Stopped, Verdict
from lightagent.ports.policy import HeldStream
from lightagent.ports.system import Clock
from tests.servers.json_values import JsonObject
from tests.servers.strict.endpoint import judge
from tests.servers.strict.openai import OPENAI
from tests.servers.strict.rules import Complaint

FORBIDDEN = LightAgentErrorInfo("LA-GUARDRAIL", "It is forbidden.", "Ask for something else.")
USERS = ("ann", "bob", "cleo")


@dataclass(frozen=True)
class Plan:
    """One turn.

    Attributes:
        rounds: the tools that the model calls, a list for each of its replies.
        end: answer, blank, fail (the provider does), or secret (the gate blocks the answer).
    """

    user: str
    number: int
    rounds: tuple[tuple[str, ...], ...] = ()
    end: str = "answer"

    @property
    def mark(self) -> str:
        """What tells this turn from every other one."""
        return f"{self.user}-{self.number:05}"

    def query(self) -> str:
        return json.dumps({"plan": self.mark, "rounds": self.rounds, "end": self.end})


@dataclass
class Scene:
    """What happened, in all processes.

    Attributes:
        faults: what was wrong with a request.
        effects: how often each call took effect, by its idempotency key.
        entered: is set where a turn waits, in the model or in a tool, for `hold`.
    """

    faults: list[str] = field(default_factory=list)
    requests: list[tuple[Message, ...]] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    async def wait(self) -> None:
        if not self.hold.is_set():
            self.entered.set()
            await self.hold.wait()

    def see(self, request: ChatRequest) -> None:
        """Keep a request, and what a strict endpoint or another user would have to say about it."""
        self.requests.append(request.messages)
        declared = [spec.to_openai() for spec in request.tools]
        messages = [message.to_openai() for message in request.messages]
        body = json.dumps({"model": OPENAI.model, "messages": messages, "tools": declared, "stream": True})
        judged = judge(OPENAI, body.encode())
        if isinstance(judged, Complaint):
            self.faults.append(f"{judged.rule}: {judged.text} in {body}")
        check_conversation([one for one in request.messages if not isinstance(one, SystemMessage)], "request")
        user = latest(request.messages)[1].user
        self.faults += [f"{other} in a request of {user}: {body}" for other in USERS if other != user and other in body]


def latest(messages: Sequence[Message]) -> tuple[int, Plan]:
    """The plan that is to be carried out, and where it stands."""
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, UserMessage) and message.text.startswith('{"plan"'):
            read = json.loads(message.text)
            user, number = read["plan"].split("-")
            return place, Plan(user, int(number), tuple(map(tuple, read["rounds"])), read["end"])
    raise AssertionError(f"no plan in {messages}")


def marks(messages: Sequence[JsonObject]) -> list[str]:
    """The turns that a conversation tells of, in order; a summary names those it stands for."""
    said = [str(message["content"]) for message in messages if message["role"] == "user"]
    return [mark for text in said for mark in re.findall(r"[a-z]+-\d{5}", text)]


class PlanModel(ChatModel):
    """Plays the plan."""

    name = "planned"

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self._scene.see(request)
        await asyncio.sleep(0)
        place, plan = latest(request.messages)
        done = sum(isinstance(message, AssistantMessage) for message in request.messages[place:])
        if "wait" in plan.end:
            await self._scene.wait()
        if done < len(plan.rounds):
            for index, name in enumerate(plan.rounds[done]):
                arguments = json.dumps({"who": plan.user, "amount": index})
                yield ToolCallDelta(index, f"call_{plan.number}_{done}_{index}", name, arguments)
            yield ReplyEnd("tool_calls")
            return
        if plan.end == "fail":
            raise ProviderError("The provider is down.", code="LA-400", retryable=False)
        if plan.end != "blank":
            yield TextDelta(f"{plan.mark} is done, {plan.end}.")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


class Watchful:
    """A gate that blocks queries and answers which hold a word."""

    policies: tuple[str, ...] = ("watchful",)
    phases: frozenset[Phase] = frozenset({"admission", "output"})
    timeout: float | None = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        await asyncio.sleep(0)
        told = repr(payload) if isinstance(payload, (QueryPayload, OutputPayload)) else ""
        word = "forbidden" if phase == "admission" else "secret"
        return Stopped(Blocked(FORBIDDEN)) if word in told else Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


class Shortener(Compactor):
    """Puts all turns before the one under way into one message, which names them if it is to."""

    name = "shortener"

    def __init__(self, most: int, *, names: bool) -> None:
        self._most, self._names = most, names

    def is_due(self, messages: Sequence[Message]) -> bool:
        return latest(messages)[0] > self._most

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        place, _ = latest(messages)
        told = " ".join(marks([message.to_openai() for message in messages[:place]])) if self._names else "a lot"
        return Replacement(place, (UserMessage(f"In short: {told}"), AssistantMessage("I see.")))


def build_agent(
    scene: Scene,
    store: JournalStore,
    *,
    compact: int | None = None,
    names: bool = True,
    clock: Clock | None = None,
) -> LightAgent[None, str]:
    """A fresh agent.

    Args:
        compact: messages before the query beyond which they are made short; None: never.
        names: what is made short names the turns that it stands for.
    """

    async def act(ctx: RunContext[None], who: str, amount: int) -> str:
        """Has an effect."""
        scene.effects[ctx.idempotency_key] += 1
        await asyncio.sleep(0)
        return f"{who} acted on {amount}"

    async def wait(ctx: RunContext[None], who: str, amount: int) -> str:
        """Has an effect, and takes its time."""
        scene.effects[ctx.idempotency_key] += 1
        await scene.wait()
        return f"{who} waited for {amount}"

    async def stumble(ctx: RunContext[None], who: str, amount: int) -> str:
        """Has an effect, and fails."""
        scene.effects[ctx.idempotency_key] += 1
        raise OSError(f"{who} stumbled over {amount}")

    @tool(requires_approval=True)
    async def pay(ctx: RunContext[None], who: str, amount: int) -> str:
        """Has an effect that a human approves."""
        scene.effects[ctx.idempotency_key] += 1
        return f"{who} paid {amount}"

    async def move(who: str, amount: int) -> ToolAnswer:
        """Hands over."""
        return ToolAnswer(f"{who} goes on elsewhere", hand_over="second")

    compactor = None if compact is None else Shortener(compact, names=names)
    tools: list[Callable[..., object]] = [act, wait, stumble, pay, move]
    second = LightAgent(
        name="second", model=PlanModel(scene), tools=tools, instructions="You are second.", compactor=compactor
    )
    return LightAgent(
        name="first",
        model=PlanModel(scene),
        tools=tools,
        handoffs=[second],
        gate=Watchful(),
        compactor=compactor,
        session_store=store,
        clock=clock,
        instructions="You are first.",
    )
