"""Refuses options that do not exist or have the wrong type, before anything runs.

The options are declared once, in a TypedDict that static type checkers read; the checks here read the same TypedDict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Final, Literal, Union, get_args, get_origin, get_type_hints

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import is_sequence

_EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "history": '[{"role": "user", "content": "..."}]',
        "budgets": "BudgetLimits(tokens=50_000)",
        "context_budget": "ContextBudget(max_tokens=8_000)",
        "limits": "Limits(...)",
        "retry": "RetryPolicy(attempts=3)",
        "cancel": "CancellationToken()",
        "telemetry": "[OpenTelemetrySink()]",
        "approvers": '["ann"]',
        "tags": '["nightly"]',
    }
)
"""Example values for error texts; an option that is missing here is shown as ``name=[...]`` or ``name=Class(...)``."""

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def check_options(
    options: Mapping[str, object],
    declared: type,
    owner: str,
    *,
    parameters: tuple[str, ...] = (),
    absent: Mapping[str, str] = NOTHING,
) -> None:
    """Raise unless each option is declared and its value has the declared type. None is accepted for every option.

    Where a sequence is declared, any sequence is accepted except text and bytes.

    Args:
        options: the options to check, by name.
        declared: the TypedDict that declares the options.
        owner: the name of the function or class that takes the options, for the error text.
        parameters: names of other parameters of the same call, which are suggested for a misspelt name.
        absent: options that no longer exist, with what to do instead. Their values None and False are ignored.

    Raises:
        ConfigurationError: an option is unknown (the text suggests the nearest known name, or lists all of them), or
            its value has another type (the text names both types).
    """
    known = declared_types(declared)
    for name, value in options.items():
        types = known.get(name)
        if types is None:
            if name in absent and (value is None or value is False):
                continue
            hint = absent.get(name) or _nearest(name, (*known, *parameters), absent)
            raise ConfigurationError(f"{owner} has no option {name!r}.", guidance=hint)
        if value is None or object in types:
            continue
        if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
            continue
        if list in types and is_sequence(value):
            continue
        expected = " or ".join(dict.fromkeys(kind.__name__ for kind in types if kind is not NoneType))
        raise ConfigurationError(
            f"{owner}: {name} must be {expected}, got {type(value).__name__}.", guidance=_remedy(name, types)
        )


def _nearest(name: str, known: tuple[str, ...], absent: Mapping[str, str]) -> str:
    """Return a sentence that suggests the name nearest to an unknown one, or that lists all known names."""
    near = get_close_matches(name, (*known, *absent), n=1)
    if not near:
        return f"It takes: {', '.join(known)}."
    replacement = "" if near[0] in known else absent[near[0]]
    return f"Did you mean {near[0]!r}? {replacement}".rstrip()


def _remedy(name: str, types: tuple[type, ...]) -> str:
    """Return a sentence that shows how to write an option of these types; empty for simple types such as int."""
    if list in types and tuple in types:
        return f"Leave it out, or write {name}={_EXAMPLES.get(name, '[...]')}."
    own = next((kind.__name__ for kind in types if kind.__module__.startswith("lightagent.")), None)
    if own is None:
        return "Pass a function." if types[0].__name__ == "Callable" else ""
    example = _EXAMPLES.get(name, f"{own}(...)")
    return f"Pass True, or {name}={example}." if bool in types else f"Pass {name}={example}."


def check_text(value: object, name: str) -> None:
    """Raise unless the value is text. None is refused too: the missing id of a guest must not select all users.

    Args:
        name: the name of the parameter, for the error text.

    Raises:
        ConfigurationError: the value is not a `str`.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be str, got {type(value).__name__}.", guidance=_OF_TEXTS.get(name, ""))


_OF_TEXTS: Final = {
    "user_id": 'Pass "" for data that belongs to no user.',
    "query": "Pass text; encode other data as JSON: json.dumps(...).",
}


@cache
def declared_types(declared: type) -> Mapping[str, tuple[type, ...]]:
    """Return the options of a TypedDict, each with the classes for `isinstance`; `object` accepts every value."""
    return {name: tuple(_classes(form)) for name, form in get_type_hints(declared).items()}


def _classes(form: object) -> list[type]:
    origin = get_origin(form)
    if origin in (Union, UnionType):
        return [kind for part in get_args(form) for kind in _classes(part)]
    if origin is Sequence:
        return [list, tuple]
    if origin is Literal:
        return [type(value) for value in get_args(form)]
    if form is float:
        return [int, float]
    kind = origin or form
    # Protocols are checked where the option is used, with an error that names the missing method.
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return [object]
    return [kind]
