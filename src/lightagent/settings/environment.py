"""The environment as a layer of settings: ``LIGHTAGENT__MODEL__TIMEOUT=30`` sets ``model.timeout``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Final

from lightagent.domain.json_types import JsonValue
from lightagent.settings.layers import flatten, overlay
from lightagent.settings.origins import KeyPath, Leaves, Origin

PREFIX: Final = "LIGHTAGENT__"
CONFIG_VARIABLE: Final = "LIGHTAGENT_CONFIG"
PROFILE_VARIABLE: Final = "LIGHTAGENT_PROFILE"


def environment_leaves(environ: Mapping[str, str]) -> Leaves:
    """What the environment sets; a variable for a part of a table goes over one for the whole."""
    leaves: Leaves = {}
    for name in sorted(
        (name for name in environ if name.startswith(PREFIX)), key=lambda name: (name.count("__"), name)
    ):
        path = tuple(part.lower() for part in name.removeprefix(PREFIX).split("__"))
        origin = Origin("environment", name)
        value = _value(environ[name], in_table=len(path) > 2)
        leaves = overlay(leaves, flatten(path, value, partial(_same, origin)), ())
    return leaves


def _same(origin: Origin, _: KeyPath) -> Origin:
    return origin


def _value(text: str, *, in_table: bool) -> JsonValue:
    """Lists and objects are JSON. A plain value of an option stays text, which the option's type then reads.

    Deeper, in a table such as a model's request parameters, there is no type to read it by: JSON where it can be.
    """
    if not in_table and not text.lstrip().startswith(("[", "{")):
        return text
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value
