"""Tool calls, as different servers cut and name them."""

import pytest

from lightagent.adapters.chat.openai.tool_calls import ToolCalls
from lightagent.domain.deltas import fold_deltas
from lightagent.domain.messages import ToolCall


def piece(index: object = None, id: object = None, name: object = None, arguments: object = None) -> dict[str, object]:
    """What is None is left out."""
    told = {"name": name, "arguments": arguments}
    function = {key: value for key, value in told.items() if value is not None}
    outer = {"index": index, "id": id, "function": function}
    return {key: value for key, value in outer.items() if value is not None}


def fold(*deltas: list[object], whole: bool = False) -> tuple[ToolCall, ...]:
    pieces = ToolCalls()
    begun = [delta for each in deltas for delta in pieces.read(each, whole=whole)]
    return fold_deltas([*begun, *pieces.whole()]).message.tool_calls


ADD, SUB = ToolCall("a", "add", '{"x":1}'), ToolCall("b", "sub", "{}")


@pytest.mark.parametrize(
    "deltas",
    [
        [
            [piece(0, "a", "add", "")],
            [piece(0, arguments='{"x"')],
            [piece(0, arguments=":1}")],
            [piece(1, "b", "sub", "{}")],
        ],
        [[piece(0, "a", "add", '{"x":1}'), piece(1, "b", "sub", "{}")]],
        [[piece(0, "a", "add"), piece(1, "b", "sub")], [piece(1, arguments="{}"), piece(0, arguments='{"x":1}')]],
        # id and name in every piece
        [[piece(0, "a", "add", '{"x"')], [piece(0, "a", "add", ":1}")], [piece(1, "b", "sub", "{}")]],
        # no index
        [[piece(None, "a", "add", '{"x"')], [piece(None, None, None, ":1}")], [piece(None, "b", "sub", "{}")]],
        [[piece(None, "a", "add", '{"x":1}'), piece(None, "b", "sub", "{}")]],
        # every call has index 0
        [[piece(0, "a", "add", '{"x":1}')], [piece(0, "b", "sub", "{}")]],
        # another id in every piece of a call
        [[piece(0, "a", "add", '{"x"')], [piece(0, "z", None, ":1}")], [piece(1, "b", "sub", "{}")]],
        # indexes that begin anywhere
        [[piece(3, "a", "add", '{"x":1}')], [piece(7, "b", "sub", "{}")]],
        # arguments as an object, a name that comes late
        [[piece(0, "a", None, "")], [piece(0, None, "add", {"x": 1})], [piece(1, "b", "sub", "{}")]],
    ],
    ids=lambda _: "",
)
def test_pieces_find_their_calls(deltas: list[list[object]]) -> None:
    assert [(call.id, call.name, call.arguments.replace(" ", "")) for call in fold(*deltas)] == [
        (ADD.id, ADD.name, ADD.arguments),
        (SUB.id, SUB.name, SUB.arguments),
    ]


def test_whole_calls_are_told_apart_by_their_place() -> None:
    calls = fold([piece(0, "a", "add", "{}"), piece(0, "a", "add", "{}"), piece(None, None, "sub")], whole=True)
    assert [call.name for call in calls] == ["add", "add", "sub"]
    assert len({call.id for call in calls}) == 3
    assert calls[0].id == "a"


def test_ids_that_are_missing_or_used_twice_are_replaced() -> None:
    calls = fold([piece(0, "", "add", "{}")], [piece(1, "x", "sub", "{}")], [piece(2, "x", "mul", "{}")])
    assert [call.name for call in calls] == ["add", "sub", "mul"]
    assert calls[1].id == "x"
    assert calls[0].id.startswith("call_")
    assert calls[2].id.startswith("call_")
    assert len({call.id for call in calls}) == 3


def test_a_server_without_ids_and_indexes() -> None:
    calls = fold([piece(name="add", arguments="{")], [piece(arguments="}")], [piece(name="sub", arguments="{}")])
    assert [(call.name, call.arguments) for call in calls] == [("add", "{}"), ("sub", "{}")]


def test_a_number_is_an_id_too() -> None:
    assert fold([piece(0, 7, "add", "{}")])[0].id == "7"
