"""What a server answered, as the model reads it: the text, and a note where it is not what the document says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.tools.foreign_check import foreign_finder
from lightagent.domain.errors import ToolError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.http_calls import HttpAnswer
from lightagent.domain.openapi import OpenApiDocument, Operation, Unusable
from lightagent.domain.openapi.parameters import is_json
from lightagent.domain.openapi.schemas import SchemaBundle
from lightagent.domain.openapi.values import object_of, own_entries

_MOST_OF_ERROR: Final = 1_500
_TEXTS: Final = ("application/xml", "application/x-ndjson", "application/yaml", "application/javascript")
_NEXT: Final = re.compile(r""";\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)""", re.IGNORECASE)
_LONG: Final = 16_384
"""Bytes of an answer that is checked in a worker thread, and so holds up no event loop."""

Finder: TypeAlias = Callable[[JsonValue], str]


class AnswerReader:
    """Reads the answers of one operation; what its document says of them is worked out when first needed."""

    def __init__(self, document: OpenApiDocument, operation: Operation) -> None:
        self._document = document
        self._operation = operation
        self._finders: dict[tuple[int, str], Finder] = {}

    async def text(self, answer: HttpAnswer) -> str:
        """The answer as text.

        Raises:
            ToolError: the server answered that the call failed.
        """
        shown = _shown(answer)
        if not 200 <= answer.status < 300:
            operation = self._operation
            raise ToolError(
                f"{operation.method.upper()} {operation.path} answered {_status(answer.status)}: "
                f"{shown[:_MOST_OF_ERROR]}",
                guidance="",
                retryable=answer.status in (429, 503),
            )
        is_known = (answer.status, answer.media_type) in self._finders
        if is_known and len(answer.content) < _LONG:
            note = self._problem(answer)
        else:  # To work out a schema takes some milliseconds as well.
            note = await run_in_thread(lambda: self._problem(answer))
        notes = [f"The answer does not fit what its document says: {note}"] if note else []
        link = answer.header("link")
        if _NEXT.search(link):
            notes.append(f"There is more. Link: {link[:1_000]}")
        return "".join(f"[{one}]\n" for one in notes) + shown  # In front, since a long answer is cut at its end.

    def _problem(self, answer: HttpAnswer) -> str:
        """In which way the answer is none that is described; empty where it is one, or that cannot be told."""
        try:
            stated = self._stated(answer.status)
            if stated is None:
                return f"the status {answer.status} is not described" if self._operation.responses else ""
            content = own_entries(stated.get("content"))
            if not content or self._operation.method == "head":
                return ""
            if not answer.content:
                return "it is empty" if answer.status != HTTPStatus.NO_CONTENT else ""
            held = _held(content, answer.media_type)
            if held is None:
                return f"its type is {answer.media_type[:80] or 'not named'}, and not {', '.join(content)[:200]}"
            return self._misfit(self._document.resolved(held), answer)
        except (Unusable, RecursionError):
            return ""  # What the document says of answers cannot be read, which costs no answer.

    def _misfit(self, held: JsonObject, answer: HttpAnswer) -> str:
        if not is_json(answer.media_type) or "schema" not in held:
            return ""
        try:
            value: JsonValue = json.loads(answer.content)
        except (ValueError, RecursionError):
            return "it is no JSON"
        key = (answer.status, answer.media_type)
        finder = self._finders.get(key)
        if finder is None:
            finder = self._finders[key] = self._finder(held["schema"])
        return finder(value)

    def _finder(self, written: JsonValue) -> Finder:
        bundle = SchemaBundle(self._document, "response")
        schema = bundle.schema(written)
        return foreign_finder({**object_of(schema), "$defs": bundle.definitions})

    def _stated(self, status: int) -> JsonObject | None:
        responses = self._operation.responses
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            if key in responses:
                return self._document.resolved(responses[key])
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
