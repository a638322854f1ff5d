"""Schemas and names of tools such as servers really declare them, and as reports of other frameworks quote them."""

from __future__ import annotations

from typing import Final

from lightagent import JsonObject, JsonValue

_POINT: Final[JsonObject] = {"type": "object", "properties": {"x": {"type": "number"}}}

MENDABLE: Final[dict[str, JsonValue]] = {
    "no schema at all": None,
    "true": True,
    "empty": {},
    "root without properties": {"type": "object"},
    "root type null": {"type": None, "properties": {}},
    "root with several types": {"type": ["object", "null"], "properties": {"a": {"type": "string"}}},
    "$schema, and an array without items": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"tags": {"type": "array"}},
    },
    "an array among types": {"type": "object", "properties": {"v": {"type": ["array", "string", "null"]}}},
    "an array in a union": {"type": "object", "properties": {"v": {"anyOf": [{"type": "array"}, {"type": "null"}]}}},
    "tuple items": {
        "type": "object",
        "properties": {"p": {"type": "array", "items": [{"type": "number"}, {"type": "string"}]}},
    },
    "prefixItems": {
        "type": "object",
        "properties": {"p": {"type": "array", "prefixItems": [{"type": "number"}], "items": {"type": "string"}}},
    },
    "definitions in their old place": {
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/A"}},
        "definitions": {"A": {"type": "array"}},
    },
    "recursive": {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/Node"}},
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    },
    "a reference into properties": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a"}},
    },
    "a reference to the root": {"type": "object", "properties": {"child": {"$ref": "#"}, "name": {"type": "string"}}},
    "a reference by $id": {
        "$id": "https://example.com/root.json",
        "type": "object",
        "properties": {"a": {"$ref": "https://example.com/root.json#/$defs/A"}, "b": {"$ref": "item.json"}},
        "$defs": {"A": {"type": "string"}, "B": {"$id": "item.json", "type": "integer"}},
    },
    "a reference by anchor": {
        "type": "object",
        "properties": {"a": {"$ref": "#here"}},
        "$defs": {"A": {"$anchor": "here", "type": "string"}},
    },
    "a reference with escapes": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a~1b%20c"}},
        "$defs": {"a/b c": {"type": "string"}},
    },
    "a reference with neighbours": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A", "default": 1, "description": "an a"}},
        "$defs": {"A": {"type": "integer"}},
    },
    "a root that is a reference": {"$ref": "#/$defs/P", "$defs": {"P": _POINT}},
    "a root of discriminated variants": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": kind}, kind: {"type": "string"}},
                "required": ["kind", kind],
            }
            for kind in ("file", "url")
        ]
    },
    "a root that requires one of two": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
        "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
    },
    "a root of several references": {
        "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
        "$defs": {
            "A": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            "B": {"type": "object", "properties": {"b": {"type": "string"}}},
        },
    },
    "a root with an enumeration": {"type": "object", "properties": {}, "enum": [{}]},
    "variants that share a property": {
        "anyOf": [
            {"type": "object", "properties": {"v": {"type": "string"}}},
            {"type": "object", "properties": {"v": {"type": "array"}}},
            {"type": "string"},
        ]
    },
    "conditions": {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "if": {"properties": {"a": {"const": "x"}}},
        "then": {"required": ["b"]},
        "not": {"required": ["c"]},
        "dependentRequired": {"a": ["b"]},
    },
    "null in the words of OpenAPI": {
        "type": "object",
        "properties": {"c": {"type": "string", "enum": ["red"], "nullable": True}, "r": {"nullable": True}},
    },
    "foreign types": {
        "type": "dict",
        "properties": {
            "a": {"type": "str", "required": True},
            "b": {"type": "any"},
            "c": {"type": "FLOAT"},
            "d": {"type": "list"},
        },
        "required": "a",
    },
    "a required name that is no property": {"type": "object", "properties": {}, "required": ["ghost"]},
    "look-around, and a limit of draft 4": {
        "type": "object",
        "properties": {
            "a": {"type": "string", "pattern": "^(?!admin).*$"},
            "b": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        },
    },
    "schemas that are true and false": {"type": "object", "properties": {"a": True, "b": False}},
    "a pattern of properties": {"type": "object", "patternProperties": {"^x-": {"type": "string"}}},
    "keywords of other tools": {
        "type": "object",
        "properties": {"a": {"type": "string", "x-order": 1, "examples": ["b"], "deprecated": True, "readOnly": False}},
        "x-google-identifier": "a",
    },
    "an optional property that cannot be said": {
        "type": "object",
        "properties": {"$filter": {"type": "string"}, "top": {"type": "integer"}},
        "required": ["top"],
    },
    "properties called like keywords": {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "required": {"type": "boolean"},
            "properties": {"type": "object", "properties": {"items": {"type": "array"}}},
            "enum": {"type": "array", "items": {"enum": ["const"]}},
        },
    },
    "an empty enumeration": {"type": "object", "properties": {"a": {"type": "string", "enum": []}}},
    "descriptions that are no text": {"type": "object", "description": None, "properties": {"a": {"description": 3}}},
    "half a character": {"type": "object", "properties": {"a": {"type": "string", "description": "x\ud800"}}},
}
"""Schemas that some provider refuses, or nearly so, and that can be mended; by what is wrong with them."""

BEYOND_REPAIR: Final[dict[str, tuple[JsonValue, str]]] = {
    "a dangling reference": (
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"}}},
        "it refers to something that is not there: #/$defs/Gone",
    ),
    "a reference to elsewhere": (
        {"type": "object", "properties": {"a": {"$ref": "https://example.com/s.json"}}},
        "it refers to something outside of itself: https://example.com/s.json",
    ),
    "a root that is an array": ({"type": "array", "items": {"type": "string"}}, "its top is not an object, but array"),
    "a root of nothing but texts": ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "its top is not an object"),
    "a required property that cannot be said": (
        {"type": "object", "properties": {"año": {"type": "string"}}, "required": ["año"]},
        "providers refuse the name of its property 'año', which is required",
    ),
    "references in a circle": (
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}},
        },
        "its references lead in a circle: #/$defs/A -> #/$defs/B -> #/$defs/A",
    ),
    "a text": ("no schema", 'it is "no schema" and no object'),
}

NAMES: Final[tuple[tuple[str, str, str], ...]] = (
    ("gh", "repos.create", "gh__repos_create_d397e6a6"),
    ("gh", "repos/create", "gh__repos_create_6b3337b7"),
    ("gh", "repos_create", "gh__repos_create"),
    ("gh", "repos-create", "gh__repos-create"),
    ("gh", "repos create", "gh__repos_create_"),
    ("gh", "repos:create", "gh__repos_create_"),
    ("gh", "Repos_Create", "gh__Repos_Create"),
    ("gh", "create", "gh__create"),
    ("gh", "_create", "gh__create_"),
    ("gh", "create_", "gh__create_"),
    ("gh_", "create", "gh__create_"),
    ("gh__repos", "create", "gh__repos__create_"),
    ("gh", "repos__create", "gh__repos__create"),
    ("a__b", "c", "a__b__c_bf3c0c39"),
    ("a", "b__c", "a__b__c"),
    ("fs", "读取文件", "fs_b03c6907"),
    ("fs", "写入文件", "fs_"),
    ("文件", "读取", "tool_dbbac6d5"),
    ("文件", "read", "read_"),
    ("почта", "отправить", "tool_"),
    ("x", "é", "x__e_41951dde"),
    ("x", "e", "x__e"),
    ("x", "e\u0301", "x__e_"),
    ("x", "ﬁnd", "x__find_"),
    ("1st", "9lives", "t_1st__9lives_321cc1d8"),
    ("-", "-", "t_-__-_"),
    ("_", "_", "tool_"),
    ("s", "", "s_"),
    ("", "t", "t_"),
    ("", "", "tool_"),
    ("s", "deadbeef", "s__deadbeef_"),
    ("s", "x_deadbeef", "s__x_deadbeef_"),
    ("s", "x_DEADBEEF", "s__x_DEADBEEF"),
    ("s", "a" * 61, "s__" + "a" * 61),
    ("s", "a" * 62, "s__" + "a" * 52 + "_"),
    ("s", "a" * 64, "s__" + "a" * 52 + "_5495d528"),
    ("s", "a" * 63 + "b", "s__" + "a" * 52 + "_180d3a0b"),
    ("server" * 20, "tool", "serverserverserverse__tool_"),
    ("server" * 20, "tool" * 100, "serverserverserverse__" + ("tool" * 10)[:33] + "_"),
    ("x", "\ud800", "x_89a768cb"),
    ("x", "a\nb", "x__a_b_"),
    ("x", "a\x00b", "x__a_b_"),
    ("x", "a\u202eb", "x__a_b_"),
    ("x", "🔧fix", "x__fix_"),
    ("x", "{{7*7}}", "x__7_7_"),
    ("x", "'; DROP TABLE tools; --", "x__DROP_TABLE_tools_--_"),
    ("x", "../../etc/passwd", "x__etc_passwd_"),
    ("x", "functions.call", "x__functions_call_"),
    ("x", "mcp__server__tool", "x__mcp__server__tool"),
    ("claude.ai Slack", "slack_send", "claude_ai_Slack__slack_send_"),
)
"""Server, tool, and what the model calls it; where that ends in an underscore, eight hexadecimal digits follow."""
