"""How a body is written."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.bodies import Body
from lightagent.domain.openapi.parameters import QUERY_STYLES, is_json
from lightagent.domain.openapi.styles import plain_text, styled_pairs
from lightagent.domain.openapi.values import Unwritable, chosen, object_of, percent_encoded, text_of

_UNSENDABLE: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}


def write_body(body: Body, value: JsonValue) -> tuple[str, bytes]:
    """The body and its media type.

    Raises:
        Unwritable: the value has no form in it.
    """
    try:
        match body.form:
            case "json":
                return body.media_type, encode_json(value)
            case "form":
                return body.media_type, _form(body, value).encode()
            case "multipart":
                return _multipart(body, value)
            case "text":
                return body.media_type, plain_text(value).encode()
    except UnicodeEncodeError:
        raise Unwritable("the body holds half a character") from None


def _form(body: Body, value: JsonValue) -> str:
    pairs: list[tuple[str, str]] = []
    for name, one in _fields(value).items():
        encoding = object_of(body.encoding.get(name))
        style = chosen(encoding.get("style"), QUERY_STYLES)
        explode = encoding.get("explode")
        if style is not None or isinstance(explode, bool):
            explodes = explode if isinstance(explode, bool) else style in (None, "form")
            pairs += styled_pairs(name, one, style or "form", explode=explodes)
        elif isinstance(one, dict) or is_json(text_of(encoding.get("contentType"))):
            pairs.append((percent_encoded(name), percent_encoded(encode_json(one).decode())))
        else:
            pairs += styled_pairs(name, one, "form", explode=True)
    return "&".join(f"{name}={text}" for name, text in pairs)


def _multipart(body: Body, value: JsonValue) -> tuple[str, bytes]:
    parts = [*_parts(body, _fields(value))]
    # Made of the content, so that it stands in it only by a miracle, and the same call is the same request.
    boundary = f"lightagent-{sha256(b''.join(parts)).hexdigest()[:32]}"
    lines = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return f"multipart/form-data; boundary={boundary}", lines + b"--" + boundary.encode() + b"--\r\n"


def _parts(body: Body, fields: JsonObject) -> Iterator[bytes]:
    for name, value in fields.items():
        schema = object_of(body.properties.get(name))
        media_type = text_of(object_of(body.encoding.get(name)).get("contentType"))
        many = (
            value
            if isinstance(value, list) and not media_type and not any(isinstance(x, dict) for x in value)
            else [value]
        )
        for one in many:
            yield _part(name, one, media_type.partition(",")[0].strip(), is_file=_is_file(schema))


def _is_file(schema: JsonObject) -> bool:
    items = object_of(schema.get("items"))
    return any(one.get("format") == "binary" or "contentMediaType" in one for one in (schema, items))


def _part(name: str, value: JsonValue, media_type: str, *, is_file: bool) -> bytes:
    quoted = "".join(_UNSENDABLE.get(sign, sign) for sign in name)
    head = f'Content-Disposition: form-data; name="{quoted}"'
    if is_file:
        head += f'; filename="{quoted}"'
        media_type = media_type or "application/octet-stream"
    if isinstance(value, dict | list) or is_json(media_type):
        text, media_type = encode_json(value), media_type or "application/json"
    else:
        text = plain_text(value).encode()
    if media_type and media_type.isprintable() and media_type.isascii() and "*" not in media_type:
        head += f"\r\nContent-Type: {media_type}"
    return head.encode() + b"\r\n\r\n" + text


def _fields(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise Unwritable("the body must be an object, whose properties are the fields of a form")
    return {name: one for name, one in value.items() if one is not None}
