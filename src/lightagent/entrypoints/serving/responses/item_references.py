"""Resolve item references in a responses request: ids of items are replaced by the items themselves.

The Vercel AI SDK refers to the items of earlier responses in this way. Only the caller's own responses are searched.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from lightagent.application.serving.chat.requests import MOST_MESSAGES
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.responses.inputs import input_items
from lightagent.application.serving.responses.items import REQUEST_PREFIX
from lightagent.application.serving.responses.requests import NOT_KEPT
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.responses.stored import find_response

_ITEM_ID: Final = re.compile(
    r"(?:msg|rs|fc|mcp)_([0-9A-Za-z-]{1,100}(?:_[0-9]{1,9})?(?:_s[a-z2-7]{1,1300})?)_[0-9]{1,9}(?:_in)?"
)
"""The id of an item, which contains the id of its response."""


async def with_references(request: ServedRequest) -> ServedRequest:
    """Return the request with its references replaced by the items, on behalf of the user that its body names.

    Raises:
        RequestRefused: the caller has no such item.
    """
    user, items = request.body.get("user"), request.body.get("input")
    if isinstance(user, str):
        request = request.for_user(user)
    if not isinstance(items, list) or not any(_is_reference(item) for item in items):
        return request
    if len(items) > MOST_MESSAGES:
        raise RequestRefused(
            413, f"input: {len(items)} items are too many.", f"The most is {MOST_MESSAGES}.", param="input"
        )
    known = dict[str, dict[str, JsonObject]]()
    found = list[JsonValue]()
    for place, item in enumerate(items):
        if isinstance(item, dict) and _is_reference(item):
            found.append(await _named(request, item, f"input[{place}].id", known))
        else:
            found.append(item)
    return replace(request, body={**request.body, "input": found})


def _is_reference(item: JsonValue) -> bool:
    """Return whether an item is a reference; clients may omit its type if it consists of an id only."""
    return isinstance(item, dict) and (item.get("type") == "item_reference" or item.keys() == {"id"})


async def _named(
    request: ServedRequest, item: JsonObject, at: str, known: dict[str, dict[str, JsonObject]]
) -> JsonObject:
    name = item.get("id")
    if not isinstance(name, str):
        raise RequestRefused(400, f"{at}: must be text.", "", param=at)
    if name.startswith(REQUEST_PREFIX):  # The decision identifies the waiting call; the request itself adds nothing.
        return {"type": "mcp_approval_request"}
    read = _ITEM_ID.fullmatch(name)
    if read is not None:
        if read[1] not in known:
            known[read[1]] = await _items(request, read[1], name, at)
        if name in known[read[1]]:
            return known[read[1]][name]
    raise _unknown(name, at)


async def _items(request: ServedRequest, stem: str, name: str, at: str) -> dict[str, JsonObject]:
    """Return all items of a response, by their ids."""
    try:
        answer = await find_response(request, f"resp_{stem}")
    except RequestRefused as refused:
        raise _unknown(name, at) from refused
    output = answer.body(request)["output"]
    items = [*input_items(answer.id, answer.journal.events), *(output if isinstance(output, list) else [])]
    return {str(item["id"]): item for item in items if isinstance(item, dict)}


def _unknown(name: str, at: str) -> RequestRefused:
    return RequestRefused(
        404, f"{at}: the item {name!r:.100} does not exist.", f"{NOT_KEPT} Or send the item itself.", param=at
    )
