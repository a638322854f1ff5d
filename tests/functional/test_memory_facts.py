"""Facts that change: what a policy, a hook's run and a program say of them, and what runs are told then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lightagent import InProcessMemory, JsonObject, LightAgent, MemoryAdmissionDecision, MemoryPolicy
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.memory_records import MemoryOwner
from lightagent.domain.messages import ContextMessage
from lightagent.domain.recall_filter import RecallFilter
from lightagent.ports.memory import MemoryStore
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel

ANN = MemoryOwner(user="ann")


def told(request: ChatRequest) -> str:
    """What a run was told of earlier ones."""
    return "\n".join(one.content for one in request.messages if isinstance(one, ContextMessage)) or "nothing"


def agent_with(memory: MemoryStore, policy: MemoryPolicy) -> LightAgent:
    return LightAgent(model=ScriptedModel(told), memory=memory, memory_policy=policy)


def notes(result_trace: Sequence[JsonObject], kind: str) -> list[object]:
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


async def test_admission_with_metadata_that_is_not_plain_forbids() -> None:
    store = InProcessMemory()
    answer = {"allowed": True, "metadata": {"x": object()}}
    agent = agent_with(store, MemoryPolicy(memory_write_admission=lambda data, context: answer))
    result = await agent.arun("I live in London.", user_id="ann", result_format="object", trace=True)
    assert "not plain JSON" in str(notes(result.trace, "memory_write_block"))
    assert await everything(store, "London") == []
