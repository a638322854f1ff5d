"""Objects with `store` and `retrieve` as `memory=`: what they answer, how long they take, and how they are called."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lightagent import InProcessMemory, JsonObject, LightAgent, MemoryOwner, MemoryPolicy, RunResult
from lightagent.application.memory.foreign_memory import MemoryProtocol
from lightagent.domain.conversation.messages import ContextMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.recall_limits import MOST_QUERY, MOST_TOLD
from lightagent.domain.memory.records import FoundMemory
from lightagent.testing import ScriptedModel


def told(model: ScriptedModel) -> list[str]:
    """What the model was told of memories, line by line."""
    contexts = [one.content for one in model.requests[0].messages if isinstance(one, ContextMessage)]
    return [line for text in contexts for line in text.splitlines()[1:]]


def events(result: RunResult[str], kind: str) -> list[JsonObject]:
    return [event["data"] for event in result.trace if event["type"] == kind]


class StandIn:
    """What programs test with: it has any method, and remembers how `store` was called."""

    def __init__(self) -> None:
        self.stored: list[tuple[object, object]] = []

    def store(self, *args: object, **kwargs: object) -> None:
        self.stored.append((kwargs["data"], kwargs["user_id"]))

    def retrieve(self, *args: object, **kwargs: object) -> object:
        return {"results": [{"memory": "Likes tea."}]}

    def __getattr__(self, name: str) -> StandIn:
        return StandIn()

    def __call__(self, *args: object, **kwargs: object) -> None:
        """Does nothing."""


def test_a_stand_in_of_a_test_is_called_as_a_memory_and_is_no_store() -> None:
    memory, model = StandIn(), ScriptedModel(["Tea."])
    LightAgent(model=model, memory=memory).run("What do I like?", user_id="alice")
    assert told(model) == ["- Likes tea."]
    assert memory.stored == [("What do I like?", "alice")]


class Named:
    """A memory whose parameters have other names."""

    def store(self, text: str, whose: str) -> None:
        """Forgets."""

    def retrieve(self, query: str, user_id: str) -> list[str]:
        return []


@pytest.mark.parametrize("memory", [Named(), Named, object(), "memory.db"], ids=["named", "class", "object", "text"])
def test_what_can_never_be_called_is_refused_at_once(memory: MemoryProtocol) -> None:
    with pytest.raises(ConfigurationError, match="memory: "):
        LightAgent(model=ScriptedModel(["Hello."]), memory=memory)


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_list_that_is_fetched_while_it_is_read_holds_up_no_other_run(way: str) -> None:
    """It is read in a worker thread, within the time that the policy gives."""
    main, read_in, leave = threading.get_ident(), list[int](), threading.Event()

    def rows() -> Iterator[str]:
        read_in.append(threading.get_ident())
        leave.wait(10)
        yield "too late"

    class Lazy:
        def store(self, data: str, user_id: str) -> None:
            """Forgets."""

        def retrieve(self, query: str, user_id: str) -> object:
            return rows()

    class Awaited(Lazy):
        async def retrieve(self, query: str, user_id: str) -> object:
            return rows()

    policy = MemoryPolicy(recall_timeout=0.05)
    agent = LightAgent(
        model=ScriptedModel(["Hello."]), memory=Lazy() if way == "sync" else Awaited(), memory_policy=policy
    )
    result = await agent.arun("Hello?", result_format="object", trace=True)
    leave.set()
    assert result.content == "Hello."
    assert [one["kind"] for one in events(result, "memory_unavailable")] == ["TimeIsUp"]
    assert main not in read_in
    assert len(read_in) == 1


class Odd(InProcessMemory):
    """A store that answers with what no store may answer."""

    def __init__(self, answer: Sequence[FoundMemory] | type[BaseException]) -> None:
        super().__init__()
        self.answer = answer

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        if isinstance(self.answer, type):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [{"memory": "It rains."}],
        ["It rains."],
        [FoundMemory(None, {})],  # type: ignore[arg-type]
        [FoundMemory("It rains.", None)],  # type: ignore[arg-type]
        asyncio.CancelledError,
        GeneratorExit,
        RecursionError,
    ],
    ids=str,
)
async def test_a_store_that_answers_nonsense_is_unavailable_and_on_record(
    answer: Sequence[FoundMemory] | type[BaseException],
) -> None:
    model = ScriptedModel(["Hello."])
    agent = LightAgent(model=model, memory=Odd(answer))
    result = await agent.arun("Hello?", result_format="object", trace=True)
    assert (result.content, result.error, told(model)) == ("Hello.", None, [])
    assert len(events(result, "memory_unavailable")) == 1


def test_neither_a_long_memory_nor_a_long_query_takes_more_than_its_share() -> None:
    asked, model = list[str](), ScriptedModel(["Hello."])

    class Padded:
        def store(self, data: str, user_id: str) -> None:
            """Forgets."""

        def retrieve(self, query: str, user_id: str) -> list[str]:
            asked.append(query)
            return ["begins " + "padding " * 50_000 + "ends"] * 9

    LightAgent(model=model, memory=Padded()).run("first " + "word " * 100_000 + "last", user_id="alice")
    assert len(told(model)) == 5
    assert all(line.startswith("- begins ") and line.endswith(" ends") for line in told(model))
    assert max(map(len, told(model))) <= MOST_TOLD + 2
    assert len(asked[0]) <= MOST_QUERY
    assert asked[0].startswith("first ")
    assert asked[0].endswith(" last")


def test_the_id_of_a_record_is_no_way_into_the_trace() -> None:
    class Telling:
        def store(self, data: str, user_id: str) -> None:
            """Forgets."""

        def retrieve(self, query: str, user_id: str) -> list[JsonObject]:
            return [{"memory": "Tea.", "memory_id": "CANARY says: tea"}, {"memory": "Tea.", "memory_id": "CANARY" * 99}]

    agent = LightAgent(model=ScriptedModel(["Hello."]), memory=Telling())
    result = agent.run("Tea?", result_format="object", trace=True)
    assert "CANARY" not in json.dumps(result.trace)


class Unspeakable:
    """What nothing can be done with."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    def __ne__(self, other: object) -> bool:
        raise RuntimeError("no")


class Hostile:
    """A memory of records whose fields are objects of any kind."""

    def __init__(self, *found: object) -> None:
        self.found = found

    def store(self, data: str, user_id: str) -> None:
        """Forgets."""

    def retrieve(self, query: str, user_id: str) -> object:
        return list(self.found)


@pytest.mark.parametrize("name", ["topic", "user_id", "injectable", "confidence", "status"])
def test_a_record_that_cannot_be_judged_is_kept_out_and_takes_no_other_with_it(name: str) -> None:
    memory = Hostile({"memory": "Bad.", name: Unspeakable()}, {"memory": "Good.", "topic": "x", "confidence": 1})
    policy, model = MemoryPolicy(required_metadata={"topic": "x"}, min_confidence=0.5), ScriptedModel(["."])
    agent = LightAgent(model=model, memory=memory, memory_policy=policy)
    result = agent.run("What?", user_id="ann", result_format="object", trace=True)
    assert told(model) == ["- Good."]
    (counted,) = events(result, "memory_retrieve_filter")
    assert counted["blocked"] == {"not_a_memory:memory": 1}


def test_times_may_be_objects_and_statuses_a_set() -> None:
    later, before = datetime.now(UTC) + timedelta(days=1), datetime.fromisoformat("2020-01-01")
    memory = Hostile(
        {"memory": "Holds.", "valid_from": before, "valid_until": later, "expires_at": later.replace(tzinfo=None)},
        {"memory": "Over.", "valid_until": before},
        {"memory": "Expired.", "metadata": {"expiresAt": before}},
        {"memory": "Not yet.", "valid_from": later},
        {"memory": "Candidate.", "status": {"Pending"}},
    )
    model = ScriptedModel(["."])
    LightAgent(model=model, memory=memory).run("What?", user_id="ann")
    assert told(model) == ["- Holds."]
