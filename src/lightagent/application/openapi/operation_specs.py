"""An operation as a model is shown it, and as its arguments are checked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from lightagent.application.openapi.shortened_schema import shortened_schema
from lightagent.domain.foreign_schemas import BeyondRepair, mend
from lightagent.domain.json_bytes import whole_characters, whole_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi import Operation, Unusable
from lightagent.domain.openapi.parameters import BODY, Parameter
from lightagent.domain.openapi.values import object_of, shown_text
from lightagent.domain.policy.capabilities import OPENAPI
from lightagent.domain.tools.spec import ToolSpec

_DEPTHS: Final = (8, 6, 5, 4, 3, 2)
"""How deep a schema is shown that is too large as a whole, one try after the other."""

_MOST_MENDED: Final = 150_000
"""Characters of a schema that may come to fit when it is mended; it does not become five times smaller by that."""

_TOO_LARGE: Final = BeyondRepair(f"it has more than {_MOST_MENDED:,} characters", by_size=True)

KEY_HEADER: Final = "idempotency-key"
"""The header that the run itself fills in, where an operation takes it."""


def without_filled(operation: Operation, credentials: frozenset[tuple[str, str]]) -> Operation:
    """The operation without the parameters that a model has no say in: credentials, and the key of the call.

    Args:
        credentials: the keys of parameters that are filled in.
    """
    hidden = credentials | {("header", KEY_HEADER)}
    kept = tuple(one for one in operation.parameters if one.key not in hidden)
    return operation if len(kept) == len(operation.parameters) else replace(operation, parameters=kept)


def takes_key(operation: Operation) -> bool:
    """Whether the operation takes a key by which the server knows a call that it has had before."""
    return any(one.place == "header" and one.name.lower() == KEY_HEADER for one in operation.parameters)


def arguments_schema(operation: Operation) -> JsonObject:
    """What the arguments have to be, by the document's own schemas."""
    properties: JsonObject = {one.argument: _described(one) for one in operation.parameters}
    required: list[JsonValue] = [one.argument for one in operation.parameters if one.required]
    if operation.body is not None:
        said = operation.body.description or "The body of the request."
        properties[BODY] = _with_description(operation.body.schema, said)
        required += [BODY] if operation.body.required else []
    schema: JsonObject = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    if operation.definitions:
        schema["$defs"] = operation.definitions
    return schema


def operation_spec(operation: Operation, service: str, schema: JsonObject) -> ToolSpec:
    """What the model is shown.

    Raises:
        Unusable: no schema that providers take could stand for that of its arguments.
    """
    mended = mend(whole_json(schema)) if len(json.dumps(schema)) <= _MOST_MENDED else _TOO_LARGE
    for depth in _DEPTHS:
        if not (isinstance(mended, BeyondRepair) and mended.by_size):
            break
        shorter = shortened_schema(schema, depth)
        if shorter is not None:
            mended = mend(whole_json(shorter))
    if isinstance(mended, BeyondRepair):
        raise Unusable(f"its arguments are beyond repair: {mended.reason}")
    return ToolSpec(
        name=operation.name,
        description=shown_text(_description(operation)),
        parameters=mended.schema,
        title=whole_characters(shown_text(operation.summary))[:200],
        idempotent=operation.reads_only,
        capabilities=("read", "network") if operation.reads_only else ("write", "network"),
        provider=f"{OPENAPI}{whole_characters(service)}",
    )


def _description(operation: Operation) -> str:
    what = f"{operation.method.upper()} {operation.path}" + (" (deprecated)" if operation.deprecated else "")
    summary = "" if operation.description.startswith(operation.summary) else operation.summary
    text = "\n\n".join(part.strip() for part in (summary, operation.description) if part.strip())
    return whole_characters(f"{what}\n{text}" if text else what)


def _described(parameter: Parameter) -> JsonValue:
    said = parameter.description.strip()
    if parameter.argument != parameter.name:
        said = f"{parameter.name} in the {parameter.place}. {said}".strip()
    return _with_description(parameter.schema, said)


def _with_description(schema: JsonValue, said: str) -> JsonValue:
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    return {**object_of(schema), "description": said} if said else schema
