"""JSON schemas of what the GenAI conventions keep in attributes of the type `any`.

Written by the schemas that the OpenTelemetry semantic conventions publish with version 1.41.1 under `docs/gen-ai`
(https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai): gen-ai-input-messages.json,
gen-ai-output-messages.json, gen-ai-system-instructions.json, gen-ai-tool-definitions.json and
gen-ai-retrieval-documents.json. They are stricter in three points: a part of a known type must have that type's form
(theirs lets any object with a `type` pass), roles are those they list, and so are finish reasons, besides `unknown`.
"""

from __future__ import annotations

from typing import Final

from jsonschema import Draft202012Validator

from lightagent.domain.json_types import JsonObject, JsonValue

TEXT: Final[JsonObject] = {"type": "string"}
NO_TYPE: Final[JsonObject] = {"type": ["string", "null"]}


def _part(name: str, required: list[JsonValue], properties: JsonObject) -> JsonObject:
    """The rule for parts of one type."""
    is_it: JsonObject = {"properties": {"type": {"const": name}}}
    return {"if": is_it, "then": {"required": required, "properties": properties}}


PART: Final[JsonObject] = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": TEXT},
    "allOf": [
        _part("text", ["content"], {"content": TEXT}),
        _part("reasoning", ["content"], {"content": TEXT}),
        _part("tool_call", ["name"], {"id": NO_TYPE, "name": TEXT}),
        _part("tool_call_response", ["response"], {"id": NO_TYPE}),
        _part("blob", ["modality", "content"], {"modality": TEXT, "mime_type": NO_TYPE, "content": TEXT}),
        _part("file", ["modality", "file_id"], {"modality": TEXT, "mime_type": NO_TYPE, "file_id": TEXT}),
        _part("uri", ["modality", "uri"], {"modality": TEXT, "mime_type": NO_TYPE, "uri": TEXT}),
    ],
}

MESSAGE: Final[JsonObject] = {
    "type": "object",
    "required": ["role", "parts"],
    "properties": {
        "role": {"enum": ["system", "user", "assistant", "tool"]},
        "parts": {"type": "array", "items": PART},
        "name": NO_TYPE,
    },
}

REASONS: Final[JsonObject] = {"enum": ["stop", "length", "content_filter", "tool_call", "error", "unknown"]}

SCHEMAS: Final[dict[str, JsonObject]] = {
    "gen_ai.input.messages": {"type": "array", "items": MESSAGE},
    "gen_ai.output.messages": {
        "type": "array",
        "items": {"allOf": [MESSAGE, {"required": ["finish_reason"], "properties": {"finish_reason": REASONS}}]},
    },
    "gen_ai.system_instructions": {"type": "array", "items": PART},
    "gen_ai.tool.definitions": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["type", "name"],
            "properties": {"type": TEXT, "name": TEXT, "description": NO_TYPE, "parameters": {"type": "object"}},
        },
    },
    "gen_ai.retrieval.documents": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["id", "score"],
            "properties": {"id": TEXT, "score": {"type": "number"}},
        },
    },
    "gen_ai.tool.call.arguments": {"type": "object"},
}


def problems(attribute: str, value: JsonValue) -> list[str]:
    """What the schema of an attribute finds wrong; an attribute without one takes anything."""
    schema = SCHEMAS.get(attribute)
    return [] if schema is None else [error.message for error in Draft202012Validator(schema).iter_errors(value)]
