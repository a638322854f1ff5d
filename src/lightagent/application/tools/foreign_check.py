"""Checks arguments against a schema that a stranger wrote: as its author meant it, at a cost that has a bound.

A pattern or a net of references in a schema could hold up the event loop for hours, and a reference to elsewhere would
be fetched. So patterns are matched in linear time, references are counted, and nothing is fetched. What cannot be
checked in that way is left to the server, which checks as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Final, TypeAlias

from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, Draft201909Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable

from lightagent.application.tools.argument_errors import clip, path_text
from lightagent.application.tools.compiled import Check
from lightagent.application.tools.schema_validation import StrictValidator, check_by, is_integer
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.foreign_schemas import BeyondRepair, Mended, mend
from lightagent.domain.json_types import JsonObject, JsonValue

MOST_REFERENCES: Final = 10_000
"""References that are followed in one check. The largest schemas in use take some hundreds."""

_DRAFTS: Final = (Draft202012Validator, Draft201909Validator, Draft7Validator, Draft6Validator, Draft4Validator)
_MAPS: Final = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_DATA: Final = frozenset({"enum", "const", "default", "examples", "required"})
# These are matched by `re` within jsonschema; without them nothing can be said of the properties they leave over.
_UNBOUNDED: Final = frozenset({"patternProperties", "additionalProperties", "unevaluatedProperties"})

_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})

_left: ContextVar[list[int]] = ContextVar("references that may still be followed")


def foreign_check(tool: str, schema: JsonValue, shown: JsonObject | None = None) -> Check:
    """The check that `schema` asks for, in whichever draft it is written; it gives the arguments as they are.

    Where it is a schema of no draft, its mended form is asked.

    Args:
        shown: what the model is shown in its place, where that is known; else it is mended for it.

    Raises:
        ConfigurationError: the schema is beyond repair.
    """
    mended = mend(schema) if shown is None else Mended(shown)
    if isinstance(mended, BeyondRepair):
        raise ConfigurationError(f"The schema of the tool {tool!r:.200} cannot be used: {mended.reason}.", guidance="")
    asked = _bounded(schema) if isinstance(schema, dict) else mended.schema
    kind = _draft(asked)
    if kind is None:
        asked, kind = mended.schema, StrictValidator
    check = check_by(_build(kind, asked), mended.schema)

    def bounded(arguments: JsonObject) -> Mapping[str, object]:
        token = _left.set([MOST_REFERENCES])
        try:
            return check(arguments)
        finally:
            _left.reset(token)

    return bounded


def foreign_finder(schema: JsonObject) -> Callable[[JsonValue], str]:
    """Tells the first way in which a value of any kind does not fit a stranger's schema; empty where none is found.

    What cannot be checked at a bounded cost, or refers to what is not there, counts as fitting.
    """
    kind = _draft(schema)
    if kind is None:
        return lambda _value: ""
    validator = _build(kind, _bounded(schema))

    def problem(value: JsonValue) -> str:
        token = _left.set([MOST_REFERENCES])
        try:
            error = next(validator.iter_errors(value), None)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, Unresolvable):
            return ""  # The schema is a stranger's, and whatever it does to the check, the value is still there.
        finally:
            _left.reset(token)
        if error is None:
            return ""
        place = path_text([part if isinstance(part, int) else str(part) for part in error.absolute_path])
        return f"{place or 'the whole'}: {clip(error.message, 200)}"

    return problem


def _draft(schema: JsonObject) -> type[Validator] | None:
    """The draft that the schema names, or else the newest in which it is one; the protocol says 2020-12."""
    named = str(schema.get("$schema", "")).rstrip("#")
    drafts = sorted(_DRAFTS, key=lambda draft: str(draft.META_SCHEMA.get("$schema", "")).rstrip("#") != named)
    return next((draft for draft in drafts if _is_schema(draft, schema)), None)


def _is_schema(draft: type[Validator], schema: JsonObject) -> bool:
    try:
        draft.check_schema(schema)
    except SchemaError:
        return False
    return True


_extend: Callable[..., type[Validator]] = extend


def _build(draft: type[Validator], schema: JsonObject) -> Validator:
    followed = {name: _counted(rule) for name, rule in draft.VALIDATORS.items() if name in _REFERENCES}
    strict = draft.TYPE_CHECKER.redefine("integer", is_integer)
    build: Callable[..., Validator] = _extend(draft, {**followed, "pattern": _pattern}, type_checker=strict)
    return build(schema, registry=Registry())


Rule: TypeAlias = Callable[..., Iterable[ValidationError] | None]


def _counted(follow: Rule) -> Rule:
    def reference(validator: Validator, target: object, instance: object, within: object) -> Iterator[ValidationError]:
        left = _left.get()
        left[0] -= 1
        if left[0] < 0:
            raise RecursionError(f"more than {MOST_REFERENCES:,} references had to be followed")
        yield from follow(validator, target, instance, within) or ()

    return reference


def _pattern(validator: Validator, pattern: object, instance: object, _within: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and isinstance(pattern, str) and not _matches(pattern, instance):
        yield ValidationError(f"it should match {pattern!r}")


def _matches(pattern: str, text: str) -> bool:
    """Whether the pattern is in the text; also where it has what takes more than linear time, which is not asked."""
    try:
        matcher = SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except PatternError:
        return True
    return matcher.isinstance_python(text)


def _bounded(schema: JsonObject) -> JsonObject:
    """The schema without keywords whose cost has no bound."""
    dropped = _UNBOUNDED if "patternProperties" in schema else frozenset()
    kept = ((name, value) for name, value in schema.items() if name not in dropped and not _leads_away(name, value))
    return {name: _bounded_value(name, value) for name, value in kept}


def _leads_away(name: str, value: JsonValue) -> bool:
    """Whether it is a dynamic reference to elsewhere, which mending drops; a schema with any other is beyond repair."""
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
