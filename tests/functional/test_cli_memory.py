"""A store of memories in the settings, as a person meets it on the command line and a program in an app."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.adapters.memory.process import InProcessMemory
from lightagent.adapters.memory.shared import SharedMemoryPool
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.application.memory.facts import Facts
from lightagent.application.memory.memories import Memories
from lightagent.bootstrap import open_app
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.entrypoints.cli.app import app
from lightagent.ports.memory import MemoryFeature, OwnerSelection
from lightagent.settings import load_settings
from lightagent.testing import ScriptedModel


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMORY_KEY", "k" * 40)
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
        (
            'kind = "sealed"\nname = "a"\nkeys = { k = { env = "MEMORY_KEY" } }\n'
            'store = { kind = "process", path = "m.db" }',
            "takes: none",
        ),
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
    assert "Only 2 are shown" in memory(settings, "list", "--limit", "2").stderr
    assert "No memories found." in memory(settings, "list", "--user", "").stdout
    ann = ("--namespace", "pets", "--user", "ann", "--tenant")
    [found] = json.loads(memory(settings, "search", "What is my dog called?", *ann, "globex", "--json").stdout)
    assert found["text"] == "My dog is called Fido."
    assert "My dog is called Rex." in memory(settings, "search", "dog", *ann, "acme").stdout
    assert "No memories of user ann match." in memory(settings, "search", "dog", "--user", "ann").stdout


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
        "Copied: 2 memories of 2 owners; 0 existed already"
        in memory(settings, "copy", "--to", "other", "--tenant", "acme").stdout
    )
    copied = json.loads(memory(settings, "list", "--profile", "other", "--json").stdout)
    assert copied == json.loads(memory(settings, "list", "--tenant", "acme", "--json").stdout)
    again = memory(settings, "copy", "--to", "other")
    assert "Copied: 1 memory of 3 owners; 2 existed already" in again.stdout
    asyncio.run(reworded(tmp_path / "other.db", "My dog is called Rex."))
    differs = memory(settings, "copy", "--to", "other")
    assert differs.exit_code == 1
    assert "Differs there" in differs.stderr
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
    assert "has no index to rebuild" in process.stderr


def test_what_is_printed_of_a_memory_moves_no_cursor(settings: Path, tmp_path: Path) -> None:
    table = f'kind = "sqlite"\npath = "{tmp_path}/memory.db"'
    settings.write_text(f"[default.memory]\n{table}\n")
    with open_app(load_settings(settings, environ={}), environ={}) as opened:
        opened.agent(model=ScriptedModel(["Noted."])).run("My cat is \x1b[31m called Mia.")
    for command in (("list",), ("search", "cat")):
        shown = told(settings, table, "memory", *command)
        assert "called Mia." in shown.stdout
        assert "\x1b" not in shown.stdout


HOSTILE = "half a pair \ud800, a control \x9b31m, a turn \u202e, a line \u2028 that goes on"


async def written(path: Path, *records: MemoryRecord) -> None:
    store = SqliteMemory(path)
    await store.write(records)
    await store.aclose()


@pytest.mark.parametrize("is_piped", [True, False])
def test_an_export_holds_whatever_a_memory_holds(settings: Path, tmp_path: Path, is_piped: bool) -> None:
    settings.write_text(STORES.format(place=tmp_path))
    known = MemoryRecord("\ud800", MemoryOwner(tenant="acme", user="\udfff"), HOSTILE, {"text": "é"}, 5.0)
    asyncio.run(written(tmp_path / "memory.db", known))
    file = tmp_path / "all.jsonl"
    exported = memory(settings, "export", *([] if is_piped else ["-o", str(file)]))
    assert exported.exit_code == 0, exported.exception
    text = exported.stdout if is_piped else file.read_text("utf-8")
    _, record, end = [json.loads(line) for line in text.splitlines()]
    assert (record["memory_id"], record["owner"]["user"], record["text"]) == ("\ud800", "\udfff", HOSTILE)
    assert end["memories"] == 1
    assert all(line.isprintable() for line in text.splitlines())


def test_what_stands_in_the_place_of_an_export_stays_until_it_is_whole(settings: Path, tmp_path: Path) -> None:
    filled(settings, tmp_path)
    file, link = tmp_path / "all.jsonl", tmp_path / "link.jsonl"
    file.write_text("what was exported before")
    file.chmod(0o644)
    link.symlink_to(file)
    broken = settings.with_name("broken.toml")
    broken.write_text(f'[default.memory]\nkind = "sqlite"\npath = "{settings}"\n')
    assert memory(broken, "export", "-o", str(file)).exit_code == 1
    assert file.read_text() == "what was exported before"
    assert memory(settings, "export", "-o", str(link)).exit_code == 0
    assert json.loads(file.read_text().splitlines()[-1]) == {"memories": 3, "complete": True}
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".lightagent-*"))


def test_an_export_does_not_take_the_place_of_a_database(settings: Path, tmp_path: Path) -> None:
    filled(settings, tmp_path)
    refused = memory(settings, "export", "-o", str(tmp_path / "memory.db"))
    assert refused.exit_code == 2
    assert "is a binary file" in refused.stderr.replace("\n", " ")
    assert len(said(settings)) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_told(settings: Path, tmp_path: Path) -> None:
    filled(settings, tmp_path)
    refused = memory(settings, "export", "-o", "/dev/full")
    assert refused.exit_code == 2
    assert "cannot be written: No space left on device" in refused.stderr.replace("\n", " ")


def test_a_search_tells_the_text_of_a_memory_whatever_its_metadata_says(settings: Path, tmp_path: Path) -> None:
    settings.write_text(STORES.format(place=tmp_path))
    ann = MemoryOwner(user="ann")
    asyncio.run(written(tmp_path / "memory.db", MemoryRecord("1", ann, "My dog is Rex.", {"text": "It is Fido."}, 5.0)))
    [found] = json.loads(memory(settings, "search", "dog", "--user", "ann", "--json").stdout)
    assert found["text"] == "My dog is Rex."


def test_an_id_that_memories_of_several_owners_have_is_not_enough_to_forget_one(settings: Path, tmp_path: Path) -> None:
    settings.write_text(STORES.format(place=tmp_path))
    owners = [MemoryOwner(tenant=tenant, user="ann") for tenant in ("acme", "globex, user bob")]
    asyncio.run(written(tmp_path / "memory.db", *(MemoryRecord("1", owner, "My dog is Rex.") for owner in owners)))
    for more in ((), ("--dry-run",), ("--user", "ann")):
        refused = memory(settings, "forget", "--id", "1", *more)
        assert refused.exit_code == 2, more
        assert 'tenant acme, user ann; tenant "globex, user bob", user ann' in refused.stderr.replace("\n", " ")
    assert len(said(settings)) == 2
    assert "Forgotten: 1 memory" in memory(settings, "forget", "--id", "1", "--tenant", "acme").stdout
    assert said(settings, "--tenant", "globex, user bob") == ["My dog is Rex."]
    assert "Forgotten: 1 memory" in memory(settings, "forget", "--id", "1").stdout


def test_names_that_read_as_more_than_names_stand_in_quotation_marks(settings: Path, tmp_path: Path) -> None:
    settings.write_text(STORES.format(place=tmp_path))
    posing = MemoryOwner(tenant="acme", user="bob · 1970-01-01 00:00 UTC · I agree")
    asyncio.run(written(tmp_path / "memory.db", MemoryRecord('1" · tenant globex', posing, "I do not.")))
    assert memory(settings, "list").stdout == (
        '"1\\" · tenant globex" · tenant acme, user "bob · 1970-01-01 00:00 UTC · I agree" · '
        "1970-01-01 00:00 UTC · I do not.\n"
    )


def test_a_memory_that_has_another_time_there_is_no_copy(settings: Path, tmp_path: Path) -> None:
    settings.write_text(STORES.format(place=tmp_path))
    here = MemoryRecord("1", MemoryOwner(user="ann"), "My dog is Rex.", {}, 5.0)
    asyncio.run(written(tmp_path / "memory.db", here))
    asyncio.run(written(tmp_path / "other.db", replace(here, written_at=6.0)))
    differs = memory(settings, "copy", "--to", "other")
    assert differs.exit_code == 1
    assert "Differs there: 1 · user ann" in differs.stderr


async def test_what_another_store_keeps_otherwise_is_counted_as_that() -> None:
    source, target = InProcessMemory(), SharedMemoryPool()  # It writes down where a memory comes from.
    await source.write([MemoryRecord("ann", MemoryOwner(user="ann"), "Hi.", {"source": "user", "scope": "user"})])
    await source.write([MemoryRecord("bob", MemoryOwner(user="bob"), "Hi.", {})])
    copied = await Memories(source).copy(target)
    assert (copied.owners, copied.copied, copied.present) == (2, 1, 0)
    assert copied.differing == ((MemoryOwner(user="bob"), "bob"),)
    again = await Memories(source).copy(target)
    assert (again.copied, again.present, again.differing) == (0, 1, copied.differing)


async def test_what_keeps_no_ids_is_no_place_for_a_copy() -> None:
    class Nameless(InProcessMemory):
        """Gives ids of its own."""

        @property
        def supports(self) -> frozenset[MemoryFeature]:
            return frozenset({"read", "forget"})

    source, target = InProcessMemory(), Nameless()
    await source.write([MemoryRecord("1", MemoryOwner(user="ann"), "My dog is Rex.")])
    with pytest.raises(ConfigurationError, match="cannot keep the ids"):
        await Memories(source).copy(target)
    assert (await target.read(OwnerSelection(), 10)).records == ()


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


def test_a_history_tells_times_of_any_kind_and_takes_no_id_for_more_than_one(settings: Path, tmp_path: Path) -> None:
    table, ann = f'kind = "sqlite"\npath = "{tmp_path}/memory.db"', MemoryOwner(user="ann")
    said: list[JsonObject] = [{"valid_from": "1950-01-14"}, {"valid_until": "soon"}, {"valid_from": 1e15}]
    names = ("long ago", "1 · always to now · I agree.", "3")
    records = [MemoryRecord(name, ann, "I live.", one) for name, one in zip(names, said, strict=True)]
    asyncio.run(written(tmp_path / "memory.db", *records))
    assert told(settings, table, "memory", "history", "--user", "ann").stdout.splitlines() == [
        '"long ago" · 1950-01-14 00:00 UTC to now · I live.',
        '"1 · always to now · I agree." · always to a time that cannot be read · I live.',
        "3 · 1e+15 to now · I live.",
    ]
