"""The files of a skill: nothing outside of its folder is read, whatever a model, a skill or another process does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lightagent import JsonValue, LightAgent, SkillManager, ToolError, create_skill_tools
from lightagent.application.skills import discovery, folders, resources
from lightagent.application.skills.discovery import SkillDirectory, SkillFolder, find_skills
from lightagent.application.skills.folders import Folder
from lightagent.domain.skills.skill import SkillProblem
from lightagent.testing import ScriptedModel, call_tool
from tests.support.skill_folders import write_folder, write_skill

CANARY = "canary-7261"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory of skills beside files that must not be read, and links that lead to them."""
    write_folder(tmp_path / "outside", {"secret.md": CANARY, "SKILL.md": f"---\nname: x\ndescription: {CANARY}\n---\n"})
    skills = tmp_path / "skills"
    write_skill(skills, "good", files={"references/guide.md": "Guide.", "deep/er/file.md": "Deep.", ".env": CANARY})
    good = skills / "good"
    (good / "references/link.md").symlink_to(tmp_path / "outside/secret.md")
    (good / "linked").symlink_to(tmp_path / "outside")
    (good / "scripts").mkdir()
    (good / "scripts/link.py").symlink_to(tmp_path / "outside/secret.md")
    os.mkfifo(good / "references/pipe.md")
    (skills / "folder-link").symlink_to(tmp_path / "outside")
    (skills / "file-link").mkdir()
    (skills / "file-link/SKILL.md").symlink_to(tmp_path / "outside/SKILL.md")
    write_skill(tmp_path / "skills/.hidden", "hidden")
    write_skill(tmp_path / "skills/node_modules", "module")
    return tmp_path


REFUSED = {
    "parent": ("../../outside/secret.md", "is not a path in the skill"),
    "parent within": ("references/../../../outside/secret.md", "is not a path in the skill"),
    "absolute": ("/etc/passwd", "is not a path in the skill"),
    "of Windows": ("..\\..\\outside\\secret.md", "is not a path in the skill"),
    "drive": ("C:\\secret.md", "is not a path in the skill"),
    "NUL": ("references/guide.md\0.png", "is not a path in the skill"),
    "empty": ("", "is not a path in the skill"),
    "dot": (".", "is not a path in the skill"),
    "two slashes": ("references//guide.md", "is not a path in the skill"),
    "encoded": ("%2e%2e/%2e%2e/outside/secret.md", "has no file"),
    "home": ("~/secret.md", "has no file"),
    "hidden": (".env", "is hidden"),
    "hidden folder": ("references/.git/config", "is hidden"),
    "link": ("references/link.md", "It is a symbolic link"),
    "link by its name": ("link.md", "It is a symbolic link"),
    "link of a folder": ("linked/secret.md", "It is a symbolic link"),
    "pipe": ("references/pipe.md", "It is not a regular file"),
    "folder": ("references", "has no file"),
    "file as a folder": ("SKILL.md/x", "has no file"),
    "missing": ("references/none.md", "Its files: deep/er/file.md, references/guide.md."),
    "long": ("a" * 5_000, "cannot be read"),
    "long path": ("/".join("a" * 200), "has no file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_path_that_leads_elsewhere_is_refused(place: Path, case: str) -> None:
    path, text = REFUSED[case]
    read = call_tool("read_skill_reference", skill_name="good", ref_path=path)
    model = ScriptedModel([read, "Done."])
    result = LightAgent(model=model, skills_directories=place / "skills").run("Go.", result_format="object")
    (call,) = result.tool_calls
    assert call.status == "failed"
    output = call.output or ""
    assert text in output
    assert CANARY not in output
    assert str(place) not in output, "a model need not know where on the machine the skill is"
    for method in (SkillManager(place / "skills").read_reference, SkillManager(place / "skills").read_asset):
        with pytest.raises(ToolError):
            method("good", path)


@pytest.mark.parametrize(
    "path", ["references/guide.md", "guide.md", "./references/guide.md", "deep/er/file.md", "SKILL.md"]
)
def test_files_of_the_skill_are_read(place: Path, path: str) -> None:
    assert SkillManager(place / "skills").read_reference("good", path)


def test_links_and_hidden_folders_make_no_skills(place: Path) -> None:
    manager = SkillManager(place / "skills")
    assert [one.name for one in manager.discover_skills()] == ["good"]
    told = {(Path(one.path).relative_to(place).as_posix(), one.level, one.message) for one in manager.problems}
    assert told == {
        ("skills/folder-link", "warning", "It is a symbolic link, so it is not followed."),
        ("skills/file-link/SKILL.md", "error", "It is a symbolic link, and a skill stays in its own folder."),
    }
    assert manager.list_files("good") == ["deep/er/file.md", "references/guide.md"]


def test_a_directory_that_the_application_names_may_be_a_link(place: Path) -> None:
    (place / "named").symlink_to(place / "skills")
    assert SkillManager(place / "named").read_reference("good", "guide.md") == "Guide."


@pytest.mark.parametrize("swapped", ["references", "references/guide.md", "SKILL.md"])
def test_a_link_that_takes_the_place_of_a_file_in_between_is_not_followed(
    place: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """Another process is as quick as can be: it puts the link there right after a name was looked at."""
    good, look = place / "skills/good", Folder.refuse_link
    (place / "outside/guide.md").write_text(CANARY)

    def look_and_lose(folder: Folder, name: str, path: Path) -> None:
        look(folder, name, path)
        if path == good / swapped:
            path.rename(place / "aside")
            path.symlink_to(place / ("outside" if "." not in swapped else "outside/secret.md"))

    monkeypatch.setattr(Folder, "refuse_link", look_and_lose)
    manager = SkillManager(place / "skills")
    if swapped == "SKILL.md":
        assert CANARY not in str(manager.discover_skills())
        assert "cannot be read" in str(manager.problems)
    else:
        with pytest.raises(ToolError) as refused:
            manager.read_reference("good", "references/guide.md")
        assert CANARY not in str(refused.value)


def test_where_names_cannot_be_opened_in_a_folder_links_are_looked_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under Windows."""
    monkeypatch.setattr(folders, "_RELATIVE", False)
    manager = SkillManager(place / "skills")
    assert [one.name for one in manager.discover_skills()] == ["good"]
    assert manager.read_reference("good", "guide.md") == "Guide."
    for path in ("references/link.md", "linked/secret.md", "references/pipe.md"):
        with pytest.raises(ToolError):
            manager.read_reference("good", path)


def test_what_is_looked_at_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_skill(tmp_path / "a/b/c/d/e", "deep-enough")
    write_skill(tmp_path / "a/b/c/d/e/f", "too-deep")
    manager = SkillManager(tmp_path)
    assert [one.name for one in manager.discover_skills()] == ["deep-enough"]
    monkeypatch.setattr(discovery, "MOST_FOLDERS", 3)
    assert manager.discover_skills() == []
    assert "more than 3 folders; the others were not looked into" in str(manager.problems[0])


def test_of_a_skill_with_folders_without_end_no_more_are_looked_into(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (place / f"skills/good/a/{number}/inner").mkdir(parents=True)
    opened: list[str] = []
    entries = Folder.entries

    def counted(folder: Folder) -> list[folders.Entry]:
        opened.append(str(folder.path))
        return entries(folder)

    monkeypatch.setattr(Folder, "entries", counted)
    monkeypatch.setattr(resources, "MOST_FOLDERS", 10)
    SkillManager(place / "skills").list_files("good")
    assert sum("skills/good/" in path for path in opened) < 10


def test_the_log_tells_a_directory_that_is_missing_once_and_names_as_they_are_not_to_be_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_folder(tmp_path / "skills/two\nlines\x1b[2J", {"SKILL.md": "---\nname: x y\ndescription: z\n---\nx"})
    manager = SkillManager([tmp_path / "skills", tmp_path / "skils"])
    for _ in range(2):
        assert manager.discover_skills() == []
    wrong, missing = (record.message for record in caplog.records)
    assert f"{tmp_path}/skills/two\\nlines\\u001b[2J/SKILL.md:2: The name 'x y'" in wrong
    assert missing.startswith(f"A directory of skills: {tmp_path / 'skils'}: The skills directory cannot be read")


def test_large_and_binary_files_are_told_and_not_shown(place: Path) -> None:
    good = place / "skills/good"
    write_folder(good, {"references/large.md": b"x" * 6_000_000, "assets/image.png": b"\x89PNG\xff"})
    manager = SkillManager(place / "skills")
    with pytest.raises(ToolError, match="more than 5,242,880 bytes"):
        manager.read_reference("good", "large.md")
    with pytest.raises(ToolError, match="is not text, but a file of 5 bytes"):
        manager.read_reference("good", "assets/image.png")
    assert manager.read_asset("good", "image.png") == b"\x89PNG\xff"


def test_skills_in_folders_within_folders_and_a_collection_that_is_a_skill(tmp_path: Path) -> None:
    collection = write_skill(tmp_path, "collection", files={"references/SKILL.md": "a template, and no skill"})
    write_skill(collection / "vendor/office", "slides")
    write_skill(collection / "vendor/office", "words", files={"examples/SKILL.md": "an example, and no skill"})
    assert [one.name for one in SkillManager(collection).discover_skills()] == ["collection", "slides", "words"]
    assert [one.name for one in SkillManager(tmp_path).discover_skills()] == ["collection"]


def test_a_wrongly_spelt_file_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "pdf", {"skill.md": "---\nname: pdf\ndescription: x\n---\n"})
    manager = SkillManager([tmp_path, tmp_path / "none"])
    assert manager.discover_skills() == []
    assert [one.message for one in manager.problems] == [
        "The file of a skill is called SKILL.md.",
        "The skills directory cannot be read (No such file or directory).",
    ]


@pytest.mark.parametrize(
    ("name", "arguments"), [("activate_skill", {}), ("read_skill_reference", {"ref_path": "guide.md"})]
)
def test_a_call_looks_through_the_directories_once(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, arguments: dict[str, JsonValue]
) -> None:
    """So its answer and the labels of its answer are of the same skill, whatever changes meanwhile."""
    looked: list[str] = []

    def find_and_count(directory: SkillDirectory) -> tuple[list[SkillFolder], list[SkillProblem]]:
        looked.append(name)
        return find_skills(directory)

    monkeypatch.setattr("lightagent.application.skills.manager.find_skills", find_and_count)
    tools = create_skill_tools(SkillManager(place / "skills"))
    model = ScriptedModel([call_tool(name, skill_name="good", **arguments), "Done."])
    result = LightAgent(model=model, tools=tools).run("Go.", result_format="object")
    assert (result.tool_calls[0].status, len(looked)) == ("ok", 1)
