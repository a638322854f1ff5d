"""A store of memories in the settings, as a person meets it on the command line and a program in an app."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.application.facts import Facts
from lightagent.bootstrap import open_app
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory_records import MemoryOwner, MemoryRecord
from lightagent.entrypoints.cli.app import app
from lightagent.ports.memory import OwnerSelection
from lightagent.settings import load_settings
from lightagent.testing import ScriptedModel


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "lightagent.toml"


def told(settings: Path, table: str, *command: str) -> Result:
    settings.write_text(f"[default.memory]\n{table}\n")
    return CliRunner().invoke(app, [*command, "--config", str(settings)], env={"COLUMNS": "200"})


def test_the_doctor_looks_into_the_memory(settings: Path, tmp_path: Path) -> None:
    sound = told(settings, f'kind = "sqlite"\npath = "{tmp_path}/memory.db"', "doctor")
    assert sound.exit_code == 0, sound.stderr
    assert "✓ memory · sqlite" in sound.stdout
    assert "it is empty" in sound.stdout
    (tmp_path / "foreign.db").write_bytes(b"no database at all, but some text" * 100)
    foreign = told(settings, f'kind = "sqlite"\npath = "{tmp_path}/foreign.db"', "doctor")
    assert foreign.exit_code == 1
    assert "✗ memory · sqlite" in foreign.stdout
    assert "file is not a database" in foreign.stderr


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('kind = "sqlite"', "memory.path"),
        ('kind = "sqlite"\npath = ":memory:"', 'use the kind "process"'),
        ('kind = "sqlite"\npath = "m.db"\nnearby = 2', "memory.nearby"),
        ('kind = "sqlit"\npath = "m.db"', "Did you mean 'sqlite'"),
    ],
)
def test_the_settings_are_checked_before_anything_is_opened(settings: Path, table: str, problem: str) -> None:
    checked = told(settings, table, "config", "check")
    assert checked.exit_code != 0
    assert problem in (checked.stdout + checked.stderr).replace("\n", " ")


@pytest.mark.parametrize("table", ['kind = "process"', 'kind = "sqlite"\npath = "{place}/memory.db"'])
def test_one_line_says_where_the_agents_of_an_app_remember(settings: Path, tmp_path: Path, table: str) -> None:
    settings.write_text(f"[default.memory]\n{table.format(place=tmp_path)}\n")
    model = ScriptedModel(["Noted.", "Rex."])
    with open_app(load_settings(settings, environ={}), environ={}) as opened:
        agent = opened.agent(model=model)
        agent.run("My dog is called Rex.", user_id="ann")
        agent.run("What is my dog called?", user_id="ann")
    assert "My dog is called Rex." in str(model.requests[-1].messages)


STORES = """
[default.memory]
kind = "sqlite"
path = "{place}/memory.db"

[other.memory]
kind = "sqlite"
path = "{place}/other.db"
"""


def filled(settings: Path, place: Path) -> None:
    """Two tenants whose users have the same name, and what one of them said."""
    settings.write_text(STORES.format(place=place))
    with open_app(load_settings(settings, environ={}), environ={}) as opened:
        agent = opened.agent(model=ScriptedModel(["Noted."] * 3), memory_namespace="pets")
        agent.run("My dog is called Rex.", tenant="acme", user_id="ann")
        agent.run("My cat is called Mia.", tenant="acme", user_id="bob")
        agent.run("My dog is called Fido.", tenant="globex", user_id="ann")


def memory(settings: Path, *command: str) -> Result:
    called = CliRunner().invoke(app, ["memory", *command, "--config", str(settings)], env={"COLUMNS": "200"})
    assert called.exit_code in (0, 1, 2), called.output
    return called


def said(settings: Path, *selection: str) -> list[str]:
    listed = memory(settings, "list", "--json", *selection)
    assert listed.exit_code == 0, listed.stderr
    return [record["text"] for record in json.loads(listed.stdout)]


def test_memories_are_listed_and_searched_by_their_owner(settings: Path, tmp_path: Path) -> None:
    filled(settings, tmp_path)
    assert len(said(settings)) == 3
    assert said(settings, "--tenant", "acme", "--user", "ann") == ["My dog is called Rex."]
    assert said(settings, "--user", "ann", "--limit", "1") == ["My dog is called Rex."]
    assert "namespace pets, tenant acme, user bob" in memory(settings, "list").stdout
    assert "There are more" in memory(settings, "list", "--limit", "2").stderr
    assert "There are no such memories." in memory(settings, "list", "--user", "").stdout
    ann = ("--namespace", "pets", "--user", "ann", "--tenant")
    [found] = json.loads(memory(settings, "search", "What is my dog called?", *ann, "globex", "--json").stdout)
    assert found["text"] == "My dog is called Fido."
    assert "My dog is called Rex." in memory(settings, "search", "dog", *ann, "acme").stdout
    assert (
        "Nothing is found among the memories of user ann." in memory(settings, "search", "dog", "--user", "ann").stdout
    )


def test_memories_of_one_owner_are_exported_and_forgotten(settings: Path, tmp_path: Path) -> None:
    filled(settings, tmp_path)
    file = tmp_path / "ann.jsonl"
    exported = memory(settings, "export", "--tenant", "acme", "-o", str(file))
    assert "Exported: 2 memories" in exported.stdout
    head, *records, end = [json.loads(line) for line in file.read_text().splitlines()]
    assert (head["format"], head["selection"]["tenant"]) == ("lightagent.memories", "acme")
    assert [record["owner"]["user"] for record in records] == ["ann", "bob"]
    assert end == {"memories": 2, "complete": True}
    assert memory(settings, "forget").exit_code == 2
    assert memory(settings, "forget", "--all", "--user", "ann").exit_code == 2
    assert "Would be forgotten: 2 memories" in memory(settings, "forget", "--tenant", "acme", "--dry-run").stdout
    assert "Forgotten: 1 memory" in memory(settings, "forget", "--id", records[0]["memory_id"]).stdout
    assert said(settings) == ["My cat is called Mia.", "My dog is called Fido."]
    assert "Forgotten: 1 memory" in memory(settings, "forget", "--tenant", "acme").stdout
    assert said(settings) == ["My dog is called Fido."]
    assert "Forgotten: 1 memory" in memory(settings, "forget", "--all").stdout
    assert said(settings) == []


async def reworded(path: Path, text: str) -> None:
    """Write a memory anew, so that it says something else."""
    store = SqliteMemory(path)
    [known] = [one for one in (await store.read(OwnerSelection(), 10)).records if one.text == text]
    await store.forget(OwnerSelection(), [known.memory_id])
    await store.write([replace(known, text="My dog is called Evil.")])
    await store.aclose()


def test_memories_are_copied_to_another_store_and_compared(settings: Path, tmp_path: Path) -> None:
    filled(settings, tmp_path)
    assert (
        "Copied: 2 memories of 2 owners; 0 were there already"
        in memory(settings, "copy", "--to", "other", "--tenant", "acme").stdout
    )
    copied = json.loads(memory(settings, "list", "--profile", "other", "--json").stdout)
    assert copied == json.loads(memory(settings, "list", "--tenant", "acme", "--json").stdout)
    again = memory(settings, "copy", "--to", "other")
    assert "Copied: 1 memory of 3 owners; 2 were there already" in again.stdout
    asyncio.run(reworded(tmp_path / "other.db", "My dog is called Rex."))
    differs = memory(settings, "copy", "--to", "other")
    assert differs.exit_code == 1
    assert "Says something else there" in differs.stderr
    assert "My dog is called Rex." in said(settings)


def test_without_a_memory_in_the_settings_the_commands_say_what_to_add(settings: Path) -> None:
    settings.write_text('[default.model]\nkind = "offline"\n')
    for command in (["list"], ["search", "dog"], ["export"], ["forget", "--user", "ann"], ["copy", "--to", "default"]):
        refused = memory(settings, *command)
        assert refused.exit_code == 2, command
        assert "[default.memory]" in refused.stderr


def test_another_embedder_is_refused_until_the_index_is_made_anew(settings: Path, tmp_path: Path) -> None:
    filled(settings, tmp_path)
    plain = f'kind = "sqlite"\npath = "{tmp_path}/memory.db"'
    other = f'{plain}\nembedder = {{ kind = "hashing", dimension = 32 }}'
    refused = told(settings, other, "doctor")
    assert refused.exit_code == 1
    assert "lightagent memory reindex" in refused.stderr.replace("\n", " ")
    assert told(settings, other, "memory", "reindex").stdout == "Indexed: 3 memories\n"
    assert told(settings, other, "doctor").exit_code == 0
    assert told(settings, plain, "memory", "search", "dog").exit_code == 2
    process = told(settings, 'kind = "process"', "memory", "reindex")
    assert "has no index that could be made anew" in process.stderr


def test_what_is_printed_of_a_memory_moves_no_cursor(settings: Path, tmp_path: Path) -> None:
    table = f'kind = "sqlite"\npath = "{tmp_path}/memory.db"'
    settings.write_text(f"[default.memory]\n{table}\n")
    with open_app(load_settings(settings, environ={}), environ={}) as opened:
        opened.agent(model=ScriptedModel(["Noted."])).run("My cat is \x1b[31m called Mia.")
    for command in (("list",), ("search", "cat")):
        shown = told(settings, table, "memory", *command)
        assert "called Mia." in shown.stdout
        assert "\x1b" not in shown.stdout


def test_what_held_when_is_shown(settings: Path, tmp_path: Path) -> None:
    table, ann = f'kind = "sqlite"\npath = "{tmp_path}/memory.db"', MemoryOwner(user="ann")

    async def move() -> None:
        store = SqliteMemory(tmp_path / "memory.db")
        known: JsonObject = {"source": "user", "topic": "home", "page": 2}
        await store.write([MemoryRecord("1", ann, "I live in London.", known, 86_400.0)])
        await Facts(store).supersede(ann, "1", "I live in\nParis.", new_id="2", at=172_800.0)
        await store.write([MemoryRecord("3", ann, "I live.", {"source": "user", "valid_from": "soon"}, 1.0)])
        await store.aclose()

    asyncio.run(move())
    shown = told(settings, table, "memory", "history", "1", "--user", "ann")
    assert shown.stdout.splitlines() == [
        "1 · always to 1970-01-03 00:00 UTC · I live in London.",
        "2 · 1970-01-03 00:00 UTC to now · I live in Paris.",
    ]
    answer = json.loads(told(settings, table, "memory", "history", "--user", "ann", "--json").stdout)
    assert [(one["memory_id"], one["valid_until"]) for one in answer] == [("1", 172_800.0), ("2", None), ("3", None)]
    look = ("memory", "search", "Where do I live?", "--user", "ann")
    for options, ids in (
        ((), ["2"]),
        (("--at", "1970-01-02T12:00:00+00:00"), ["1"]),
        (("--at", "172799"), ["1"]),
        (("--history", "--having", "topic=home", "--having", "page=2"), ["1", "2"]),
        (("--having", "topic=work"), []),
        (("--having", 'page="2"'), []),
    ):
        found = json.loads(told(settings, table, *look, "--json", *options).stdout)
        assert sorted(one["memory_id"] for one in found) == ids
    for wrong in (("--at", "soon"), ("--having", "topic"), ("--having", "=x")):
        refused = told(settings, table, *look, *wrong)
        assert refused.exit_code == 2, refused.stdout
    assert "no memory 'x'" in told(settings, table, "memory", "history", "x", "--user", "ann").stderr
