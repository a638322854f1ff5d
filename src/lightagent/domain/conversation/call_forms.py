"""What a model called, in a form that every server takes back. The journal keeps what the model wrote."""

from __future__ import annotations

import json
import math
import re
import string
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Final, Literal, Never, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue

MOST_ID: Final = 40
"""The longest id of a call that OpenAI takes."""

IdForm: TypeAlias = Literal["visible", "word", "nine_letters"]
"""How the ids of calls are written: in 1 to 40 visible ASCII characters, in as many of a-z, A-Z, 0-9, _ and -, or in
exactly nine of a-z, A-Z and 0-9."""

_VALID_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_VISIBLE_ID: Final = re.compile(r"[!-~]{1,40}")
_OTHER_IDS: Final[Mapping[IdForm, re.Pattern[str]]] = {
    "word": re.compile(r"[a-zA-Z0-9_-]{1,40}"),
    "nine_letters": re.compile(r"[a-zA-Z0-9]{9}"),
}
_ID_LETTERS: Final = string.ascii_letters + string.digits
_INVALID: Final = re.compile(r"[^a-zA-Z0-9_-]+")

# What leaks into a name: special tokens of chat templates and what follows them, the namespace that the template puts
# before a name, and the number that Kimi puts behind it.
_TOKENS: Final = re.compile(r"<[|\uff5c].*|\[/?TOOL.*", re.DOTALL)
_NAMESPACE: Final = re.compile(r"(?:(?:functions?|tools?|default_api)[.:/])++")
_NUMBER: Final = re.compile(r":\d+$")
_MOST_READ: Final = 1_000
_AROUND: Final = " \t\r\n\"'`()"


def plain_name(name: str) -> str:
    """A name without what leaks into names: `functions.now`, ` now` and `now<|channel|>commentary` are all `now`."""
    bare = _TOKENS.sub("", name[:_MOST_READ]).strip(_AROUND)
    if (addressed := bare.rpartition("to=")[2]).startswith("functions."):  # as in `commentary to=functions.now`
        bare = addressed
    namespace = _NAMESPACE.match(bare)
    bare = bare if namespace is None else bare[namespace.end() :]
    return _NUMBER.sub("", bare).strip(_AROUND)


def sent_name(name: str) -> str:
    """The name as it is sent back: 1 to 64 of a-z, A-Z, 0-9, _ and -."""
    if _VALID_NAME.fullmatch(name):
        return name
    return _INVALID.sub("_", plain_name(name))[:64] or "unknown_tool"


def resolve_called_name(name: str, names: Collection[str]) -> str:
    """The one of `names` that a call of `name` means.

    It is `name` itself, unless that is none of them and exactly one of them is left once what leaks into names is
    taken off; so a tool that is really called so always wins, and nothing is chosen between two.
    """
    if name in names:
        return name
    found = {plain for plain in (plain_name(name), sent_name(name)) if plain in names}
    return found.pop() if len(found) == 1 else name


def sent_id(call_id: str, form: IdForm = "visible") -> str:
    """The id as it is sent back with a call and with its result, in the form that the server takes.

    What depends on the id alone gives a call and its result the same, wherever they are encoded. Two ids become one
    only if their hashes begin alike; nine letters hold 53 bits of them.
    """
    if (_VISIBLE_ID if form == "visible" else _OTHER_IDS[form]).fullmatch(call_id):
        return call_id
    digest = sha256(call_id.encode("utf-8", "surrogatepass"))
    return _nine_letters(digest.digest()) if form == "nine_letters" else f"call_{digest.hexdigest()[:24]}"


def _nine_letters(digest: bytes) -> str:
    number, letters = int.from_bytes(digest), ""
    for _ in range(9):
        number, place = divmod(number, len(_ID_LETTERS))
        letters += _ID_LETTERS[place]
    return letters


def sent_arguments(text: str) -> str:
    """The arguments as they are sent back: a JSON object that every server can parse.

    That is the model's own text wherever it is one. One that is an object only to a lenient reader (a raw line break in
    a text, an object that was encoded twice) is written anew, and of what is none at all nothing is left.
    """
    value = _lenient(text)
    if isinstance(value, str):
        value = _lenient(value)
        return _written(value) if isinstance(value, dict) else "{}"
    if not isinstance(value, dict):
        return "{}"
    return text if _is_strict(text, value) else _written(value)


def _lenient(text: str) -> JsonValue:
    try:
        found: JsonValue = _LENIENT.decode(text)
    except (ValueError, RecursionError):
        return None
    return found


def _is_strict(text: str, value: JsonObject) -> bool:
    """Whether other readers take it too: no raw control character in a text, and no half of a surrogate pair."""
    try:
        if not text.isprintable():
            json.loads(text)
        if not text.isascii():
            text.encode()
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _written(value: JsonObject) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return "{}"
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _refused(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number of most languages.")
    return number


_LENIENT: Final = json.JSONDecoder(strict=False, parse_constant=_refused, parse_float=_finite)
