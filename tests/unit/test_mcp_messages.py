"""Messages of servers that the SDK's parser refuses: read where they can be, and else the fault of one request."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("mcp", reason="the environment of openai 2 has no mcp")

import mcp_types as types

from lightagent.adapters.mcp.sdk.faults import CODE
from lightagent.adapters.mcp.sdk.messages import Unreadable, read_message
from lightagent.adapters.mcp.sdk.pipe import Pipe
from lightagent.domain.json_types import JsonObject

CUT = "half of a \ud83d"
ANSWER: JsonObject = {"jsonrpc": "2.0", "id": 7, "result": {"text": CUT}}


@pytest.mark.parametrize("as_bytes", [True, False])
def test_half_a_character_costs_no_message(as_bytes: bool) -> None:
    text = json.dumps(ANSWER)
    message = read_message(text.encode() if as_bytes else text)
    assert isinstance(message, types.JSONRPCResponse)
    assert message.result == {"text": "half of a \ufffd"}


@pytest.mark.parametrize(
    ("line", "answered"),
    [
        ('{"jsonrpc": "2.0", "id": 7, "result": {"n": 1%s}}' % ("0" * 5_000), 7),
        ('{"jsonrpc": "2.0", "id": 7, "result": ' + "[" * 20_000 + "]" * 20_000 + "}", 7),
        ('{"result": {, "id": 7, "jsonrpc": "2.0"}', 7),
        ('{"jsonrpc": "2.0", "id": 7, "result": null}', 7),
        ('{"jsonrpc": "2.0", "id": 7}', 7),
        ('{"jsonrpc": "2.0", "id": "a", "error": {"code": "x", "message": 5}}', "a"),
        ('{"jsonrpc": "2.0", "id": true, "result": 5}', None),
        ('{"jsonrpc": "2.0", "id": 7, "method": 5}', None),
        ('[{"jsonrpc": "2.0", "id": 7, "result": {}}]', None),
        ("listening on port 80", None),
        ("7", None),
    ],
)
def test_what_cannot_be_read_says_which_request_it_answers(line: str, answered: int | str | None) -> None:
    found = read_message(line.encode())
    assert isinstance(found, Unreadable)
    assert found.request_id == answered


def test_only_the_request_that_is_answered_fails_and_at_once() -> None:
    said: list[str] = []
    pipe = Pipe(1_000, said.append, said.append)
    for request in (7, 8):
        pipe.expect(request)
    pipe.take('{"jsonrpc": "2.0", "id": 7, "result": null}')
    pipe.take('{"jsonrpc": "2.0", "id": 7, "result": null}')
    pipe.take('{"jsonrpc": "2.0", "id": 9, "result": null}')
    (item,) = pipe.ready
    assert isinstance(item.message, types.JSONRPCError)
    assert (item.message.id, item.message.error.code) == (7, CODE)
    assert len(said) == 3
