"""The environment as a layer of settings: ``LIGHTAGENT__MODEL__TIMEOUT=30`` sets ``model.timeout``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Final

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypeForm

from lightagent.adapters.telemetry._native import TELEMETRY_VARIABLE
from lightagent.domain.json_types import JsonValue
from lightagent.settings.merge_layers import flatten, is_too_deep, overlay
from lightagent.settings.origins import KeyPath, Leaves, Origin
from lightagent.settings.problems import Problem
from lightagent.settings.schema import BACKENDS, SECTIONS, option_field

PREFIX: Final = "LIGHTAGENT__"
CONFIG_VARIABLE: Final = "LIGHTAGENT_CONFIG"
PROFILE_VARIABLE: Final = "LIGHTAGENT_PROFILE"
TRUST_VARIABLE: Final = "LIGHTAGENT_TRUST_CONFIG"
VARIABLES: Final = (CONFIG_VARIABLE, PROFILE_VARIABLE, TRUST_VARIABLE, TELEMETRY_VARIABLE)
"""Variables of LightAgent that are not settings."""


def variable_of(path: KeyPath) -> str:
    """The name of the environment variable that sets the option at `path`."""
    return PREFIX + "__".join(path).upper()


def unknown_variables(environ: Mapping[str, str]) -> list[Problem]:
    """Report unknown variables that look like ours: a misspelt one would silently do nothing."""
    names = (name for name in sorted(environ) if _is_meant_for_us(name))
    return [_unknown(name) for name in names if name not in VARIABLES and not name.startswith(PREFIX)]


def _is_meant_for_us(name: str) -> bool:
    """Whether a name has our prefix; without `_` after `LIGHTAGENT` only if the rest resembles one of our variables."""
    said = name.upper().removeprefix("LIGHTAGENT")
    if said == name.upper():
        return False
    if said.startswith("_") or said.lower().startswith(SECTIONS):
        return True
    return bool(get_close_matches(said, _MEANINGS, n=1, cutoff=0.7))


_MEANINGS: Final = {known.removeprefix("LIGHTAGENT_"): known for known in VARIABLES}
"""Without the prefix, which would make any two names alike."""


def _unknown(name: str) -> Problem:
    said = name.upper().removeprefix("LIGHTAGENT").lstrip("_")
    near = [_MEANINGS[one] for one in get_close_matches(said, _MEANINGS, n=1, cutoff=0.5)]
    remedy = f"Settings are {PREFIX}SECTION__OPTION; other variables are {', '.join(VARIABLES)}."
    if near:
        remedy = f"Did you mean {near[0]!r}?"
    section, _, option = said.partition("_")
    if section.lower() in SECTIONS:
        meant = PREFIX + "__".join(filter(None, (section, option.lstrip("_"))))
        remedy = f"Did you mean {meant!r}?"
    return Problem(f"environment variable {name}", "Unknown variable.", remedy)


def environment_leaves(environ: Mapping[str, str]) -> Leaves:
    """Return what the environment sets; a variable for a part of a table overrides one for the whole table."""
    leaves: Leaves = {}
    for name in sorted(
        (name for name in environ if name.startswith(PREFIX)), key=lambda name: (name.count("__"), name)
    ):
        path = tuple(part.lower() for part in name.removeprefix(PREFIX).split("__"))
        origin = Origin("environment", name)
        value = _value(environ[name], in_table=len(path) > 2)
        leaves = overlay(leaves, flatten(path, value, partial(_same, origin)), ())
    return leaves


def typed_leaves(leaves: Leaves) -> Leaves:
    """Parse values of the environment by the type of their option; values of files have types already."""
    return {
        path: replace(leaf, value=_read_text(path, leaf.value)) if leaf.origin.layer == "environment" else leaf
        for path, leaf in leaves.items()
    }


def _same(origin: Origin, _: KeyPath) -> Origin:
    return origin


def _value(text: str, *, in_table: bool) -> JsonValue:
    """Lists and objects are JSON. A plain value of an option stays text, which the option's type then reads.

    Deeper, in a table such as a model's request parameters, values have no declared type: they are JSON if possible.
    """
    if not in_table and not text.lstrip().startswith(("[", "{")):
        return text
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if is_too_deep(value) else value


def _read_text(path: KeyPath, value: JsonValue) -> JsonValue:
    """A variable's text as the type of the option at `path` reads it; itself where it has none or does not fit."""
    form = _option_type(path)
    if form is None or not isinstance(value, str):
        return value
    # Without the field's bounds, so that an error is about those, and not about a text in place of a number.
    lax: TypeAdapter[object] = TypeAdapter(form)
    with suppress(ValidationError):  # Reported when the whole is validated, with its place.
        read = lax.validate_python(value)
        return read if isinstance(read, bool | int | float) else value
    return value


def _option_type(path: KeyPath) -> TypeForm[object] | None:
    """The type of an option outside of backends, whose options only their adapters know."""
    field = None if path[0] in BACKENDS else option_field(path)
    return None if field is None else field.annotation
