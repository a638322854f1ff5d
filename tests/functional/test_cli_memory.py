"""A store of memories in the settings, as a person meets it on the command line and a program in an app."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.bootstrap import open_app
from lightagent.entrypoints.cli.app import app
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


def remembered(settings: Path, tmp_path: Path, *embedder: str) -> str:
    """The table of a store in which there is something."""
    table = "\n".join(['kind = "sqlite"', f'path = "{tmp_path}/memory.db"', *embedder])
    settings.write_text(f"[default.memory]\n{table}\n")
    model = ScriptedModel(["Noted."] * 3)
    with open_app(load_settings(settings, environ={}), environ={}) as opened:
        agent = opened.agent(model=model)
        agent.run("My dog is called Rex.", user_id="ann")
        agent.run("My cat is \x1b[31m called Mia.", user_id="ann")
        agent.run("I have no dog.", user_id="bob")
    return table


def test_memories_are_listed_searched_and_exported(settings: Path, tmp_path: Path) -> None:
    table = remembered(settings, tmp_path)
    listed = told(settings, table, "memory", "list", "--user", "ann")
    assert listed.exit_code == 0, listed.stderr
    first, _ = listed.stdout.splitlines()
    assert first.endswith("UTC  user=ann  My dog is called Rex.")
    assert "\x1b" not in listed.stdout
    assert "bob" not in listed.stdout
    found = told(settings, table, "memory", "search", "Which dog?", "--user", "ann", "--limit", "1")
    assert found.stdout == "My dog is called Rex.\n"
    file = tmp_path / "all.jsonl"
    told(settings, table, "memory", "export", "--output", str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["owner"]["user"] for line in lines] == ["ann", "ann", "bob"]
    assert lines[0]["metadata"]["source"] == "user"


def test_memories_are_forgotten_by_their_owner(settings: Path, tmp_path: Path) -> None:
    table = remembered(settings, tmp_path)
    assert told(settings, table, "memory", "forget").exit_code == 2
    assert told(settings, table, "memory", "forget", "--all", "--user", "ann").exit_code == 2
    assert told(settings, table, "memory", "forget", "--user", "ann").stdout == "Forgotten: 2 memories\n"
    assert "I have no dog." in told(settings, table, "memory", "list").stdout
    assert told(settings, table, "memory", "forget", "--all").stdout == "Forgotten: 1 memory\n"
    assert told(settings, table, "memory", "list").stdout == "Nothing is remembered.\n"


def test_another_embedder_is_refused_until_the_index_is_made_anew(settings: Path, tmp_path: Path) -> None:
    plain = remembered(settings, tmp_path)
    other = f'{plain}\nembedder = {{ kind = "hashing", dimension = 32 }}'
    refused = told(settings, other, "doctor")
    assert refused.exit_code == 1
    assert "lightagent memory reindex" in refused.stderr.replace("\n", " ")
    assert told(settings, other, "memory", "reindex").stdout == "Indexed: 3 memories\n"
    assert told(settings, other, "doctor").exit_code == 0
    assert told(settings, plain, "memory", "search", "dog").exit_code == 2


def test_a_memory_that_nobody_configured_is_told_of(settings: Path) -> None:
    settings.write_text("")
    told_off = CliRunner().invoke(app, ["memory", "list", "--config", str(settings)], env={"COLUMNS": "200"})
    assert told_off.exit_code == 2
    assert "No settings say where memories are kept." in told_off.stderr
    process = told(settings, 'kind = "process"', "memory", "reindex")
    assert "has no index that could be made anew" in process.stderr
