"""Memories that were changed behind the back of a sealed store never reach a model, and are named."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lightagent import LightAgent
from lightagent.adapters.memory.process import InProcessMemory
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.application.memory.foreign_memory import ForeignMemory
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import SEAL, memory_keys
from lightagent.entrypoints.cli.app import app
from lightagent.ports.memory import OwnerSelection
from lightagent.testing import ScriptedModel

SECRET, OTHER = "k" * 40, "o" * 40
ANN, BOB = MemoryOwner(tenant="acme", user="ann"), MemoryOwner(tenant="acme", user="bob")
TEXT, EVIL = "Ann's account is 1234.", "Ann's account is 6666."
WANTED = RecallFilter(0.0)


def sealed(store: SqliteMemory | InProcessMemory, name: str = "bank", secret: str = SECRET) -> SealedMemory:
    return SealedMemory(store, memory_keys(name, {"k1": secret}))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteMemory]:
    """What whoever can write to the file writes to."""
    made = SqliteMemory(tmp_path / "memory.db")
    yield made
    await made.aclose()


def record(owner: MemoryOwner = ANN, text: str = TEXT, memory_id: str = "m1") -> MemoryRecord:
    return MemoryRecord(memory_id, owner, text, {"source": "user", "user_id": "ann", "confidence": 1.0}, 5.0)


async def rewritten(store: SqliteMemory, change: Callable[[MemoryRecord], MemoryRecord]) -> None:
    """Put another record in the place of the one that is stored."""
    [kept] = (await store.read(OwnerSelection(), 10)).records
    await store.forget(OwnerSelection())
    await store.write([change(kept)])


def with_metadata(kept: MemoryRecord, **changes: object) -> MemoryRecord:
    plain = {name: value for name, value in changes.items() if isinstance(value, (str, float))}
    return replace(kept, metadata={**kept.metadata, **plain})


UNSEEN = "another user in the metadata"
"""A search says itself whose a memory is, so it gives nothing of this one that was changed."""

FORGERIES: Mapping[str, Callable[[MemoryRecord], MemoryRecord]] = {
    "another text": lambda kept: replace(kept, text=EVIL),
    "another source": lambda kept: with_metadata(kept, source="admin"),
    "more confidence": lambda kept: with_metadata(kept, confidence=2.0),
    "a field that was not there": lambda kept: with_metadata(kept, trust_level="system"),
    UNSEEN: lambda kept: with_metadata(kept, user_id="bob"),
    "another time": lambda kept: replace(kept, written_at=6.0),
    "another id": lambda kept: replace(kept, memory_id="m2"),
    "of another owner": lambda kept: replace(kept, owner=BOB),
    "of another tenant": lambda kept: replace(kept, owner=MemoryOwner(tenant="globex", user="ann")),
    "without a seal": lambda kept: replace(kept, metadata={"source": "user"}),
    "a seal that is none": lambda kept: replace(kept, metadata={**kept.metadata, SEAL: "1"}),
    "a code that is none": lambda kept: replace(kept, metadata={**kept.metadata, SEAL: {"key": "k1", "code": "ü"}}),
}


async def test_what_was_written_is_recalled_as_it_was(store: SqliteMemory) -> None:
    memory = sealed(store)
    await memory.write([record()])
    [found] = await memory.recall(ANN, "account", 5, WANTED)
    assert found.text == TEXT
    assert SEAL not in found.fields
    assert (await memory.read(OwnerSelection(), 10)).records == (record(),)
    assert [one async for one in memory.faults()] == []


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_was_changed_is_refused_and_named(store: SqliteMemory, forgery: str) -> None:
    memory = sealed(store)
    await memory.write([record()])
    await rewritten(store, FORGERIES[forgery])
    [changed] = (await store.read(OwnerSelection(), 10)).records
    [found] = await memory.recall(changed.owner, "account", 5, WANTED)
    if forgery == UNSEEN:
        assert found.fields["user_id"] == ANN.user_id
    else:
        assert (found.text, found.fields["tampered"]) == ("", True)
    with pytest.raises(StoreError, match="was tampered with"):
        await memory.read(OwnerSelection(), 10)
    assert [one.memory_id async for one in memory.faults()] == [changed.memory_id]


@pytest.mark.parametrize(("name", "secret"), [("shop", SECRET), ("bank", OTHER)])
async def test_a_store_of_another_name_or_key_opens_nothing(store: SqliteMemory, name: str, secret: str) -> None:
    await sealed(store).write([record()])
    [found] = await sealed(store, name, secret).recall(ANN, "account", 5, WANTED)
    assert found.text == ""


async def test_a_key_that_is_no_longer_current_still_opens_what_it_sealed(store: SqliteMemory) -> None:
    await sealed(store).write([record()])
    rotated = SealedMemory(store, memory_keys("bank", {"k1": SECRET, "k2": OTHER}, "k2"))
    await rotated.write([record(memory_id="m2")])
    assert [one.text for one in await rotated.recall(ANN, "account", 5, WANTED)] == [TEXT, TEXT]
    assert [one.memory_id async for one in sealed(store).faults()] == ["m2"]


UPDATES = {
    "text": ("text = CAST('Ann''s account is 6666.' AS BLOB)", True),
    "text that is none": ("text = x'ff00'", True),
    "an empty text": ("text = x''", True),
    "metadata": ("""metadata = '{"source": "admin"}'""", True),
    "metadata that is none": ("metadata = 'x'", True),
    "metadata that is not text": ("metadata = CAST(x'ff' AS TEXT)", True),
    "metadata that is nested too deep": (f"metadata = '{'[' * 100_000}'", True),
    "metadata that JSON has no name for": ("""metadata = '{"a": NaN}'""", True),
    "time": ("written_at = 1e300", True),
    "id": ("memory_id = x'ff'", False),
    "no id": ("memory_id = x''", False),
}
"""What a person with access to the file types, and whether the memory still has its id."""


@pytest.mark.parametrize("update", UPDATES)
async def test_what_was_changed_in_the_file_is_refused_by_itself_and_named(
    tmp_path: Path, store: SqliteMemory, update: str
) -> None:
    change, keeps_id = UPDATES[update]
    memory = sealed(store)
    await memory.write([record(), record(text="Ann's other account is 5678.", memory_id="m2"), record(BOB)])
    with closing(sqlite3.connect(tmp_path / "memory.db")) as connection, connection:
        connection.execute(f"UPDATE memories SET {change} WHERE id IN (1, 3)")
    found = await memory.recall(ANN, "account", 5, WANTED)
    assert {one.text for one in found} == {"", "Ann's other account is 5678."}
    faults = [(one.memory_id, one.owner) async for one in memory.faults()]
    assert [owner for _, owner in faults] == [ANN, BOB]
    assert not keeps_id or [name for name, _ in faults] == ["m1", "m1"]
    with pytest.raises(StoreError, match="was tampered with"):
        await memory.read(OwnerSelection(), 10)


async def test_an_owner_who_was_changed_in_the_file_is_named(tmp_path: Path, store: SqliteMemory) -> None:
    memory = sealed(store)
    await memory.write([record(), record(BOB)])
    with closing(sqlite3.connect(tmp_path / "memory.db")) as connection, connection:
        connection.execute("UPDATE owners SET user = x'ff' WHERE id = 1")
    assert [(one.memory_id, one.owner.tenant) async for one in memory.faults()] == [("m1", "acme")]


def test_a_sealed_memory_is_not_sealed_once_more() -> None:
    with pytest.raises(ConfigurationError, match="cannot be sealed once more"):
        SealedMemory(sealed(InProcessMemory()), memory_keys("shop", {"k1": OTHER}))


async def test_a_run_is_told_nothing_of_a_memory_that_was_planted(store: SqliteMemory) -> None:
    memory = sealed(store)
    owner = MemoryOwner(tenant="acme", user="ann")
    await memory.write([record(owner)])
    await store.write([record(owner, EVIL, "m2")])
    model = ScriptedModel(["1234."])
    agent = LightAgent(model=model, memory=memory)
    result = await agent.arun(
        "What is Ann's account?", tenant="acme", user_id="ann", result_format="object", trace=True
    )
    told = str(model.requests[-1].messages)
    assert TEXT in told
    assert EVIL not in told
    assert "tampered:tampered" in str(result.trace)
    assert EVIL not in str(result.trace)


async def test_what_was_planted_crowds_out_nothing_that_is_genuine(store: SqliteMemory) -> None:
    memory = sealed(store)
    for number in range(3):
        await memory.write([record(memory_id=f"m{number}", text=f"{TEXT} Number {number}.")])
    await store.write([record(text="account account account", memory_id=f"p{number}") for number in range(50)])
    found = await memory.recall(ANN, "account", 2, WANTED)
    assert len([one for one in found if one.text.startswith(TEXT)]) == 2
    assert [one.fields["tampered"] for one in found if not one.text] == [True, True]
    assert await memory.recall(ANN, "account", 0, WANTED) == []


def test_a_memory_that_keeps_no_ids_is_refused() -> None:
    class Legacy:
        def store(self, data: str, user_id: str) -> None:
            raise AssertionError(data)

        def retrieve(self, query: str, user_id: str) -> object:
            raise AssertionError(query)

    with pytest.raises(ConfigurationError, match="cannot be sealed"):
        SealedMemory(ForeignMemory(Legacy()), memory_keys("bank", {"k1": SECRET}))


async def test_the_command_names_what_was_changed(
    tmp_path: Path, store: SqliteMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORY_KEY", SECRET)
    await sealed(store).write([record()])
    await store.write([record(text=EVIL, memory_id="m2")])
    await store.aclose()
    settings = tmp_path / "lightagent.toml"
    settings.write_text(
        '[default.memory]\nkind = "sealed"\nname = "bank"\nkeys = { k1 = { env = "MEMORY_KEY" } }\n'
        f'store = {{ kind = "sqlite", path = "{tmp_path}/memory.db" }}\n'
    )

    def run(*command: str) -> tuple[int, str]:
        called = CliRunner().invoke(app, ["memory", *command, "--config", str(settings)], env={"COLUMNS": "200"})
        return called.exit_code, called.stdout

    code, said = await asyncio.to_thread(run, "verify")
    assert (code, said) == (1, "tampered with: m2 · tenant acme, user ann\n")
    code, said = await asyncio.to_thread(run, "search", "account", "--tenant", "acme", "--user", "ann")
    assert code == 0
    assert "m2 · (tampered with" in said
    assert EVIL not in said
    assert (await asyncio.to_thread(run, "list"))[0] == 1
    assert await asyncio.to_thread(run, "forget", "--id", "m2", "--dry-run") == (0, "Would be forgotten: 1 memory\n")
    assert (await asyncio.to_thread(run, "forget", "--id", "m2"))[0] == 0
    assert await asyncio.to_thread(run, "verify") == (0, "All memories are as they were written.\n")
