"""Validate arguments by a user-written JSON schema (Draft 2020-12) with jsonschema.

Imported at the first check: declaring a tool does not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from lightagent.application.tools.arguments import (
    Check,
    as_json,
    bad_arguments,
    clip,
    dump_arguments,
    given,
    missing,
    path_text,
    refused,
    unknown,
)
from lightagent.application.tools.pydantic_errors import known_names
from lightagent.application.tools.schema_shape import references
from lightagent.application.tools.tool_info import is_mapping
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject

_MOST_ERRORS = 50


def is_integer(_checker: object, value: object) -> bool:
    """Whether a value is a Python int and not a bool."""
    # JSON Schema counts 5.0 as an integer and Python counts True as one; a function that needs an int wants neither.
    return isinstance(value, int) and not isinstance(value, bool)


_extend: Callable[..., type[Draft202012Validator]] = extend
StrictValidator: type[Draft202012Validator] = _extend(
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer)
)


def schema_check(tool: str, schema: JsonObject) -> Check:
    """Return a function that validates arguments by `schema` and returns them unchanged.

    Raises:
        ConfigurationError: the schema is invalid, or refers to something outside itself.
    """
    check_schema(tool, schema)
    return check_by(StrictValidator(schema), schema)


def check_by(validator: Validator, schema: JsonObject) -> Check:
    """Return a function that checks arguments by a validator, with error messages for the model based on `schema`."""
    hint = known_names(schema)

    def check(arguments: JsonObject) -> Mapping[str, object]:
        dump_arguments(arguments)  # Raises unless the arguments are JSON.
        try:
            errors = list(islice(validator.iter_errors(arguments), _MOST_ERRORS))
        except Exception as exc:  # A broken reference raises only when it is followed.
            raise refused(f"The arguments could not be checked: {type(exc).__name__}: {str(exc)[:500]}") from exc
        if errors:
            raise bad_arguments(_all_problems(errors), hint)
        return arguments

    return check


def check_schema(tool: str, schema: JsonObject) -> None:
    """Raise unless `schema` can be used here.

    Raises:
        ConfigurationError: the schema is invalid, or refers to something outside itself (nothing is ever fetched).
    """
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        place = path_text(str(part) for part in exc.absolute_path)
        raise ConfigurationError(f"Tool {tool!r}: its schema is wrong at {place or 'the top'}: {exc.message}") from exc
    outside = [reference for reference in references(schema) if not reference.startswith("#")]
    if outside:
        raise ConfigurationError(f"Tool {tool!r}: its schema refers to {clip(outside[0], 200)!r}; only # works.")


def _all_problems(errors: Sequence[ValidationError]) -> Iterator[str]:
    # A value of the wrong type is reported once, without the other rules that it violates.
    mistyped = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    for error in errors:
        if error.validator == "type" or tuple(error.absolute_path) not in mistyped:
            yield from _problems(error)


def _problems(error: ValidationError) -> Iterator[str]:
    path = [part if isinstance(part, int) else str(part) for part in error.absolute_path]
    place = path_text(path) or "they"
    value: object = error.instance
    wanted: object = error.validator_value
    if error.validator == "required" and is_mapping(value):
        yield from (missing(path_text([*path, name])) for name in _texts(wanted) if name not in value)
    elif error.validator == "additionalProperties" and is_mapping(value) and wanted is False:
        known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
        yield from (unknown(name, known, path_text(path)) for name in value if name not in known)
    else:
        yield f"{place}: {given(value)} was given, but {_rule(error, wanted)}"


def _rule(error: ValidationError, wanted: object) -> str:
    if error.validator == "type":
        kinds = _texts(wanted) if isinstance(wanted, list) else [str(wanted)]
        named = [kind if kind == "null" else f"an {kind}" if kind[:1] in "aio" else f"a {kind}" for kind in kinds]
        return f"it should be {' or '.join(named)}"
    if error.validator == "enum" and isinstance(wanted, list):
        return f"it should be one of: {', '.join(as_json(choice) for choice in wanted[:20])}"
    return clip(error.message, 120)


def _texts(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
