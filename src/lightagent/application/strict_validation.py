"""Validators of JSON that are strict, except where a type declares that it is lenient.

pydantic's switch for one validation overrides what fields and models declare, and its configuration is not inherited by
nested models. So strictness is written into the schema itself, wherever nothing else was declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pydantic_core import SchemaValidator
from typing_extensions import TypeIs

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

_CONFIGURED: Final = frozenset({"model", "dataclass", "typed-dict"})
_NAMED: Final = frozenset({"fields", "choices"})
"""What maps names or tags to schemas, where it is a mapping."""
_NO_SCHEMAS: Final = frozenset({"metadata", "serialization", "config", "cls", "default", "expected", "members", "ref"})


def strict_validator(schema: object) -> SchemaValidator:
    """A validator for the core schema of a type.

    Raises:
        TypeError: `schema` is not a core schema.
    """
    strict = _strict(schema)
    if not _is_schema(strict):
        raise TypeError(f"expected the core schema of a type, got {type(schema).__name__}")
    # The validators that models hold already are not used for their parts: those are lenient, as is pydantic's default.
    return SchemaValidator(strict, {"strict": True}, False)


def _is_schema(schema: object) -> TypeIs[CoreSchema]:
    return isinstance(schema, dict)


def _strict(part: object) -> object:
    """The same with strictness as the default of all that has a default of its own."""
    if isinstance(part, list | tuple):
        return type(part)(_strict(one) for one in part)
    if not isinstance(part, Mapping):
        return part
    node = {key: _strict_child(key, value) for key, value in part.items()}
    kind = node.get("type")
    if kind in _CONFIGURED:
        config = node.get("config")
        node["config"] = {"strict": True, **config} if isinstance(config, Mapping) else {"strict": True}
    elif kind == "str":
        # In JSON only text is taken for text anyway, unless numbers were declared to be taken as well.
        node.setdefault("strict", False)
    elif kind == "dict" and "keys_schema" in node:
        node["keys_schema"] = _keys(node["keys_schema"])
    return node


def _strict_child(key: object, value: object) -> object:
    if key in _NO_SCHEMAS:
        return value
    if key in _NAMED and isinstance(value, Mapping):
        return {name: _strict(child) for name, child in value.items()}
    return _strict(value)


def _keys(schema: object) -> object:
    """Names in JSON are text; where keys are literals of another kind, their text stands for them."""
    if isinstance(schema, list | tuple):
        return type(schema)(_keys(one) for one in schema)
    if not isinstance(schema, Mapping):
        return schema
    expected = schema.get("expected")
    if schema.get("type") == "literal" and isinstance(expected, list):
        return _read_as_text(schema, expected)
    return {key: _keys(value) if key in ("schema", "choices") else value for key, value in schema.items()}


def _read_as_text(literal: Mapping[object, object], expected: list[object]) -> object:
    texts = {str(value).lower() if isinstance(value, bool) else str(value): value for value in expected}

    def read(name: object) -> object:
        return texts.get(name, name) if isinstance(name, str) else name

    return {"type": "function-before", "function": {"type": "no-info", "function": read}, "schema": literal}
