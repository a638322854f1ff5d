"""What a server answered, as the model reads it: the text, and a note where it is not what the document says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from lightagent.application.tools.foreign_check import foreign_problem
from lightagent.domain.errors import ToolError
from lightagent.domain.http_calls import HttpAnswer
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi import OpenApiDocument, Operation, Unusable
from lightagent.domain.openapi.parameters import is_json
from lightagent.domain.openapi.schemas import SchemaBundle
from lightagent.domain.openapi.values import object_of, own_entries

_MOST_OF_ERROR: Final = 1_500
_TEXTS: Final = ("application/xml", "application/x-ndjson", "application/yaml", "application/javascript")


def answer_text(document: OpenApiDocument, operation: Operation, answer: HttpAnswer) -> str:
    """The answer as text.

    Raises:
        ToolError: the server answered that the call failed.
    """
    shown = _shown(answer)
    if not 200 <= answer.status < 300:
        raise ToolError(
            f"{operation.method.upper()} {operation.path} answered {_status(answer.status)}: {shown[:_MOST_OF_ERROR]}",
            guidance="",
            retryable=answer.status in (429, 503),
        )
    note = answer_problem(document, operation, answer)
    said = f"[The answer does not fit what its document says: {note}]\n{shown}" if note else shown
    more = answer.header("link") if 'rel="next"' in answer.header("link") else ""
    return f"{said}\n[There is more. Link: {more[:1_000]}]" if more else said


def answer_problem(document: OpenApiDocument, operation: Operation, answer: HttpAnswer) -> str:
    """In which way the answer is none that the document describes; empty where it is one, or that cannot be told."""
    try:
        stated = _stated(document, operation, answer.status)
        if stated is None:
            return f"the status {answer.status} is not described" if operation.responses else ""
        content = own_entries(stated.get("content"))
        if not content or operation.method == "head":
            return ""
        if not answer.content:
            return "it is empty" if answer.status != HTTPStatus.NO_CONTENT else ""
        held = _held(content, answer.media_type)
        if held is None:
            return f"its type is {answer.media_type[:80] or 'not named'}, and not {', '.join(content)[:200]}"
        return _misfit(document, document.resolved(held), answer)
    except (Unusable, RecursionError):
        return ""  # What the document says of answers cannot be read, which costs no answer.


def _misfit(document: OpenApiDocument, held: JsonObject, answer: HttpAnswer) -> str:
    if not is_json(answer.media_type) or "schema" not in held:
        return ""
    try:
        value: JsonValue = json.loads(answer.content)
    except (ValueError, RecursionError):
        return "it is no JSON"
    bundle = SchemaBundle(document, "response")
    schema = bundle.schema(held["schema"])
    if isinstance(schema, bool):
        return ""
    return foreign_problem({**object_of(schema), "$defs": bundle.definitions}, value)


def _stated(document: OpenApiDocument, operation: Operation, status: int) -> JsonObject | None:
    for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
        if key in operation.responses:
            return document.resolved(operation.responses[key])
    return None


def _held(content: Mapping[str, JsonValue], media_type: str) -> JsonValue:
    """What is described of this media type: of itself, of its kind, or of any."""
    known = {name.partition(";")[0].strip().lower(): one for name, one in content.items()}
    kind = f"{media_type.partition('/')[0]}/*"
    return next((known[one] for one in (media_type, kind, "*/*") if one in known), None)


def _shown(answer: HttpAnswer) -> str:
    if not answer.content:
        place = answer.header("location")
        return f"{_status(answer.status)}, without content." + (f" Location: {place[:500]}" if place else "")
    kind = answer.media_type
    if is_json(kind) or kind.startswith("text/") or kind in _TEXTS or kind.endswith("+xml") or not kind:
        return answer.text
    return f"[{len(answer.content):,} bytes of {kind[:80]}, which are not shown]"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
