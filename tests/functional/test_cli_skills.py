"""``lightagent skills``, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.entrypoints.cli.app import app
from tests.support.skill_folders import write_folder, write_skill


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a directory of skills, which is the current folder."""
    for name in ("LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    write_skill(tmp_path / "skills", "unit-prices", description="|\n  Compares\n  offers.", files={"scripts/a.py": ""})
    write_skill(tmp_path / "skills", "travel", description='"Plans a journey.\\u001b[2J"', front="version: 2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["skills", *arguments], env={"COLUMNS": "200"})


@pytest.mark.usefixtures("folder")
def test_skills_are_listed_for_people_and_for_programs() -> None:
    shown = invoke("list", "skills")
    assert shown.exit_code == 0
    assert shown.stdout == "travel · Plans a journey. [2J\nunit-prices · Compares offers.\n"
    listed = json.loads(invoke("list", "skills", "--json").stdout)
    assert [(skill["name"], skill["has_scripts"]) for skill in listed] == [("travel", False), ("unit-prices", True)]


def test_a_check_tells_file_and_line_and_fails_where_a_skill_cannot_be_used(folder: Path) -> None:
    checked = invoke("check", "skills")
    assert (checked.exit_code, checked.stderr) == (0, "2 skills\n")
    assert checked.stdout == (
        f"warning · {folder}/skills/travel/SKILL.md:4: The format has no key 'version', so it is ignored.\n"
    )
    write_folder(folder / "skills/broken", {"SKILL.md": "---\nname: Broken Skill\n---\n"})
    checked = invoke("check", "skills")
    assert checked.exit_code == 1
    assert (
        f"error · {folder}/skills/broken/SKILL.md:2: The name 'Broken Skill' may have lowercase letters, digits and "
        "hyphens only. Call it 'broken-skill', for example.\n"
    ) in checked.stdout
    problems = json.loads(invoke("check", "skills", "--json").stdout)
    assert {problem["line"] for problem in problems if problem["level"] == "error"} == {2}
    listed = invoke("list", "skills")
    assert (listed.exit_code, listed.stdout.count("\n")) == (0, 2)
    assert "error: " in listed.stderr


def test_the_folder_of_one_skill_is_a_directory_of_skills(folder: Path) -> None:
    assert invoke("list", "skills/travel").stdout.startswith("travel · ")
    (folder / "lightagent.toml").write_text('[default.skills]\ndirectories = ["skills"]\n')
    refused = invoke("list")
    assert refused.exit_code == 2
    assert "config trust" in refused.stderr
    assert invoke("list", "--trust-config").stdout.count("\n") == 2
    assert invoke("list", "--config", "lightagent.toml").stdout.count("\n") == 2


@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_an_error_of_use() -> None:
    assert invoke("list").exit_code == 2
    assert "[default.skills]" in invoke("check").stderr
    missing = invoke("list", "none")
    assert (missing.exit_code, "none: the directory does not exist." in missing.stderr) == (2, True)


def test_a_directory_that_settings_name_and_is_not_there_is_told_by_the_check(folder: Path) -> None:
    (folder / "lightagent.toml").write_text('[default.skills]\ndirectories = ["none"]\n')
    checked = CliRunner().invoke(app, ["config", "check", "--config", "lightagent.toml"], env={"COLUMNS": "200"})
    assert checked.exit_code == 2, checked.output
    assert "none is no directory. Name one that exists." in checked.output
