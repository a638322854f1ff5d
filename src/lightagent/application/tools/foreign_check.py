"""Validate arguments against an untrusted schema as its author meant it, at a bounded cost.

The rules are those of `bounded_rules`, and nothing is fetched. Checks that are not possible this way are left to the
server, which validates as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, Draft201909Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from referencing.exceptions import Unresolvable

from lightagent.application.tools.arguments import Check, clip, path_text
from lightagent.application.tools.bounded_rules import bounded_validator, one_check
from lightagent.application.tools.schema_validation import StrictValidator, check_by
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.foreign_schemas import BeyondRepair, Mended, mend
from lightagent.domain.json_types import JsonObject, JsonValue

_DRAFTS: Final = (Draft202012Validator, Draft201909Validator, Draft7Validator, Draft6Validator, Draft4Validator)
_MAPS: Final = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_DATA: Final = frozenset({"enum", "const", "default", "examples", "required"})
# jsonschema matches these with `re`; without them, the properties that they leave over cannot be checked either.
_UNBOUNDED: Final = frozenset({"patternProperties", "additionalProperties", "unevaluatedProperties"})


def foreign_check(tool: str, schema: JsonValue, shown: JsonObject | None = None) -> Check:
    """Return a function that validates arguments by `schema`, in the draft that it uses, and returns them unchanged.

    If the schema is valid in no draft, its repaired form is used.

    Args:
        shown: the schema that the model sees instead, if known; otherwise it is repaired here.

    Raises:
        ConfigurationError: the schema cannot be repaired.
    """
    mended = mend(schema) if shown is None else Mended(shown)
    if isinstance(mended, BeyondRepair):
        raise ConfigurationError(f"The schema of the tool {tool!r:.200} cannot be used: {mended.reason}.", guidance="")
    asked = _bounded(schema) if isinstance(schema, dict) else mended.schema
    kind = _draft(asked)
    if kind is None:
        asked, kind = mended.schema, StrictValidator
    check = check_by(bounded_validator(kind, asked), mended.schema)

    def bounded(arguments: JsonObject) -> Mapping[str, object]:
        with one_check():
            return check(arguments)

    return bounded


def foreign_finder(schema: JsonObject) -> Callable[[JsonValue], str]:
    """Return a function that describes the first violation of an untrusted schema by any value; empty if there is none.

    Anything that cannot be checked at a bounded cost, or refers to something missing, counts as valid.
    """
    kind = _draft(schema)
    if kind is None:
        return lambda _value: ""
    validator = bounded_validator(kind, _bounded(schema))

    def problem(value: JsonValue) -> str:
        try:
            with one_check():
                error = next(validator.iter_errors(value), None)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, Unresolvable):
            return ""  # A check that the untrusted schema breaks counts as passed.
        if error is None:
            return ""
        place = path_text([part if isinstance(part, int) else str(part) for part in error.absolute_path])
        return f"{place or 'the whole'}: {clip(error.message, 200)}"

    return problem


def _draft(schema: JsonObject) -> type[Validator] | None:
    """Return the draft that the schema names, or the newest in which it is valid; the protocol's default is 2020-12."""
    named = str(schema.get("$schema", "")).rstrip("#")
    drafts = sorted(_DRAFTS, key=lambda draft: str(draft.META_SCHEMA.get("$schema", "")).rstrip("#") != named)
    return next((draft for draft in drafts if _is_schema(draft, schema)), None)


def _is_schema(draft: type[Validator], schema: JsonObject) -> bool:
    try:
        draft.check_schema(schema)
    except SchemaError:
        return False
    return True


def _bounded(schema: JsonObject) -> JsonObject:
    """Return the schema without keywords of unbounded cost."""
    dropped = _UNBOUNDED if "patternProperties" in schema else frozenset()
    kept = ((name, value) for name, value in schema.items() if name not in dropped and not _leads_away(name, value))
    return {name: _bounded_value(name, value) for name, value in kept}


def _leads_away(name: str, value: JsonValue) -> bool:
    """Whether it is a dynamic reference to another document, which repair drops; other such references are refused."""
    return name in ("$dynamicRef", "$recursiveRef") and not str(value).startswith("#")


def _bounded_value(name: str, value: JsonValue) -> JsonValue:
    if name in _DATA:
        return value
    if isinstance(value, list):
        return [_bounded(one) if isinstance(one, dict) else one for one in value]
    if not isinstance(value, dict):
        return value
    if name in _MAPS:
        return {key: _bounded(one) if isinstance(one, dict) else one for key, one in value.items()}
    return _bounded(value)
