"""No request of any conversation breaks a rule of its provider, however its model errs, and every run ends once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from tests.servers.leaks import LeakCheck
from tests.servers.strict.endpoint import strict_server
from tests.servers.strict.provider import Provider
from tests.servers.strict.providers import ALL
from tests.support.provider_conversations import Conversation, Stage, conversation
from tests.support.provider_runs import endings, play

CONVERSATIONS = int(os.environ.get("LIGHTAGENT_PROVIDER_CONVERSATIONS", "1000"))
SECONDS = max(300, CONVERSATIONS // 2)


def conversations(provider: Provider) -> Iterator[Conversation]:
    """This provider's share of all conversations; none has the number of another's."""
    place = ALL.index(provider)
    return (conversation(number, provider) for number in range(place, CONVERSATIONS, len(ALL)))


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("provider", ALL, ids=[provider.name for provider in ALL])
async def test_no_request_is_refused_and_every_run_ends_in_one_outcome(leaks: LeakCheck, provider: Provider) -> None:
    stage = Stage()
    outcomes: Counter[str] = Counter()
    async with strict_server(stage) as server:
        model = OpenAIChatModel(provider.model, "sk-test", server.base_url(provider.name))
        for talk in conversations(provider):
            stage.begin(talk)
            for journal in await play(talk, model):
                ended = endings(journal)
                assert len(ended) == 1, (talk, journal.to_json())
                outcomes[ended[0]] += 1
        await model.aclose()
    assert not server.refusals, "\n".join(dict.fromkeys(map(str, server.refusals)))
    assert server.requests > CONVERSATIONS // len(ALL)
