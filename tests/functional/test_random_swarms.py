"""Swarms of up to twelve agents whose models do anything: each run ends within its limits, and no request is wrong.

Each model decides by chance, seeded by what it is asked: it hands over (to several agents of one turn, to itself, to
one that refuses, with what fits and what does not), calls tools and agents, or answers. Swarms and handoffs have rules
of chance: what of the conversation goes along, what becomes of text, what is passed, when a handoff is offered. Several
users run the same swarm at the same time. Each request is judged as OpenAI, Anthropic and Gemini judge it.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from random import Random
from typing import Literal

import pytest

from lightagent import (
    AgentMail,
    BudgetLimits,
    Budgets,
    ContextBudget,
    Handoff,
    HandoffLimits,
    HistoryTransfer,
    Journal,
    LightAgent,
    LightSwarm,
    Limits,
    MailLimits,
    ProviderError,
    RunContext,
    RunResult,
    TelemetrySink,
    event_from_dict,
    event_to_dict,
    tool,
)
from lightagent.adapters.chat._profile_lookup import named_profile
from lightagent.adapters.chat.openai.request_body import RequestEncoder
from lightagent.application.swarm.handoff import HandoffSettings
from lightagent.domain.conversation.messages import AssistantMessage, Message, SystemMessage, ToolCall, ToolMessage
from lightagent.domain.conversation.provider_fields import ModelOrigin
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.runs.effects import HandOver
from lightagent.domain.runs.events import Event, ModelRequested, Nested, ToolFinished
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel
from tests.servers.strict.endpoint import judge
from tests.servers.strict.providers import PROVIDERS
from tests.servers.strict.rules import Complaint

GIVEN = int(os.environ.get("TEST_RANDOM_SWARMS", "0"))
SWARMS = GIVEN or 20
EVERY = 1 if GIVEN else 10
"""Runs are cut after every tenth of their events, and as `make soak` has it after each."""
USERS = ("ada", "bob", "eve")
MODEL_CALLS = 40
ENDS = {"completed", "budget_exhausted"}
LIMITS = HandoffLimits(max_handoffs=6, max_repeats=2)
MARK = re.compile(r"MARK-(\w+)-MARK")


ENDPOINTS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini-3"}
"""The profiles with which these providers are asked."""
KEPT: tuple[Literal["all", "summary", "none"] | int, ...] = ("all", "all", "summary", "none", 1, 2, 5)


@dataclass
class Task:
    """What is passed along."""

    what: str
    hours: int = 1


@dataclass
class Seen:
    """What the models were asked."""

    wrong: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def note(self, request: ChatRequest) -> None:
        user = request.origin.scope.user
        self.asked[user] += 1
        marks = set(MARK.findall(str(request.messages)))
        if marks - {user}:
            self.wrong.append(f"{user} was told of {marks}")
        told = [one for one in request.messages if not isinstance(one, SystemMessage)]
        check_conversation(tuple(told), "request")
        if duplicated := _duplicated(request.messages):
            self.wrong.append(f"results that stand there twice: {duplicated}")
        self.wrong += _complaints(request)


def _duplicated(messages: Sequence[Message]) -> list[str]:
    """Results of calls that stand in a request more than once, or without their call."""
    called = Counter(call.id for one in messages if isinstance(one, AssistantMessage) for call in one.tool_calls)
    answered = Counter(one.tool_call_id for one in messages if isinstance(one, ToolMessage))
    return [name for name, count in answered.items() if count != called[name]]


def _complaints(request: ChatRequest) -> list[str]:
    """What the endpoints complain of that check strictly."""
    found: list[str] = []
    for name, profile_name in ENDPOINTS.items():
        provider, profile = PROVIDERS[name], named_profile(profile_name)
        encoder = RequestEncoder(provider.model, stream_usage=False)
        judged = judge(provider, encoder.encode(request, profile, profile.recipient(ModelOrigin(provider.model))))
        if isinstance(judged, Complaint):
            found.append(f"{name} complains: {judged}")
    return found


def random_model(seed: int, name: str, seen: Seen) -> ScriptedModel:
    def told(request: ChatRequest) -> AssistantMessage:
        seen.note(request)
        known = f"{seed}/{name}/{request.origin.run_id}/{request.origin.turn}/{len(request.messages)}"
        chance = Random(sha256(known.encode()).digest())
        names = [spec.name for spec in request.tools]
        if not request.tools and request.origin.agent_name == name and "Summarize" in str(request.messages[0]):
            return _summary(request)
        if not names or chance.random() < 0.15:
            return AssistantMessage(f"{name} answers MARK-{request.origin.scope.user}-MARK.")
        chosen = [chance.choice([*names, *names, "transfer_to_nobody"]) for _ in range(chance.choice((1, 1, 2, 3)))]
        calls = [
            ToolCall(f"{request.origin.turn}-{place}", one, _arguments(one, chance)) for place, one in enumerate(chosen)
        ]
        return AssistantMessage(chance.choice((None, f"{name} says so. " + "word " * 60)), tuple(calls))

    return ScriptedModel(told, f"{name}-model", record=False)


def _summary(request: ChatRequest) -> AssistantMessage:
    if len(request.messages) % 3 == 0:
        raise ProviderError("No summary today.", code="LA-500")
    return AssistantMessage(f"A summary for MARK-{request.origin.scope.user}-MARK.")


def _arguments(name: str, chance: Random) -> str:
    if name == "send_message":
        to = chance.choice(("agent0", "agent1", "agent5", "nobody"))
        return f'{{"to": "{to}", "message": "A message. </context> word"}}'
    if name.startswith(("ask_", "consult_")):
        return '{"query": "What do you know?"}'
    if name in ("work", "read_messages"):
        return "{}"
    if name.startswith("typed_"):
        return chance.choice(
            ('{"what": "größe"}', '{"what": "x", "hours": 2}', '{"what": 5}', "{}", "[", '{"who": "x"}')
        )
    return chance.choice(("{}", "{}", '{"reason": "because </context>"}')) if "transfer" in name else '{"wrong": 1}'


@tool
async def work(ctx: RunContext[None]) -> str:
    """Work for the user."""
    await asyncio.sleep(0)
    return f"done for MARK-{ctx.origin.scope.user}-MARK " + "result " * 150


def random_swarm(
    seed: int, seen: Seen, *, sinks: Sequence[TelemetrySink] = ()
) -> tuple[LightSwarm[None], LightAgent[None, str]]:
    chance, consult = Random(seed), seed % 2 == 1
    helper = LightAgent(
        name="helper", model=random_model(seed, "helper", seen), tools=[work], limits=Limits(max_tool_iterations=3)
    )
    agents = [
        LightAgent(
            name=f"agent{number}",
            role=f"Does {number}.",
            model=random_model(seed, f"agent{number}", seen),
            tools=[work, helper.as_tool("ask_helper", "Helps.")] if chance.random() < 0.7 else [],
            context_budget=ContextBudget(6_000 if consult else 3_000) if chance.random() < 0.5 else None,
            budgets=Budgets(tree=BudgetLimits(model_calls=MODEL_CALLS)),
            limits=Limits(max_tool_iterations=chance.choice((4, 12))),
            telemetry=sinks,
        )
        for number in range(chance.randint(2, 12))
    ]
    swarm = LightSwarm(
        limits=LIMITS,
        history=_random_history(chance),
        handoff_text=chance.choice(("show", "keep", "drop")),
        next_turn=chance.choice(("last", "front")),
        consult=consult,
        mail=AgentMail(limits=MailLimits(max_waiting=3)) if chance.random() < 0.7 else None,
    )
    swarm.register_agent(*agents)
    for number, agent in enumerate(agents):
        if chance.random() < 0.4:
            swarm.register_handoff(_random_handoff(chance, agent, number))
    return swarm, agents[0]


def _random_history(chance: Random) -> HistoryTransfer:
    return HistoryTransfer(chance.choice(KEPT), chance.choice(("calls", "text")))


def _random_handoff(chance: Random, agent: LightAgent[None, str], number: int) -> HandoffSettings[None]:
    history = chance.choice((None, _random_history(chance)))
    if chance.random() < 0.5:
        return Handoff(
            agent,
            input_type=Task,
            tool_name=f"typed_transfer_to_{number}",
            history=history,
            briefing=lambda task: f"{task.what} in {task.hours} h",
        )
    return Handoff(agent, history=history, is_enabled=lambda context: context.origin.turn % 3 != 1)


@pytest.mark.timeout(600)
async def test_every_run_ends_and_no_request_is_wrong() -> None:
    handoffs = ends = 0
    for seed in range(SWARMS):
        seen = Seen()
        swarm, front = random_swarm(seed, seen)
        results = await asyncio.gather(
            *(swarm.arun(front, f"MARK-{user}-MARK?", user_id=user, result_format="object") for user in USERS)
        )
        assert not seen.wrong, seed
        for user, result in zip(USERS, results, strict=True):
            handoffs += check_run(seed, user, result)
            ends += result.error is None
            assert seen.asked[user] <= MODEL_CALLS
    assert handoffs > SWARMS
    assert ends > SWARMS


@pytest.mark.timeout(600)
async def test_a_run_that_is_cut_after_any_event_goes_on_within_its_limits() -> None:
    for seed in range(1_000, 1_000 + max(2, SWARMS // 10)):
        swarm, front = random_swarm(seed, Seen())
        whole = await swarm.arun(front, "MARK-ada-MARK?", user_id="ada", result_format="object")
        for length in range(1 + seed % EVERY, len(whole.journal.events), EVERY):
            seen = Seen()
            swarm, front = random_swarm(seed, seen)
            read = Journal(tuple(event_from_dict(event_to_dict(event)) for event in whole.journal.events[:length]))
            check_run(seed, "ada", await swarm.member(front).aresume(read))
            assert not seen.wrong, (seed, length)


def check_run(seed: int, user: str, result: RunResult[str]) -> int:
    """Check the end, the route and the journal of a run; how often it was handed over."""
    outcome = result.journal.run.outcome
    assert outcome is not None
    assert outcome.kind in ENDS, (seed, user, result.error)
    route = ["agent0", *route_of(result.journal.events)]
    assert len(route) - 1 <= LIMITS.max_handoffs
    assert max(Counter(pairwise(route)).values(), default=0) <= LIMITS.max_repeats
    assert all(first != second for first, second in pairwise(route))
    assert sum(isinstance(event, ModelRequested) for event in flat(result.journal.events)) <= MODEL_CALLS
    assert Journal.from_json(result.journal.to_json()).run == result.journal.run
    return len(route) - 1


def route_of(events: Sequence[Event]) -> list[str]:
    """The agents that took over: of several that one turn names the first."""
    route: list[str] = []
    named: list[str] = []
    for event in events:
        if isinstance(event, ModelRequested):
            route += named[:1]
            named = []
        elif isinstance(event, ToolFinished):
            named += [effect.head.name for effect in event.effects if isinstance(effect, HandOver)]
    return route


def flat(events: Sequence[Event]) -> list[Event]:
    """The events with those of agents that were called."""
    found: list[Event] = []
    for event in events:
        found.append(event)
        while isinstance(event, Nested):
            event = event.event
            found.append(event)
    return found
