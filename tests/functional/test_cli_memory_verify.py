"""``lightagent memory verify`` and ``adopt``, on settings that have a sealed memory and journals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.bootstrap import open_app
from lightagent.domain.memory.records import MemoryRecord
from lightagent.ports.memory import OwnerSelection
from lightagent.settings import load_settings
from lightagent.testing import ScriptedModel
from tests.support.command_line import call_lightagent

VARIABLES = {"MEMORY_KEY": "k" * 40}
SETTINGS = """
[default.memory]
kind = "sealed"
name = "bank"
keys = { k1 = { env = "MEMORY_KEY" } }
store = { kind = "sqlite", path = "memory.db" }

[default.journals]
kind = "sqlite"
path = "journals.db"

[volatile.journals]
kind = "memory"
"""
RIGHT = "All memories are as they were written, and none is missing."
NONE = "No memories found, and none is recorded."


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lightagent.toml").write_text(SETTINGS)
    return tmp_path


def lightagent(place: Path, *command: str) -> tuple[int, list[str]]:
    arguments = ("memory", *command, "--config", "lightagent.toml")
    called = call_lightagent(*arguments, folder=place, variables=VARIABLES, together=True)
    return called.returncode, called.stdout.splitlines()


def told(place: Path, *said: str, profile: str | None = None) -> None:
    """Have an agent be told something by Ann, each in a run of its own."""
    settings = load_settings(place / "lightagent.toml", profile, environ=VARIABLES)
    with open_app(settings, environ=VARIABLES) as opened:
        for text in said:
            opened.agent(model=ScriptedModel(["Noted."])).run(text, tenant="acme", user_id="ann")


def behind(place: Path, change: Callable[[SqliteMemory], Awaitable[object]]) -> Sequence[MemoryRecord]:
    """What is kept, before something is changed behind the back of the sealed store."""

    async def act() -> Sequence[MemoryRecord]:
        store = SqliteMemory(place / "memory.db")
        found = (await store.read(OwnerSelection(), 100)).records
        await change(store)
        await store.aclose()
        return found

    return asyncio.run(act())


def test_what_an_agent_remembers_is_on_record_and_verified(place: Path) -> None:
    told(place, "My dog is called Rex.", "My cat is called Tom.")
    assert lightagent(place, "verify") == (0, [RIGHT])
    kept = behind(place, lambda store: store.forget(OwnerSelection(user="ann")))
    code, said = lightagent(place, "verify")
    assert code == 1
    wrong = "it is on record and not in the store: it was removed behind its back"
    *said, advice = said
    assert set(said) == {f"missing: {one.memory_id} · tenant acme, user ann · {wrong}" for one in kept}
    assert advice.startswith("→ ")
    assert "lightagent memory adopt" in advice
    assert lightagent(place, "verify", "--user", "bob") == (0, [NONE])
    code, said = lightagent(place, "verify", "--json")
    answer = json.loads("\n".join(said))
    assert (code, answer["recorded"], answer["empty"]) == (1, True, False)
    assert {(one["finding"], one["memory_id"], one["owner"]["user"]) for one in answer["findings"]} == {
        ("missing", one.memory_id, "ann") for one in kept
    }
    # Erasing the owner is also the answer to what is missing.
    assert lightagent(place, "forget", "--user", "ann") == (0, ["Forgotten: 0 memories"])
    assert lightagent(place, "verify") == (0, [NONE])
    assert json.loads("\n".join(lightagent(place, "verify", "--json")[1]))["empty"] is True
    behind(place, lambda store: store.write(kept))
    code, said = lightagent(place, "verify")
    assert code == 1
    assert [line.partition(": ")[0] for line in said[:-1]] == ["returned", "returned"]
    # Whoever declares that to be right is told what it was.
    behind(place, lambda store: _planted(store, kept[0]))
    assert lightagent(place, "adopt", "--all") == (
        0,
        [
            "Recorded: 2 memories",
            "Accepted: 2 returned",
            "Not accepted, since their seals are invalid: 1 forged",
        ],
    )
    assert [line.partition(": ")[0] for line in lightagent(place, "verify")[1][:-1]] == ["forged"]


async def _planted(store: SqliteMemory, like: MemoryRecord) -> None:
    await store.write([replace(like, memory_id="planted", text="My cat is called Max.", metadata={"source": "user"})])


def test_the_record_is_kept_where_the_settings_say(place: Path) -> None:
    """A journal store that ends with its process would make every memory look planted."""
    told(place, "My dog is called Rex.", profile="volatile")
    code, said = lightagent(place, "verify")
    assert code == 1
    assert said[0].startswith("unknown: ")
    assert lightagent(place, "verify", "--profile", "volatile") == (
        0,
        ["All memories are as they were written."],
    )
    code, said = lightagent(place, "adopt", "--all", "--profile", "volatile")
    assert code == 2
    assert "needs a journal store" in said[0]


@pytest.mark.parametrize(
    ("store", "journal"),
    [
        ('{ kind = "sqlite", path = "memory.db" }', '{ kind = "memory" }'),
        ('{ kind = "process" }', '{ kind = "sqlite", path = "journals.db" }'),
        ('{ kind = "qdrant", path = ":memory:" }', '{ kind = "sqlite", path = "journals.db" }'),
    ],
)
def test_what_ends_with_its_process_is_no_record(place: Path, store: str, journal: str) -> None:
    """Also where the memory itself names its journal store."""
    memory = SETTINGS.partition("[default.journals]")[0].replace('{ kind = "sqlite", path = "memory.db" }', store)
    (place / "lightagent.toml").write_text(f"{memory}journal = {journal}\n")
    told(place, "My dog is called Rex.")
    code, said = lightagent(place, "verify", "--json")
    answer = json.loads("\n".join(said))
    assert (code, answer["recorded"], answer["findings"]) == (0, False, [])


def test_memories_that_are_older_than_the_journals_are_adopted(place: Path) -> None:
    told(place, "My dog is called Rex.", "My cat is called Tom.", profile="volatile")
    assert lightagent(place, "adopt")[0] == 2
    assert lightagent(place, "adopt", "--all") == (0, ["Recorded: 2 memories", "Accepted: 2 unknown"])
    assert lightagent(place, "verify") == (0, [RIGHT])


def test_a_copy_is_on_record_as_well(place: Path) -> None:
    told(place, "My dog is called Rex.")
    other = SETTINGS.replace("default.", "other.").replace("memory.db", "other.db").replace("journals.db", "other_j.db")
    (place / "lightagent.toml").write_text(SETTINGS + other.partition("[volatile")[0])
    code, said = lightagent(place, "copy", "--to", "other")
    assert (code, said[-1]) == (0, "Copied: 1 memory of 1 owner; 0 existed already")
    for profile in ("default", "other"):
        assert lightagent(place, "verify", "--profile", profile) == (0, [RIGHT])
    assert lightagent(place, "forget", "--all", "--profile", "other") == (0, ["Forgotten: 1 memory"])
    assert lightagent(place, "verify", "--profile", "other") == (0, [NONE])
