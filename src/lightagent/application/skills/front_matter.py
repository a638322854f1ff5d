"""Read the YAML of a skill's front matter as texts with line numbers; it never creates other objects."""

from __future__ import annotations

from typing import Final

import yaml

from lightagent.domain.skills.documents import mended
from lightagent.domain.skills.skill import SkillProblem, YamlList, YamlNode, YamlTable, YamlText

_MOST_CHARACTERS: Final = 16 * 1024
_MOST_DEPTH: Final = 20


class _FrontMatterError(Exception):
    """Why the text cannot be read, with the line counted from 0."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class _Composer(yaml.BaseLoader):
    """Loads every value as text, as written, and refuses aliases, which could expand to billions of values.

    Loading stops at deeply nested values, since the time for them grows with the square of the depth.
    """

    _levels = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = None if parent is None else parent.start_mark
            raise _FrontMatterError("an alias (*name) is not allowed in it", 0 if mark is None else mark.line)
        if self._levels > _MOST_DEPTH:
            raise _FrontMatterError("it is nested too deeply", 0 if parent is None else parent.start_mark.line)
        self._levels += 1
        node = super().compose_node(parent, index)
        self._levels -= 1
        return node


def read_front_matter(front: str, first_line: int, path: str) -> tuple[YamlTable | None, list[SkillProblem]]:
    """Return the front matter as a table, or None if it is unusable, and its problems.

    Invalid YAML that line-based readers accept is read the way they read it.

    Args:
        first_line: the line number of the text in its file.
        path: the path of the file, for problems.
    """
    if len(front) > _MOST_CHARACTERS:
        message = f"The front matter has more than {_MOST_CHARACTERS:,} characters."
        return None, [SkillProblem(path, message, "Move the text below the second `---`.", line=first_line)]
    try:
        return _table(front, first_line), []
    except _FrontMatterError as first:
        line = first_line + first.line
        try:
            table = _table(mended(front), first_line)
        except _FrontMatterError:
            remedy = "Write `key: value` lines, and put values with special characters in quotes."
            return None, [SkillProblem(path, f"The front matter is no YAML: {first.message}.", remedy, line=line)]
        remedy = "Put the value in quotes, so that other programs read the skill too."
        return table, [
            SkillProblem(path, f"The front matter is not valid YAML: {first.message}.", remedy, "warning", line)
        ]


def _table(front: str, first_line: int) -> YamlTable:
    try:
        root = yaml.compose(front, Loader=_Composer)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise _FrontMatterError(exc.problem or "it cannot be read", 0 if mark is None else mark.line) from None
    except yaml.reader.ReaderError as exc:
        line = front.count("\n", 0, exc.position)
        raise _FrontMatterError("it has a character that YAML does not allow", line) from None
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        raise _FrontMatterError(
            "it is nested too deeply" if isinstance(exc, RecursionError) else "it cannot be read", 0
        ) from None
    node = YamlTable((), first_line) if root is None else _node(root, first_line, _MOST_DEPTH)
    if not isinstance(node, YamlTable):
        raise _FrontMatterError("it is not a table of keys and values", 0)
    return node


def _node(node: yaml.Node, first_line: int, levels: int) -> YamlNode:
    line = first_line + (0 if node.start_mark is None else node.start_mark.line)
    if levels < 0:
        raise _FrontMatterError("it is nested too deeply", line - first_line)
    if isinstance(node, yaml.MappingNode):
        pairs = ((_key(key, first_line), _node(value, first_line, levels - 1)) for key, value in node.value)
        return YamlTable(tuple(pairs), line)
    if isinstance(node, yaml.SequenceNode):
        return YamlList(tuple(_node(item, first_line, levels - 1) for item in node.value), line)
    return YamlText(str(node.value), line)


def _key(node: yaml.Node, first_line: int) -> YamlText:
    line = 0 if node.start_mark is None else node.start_mark.line
    if not isinstance(node, yaml.ScalarNode):
        raise _FrontMatterError("a key is not text", line)
    return YamlText(str(node.value), first_line + line)
