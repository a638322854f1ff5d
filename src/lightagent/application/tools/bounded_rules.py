"""JSON Schema rules at a bounded cost, for untrusted schemas and values.

A pattern, a net of references, or the comparison of two long lists could block a process for hours. Therefore patterns
are matched in linear time, values are looked up by hash instead of compared, and all other work is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeAlias

from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry

from lightagent.application.tools.arguments import given
from lightagent.application.tools.schema_validation import is_integer
from lightagent.domain.json_types import JsonObject

MOST_REFERENCES: Final = 10_000
"""The maximum number of references followed in one check. The largest schemas in use need a few hundred."""

MOST_STEPS: Final = 300_000
"""The maximum number of rules applied in one check, each weighted by the length of its list: a few seconds. A page of
an API's response with a hundred entries of a hundred properties takes about fifty thousand."""

_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_LEFT_OVER: Final = frozenset({"unevaluatedProperties", "unevaluatedItems"})
"""Rules that compare each entry of a value with the entries that other rules have evaluated."""

Rule: TypeAlias = Callable[..., Iterable[ValidationError] | None]
Matches: TypeAlias = Callable[[str], bool]


@dataclass(slots=True)
class _Left:
    references: int
    steps: int


_left: ContextVar[_Left] = ContextVar("what one check may still cost")


@contextmanager
def one_check() -> Iterator[None]:
    """Reset the counters; a check inside raises `RecursionError` once it exceeds its limits."""
    token = _left.set(_Left(MOST_REFERENCES, MOST_STEPS))
    try:
        yield
    finally:
        _left.reset(token)


_extend: Callable[..., type[Validator]] = extend


def bounded_validator(draft: type[Validator], schema: JsonObject) -> Validator:
    """Return a validator with the rules of `draft` that fetches no references."""
    rules = {**draft.VALIDATORS, "pattern": _patterns(), "enum": _listed_values()}
    if "uniqueItems" in rules:
        rules["uniqueItems"] = _unique
    counted = {name: _counted(name, rule) for name, rule in rules.items()}
    strict = draft.TYPE_CHECKER.redefine("integer", is_integer)
    build: Callable[..., Validator] = _extend(draft, counted, type_checker=strict)
    return build(schema, registry=Registry())


def _counted(name: str, rule: Rule) -> Rule:
    def counting(validator: Validator, target: object, instance: object, within: object) -> Iterator[ValidationError]:
        left = _left.get()
        if name in _REFERENCES:
            left.references -= 1
            if left.references < 0:
                raise RecursionError(f"more than {MOST_REFERENCES:,} references had to be followed")
        left.steps -= 1 + (len(target) if isinstance(target, list | dict) and name != "enum" else 0)
        if name in _LEFT_OVER and isinstance(instance, list | dict):
            left.steps -= len(instance) ** 2 // 20
        if left.steps < 0:
            raise RecursionError(f"more than {MOST_STEPS:,} rules had to be applied")
        yield from rule(validator, target, instance, within) or ()

    return counting


def _patterns() -> Rule:
    """Return the rule for ``pattern``, which caches compiled patterns."""
    known: dict[str, Matches] = {}

    def fits(_validator: Validator, pattern: object, instance: object, _within: object) -> Iterator[ValidationError]:
        if isinstance(instance, str) and isinstance(pattern, str):
            matches = known.get(pattern)
            if matches is None:
                matches = known[pattern] = _matcher(pattern)
            if not matches(instance):
                yield ValidationError(f"it should match {pattern!r}")

    return fits


def _matcher(pattern: str) -> Matches:
    """Return a function that matches the pattern; it accepts any text if the pattern needs more than linear time."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")).isinstance_python
    except PatternError:
        return lambda _text: True


def _listed_values() -> Rule:
    """Return the rule for ``enum``, which caches the values of each list by the identity of the list."""
    known: dict[int, frozenset[Hashable]] = {}  # Ids stay valid: the schema that holds the lists outlives this.

    def listed(_validator: Validator, wanted: object, instance: object, _within: object) -> Iterator[ValidationError]:
        if not isinstance(wanted, list):
            return
        values = known.get(id(wanted))
        if values is None:
            values = known[id(wanted)] = frozenset(map(_by_value, wanted))
        if _by_value(instance) not in values:
            yield ValidationError(f"{given(instance)} is none of its {len(values):,} values")

    return listed


def _unique(_validator: Validator, wanted: object, instance: object, _within: object) -> Iterator[ValidationError]:
    if wanted is True and isinstance(instance, list) and len(set(map(_by_value, instance))) < len(instance):
        yield ValidationError("it has the same item more than once")


def _by_value(value: object) -> Hashable:
    """Return a key that is equal for values that JSON Schema considers equal, such as 1 and 1.0, but not true.

    Numbers are represented as text, because an attacker could choose numbers with equal hashes.
    """
    if isinstance(value, dict):
        return frozenset((name, _by_value(one)) for name, one in value.items())
    if isinstance(value, list):
        return ("list", *map(_by_value, value))
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return ("bool", value)
    return ("number", str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))
