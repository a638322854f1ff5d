"""Reads YAML as JSON values: by YAML 1.2's rules for plain words, without tags, and with a limit of growth."""

from __future__ import annotations

import re
from typing import Final

import yaml

from lightagent.domain.json_types import JsonValue

_MORE_VALUES: Final = 10_000
_DEEPEST: Final = 200
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_TAG}merge"
_KINDS: Final = frozenset({"str", "int", "float", "bool", "null", "timestamp", "merge", "value"})
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def read_yaml(content: bytes) -> JsonValue:
    """One YAML document.

    Names are text whatever they look like, such as the status ``200``; dates and ``no`` are text as well.

    Raises:
        ValueError: it is invalid YAML, holds a tag or several documents, or its anchors make it too large.
    """
    try:
        loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        node = yaml.compose(content, loader)
    except (yaml.YAMLError, UnicodeError) as exc:
        raise ValueError(f"invalid YAML: {exc}") from exc
    return _Reading(len(content) + _MORE_VALUES).value(node)  # Without anchors, each value takes at least a byte.


class _Reading:
    """Turns the nodes of one document into values, and counts them, since an anchor repeats a value."""

    def __init__(self, most: int) -> None:
        self._remaining = most

    def value(self, node: yaml.Node | None, depth: int = 0) -> JsonValue:
        self._remaining -= 1
        if self._remaining < 0 or depth > _DEEPEST:
            raise ValueError("it is too large after resolving anchors, or nested too deep")
        if isinstance(node, yaml.MappingNode):
            self._refuse_tag(node, "map")
            return self._map(node, depth)
        if isinstance(node, yaml.SequenceNode):
            self._refuse_tag(node, "seq")
            return [self.value(one, depth + 1) for one in node.value]
        return None if node is None else _scalar(node)

    def _map(self, node: yaml.MappingNode, depth: int) -> dict[str, JsonValue]:
        """Return a map; its own values take precedence over those merged with ``<<``."""
        own: dict[str, JsonValue] = {}
        taken_over: dict[str, JsonValue] = {}
        for name, written in node.value:
            value = self.value(written, depth + 1)
            if name.tag != _MERGE:
                own[self._name(name)] = value
                continue
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, dict):
                    raise ValueError(f"line {name.start_mark.line + 1}: << must be followed by a map")
                taken_over = {**one, **taken_over}
        return {**taken_over, **own}

    @staticmethod
    def _name(node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise ValueError(f"line {node.start_mark.line + 1}: a name must be a single value")
        return str(node.value)

    @staticmethod
    def _refuse_tag(node: yaml.Node, kind: str) -> None:
        if node.tag != f"{_TAG}{kind}":
            raise ValueError(f"line {node.start_mark.line + 1}: the tag {node.tag!r:.80} is not supported")


def _scalar(node: yaml.Node) -> JsonValue:
    text, kind = str(node.value), node.tag.removeprefix(_TAG)
    if kind not in _KINDS:
        raise ValueError(f"line {node.start_mark.line + 1}: the tag {node.tag!r:.80} is not supported")
    if getattr(node, "style", None) is not None or kind == "str":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
