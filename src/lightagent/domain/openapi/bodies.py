"""The body that an operation takes: the one of its forms that is written best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.document import OpenApiDocument
from lightagent.domain.openapi.parameters import is_json
from lightagent.domain.openapi.schemas import SchemaBundle
from lightagent.domain.openapi.values import Unusable, object_of, own_entries, shown_text

BodyForm: TypeAlias = Literal["json", "form", "multipart", "text"]

_BEST_FIRST: Final[tuple[BodyForm, ...]] = ("json", "form", "multipart", "text")


@dataclass(frozen=True, slots=True)
class Body:
    """A body.

    Attributes:
        media_type: as it is sent.
        form: how it is written.
        schema: of its value.
        required: whether a call must have one.
        encoding: how single properties of a form are written, by name.
        properties: the schemas of the form's properties, as the document has them.
        description: what it is.
    """

    media_type: str
    form: BodyForm
    schema: JsonValue
    required: bool
    encoding: JsonObject
    properties: JsonObject
    description: str = ""


def read_body(document: OpenApiDocument, written: JsonValue, bundle: SchemaBundle) -> Body | None:
    """Return the body of an operation, or None if it takes none.

    Raises:
        Unusable: it cannot be written in any of its media types.
    """
    if written is None:
        return None
    stands = document.resolved(written)
    content = own_entries(stands.get("content"))
    if not content:
        return None
    forms: dict[str, BodyForm] = {}
    for one in content:
        form = _form(one)
        if form is not None:
            forms[one] = form
    if not forms:
        raise Unusable(f"its body is {', '.join(content)[:100]}, which cannot be written here")
    media_type = min(forms, key=lambda one: _BEST_FIRST.index(forms[one]))
    held = document.resolved(content[media_type])
    schema = held.get("schema", {})
    return Body(
        media_type="application/json" if "*" in media_type else _sent(media_type),
        form=forms[media_type],
        schema=bundle.schema(schema),
        required=stands.get("required") is True,
        encoding=object_of(held.get("encoding")),
        properties=_properties(document, schema) if forms[media_type] in ("form", "multipart") else {},
        description=shown_text(stands.get("description")),
    )


def _sent(media_type: str) -> str:
    """The media type with the charset in which bodies are written, where it names one."""
    kind, *parameters = (part.strip() for part in media_type.split(";"))
    named = [one for one in parameters if one.lower().partition("=")[0].strip() == "charset"]
    kept = [one for one in parameters if one not in named]
    return "; ".join([kind, *kept, *(["charset=utf-8"] if named else [])])


def _form(media_type: str) -> BodyForm | None:
    if not (media_type.isascii() and media_type.isprintable()):
        return None  # No header could say it.
    kind = media_type.partition(";")[0].strip().lower()
    if is_json(kind):
        return "json"
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if kind in ("multipart/form-data", "multipart/*"):
        return "multipart"
    if kind.startswith("text/") or kind == "application/octet-stream":
        return "text"
    return None


def _properties(document: OpenApiDocument, schema: JsonValue) -> JsonObject:
    described = document.resolved(schema)
    return {name: document.resolved(one) for name, one in object_of(described.get("properties")).items()}
