"""Tool calls, as different servers cut and name them."""

import pytest

from lightagent.adapters.chat.openai.tool_calls import ToolCalls
from lightagent.domain.conversation.deltas import fold_deltas
from lightagent.domain.conversation.messages import ToolCall
from tests.support.costs import grows_evenly


def piece(index: object = None, id: object = None, name: object = None, arguments: object = None) -> object:
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


def test_whole_calls_are_distinguished_by_their_position() -> None:
    calls = fold([piece(0, "a", "add", "{}"), piece(0, "a", "add", "{}"), piece(None, None, "sub")], whole=True)
    assert [call.name for call in calls] == ["add", "add", "sub"]
    assert len({call.id for call in calls}) == 3
    assert calls[0].id == "a"


@pytest.mark.parametrize(("first", "second"), [("{}", "{}"), ('{"x":1}', '{"x":1}'), ("{}", '{"x":1}')])
def test_identical_whole_calls_in_one_delta_are_separate_calls(first: str, second: str) -> None:
    calls = fold([piece(0, None, "add", first), piece(0, None, "add", second)])
    assert [(call.name, call.arguments) for call in calls] == [("add", first), ("add", second)]
    assert len({call.id for call in calls}) == 2


def test_pieces_of_one_call_in_one_delta_are_one_call() -> None:
    for pieces in (
        [piece(0, "a", "add", ""), piece(0, None, None, '{"x":1}')],
        [piece(0, None, "add", '{"x"'), piece(0, None, "add", ":1}")],
        [piece(0, None, "add", ""), piece(0, None, "add", '{"x":1}')],
        [None, piece(0, "a", "add", '{"x":1}'), None],
    ):
        assert [(call.name, call.arguments) for call in fold(pieces)] == [("add", '{"x":1}')]


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


OSLO, ROME = '{"city":"Oslo"}', '{"city":"Rome"}'


@pytest.mark.parametrize(
    "deltas",
    [
        # by id, without an index
        [[piece(id="a", name="f", arguments="")], [piece(id="b", name="g", arguments="")],
         [piece(id="a", arguments=OSLO[:6])], [piece(id="b", arguments=ROME[:9])],
         [piece(id="a", arguments=OSLO[6:])], [piece(id="b", arguments=ROME[9:])]],
        # by id, all with index 0
        [[piece(0, "a", "f", "")], [piece(0, "b", "g", "")], [piece(0, "a", None, OSLO)], [piece(0, "b", None, ROME)]],
        # by id, name with every piece
        [[piece(0, "a", "f")], [piece(0, "b", "g")], [piece(0, "a", "f", OSLO)], [piece(0, "b", "g", ROME)]],
        # by id, the index only in the first piece
        [[piece(0, "a", "f", "")], [piece(1, "b", "g", "")], [piece(id="b", arguments=ROME)],
         [piece(id="a", arguments=OSLO)]],
        # by place, with neither
        [[piece(name="f", arguments=""), piece(name="g", arguments="")],
         [piece(arguments=OSLO[:5]), piece(arguments=ROME[:7])],
         [piece(arguments=OSLO[5:]), piece(arguments=ROME[7:])]],
        # by place, ids only at the beginning
        [[piece(id="a", name="f"), piece(id="b", name="g")], [piece(arguments=OSLO), piece(arguments=ROME)]],
        # whole calls, all with index 0 and no id
        [[piece(0, "", "f", OSLO)], [piece(0, "", "g", ROME)]],
        # whole calls, an index of null
        [[piece("null", "a", "f", OSLO)], [piece("null", "b", "g", ROME)]],
        # an index as text
        [[piece("0", "a", "f", "")], [piece("1", "b", "g", "")], [piece("0", arguments=OSLO)],
         [piece("1", arguments=ROME)]],
        # a function without its envelope
        [[{"id": "a", "name": "f", "arguments": OSLO}, {"id": "b", "name": "g", "arguments": {"city": "Rome"}}]],
    ],
)  # fmt: skip
def test_pieces_of_two_calls_are_distinguished(deltas: list[list[object]]) -> None:
    calls = [(call.name, call.arguments.replace(" ", "")) for call in fold(*deltas)]
    assert calls == [("f", OSLO), ("g", ROME)]


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        ([[piece(0, "", "f", OSLO)], [piece(0, "", "f", ROME)]], [("f", OSLO), ("f", ROME)]),
        ([[piece(0, "", "f", OSLO)], [piece(0, "", "f", OSLO)]], [("f", OSLO)]),
        ([[piece(0, "a", "f", OSLO)], [piece(1, "b", "f", OSLO)]], [("f", OSLO), ("f", OSLO)]),
        ([[piece(0, "a", "f", OSLO[:5])], [piece(0, "z", "f", OSLO[5:])]], [("f", OSLO)]),
        ([[piece(id="a", name="f", arguments=OSLO)], [piece(id="b")], [piece(id="b", name="g", arguments=ROME)]],
         [("f", OSLO), ("g", ROME)]),
    ],
)  # fmt: skip
def test_one_call_or_two(deltas: list[list[object]], calls: list[tuple[str, str]]) -> None:
    assert [(call.name, call.arguments) for call in fold(*deltas)] == calls


@pytest.mark.parametrize(
    "names",
    [
        ["get_weather"],
        ["get_", "weather"],
        ["g", "et_we", "ather"],
        ["get_weather", "get_weather"],
        ["get_", "get_weather"],
        ["get_weather", ""],
        [None, "get_weather"],
    ],
)
def test_a_name_in_fragments(names: list[str | None]) -> None:
    for index, id in ((0, "a"), (None, "a"), (None, None)):
        first, *rest = [piece(index, id if at == 0 else None, name) for at, name in enumerate(names)]
        (call,) = fold([first], *([each] for each in rest), [piece(index, arguments=OSLO)])
        assert (call.name, call.arguments) == ("get_weather", OSLO)


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        (["{}", OSLO], OSLO),
        (["{}", OSLO[:3], OSLO[3:]], OSLO),
        (["null", OSLO], OSLO),
        (['""', OSLO[:9], OSLO[9:]], OSLO),
        ([OSLO, "{}"], OSLO),
        ([OSLO, OSLO], OSLO),
        ([OSLO[:4], OSLO[4:], OSLO], OSLO),
        ([OSLO[:4], OSLO[4:], '{"city": "Oslo"}'], OSLO),
        ([OSLO[:4], OSLO[4:], OSLO[:4], OSLO[4:]], OSLO),
        ([OSLO[:4], OSLO[:9], OSLO], OSLO),
        ([{}, {"city": "Oslo"}], '{"city": "Oslo"}'),
        ([{"city": "Oslo"}], '{"city": "Oslo"}'),
        (["{}"], "{}"),
        (["{}", "{}"], "{}"),
        (["", "{}", ""], "{}"),
        (["{", "}"], "{}"),
        (['{"a":', "{}", "}"], '{"a":{}}'),
        (['{"a":', "null", "}"], '{"a":null}'),
        (['{"a":"', "}", '{"}'], '{"a":"}{"}'),
        (['{"a":"\\', '"', '}"}'], '{"a":"\\"}"}'),
        (['{"a":1', '{"b":2}'], '{"a":1{"b":2}'),
    ],
)
def test_arguments_that_a_server_repeats(arguments: list[object], whole: str) -> None:
    for index, id in ((0, "a"), (None, "a")):
        pieces: list[list[object]] = [
            [piece(index, id, "f" if at == 0 else None, each)] for at, each in enumerate(arguments)
        ]
        assert [call.arguments for call in fold(*pieces)] == [whole]


def test_many_repetitions_cost_no_more_than_their_length() -> None:
    def read(pieces: int) -> None:
        fold([piece(0, "a", "f", OSLO)], *([piece(0, "a", "f", '{"city":"Rome"}')] for _ in range(pieces)))

    assert grows_evenly(read, 2_000)
