"""JSON pointers in the fragment of a URL, as references of schemas and of OpenAPI documents have them."""

from __future__ import annotations

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.percent_encoding import percent_decode


def at_pointer(start: JsonObject, fragment: str) -> JsonValue:
    """Return the value at a fragment; an empty one means `start`.

    Raises:
        LookupError: the fragment leads nowhere.
    """
    place: JsonValue = start
    for step in percent_decode(fragment).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict):
            place = place[key]
        elif isinstance(place, list) and key.isascii() and key.isdigit():
            place = place[int(key[:9])]
        else:
            raise LookupError(key)
    return place
