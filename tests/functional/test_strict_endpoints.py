"""No request of any conversation breaks a rule of its provider, however its model errs, and every run ends once."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain import retries
from tests.servers.leaks import LeakCheck
from tests.servers.strict.endpoint import strict_server
from tests.servers.strict.provider import Provider
from tests.servers.strict.providers import ALL
from tests.support.provider_conversations import Conversation, Stage, conversation
from tests.support.provider_runs import endings, play

CONVERSATIONS = int(os.environ.get("TEST_PROVIDER_CONVERSATIONS", "2000"))
AT_ONCE = 50
"""Conversations that go on side by side, so that none waits for the pauses of another's retries."""
SECONDS = max(300, CONVERSATIONS // 2)


PROFILES: Mapping[str, str] = {
    "openai": "openai",
    "openai-reasoning": "openai-reasoning",
    "deepseek": "deepseek",
    "deepseek-thinking": "deepseek",
    "anthropic": "anthropic",
}
"""The profile of a provider's host, where it has one; the servers of these tests have another host."""

NO_STAND_IN = "An assistant message that says nothing is sent as it is."
NO_FORM_OF_IDS = "Ids are sent as they came or as we make them, not in the form of the one provider that asks for one."

REFUSED_TODAY: Mapping[tuple[str, str], str] = {
    (
        "deepseek-thinking",
        "foreign history",
    ): "A message of another model has no reasoning, and an empty one is wanted.",
    ("anthropic", "blank text beside calls"): NO_STAND_IN,
    **{
        (provider, fault): NO_STAND_IN
        for provider in ("anthropic", "gemini", "mistral")
        for fault in ("an empty answer", "a null answer", "a blank answer")
    },
    ("groq", "typed"): "An answer of a type is asked for by json_schema also in a stream, where no tools are offered.",
    ("mistral", "streamed"): "The usage of a stream is asked for until this provider has refused it once.",
    ("mistral", "follows"): "A history may end with results of tools, after which this provider wants an assistant.",
    **{
        ("mistral", fault): NO_FORM_OF_IDS
        for fault in (
            "an empty id",
            "a null id",
            "a repeated id",
            "a long id",
            "an id of other characters",
            "foreign history",
        )
    },
    (
        "vllm-alternating",
        "follows",
    ): "The query after a run that ended without an answer is a second message of the user.",
}
"""What is not played, by provider and fault, since a request of it is refused. Who mends one takes its line away."""


def is_played(talk: Conversation) -> bool:
    """Whether nothing in it is refused today."""
    return not any((talk.provider.name, fault) in REFUSED_TODAY for fault in talk.faults)


def conversations(provider: Provider) -> Iterator[Conversation]:
    """This provider's share of all conversations; none has the number of another's."""
    numbers = range(ALL.index(provider), CONVERSATIONS, len(ALL))
    return filter(is_played, (conversation(number, provider) for number in numbers))


def test_the_table_of_what_is_refused_names_providers_and_faults_that_there_are() -> None:
    known = {fault for number in range(2000) for fault in conversation(number, ALL[0]).faults}
    assert known.issuperset(fault for _, fault in REFUSED_TODAY)
    assert {provider.name for provider in ALL}.issuperset(provider for provider, _ in REFUSED_TODAY)


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


async def _play(talk: Conversation, stage: Stage, model: OpenAIChatModel) -> list[str]:
    """How the runs of a conversation ended."""
    stage.begin(talk)
    ended: list[str] = []
    for journal in await play(talk, model):
        told = endings(journal)
        assert len(told) == 1, (talk, journal.to_json())
        ended += told
    return ended
