"""Lines of an MCP server: the same for all pieces they come in, and bounded, with the id of what was thrown away."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.mcp.sdk.lines import LineSplitter, LongLine

LIMIT = 60


@given(st.lists(st.binary(max_size=90).map(lambda line: line.replace(b"\n", b"")), max_size=6), st.integers(1, 40))
def test_lines_are_the_same_for_all_pieces_that_they_come_in(lines: list[bytes], size: int) -> None:
    sent = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(LIMIT)
    found = [line for start in range(0, len(sent), size) for line in splitter.feed(sent[start : start + size])]
    expected = [line if len(line) <= LIMIT else LongLine(len(line), None) for line in lines if line.strip()]
    assert [LongLine(one.size, None) if isinstance(one, LongLine) else one for one in found] == expected


@pytest.mark.parametrize("size", [7, 5_000, 1_000_000])
@pytest.mark.parametrize(
    "order", [("jsonrpc", "id", "result"), ("result", "id", "jsonrpc"), ("result", "jsonrpc", "id")]
)
def test_the_id_of_a_line_that_is_too_long_is_told(order: tuple[str, ...], size: int) -> None:
    message = {"jsonrpc": "2.0", "id": 41, "result": {"id": 7, "text": "x" * 20_000}}
    sent = json.dumps({key: message[key] for key in order}).encode() + b"\n"
    splitter = LineSplitter(LIMIT)
    found = [line for start in range(0, len(sent), size) for line in splitter.feed(sent[start : start + size])]
    assert found == [LongLine(len(sent) - 1, 41)]


def test_an_id_deep_in_a_line_is_none() -> None:
    sent = json.dumps({"result": {"id": 7, "text": "x" * 200}, "other": []}).encode() + b"\n"
    assert LineSplitter(LIMIT).feed(sent) == [LongLine(len(sent) - 1, None)]
