"""Skills in the open Agent Skills format: what one is, what its front matter may say, and what is wrong with it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from lightagent.domain.conversation.messages import Trust
from lightagent.domain.json_types import JsonValue
from lightagent.domain.skills.permissions import is_closed, split_allowed_tools
from lightagent.domain.text.characters import FILLERS

SKILL_FILE: Final = "SKILL.md"
"""The file that makes a folder a skill."""

MOST_NAME: Final = 64
MOST_DESCRIPTION: Final = 1024
MOST_COMPATIBILITY: Final = 500

_KEYS: Final = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
"""The keys that the format knows. Others are kept out of everything, so that skills for other programs work."""


@dataclass(frozen=True, slots=True)
class Skill:
    """A folder of instructions for one kind of task, with the files that they need.

    Attributes:
        name: as models call it.
        description: what it does and when to use it; a model chooses by it.
        path: its folder.
        instructions: the text of its `SKILL.md`; empty until the skill is loaded, since a model reads it only then.
        license, compatibility, metadata: as its author wrote them.
        allowed_tools: the tools that it may use, as its author wrote them; None if it does not say.
        has_scripts, has_references, has_assets: whether it has these folders.
        source_directory: the directory in which it was found.
        precedence: the place of that directory among all, counted from 0; a later one takes the place of an earlier.
        trust: whether the application vouches for its texts.
    """

    name: str
    description: str
    path: str
    instructions: str = field(default="", repr=False)
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    allowed_tools: tuple[str, ...] | None = None
    has_scripts: bool = False
    has_references: bool = False
    has_assets: bool = False
    source_directory: str = ""
    precedence: int = 0
    trust: Trust = "trusted"


def origin_labels(name: str, trust: Trust) -> tuple[str, ...]:
    """The label of what a skill brings into a run; none if the application vouches for the skill."""
    return (f"skill:{name}",) if trust == "untrusted" else ()


@dataclass(frozen=True, slots=True)
class SkillProblem:
    """Something that is wrong with a skill, or with a directory of skills.

    Attributes:
        path: the file or folder.
        message: what is wrong.
        remedy: what to do about it.
        level: with an ``error`` the skill is left out; with a ``warning`` it works.
        line: in the file, counted from 1; 0 where no line is meant.
    """

    path: str
    message: str
    remedy: str = ""
    level: Literal["error", "warning"] = "error"
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message} {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class YamlText:
    """A value as it is written, whatever YAML would make of it: dates, numbers and ``on`` are texts too."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class YamlList:
    """A list of values."""

    items: tuple[YamlNode, ...]
    line: int


@dataclass(frozen=True, slots=True)
class YamlTable:
    """Keys and their values, in their order; a key may be there more than once."""

    entries: tuple[tuple[YamlText, YamlNode], ...]
    line: int


YamlNode: TypeAlias = YamlText | YamlList | YamlTable


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the front matter of a skill says; `problems` without an error mean that it can be used."""

    name: str
    description: str
    license: str
    compatibility: str
    metadata: Mapping[str, str]
    allowed_tools: tuple[str, ...] | None
    problems: tuple[SkillProblem, ...]


def check_front_matter(table: YamlTable, path: str, folder: str) -> FrontMatter:
    """What the front matter says, with everything that is wrong with it.

    Args:
        path: of the file, for the problems.
        folder: the name of the folder, which is to be the name of the skill as well.
    """
    found: dict[str, YamlNode] = {}
    lines: dict[str, int] = {}
    problems: list[SkillProblem] = []
    for key, value in table.entries:
        if key.value in found:
            first = lines[key.value]
            problems.append(
                SkillProblem(
                    path, f"{key.value!r} stands here again.", f"Keep that of line {first} or this.", line=key.line
                )
            )
        found.setdefault(key.value, value)
        lines.setdefault(key.value, key.line)
    reader = _Reader(path, found, lines, table.line)
    written = reader.text("name", needed="Add `name:` with the name of the folder.")
    name, wrong = _name_for(written, folder, path, lines.get("name", 0))
    description = reader.text(
        "description", needed="Add `description:` with what the skill does and when to use it; models choose by it."
    )
    compatibility = reader.text("compatibility")
    front = FrontMatter(
        name, description, reader.text("license"), compatibility, reader.table("metadata"), reader.tools(), ()
    )
    problems.extend(reader.problems)
    problems.extend(wrong)
    problems.extend(_too_long(front, path, lines))
    problems.extend(
        SkillProblem(path, f"The format has no key {key!r:.60}, so it is ignored.", "", "warning", lines[key])
        for key in found
        if key not in _KEYS
    )
    ordered = tuple(sorted(problems, key=lambda one: one.line))
    return replace(front, problems=ordered)


class _Reader:
    """Takes values out of a table, and notes those of a wrong form."""

    def __init__(self, path: str, found: Mapping[str, YamlNode], lines: Mapping[str, int], first: int) -> None:
        self.problems: list[SkillProblem] = []
        self._path = path
        self._found = found
        self._lines = lines
        self._first = first

    def text(self, key: str, *, needed: str = "") -> str:
        """The text of a key; empty where it has none, which is an error if it is needed."""
        node = self._found.get(key)
        if isinstance(node, (YamlList, YamlTable)):
            form = "a list" if isinstance(node, YamlList) else "a table"
            self._note(key, f"{key!r} is {form}; it has to be text.", "Write it as one text, in quotes if need be.")
            return ""
        value = "" if node is None else " ".join(node.value.split()) if key != "description" else node.value.strip()
        if needed and not value:
            self._note(key, f"{key!r} is missing." if node is None else f"{key!r} is empty.", needed)
        return value

    def table(self, key: str) -> Mapping[str, str]:
        """The texts of a table; values of another form as JSON."""
        node = self._found.get(key)
        if node is None or (isinstance(node, YamlText) and not node.value):
            return {}
        if not isinstance(node, YamlTable):
            self._note(key, f"{key!r} has to be a table of texts, so it is ignored.", "", level="warning")
            return {}
        return {name.value: _as_text(value) for name, value in node.entries}

    def tools(self) -> tuple[str, ...] | None:
        """The entries of ``allowed-tools``, which is a list or a text; None without that field."""
        key = "allowed-tools"
        node = self._found.get(key)
        if isinstance(node, YamlText):
            listed = split_allowed_tools(node.value)
            if not listed:
                self._note(
                    key, f"{key!r} names nothing, so it is ignored.", "Name tools, or write [].", level="warning"
                )
            self._look_for_open(key, listed)
            return listed or None
        if isinstance(node, YamlList) and all(isinstance(item, YamlText) for item in node.items):
            texts = (item.value for item in node.items if isinstance(item, YamlText))
            listed = tuple(tool for text in texts for tool in split_allowed_tools(text))
            self._look_for_open(key, listed)
            return listed
        if node is not None:
            # Ignored, it would leave the skill free to call what its author did not mean it to.
            self._note(key, f"{key!r} has to be a list of names.", "Write it as `allowed-tools: Read search_news`.")
        return None

    def _look_for_open(self, key: str, entries: tuple[str, ...]) -> None:
        wrong = next((entry for entry in entries if not is_closed(entry)), None)
        if wrong is not None:
            message = f"{key!r}: the parentheses of {wrong!r:.80} do not end, so it allows nothing."
            self._note(key, message, "Close them.", level="warning")

    def _note(self, key: str, message: str, remedy: str, *, level: Literal["error", "warning"] = "error") -> None:
        line = self._lines.get(key, self._first)
        self.problems.append(SkillProblem(self._path, message, remedy, level, line))


def _name_for(written: str, folder: str, path: str, line: int) -> tuple[str, list[SkillProblem]]:
    """What the skill is called: as it is written, or as its folder, where that is the same name in its proper form."""
    if not written:
        return "", []
    wrong, better = _wrong_name(written), slug(written)
    here = unicodedata.normalize("NFKC", folder)
    if wrong and better == here:
        message = f"The name {written!r:.80} {wrong}; the name of the folder, {here!r}, is taken."
        return here, [SkillProblem(path, message, f"Write `name: {here}`.", "warning", line)]
    if wrong:
        remedy = f"Call it {better!r}, for example." if better else "Take lowercase letters, digits and hyphens."
        return written, [SkillProblem(path, f"The name {written!r:.80} {wrong}.", remedy, line=line)]
    if here != written:
        message = f"The skill {written!r} is in the folder {folder!r:.80}."
        remedy = f"Rename the folder to {written!r}, so that other programs take the skill too."
        return written, [SkillProblem(path, message, remedy, "warning", line)]
    return written, []


def _wrong_name(name: str) -> str:
    """What is wrong with a name, to go on from "The name …"; empty where nothing is."""
    if len(name) > MOST_NAME:
        return f"has {len(name)} characters; at most {MOST_NAME} are allowed"
    if unicodedata.normalize("NFKC", name) != name or not all(map(_may_be_in_a_name, name)):
        return "may have lowercase letters, digits and hyphens only"
    if name != name.lower():
        return "has uppercase letters"
    if name.startswith("-") or name.endswith("-") or "--" in name:
        return "begins or ends with a hyphen, or has two in a row"
    return ""


def _may_be_in_a_name(character: str) -> bool:
    return character == "-" or (character.isalnum() and character not in FILLERS)


def slug(text: str) -> str:
    """A text as the name of a skill; empty where nothing is left of it."""
    plain = unicodedata.normalize("NFKC", text).lower()
    words = "".join(one if _may_be_in_a_name(one) and one != "-" else " " for one in plain).split()
    return "-".join(words)[:MOST_NAME].strip("-")


def _too_long(front: FrontMatter, path: str, lines: Mapping[str, int]) -> Iterator[SkillProblem]:
    for key, value, most in (
        ("description", front.description, MOST_DESCRIPTION),
        ("compatibility", front.compatibility, MOST_COMPATIBILITY),
    ):
        if len(value) > most:
            message = f"{key!r} has {len(value):,} characters; the format allows {most:,}."
            yield SkillProblem(path, message, "Move the details into the instructions.", "warning", lines[key])


def _as_text(node: YamlNode) -> str:
    return node.value if isinstance(node, YamlText) else json.dumps(_plain(node), ensure_ascii=False)


def _plain(node: YamlNode) -> JsonValue:
    match node:
        case YamlText(value=value):
            return value
        case YamlList(items=items):
            return [_plain(item) for item in items]
        case YamlTable(entries=entries):
            return {key.value: _plain(value) for key, value in entries}
