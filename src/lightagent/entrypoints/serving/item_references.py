"""Items that a responses request names by their ids, in the place of which stand the items themselves.

The Vercel AI SDK sends so what earlier answers had in them. Only answers of the caller's own are looked at.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from lightagent.application.serving.chat_requests import MOST_MESSAGES
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.serving.response_inputs import input_items
from lightagent.application.serving.response_items import REQUEST_PREFIX
from lightagent.application.serving.response_requests import NOT_KEPT
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.entrypoints.serving.kept_responses import kept_response
from lightagent.entrypoints.serving.requests import ServedRequest

_ITEM_ID: Final = re.compile(
    r"(?:msg|rs|fc|mcp)_([0-9A-Za-z-]{1,100}(?:_[0-9]{1,9})?(?:_s[a-z2-7]{1,1300})?)_[0-9]{1,9}(?:_in)?"
)
"""The id of an item; it holds that of its answer."""


async def with_references(request: ServedRequest) -> ServedRequest:
    """The same, with what its references name, and with the user whom it is for.

    Raises:
        RequestRefused: there is no such item among those of the caller's.
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
    """Whether an item is one; clients may leave out that it is, where nothing but an id is there."""
    return isinstance(item, dict) and (item.get("type") == "item_reference" or item.keys() == {"id"})


async def _named(
    request: ServedRequest, item: JsonObject, at: str, known: dict[str, dict[str, JsonObject]]
) -> JsonObject:
    name = item.get("id")
    if not isinstance(name, str):
        raise RequestRefused(400, f"{at}: text is wanted.", "", param=at)
    if name.startswith(REQUEST_PREFIX):  # What waits is found by the decision, and says nothing by itself.
        return {"type": "mcp_approval_request"}
    read = _ITEM_ID.fullmatch(name)
    if read is not None:
        if read[1] not in known:
            known[read[1]] = await _items(request, read[1], name, at)
        if name in known[read[1]]:
            return known[read[1]][name]
    raise _unknown(name, at)


async def _items(request: ServedRequest, stem: str, name: str, at: str) -> dict[str, JsonObject]:
    """All items of an answer, by their ids."""
    try:
        answer = await kept_response(request, f"resp_{stem}")
    except RequestRefused as refused:
        raise _unknown(name, at) from refused
    output = answer.body(request)["output"]
    items = [*input_items(answer.id, answer.journal.events), *(output if isinstance(output, list) else [])]
    return {str(item["id"]): item for item in items if isinstance(item, dict)}


def _unknown(name: str, at: str) -> RequestRefused:
    return RequestRefused(
        404, f"{at}: there is no item {name!r:.100}.", f"{NOT_KEPT} Or send the item itself.", param=at
    )
