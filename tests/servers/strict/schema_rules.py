"""Rules about the schemas of tools, as users quote the errors that providers answer with."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from tests.servers.json_values import Json, JsonObject
from tests.servers.strict.request import Request

_UNIONS = ("oneOf", "anyOf", "allOf", "enum", "not")
_PROPERTY_NAME = r"[a-zA-Z0-9_.-]{1,64}"
_BEYOND_REGULAR = re.compile(r"\(\?[=!<]|\\[1-9]")


def tool_schemas(request: Request) -> Iterator[str]:
    """The parameters of each tool are a schema of an object, of the kind that function calling takes."""
    for declared in request.tools:
        function = declared.get("function")
        if isinstance(function, dict) and "parameters" in function:
            name, parameters = function.get("name"), function["parameters"]
            for problem in _known_problems(json.dumps(parameters)):
                yield f"Invalid schema for function {name!r}: {problem}"


@lru_cache(maxsize=10_000)
def _known_problems(schema: str) -> tuple[str, ...]:
    """The problems of a schema as text: most requests declare the tools of the one before."""
    return tuple(schema_problems(json.loads(schema)))


def schema_problems(schema: Json) -> Iterator[str]:
    """What is refused in the parameters of one tool."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        kind = schema.get("type") if isinstance(schema, dict) else None
        yield f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        yield f"{exc.message} under the meta-schema."
        return
    if any(name in schema for name in _UNIONS):
        yield "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level."
    if not isinstance(schema.get("properties"), dict):
        yield "object schema missing properties."
    yield from _problems(schema, (), schema.get("$defs"))


def _problems(schema: Json, place: tuple[str, ...], definitions: Json) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    yield from _own_problems(schema, place, definitions)
    for name, value in schema.items():
        if name in ("properties", "$defs") and isinstance(value, dict):
            for inner, child in value.items():
                if name == "properties" and not re.fullmatch(_PROPERTY_NAME, inner):
                    yield f"In context={place}, property keys should match pattern '^{_PROPERTY_NAME}$': {inner!r}."
                yield from _problems(child, (*place, name, inner), definitions)
        elif name in ("items", "additionalProperties", "not"):
            yield from _problems(value, (*place, name), definitions)
        elif name in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
            for number, child in enumerate(value):
                yield from _problems(child, (*place, name, str(number)), definitions)


def _own_problems(schema: JsonObject, place: tuple[str, ...], definitions: Json) -> Iterator[str]:
    kind, reference, pattern = schema.get("type"), schema.get("$ref"), schema.get("pattern")
    if "$schema" in schema:
        yield f"In context={place}, $schema not permitted."
    if (kind == "array" or (isinstance(kind, list) and "array" in kind)) and "items" not in schema:
        yield f"In context={place}, array schema missing items."
    if reference is not None and not _is_defined(reference, definitions):
        yield f"reference {reference} can only point to definitions defined at the top level of the schema."
    if isinstance(pattern, str) and _BEYOND_REGULAR.search(pattern):
        yield f"In context={place}, pattern {pattern!r} is not supported."


def _is_defined(reference: Json, definitions: Json) -> bool:
    if not isinstance(reference, str) or not isinstance(definitions, dict):
        return False
    return reference.startswith("#/$defs/") and reference.removeprefix("#/$defs/") in definitions
