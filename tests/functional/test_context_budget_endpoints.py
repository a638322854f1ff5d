"""What a context budget makes of conversations breaks no rule of any provider."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from lightagent import ContextBudget, LightAgent, tool
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.agent_options.context_budget import ContextStrategy
from tests.functional.test_strict_endpoints import PROFILES
from tests.servers.leaks import LeakCheck
from tests.servers.strict.answers import Said, SaidCall
from tests.servers.strict.endpoint import strict_server
from tests.servers.strict.provider import Provider
from tests.servers.strict.providers import ALL
from tests.servers.strict.request import Request

STRATEGIES: tuple[ContextStrategy, ...] = ("drop", "spill_and_summarize")
TURNS = 3


@tool
async def look(n: int) -> str:
    """Looks something up."""
    return f"finding {n}: " + "lorem ipsum " * 170


class Director:
    """A model that calls tools for some rounds, several at once, and then answers; it gives summaries when asked."""

    def __init__(self) -> None:
        self.seen = Counter[str]()

    def __call__(self, provider: Provider, request: Request) -> Said:
        told = str(request.messages[0].content)
        if "Summarize" in told or "Summarize" in str(request.messages[min(1, len(request.messages) - 1)].content):
            self.seen["summary"] += 1
            return Said("In short: they looked around.", reasoning="hm")
        self.seen["put aside"] += any("put aside" in str(message.content) for message in request.messages)
        self.seen["left out"] += any("were left out" in str(message.content) for message in request.messages)
        self.seen["request"] += 1
        number = self.seen["request"]
        chance = random.Random(number)
        if number % 5 == 0:
            return Said(f"said {number} " + "word " * 30, reasoning="hm")
        ids = [provider.call_id(chance) for _ in range(chance.randint(1, 2))]
        calls = tuple(SaidCall(call_id, "look", f'{{"n": {number}}}') for call_id in ids)
        return Said(None, reasoning="hm", calls=calls)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("provider", ALL, ids=[provider.name for provider in ALL])
async def test_no_request_is_refused_whatever_gave_way(
    leaks: LeakCheck, provider: Provider, strategy: ContextStrategy
) -> None:
    director, store = Director(), MemoryJournalStore()
    async with strict_server(director) as server:
        model = OpenAIChatModel(
            provider.model, "sk-test", server.base_url(provider.name), profile=PROFILES.get(provider.name)
        )
        agent = LightAgent(
            model=model, tools=[look], session_store=store, context_budget=ContextBudget(2_000, strategy)
        )
        replaced = Counter[str]()
        for turn in range(TURNS):
            result = await agent.arun(f"Look {turn}.", session_id="s", result_format="object")
            assert result.success, result.error
            replaced.update(re.findall(r'"source": "(drop|summarize|spill)"', result.journal.to_json()))
        await agent.aclose()
    assert not server.refusals, "\n".join(dict.fromkeys(map(str, server.refusals)))
    assert replaced["drop" if strategy == "drop" else "summarize"]
    assert bool(replaced["spill"]) == (strategy == "spill_and_summarize")
    assert bool(director.seen["summary"]) == (strategy != "drop")
    assert bool(director.seen["left out"]) == (strategy == "drop")
