"""Large results of tools that are put aside, and read back by the model: its own user's, unchanged, or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lightagent import ChatRequest, ContextBudget, JournalStore, LightAgent, RunResult, Runs, Scope, Sessions, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.runs.events import ContextReplaced

BOOK = "".join(f"line {number}: {'今' * 5} {'x' * 30}\n" for number in range(170))
MARK = re.compile(r'id "([0-9a-f]{32})"')


@tool
def read_book(number: int) -> str:
    """Reads a book.

    Args:
        number: which.
    """
    return f"book {number}\n{BOOK}"


def reader(*, then: Callable[[str], Reply]) -> Callable[[ChatRequest], Reply]:
    """Reads three books; once the first was put aside it does what `then` says about its id, and then answers."""

    def reply(request: ChatRequest) -> Reply:
        results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
        if len(results) < 3:
            return call_tool("read_book", number=len(results) + 1)
        return then(MARK.findall(results[0])[0]) if len(results) == 3 else results[-1]

    return reply


def agent_over(store: JournalStore, reply: Callable[[ChatRequest], Reply] | Sequence[Reply]) -> LightAgent[None, str]:
    budget = ContextBudget(8_000, "spill", target_tokens=4_000)
    return LightAgent(model=ScriptedModel(reply), tools=[read_book], session_store=store, context_budget=budget)


async def spilled(store: JournalStore) -> list[StreamKey]:
    page = await store.list(StreamQuery("tool_result"))
    return [stream.key for stream in page.streams]


def id_in(result: RunResult[str]) -> str:
    (event,) = [event for event in result.journal.events if isinstance(event, ContextReplaced)]
    found: str = MARK.findall(str([message.content for message in event.messages]))[0]
    return found


async def test_every_page_of_a_result_is_read_back() -> None:
    store = MemoryJournalStore()
    read: list[str] = []

    def reply(request: ChatRequest) -> Reply:
        results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
        if len(results) < 3:
            return call_tool("read_book", number=len(results) + 1)
        found = re.match(r"Page (\d+) of (\d+) of the result of read_book:\n", results[-1])
        if found is not None:
            read.append(results[-1][found.end() :])
            if found[1] == found[2]:
                return "done"
        page = len(read) + 1
        return call_tool("read_tool_result", id=MARK.findall(results[0])[0], page=page)

    result = await agent_over(store, reply).arun("Read.", max_tool_iterations=30, result_format="object")
    assert result.content == "done"
    assert "".join(read) == f"book 1\n{BOOK}"
    assert len(read) == -(-len(f"book 1\n{BOOK}") // 1_000)
    (event,) = [event for event in result.journal.events if isinstance(event, ContextReplaced)]
    assert (event.source, event.replaced, event.error) == ("spill", ("tool:read_book",), None)
    left = [message.content for message in event.messages if isinstance(message, ToolMessage)]
    assert all("book" in text and len(text) < 400 for text in left)


async def test_another_user_and_another_tenant_read_nothing() -> None:
    store = MemoryJournalStore()
    result = await agent_over(store, reader(then=lambda found: "seen")).arun("?", user_id="ann", result_format="object")
    found = id_in(result)
    assert [key.owner for key in await spilled(store)] == [Scope(user="ann")] * 2
    for user in ("bob", "", "ann:", "ann/x"):
        model: list[Reply] = [call_tool("read_tool_result", id=found), "done"]
        refused = await agent_over(store, model).arun("?", user_id=user, result_format="object")
        (record,) = refused.tool_calls
        assert "No result is stored under" in str(record.output)
        assert "line 1" not in refused.journal.to_json()
    mine = await agent_over(store, [call_tool("read_tool_result", id=found), "done"]).arun(
        "?", user_id="ann", result_format="object"
    )
    assert "line 1" in str(mine.tool_calls[0].output)


@pytest.mark.parametrize(
    "arguments", [{"id": 1}, {"id": "x", "page": "2"}, {"id": "x", "page": True}, {}, {"id": "x", "a": 1}]
)
async def test_wrong_arguments_are_reported_to_the_model(arguments: Mapping[str, str | int]) -> None:
    model: list[Reply] = [call_tool("read_tool_result", **arguments), "done"]
    result = await agent_over(MemoryJournalStore(), model).arun("?", result_format="object")
    assert result.content == "done"
    assert result.tool_calls[0].status == "refused"


@pytest.mark.parametrize("page", [0, -1, 99])
async def test_a_page_that_does_not_exist_is_reported_to_the_model(page: int) -> None:
    read = reader(then=lambda found: call_tool("read_tool_result", id=found, page=page))
    assert "Its pages are 1 to" in await agent_over(MemoryJournalStore(), read).arun("?")


async def test_a_result_that_was_changed_in_the_store_is_not_shown() -> None:
    store = MemoryJournalStore()
    result = await agent_over(store, reader(then=lambda found: "seen")).arun("?", result_format="object")
    found = id_in(result)
    key = next(key for key in await spilled(store) if key.id == found)
    entries = (await store.read(key)).entries
    for changed in (
        [entry.content.replace("line 7", "line 8") for entry in entries],
        [entry.content for entry in entries[:1]],
        ["{}", *(entry.content for entry in entries[1:])],
        ["no JSON"],
    ):
        await store.forget(key)
        await store.append(key, [Draft(content) for content in changed], expected=0, at=1.0)
        again = await agent_over(store, [call_tool("read_tool_result", id=found), "done"]).arun(
            "?", result_format="object"
        )
        assert "was changed or damaged" in str(again.tool_calls[0].output)
        assert "line 1" not in again.journal.to_json()


async def test_a_forgotten_session_takes_its_results_along_and_the_tool_says_so() -> None:
    store = MemoryJournalStore()
    agent = agent_over(store, reader(then=lambda found: "seen"))
    first = await agent.arun("?", user_id="ann", session_id="a", result_format="object")
    other = await agent_over(store, reader(then=lambda found: "seen")).arun(
        "?", user_id="ann", session_id="b", result_format="object"
    )
    assert len(await spilled(store)) == 4
    assert await Sessions(store).forget("a", "ann")
    assert len(await spilled(store)) == 2
    model: list[Reply] = [
        call_tool("read_tool_result", id=id_in(first)),
        call_tool("read_tool_result", id=id_in(other)),
        "done",
    ]
    result = await agent_over(store, model).arun("?", user_id="ann", result_format="object")
    assert "it was forgotten, or never existed" in str(result.tool_calls[0].output)
    assert "line 1" in str(result.tool_calls[1].output)


async def test_a_forgotten_run_takes_its_results_along() -> None:
    store = MemoryJournalStore()
    agent = agent_over(store, reader(then=lambda found: "seen"))
    result = await agent.arun("?", journal=store, result_format="object")
    assert len(await spilled(store)) == 2
    assert await Runs(store).forget(result.run_id)
    assert not await spilled(store)


async def test_a_store_that_fails_has_results_dropped_and_the_error_on_record() -> None:
    class Full(MemoryJournalStore):
        async def append(self, key: StreamKey, *args: object, **options: object) -> int:
            raise OSError("disk full")

    budget = ContextBudget(8_000, "spill", store=Full())
    agent = LightAgent(
        model=ScriptedModel([*(call_tool("read_book", number=number) for number in range(4)), "done"]),
        tools=[read_book],
        context_budget=budget,
    )
    result = await agent.arun("?", result_format="object")
    assert result.content == "done"
    events = [event for event in result.journal.events if isinstance(event, ContextReplaced)]
    assert {event.source for event in events} == {"drop"}
    assert all(event.error is not None and "disk full" in event.error.message for event in events)


async def test_an_unread_result_that_alone_is_above_the_budget_is_put_aside() -> None:
    model = ScriptedModel([call_tool("read_book", number=1), "done"])
    budget = ContextBudget(2_000, "spill", store=MemoryJournalStore())
    agent = LightAgent(model=model, tools=[read_book], context_budget=budget)
    assert await agent.arun("?") == "done"
    assert "put aside" in str(model.requests[1].messages[-1].content)


async def test_results_survive_in_a_file_and_a_session_goes_on_with_them(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    store = SqliteJournalStore(str(path))
    agent = agent_over(store, reader(then=lambda found: "seen"))
    first = await agent.arun("Read.", user_id="ann", session_id="s", result_format="object")
    await store.aclose()
    elsewhere = SqliteJournalStore(str(path))

    def reply(request: ChatRequest) -> Reply:
        results = [str(message.content) for message in request.messages if isinstance(message, ToolMessage)]
        if "Page 1" in results[-1]:
            return json.dumps({"seen": results[-1][:80]})
        return call_tool("read_tool_result", id=MARK.findall(results[0])[0])

    answer = await agent_over(elsewhere, reply).arun("And now?", user_id="ann", session_id="s")
    assert "book 1" in answer
    assert first.success
    await elsewhere.aclose()
