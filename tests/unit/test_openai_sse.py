"""Server-sent events: any split of the bytes gives the same events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.chat.openai.sse import ErrorEvent, Event, EventDecoder
from tests.support.costs import grows_evenly


def decode(*pieces: bytes) -> list[Event]:
    decoder = EventDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.end()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\r\n\r\ndata:b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b": hello\n\n:\n\ndata: a\n\n", [b"a"]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\nunknown\n\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data\n\n", []),
        (b"data: \n\n", []),
        (b"data:\n\n", []),
        (b"data:   \n\n", []),
        (b"data\r\rdata: a\r\r", [b"a"]),
        (b"event: ping\ndata: {}\n\ndata: a\n\n", [b"a"]),
        (b"event: keep-alive\r\ndata: x\r\n\r\ndata: a\r\n\r\n", [b"a"]),
        (b"event: heartbeat\n\ndata: a\n\n", [b"a"]),
        (b"event: error\ndata: a\n\ndata: b\n\n", [ErrorEvent(b"a"), b"b"]),
        (b"data: a\nevent: error\n\n", [ErrorEvent(b"a")]),
        (b"event: message\ndata: a\n\n", [b"a"]),
        (b"error: {}\n\n", [b"{}"]),
        (b"\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"", []),
        (b"database: x\n\n", []),
        ("data: Grüße 👋🏽\n\n".encode(), ["Grüße 👋🏽".encode()]),
    ],
)
def test_events_are_found(stream: bytes, events: list[Event]) -> None:
    assert decode(stream) == events
    assert decode(*(stream[at : at + 1] for at in range(len(stream)))) == events


LINES = st.sampled_from(
    [b"data: {}", b"data:x", b"data: \xf0\x9f\x91\x8b", b": c", b"", b"id: 1", b"data", b"\xef\xbb\xbfdata: b"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.lists(st.integers(0, 200), max_size=12))
def test_any_split_gives_the_same_events(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in lines)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert decode(*pieces) == decode(stream)


def test_an_event_is_returned_as_soon_as_it_ends() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [b"a"]
    assert decoder.feed(b"\ndata: b\r\n\r\n") == [b"b"]


def test_a_line_in_many_pieces_costs_no_more_than_its_length() -> None:
    def feed(pieces: int) -> None:
        decoder = EventDecoder()
        decoder.feed(b"data: ")
        for _ in range(pieces):
            decoder.feed(b"x" * 1000)
        assert decoder.pending == 1000 * pieces + 6
        assert decoder.feed(b"\n\n") == [b"x" * 1000 * pieces]

    assert grows_evenly(feed, 2_000)
