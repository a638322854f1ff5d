"""No request of any conversation breaks a rule of its provider, however its model errs, and every run ends once."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.runs import retries
from tests.servers.leaks import LeakCheck
from tests.servers.strict.endpoint import strict_server
from tests.servers.strict.provider import Provider
from tests.servers.strict.providers import ALL
from tests.support.provider_conversations import Conversation, Stage, conversation
from tests.support.provider_runs import endings, play

CONVERSATIONS = int(os.environ.get("TEST_PROVIDER_CONVERSATIONS", "150"))
AT_ONCE = 50
"""Conversations that go on side by side, so that none waits for the pauses of another's retries."""
ONE_BY_ONE = 100
"""Conversations that go on one after another, so that what one was refused is known in the next."""
SECONDS = max(300, CONVERSATIONS // 2)


PROFILES: Mapping[str, str] = {
    "openai": "openai",
    "openai-reasoning": "openai-reasoning",
    "deepseek": "deepseek",
    "deepseek-thinking": "deepseek",
    "anthropic": "anthropic",
    "groq": "groq",
    "mistral": "mistral",
    "vllm-alternating": "alternating",
}
"""The profile of a provider's host, where it has one; the servers of these tests have another host."""


LEARNT: Mapping[str, set[str]] = {
    "deepseek": {"response format"},
    "deepseek-thinking": {"response format", "reasoning"},
    "gemini": {"signatures"},
    "anthropic": {"unique ids"},
    "groq": {"no format beside tools"},
    "mistral": {"no usage option", "ids", "order"},
    "vllm-alternating": {"alternating"},
}
"""The rules that only a refusal tells of; the rest is kept at every endpoint, known or not."""


def conversations(provider: Provider) -> Iterator[Conversation]:
    """This provider's share of all conversations; none has the number of another's."""
    numbers = range(ALL.index(provider), CONVERSATIONS, len(ALL))
    return (conversation(number, provider) for number in numbers)


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("provider", ALL, ids=[provider.name for provider in ALL])
async def test_no_request_is_refused_and_every_run_ends_in_one_outcome(
    leaks: LeakCheck, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    # What is asked again is asked at once: how long the pauses are is not of interest here.
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(retries, "JITTER", 0.0)
    stage = Stage()
    outcomes: Counter[str] = Counter()
    talks = list(conversations(provider))
    async with strict_server(stage) as server:
        model = OpenAIChatModel(
            provider.model, "sk-test", server.base_url(provider.name), profile=PROFILES.get(provider.name)
        )
        for place in range(0, len(talks), AT_ONCE):
            played = await asyncio.gather(*(_play(talk, stage, model) for talk in talks[place : place + AT_ONCE]))
            outcomes.update(outcome for ended in played for outcome in ended)
        await model.aclose()
    assert not server.refusals, "\n".join(dict.fromkeys(map(str, server.refusals)))
    assert server.requests >= len(talks) >= CONVERSATIONS // (10 * len(ALL)), outcomes


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("provider", ALL, ids=[provider.name for provider in ALL])
async def test_an_endpoint_that_nobody_knows_refuses_a_thing_once(
    leaks: LeakCheck, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    """What its host does not tell, its refusals do; so a gateway in front of a provider needs no profile."""
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(retries, "JITTER", 0.0)
    stage = Stage()
    async with strict_server(stage) as server:
        model = OpenAIChatModel(provider.model, "sk-test", server.base_url(provider.name))
        for talk in islice(conversations(provider), ONE_BY_ONE):
            await _play(talk, stage, model)
        await model.aclose()
    refused = Counter(refusal.complaint.rule for refusal in server.refusals)
    assert set(refused.values()) <= {1}, "\n".join(map(str, server.refusals))
    assert set(refused) <= LEARNT.get(provider.name, set()), refused


async def _play(talk: Conversation, stage: Stage, model: OpenAIChatModel) -> list[str]:
    """How the runs of a conversation ended."""
    stage.begin(talk)
    ended: list[str] = []
    for journal in await play(talk, model):
        told = endings(journal)
        assert len(told) == 1, (talk, journal.to_json())
        ended += told
    return ended
