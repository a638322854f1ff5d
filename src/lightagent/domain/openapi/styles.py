"""How values are written in a URL, a header and a cookie, by the style of their parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.parameters import Parameter, Style, is_json
from lightagent.domain.openapi.values import Unwritable, percent_encoded

Pairs: TypeAlias = list[tuple[str, str]]
"""Names and values as they stand in a query or a cookie, percent-encoded."""

# Reserved characters that neither end a query nor part its values.
_RESERVED_IN_QUERY: Final = ":/?@!$'()*,;"
_DELIMITERS: Final = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


def plain_text(value: JsonValue) -> str:
    """A single value as text.

    Raises:
        Unwritable: it is a list or an object, which cannot be written in this place.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        raise Unwritable("a list or an object within another has no form in this place")
    if value is None:
        return ""
    return value if isinstance(value, str) else encode_json(value).decode()


def path_text(parameter: Parameter, value: JsonValue) -> str:
    """The value as a part of a path, percent-encoded: nothing in it ends a segment or the path."""
    if parameter.media_type:
        return percent_encoded(_in_media_type(parameter, value))
    name, explode = percent_encoded(parameter.name), parameter.explode
    if parameter.style == "matrix":
        return _matrix(name, value, explode=explode)
    between = "." if parameter.style == "label" and explode else ","
    text = between.join(_parts(value, explode=explode))
    return f".{text}" if parameter.style == "label" else text


def _matrix(name: str, value: JsonValue, *, explode: bool) -> str:
    if isinstance(value, dict) and explode:
        return "".join(f";{part}" for part in _parts(value, explode=True))
    if isinstance(value, list) and explode:
        return "".join(f";{name}={part}" for part in _parts(value, explode=True))
    text = ",".join(_parts(value, explode=False))
    return f";{name}={text}" if text else f";{name}"


def _parts(value: JsonValue, *, explode: bool, keep: str = "") -> list[str]:
    """A value's parts: one of a single value, those of a list, the names and values of an object."""
    if isinstance(value, list):
        return [percent_encoded(plain_text(one), keep) for one in value]
    if not isinstance(value, dict):
        return [percent_encoded(plain_text(value), keep)]
    return _joined(_encoded_pairs(value, keep), explode=explode)


def _plain_pairs(value: JsonObject) -> list[tuple[str, str]]:
    """The names and values of an object, as they are before they are encoded."""
    return [(name, plain_text(one)) for name, one in value.items() if one is not None]


def _encoded_pairs(value: JsonObject, keep: str) -> Pairs:
    return [(percent_encoded(name), percent_encoded(text, keep)) for name, text in _plain_pairs(value)]


def _joined(pairs: Sequence[tuple[str, str]], *, explode: bool) -> list[str]:
    """Each pair as one part, or each name and value as a part of its own."""
    return [f"{name}={text}" for name, text in pairs] if explode else [part for pair in pairs for part in pair]


def query_pairs(parameter: Parameter, value: JsonValue) -> Pairs:
    """The value as parts of a query."""
    keep = _RESERVED_IN_QUERY if parameter.allow_reserved else ""
    if parameter.media_type:
        return [(percent_encoded(parameter.name), percent_encoded(_in_media_type(parameter, value), keep))]
    return styled_pairs(parameter.name, value, parameter.style, explode=parameter.explode, keep=keep)


def styled_pairs(name: str, value: JsonValue, style: Style, *, explode: bool, keep: str = "") -> Pairs:
    """A named value as parts of a query or of a form."""
    encoded = percent_encoded(name)
    if style == "deepObject":
        if not isinstance(value, dict):
            raise Unwritable(f"{name} must be an object")
        return [*_deep(encoded, value, keep)]
    if isinstance(value, dict) and explode:
        return _encoded_pairs(value, keep)
    if isinstance(value, list) and explode:
        return [(encoded, part) for part in _parts(value, explode=True, keep=keep)]
    if value is None or value in ([], {}):
        return []
    return [(encoded, _DELIMITERS.get(style, ",").join(_parts(value, explode=False, keep=keep)))]


def _deep(prefix: str, value: JsonObject, keep: str) -> Pairs:
    """An object as ``name[key]=value``; objects and lists within it go on in the same way."""
    pairs: Pairs = []
    for key, one in value.items():
        place = f"{prefix}%5B{percent_encoded(key)}%5D"
        if isinstance(one, dict):
            pairs += _deep(place, one, keep)
        elif isinstance(one, list):
            pairs += [(place, percent_encoded(plain_text(each), keep)) for each in one]
        elif one is not None:
            pairs.append((place, percent_encoded(plain_text(one), keep)))
    return pairs


def header_text(parameter: Parameter, value: JsonValue) -> str:
    """The value of a header.

    Raises:
        Unwritable: it holds what no header can.
    """
    text = _in_media_type(parameter, value) if parameter.media_type else ",".join(_header_parts(parameter, value))
    if any(sign < " " or "\x7f" <= sign < "\xa0" or sign > "\xff" for sign in text) or text != text.strip():
        raise Unwritable("a header is one line of printable Latin characters, without spaces at its ends")
    return text


def _header_parts(parameter: Parameter, value: JsonValue) -> Sequence[str]:
    if isinstance(value, list):
        return [plain_text(one) for one in value]
    if isinstance(value, dict):
        return _joined(_plain_pairs(value), explode=parameter.explode)
    return [plain_text(value)]


def _in_media_type(parameter: Parameter, value: JsonValue) -> str:
    if is_json(parameter.media_type):
        return encode_json(value).decode()
    return plain_text(value)
