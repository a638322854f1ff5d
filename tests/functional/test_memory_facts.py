"""Facts that change: what a policy, a hook's run and a program say of them, and what runs are told then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lightagent import (
    InProcessMemory,
    JsonObject,
    LightAgent,
    MemoryAdmissionDecision,
    MemoryPolicy,
    SharedMemoryPool,
    TraceEvent,
)
from lightagent.adapters.memory._terms import document_terms
from lightagent.adapters.memory.qdrant import QdrantMemory
from lightagent.adapters.memory.qdrant.points import point_of
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.application.memory.facts import Facts
from lightagent.application.memory.memories import Memories
from lightagent.domain.conversation.messages import ContextMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import memory_keys
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel

ANN = MemoryOwner(user="ann")
KEYS = memory_keys("bank", {"k": "k" * 40})


def told(request: ChatRequest) -> str:
    """What a run was told of earlier ones."""
    return "\n".join(one.content for one in request.messages if isinstance(one, ContextMessage)) or "nothing"


def agent_with(memory: MemoryStore, policy: MemoryPolicy) -> LightAgent:
    return LightAgent(model=ScriptedModel(told), memory=memory, memory_policy=policy)


def notes(result_trace: Sequence[TraceEvent], kind: str) -> list[object]:
    return [event["data"] for event in result_trace if event["type"] == kind]


async def everything(store: MemoryStore, query: str) -> list[str]:
    found = await store.recall(ANN, query, 10, RecallFilter(time.time(), with_history=True))
    return sorted(one.text for one in found)


@pytest.mark.parametrize("kind", ["process", "sqlite"])
async def test_the_policy_names_what_a_new_memory_takes_the_place_of(tmp_path: Path, kind: str) -> None:
    asked: list[tuple[str, list[object]]] = []

    def moved(data: str, known: Sequence[JsonObject], context: JsonObject) -> list[object]:
        asked.append((data, [one["memory"] for one in known]))
        assert context["user_id"] == "ann"
        return [one["memory_id"] for one in known if "live in" in str(one["memory"])] if "live in" in data else []

    store = InProcessMemory() if kind == "process" else SqliteMemory(tmp_path / "memory.db")
    agent = agent_with(store, MemoryPolicy(memory_supersession=moved))
    await agent.arun("I live in London.", user_id="ann")
    await agent.arun("I live in Berlin.", user_id="bob")
    result = await agent.arun("I live in Paris now.", user_id="ann", result_format="object", trace=True)
    await agent.arun("I live in Rome now.", user_id="ann")
    answer = await agent.arun("Where do I live?", user_id="ann")
    assert "Rome" in answer
    assert "London" not in answer
    assert "Paris" not in answer
    assert await everything(store, "live") == [
        *("I live in London.", "I live in Paris now.", "I live in Rome now.", "Where do I live?")
    ]
    assert ("I live in Paris now.", ["I live in London."]) in asked
    (superseded,) = notes(result.trace, "memory_supersede")
    assert isinstance(superseded, dict)
    assert len(superseded["superseded"]) == 1
    assert "London" not in str(superseded)
    await store.aclose()


@pytest.mark.parametrize("answer", ["not an id", {"a": 1}, True, 5, ["x"]])
async def test_what_the_policy_does_not_say_clearly_supersedes_nothing(answer: object) -> None:
    store = InProcessMemory()
    agent = agent_with(store, MemoryPolicy(memory_supersession=lambda data, known, context: answer))
    await agent.arun("I live in London.", user_id="ann")
    result = await agent.arun("I live in Paris.", user_id="ann", result_format="object", trace=True)
    assert "problem" in str(notes(result.trace, "memory_supersede"))
    spoken = await agent.arun("Where do I live?", user_id="ann")
    assert "London" in spoken
    assert "Paris" in spoken


async def test_a_policy_that_raises_supersedes_nothing_and_the_memory_is_written() -> None:
    def broken(data: str, known: Sequence[JsonObject], context: JsonObject) -> str:
        raise ValueError("secret words")

    store = InProcessMemory()
    agent = agent_with(store, MemoryPolicy(memory_supersession=broken))
    await agent.arun("I live in London.", user_id="ann")
    result = await agent.arun("I live in Paris.", user_id="ann", result_format="object", trace=True)
    (problem,) = notes(result.trace, "memory_supersede")
    assert "ValueError" in str(problem)
    assert "secret" not in str(problem)
    assert len(await everything(store, "live")) == 2


async def test_admission_says_from_and_until_when_a_memory_holds() -> None:
    def admit(data: str, context: JsonObject) -> MemoryAdmissionDecision | JsonObject:
        if "summer" in data:
            return MemoryAdmissionDecision(True, metadata={"valid_until": time.time() - 1, "topic": "travel"})
        return {"allowed": True, "metadata": {"valid_from": time.time() + 3600, "user_id": "bob", "source": "tool"}}

    store = InProcessMemory()
    agent = agent_with(store, MemoryPolicy(memory_write_admission=admit))
    await agent.arun("I am in Rome for the summer.", user_id="ann")
    await agent.arun("I move to Rome.", user_id="ann")
    assert await agent.arun("What about Rome?", user_id="ann") == "nothing"
    found = await store.recall(ANN, "Rome", 5, RecallFilter(time.time(), with_history=True))
    assert [one.fields.get("source") for one in found] == ["user"] * len(found)
    assert {one.fields.get("user_id") for one in found} == {"ann"}
    assert "travel" in {one.fields.get("topic") for one in found}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [({"x": object()}, "not plain JSON"), ({"supersedes": [str(number) for number in range(101)]}, "more than 100")],
)
async def test_admission_with_metadata_that_no_record_can_have_forbids(
    metadata: dict[str, object], reason: str
) -> None:
    store = InProcessMemory()
    answer = {"allowed": True, "metadata": metadata}
    agent = agent_with(store, MemoryPolicy(memory_write_admission=lambda data, context: answer))
    result = await agent.arun("I live in London.", user_id="ann", result_format="object", trace=True)
    assert reason in str(notes(result.trace, "memory_write_block"))
    assert await everything(store, "London") == []


async def test_a_program_supersedes_a_fact_and_asks_for_its_history(tmp_path: Path) -> None:
    source, target = SqliteMemory(tmp_path / "a.db"), SealedMemory(InProcessMemory(), KEYS)
    sealed = SealedMemory(source, KEYS)
    await sealed.write([MemoryRecord("1", ANN, "I live in London.", {"source": "user", "topic": "home"}, 100.0)])
    await sealed.write([MemoryRecord("other", ANN, "I like tea.", {"source": "user", "supersedes": "gone"}, 1e5)])
    facts = Facts(sealed)
    await facts.supersede(ANN, "1", "I live in Paris.", new_id="2", at=200.0)
    await facts.supersede(ANN, "2", "I live in Rome.", new_id="3", at=300.0, valid_from=250.0)
    # Another one corrects the first fact meanwhile, and does not know of the second: the last one holds.
    await facts.supersede(ANN, "1", "I live in Oslo.", new_id="4", at=260.0)
    await Memories(sealed).copy(target)
    for store in (sealed, target):
        told = [(one.record.text, one.valid_from, one.valid_until) for one in await Facts(store).history(ANN, "3")]
        assert told == [
            ("I live in London.", None, 200.0),
            ("I live in Paris.", 200.0, 250.0),
            ("I live in Rome.", 250.0, 260.0),
            ("I live in Oslo.", 260.0, None),
        ]
        assert len(await Facts(store).history(ANN)) == 5
        wanted = RecallFilter(400.0, metadata={"topic": "home"})
        assert [one.text for one in await store.recall(ANN, "live", 5, wanted)] == ["I live in Oslo."]
        then = RecallFilter(400.0, valid_at=199.0)
        assert [one.text for one in await store.recall(ANN, "live", 5, then)] == ["I live in London."]
    lines = [line async for line in Memories(sealed).export()]
    assert sum("supersedes" in line for line in lines) == 4
    for unknown in (facts.history(ANN, "5"), facts.supersede(ANN, "5", "x", new_id="6", at=1.0)):
        with pytest.raises(ConfigurationError, match="no memory '5'"):
            await unknown
    await sealed.aclose()


async def test_what_a_program_writes_in_the_place_of_a_fact_has_an_id_of_its_own_and_none_of_its_times() -> None:
    store = InProcessMemory()
    facts = Facts(store)
    ends: JsonObject = {"expires_at": 150.0, "expiresAt": 150.0, "valid_until": 150.0, "validUntil": 150.0}
    await store.write([MemoryRecord("1", ANN, "I live in London.", {"topic": "home", "validFrom": 1.0, **ends}, 100.0)])
    for taken in ("1", "2"):
        if taken == "2":
            await store.write([MemoryRecord("2", ANN, "I like tea.", {}, 100.0)])
        with pytest.raises(ConfigurationError, match=f"a memory '{taken}' already"):
            await facts.supersede(ANN, "1", "I live in Paris.", new_id=taken, at=200.0)
    written = await facts.supersede(ANN, "1", "I live in Paris.", new_id="3", at=200.0)
    assert written.metadata == {"topic": "home", "supersedes": ["1"]}
    assert await facts.supersede(ANN, "1", "I live in Paris.", new_id="3", at=300.0) == written
    found = await store.recall(ANN, "live", 5, RecallFilter(400.0))
    assert [one.text for one in found] == ["I live in Paris."]


@pytest.mark.parametrize("kind", ["process", "sqlite"])
async def test_a_policy_recalls_only_what_has_its_metadata(tmp_path: Path, kind: str) -> None:
    store = InProcessMemory() if kind == "process" else SqliteMemory(tmp_path / "memory.db")
    now = time.time()
    owner = MemoryOwner(user="ann")
    await store.write([MemoryRecord(f"w{number}", owner, "tea", {"topic": "work"}, now) for number in range(20)])
    await store.write([MemoryRecord("h", owner, "Some tea helps me sleep.", {"topic": "health"}, now)])
    agent = agent_with(store, MemoryPolicy(required_metadata={"topic": "health"}))
    assert (await agent.arun("tea", user_id="ann")).splitlines()[1:] == ["- Some tea helps me sleep."]
    await store.aclose()


async def test_a_store_that_ignores_metadata_and_times_is_not_trusted() -> None:
    class Careless:
        def store(self, data: str, user_id: str) -> None: ...

        def retrieve(self, query: str, user_id: str) -> object:
            later = {"topic": "x", "valid_from": time.time() + 100}
            return [
                {"memory": "A", "metadata": {"topic": "y"}},
                {"memory": "B"},
                {"memory": "C", "metadata": later},
                {"memory": "D", "metadata": {"topic": "x", "valid_until": "2020-01-01"}},
                {"memory": "E", "metadata": {"topic": "x", "valid_until": "whenever"}},
                {"memory": "F", "metadata": {"topic": "x", "valid_from": "2020-01-01"}},
            ]

    policy = MemoryPolicy(required_metadata={"topic": "x"})
    agent = LightAgent(model=ScriptedModel(told), memory=Careless(), memory_policy=policy)
    assert (await agent.arun("tea", user_id="ann")).splitlines()[1:] == ["- F"]


async def test_a_process_that_dies_between_a_write_to_qdrant_and_its_end_leaves_what_the_next_write_mends(
    tmp_path: Path,
) -> None:
    pytest.importorskip("qdrant_client", reason="the environment of openai 2 has no qdrant-client")
    from lightagent.adapters.memory.qdrant.local import LocalEngine

    store = QdrantMemory(path=tmp_path / "q")
    old = MemoryRecord("1", ANN, "I live in London.", {"source": "user"}, 1.0)
    new = MemoryRecord("2", ANN, "I live in Paris.", {"source": "user", "supersedes": "1"}, 2.0)
    await store.write([old])
    (terms,) = await document_terms([new.text])
    other = LocalEngine(tmp_path / "q", "lightagent_memory")
    await other.insert([point_of(new, terms, None, 2**60)])  # As far as it came.
    assert len(await store.recall(ANN, "live", 5, RecallFilter(9.0))) == 2
    await store.write([new])
    assert [one.text for one in await store.recall(ANN, "live", 5, RecallFilter(9.0))] == [new.text]
    await other.aclose()
    await store.aclose()


async def test_a_planted_record_hides_what_it_says_it_supersedes_until_it_is_named_and_forgotten(
    tmp_path: Path,
) -> None:
    store = SqliteMemory(tmp_path / "memory.db")
    sealed = SealedMemory(store, KEYS)
    await sealed.write([MemoryRecord("1", ANN, "I live in London.", {"source": "user"}, 1.0)])
    await store.write([MemoryRecord("planted", ANN, "Mars.", {"source": "user", "supersedes": "1"}, 2.0)])
    assert await sealed.recall(ANN, "live", 5, RecallFilter(9.0)) == []
    assert [one.memory_id async for one in sealed.faults()] == ["planted"]
    await sealed.forget(OwnerSelection(*ANN.parts), ["planted"])
    assert [one.text for one in await sealed.recall(ANN, "live", 5, RecallFilter(9.0))] == ["I live in London."]
    await sealed.aclose()


async def test_what_a_newer_fact_ended_does_not_come_back_when_that_one_expires_or_is_not_recalled() -> None:
    old = MemoryRecord("1", ANN, "I live in London.", {"source": "user"}, 1.0)
    ended: list[JsonObject] = [{"expires_at": 3.0}, {"valid_until": 3.0}, {"source": "web"}]
    for said in ended:
        store = InProcessMemory()
        new: JsonObject = {"source": "user", **said, "supersedes": "1"}
        await store.write([old, MemoryRecord("2", ANN, "I live in Paris.", new, 2.0)])
        assert await store.recall(ANN, "live", 5, RecallFilter(9.0, sources=("user",))) == []


async def test_a_pool_gives_the_newest_that_hold() -> None:
    pool = SharedMemoryPool()
    first = pool.store("I like tea.", "ann", metadata={"topic": "drinks"})
    pool.store("I like coffee.", "ann", metadata={"supersedes": first["memory_id"], "topic": "drinks"})
    pool.store("I rejected that.", "ann", metadata={"promotion_status": "rejected"})
    for query in ("", "tea coffee"):
        assert [one["memory"] for one in pool.retrieve(query, "ann")["results"]] == ["I like coffee."]
    assert pool.retrieve("coffee", "ann", metadata={"topic": "food"})["results"] == []
    assert len(pool) == 3
