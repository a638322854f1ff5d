"""A store of memories in the settings, as a person meets it on the command line and a program in an app."""

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
