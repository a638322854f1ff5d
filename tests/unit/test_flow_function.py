"""Functions that users pass to flows: how many arguments they take, and whether calling them blocks."""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from lightagent.application.flow.flow_function import FlowFunction


class Odd:
    """Says that it has whatever it is asked for."""

    def __getattr__(self, name: str) -> Odd:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, query: str) -> str:
        return f"odd {query}"


class AsyncCaller:
    async def __call__(self, query: str, context: object) -> str:
        assert threading.current_thread() is threading.main_thread()
        return f"{query} {context}"

    async def method(self, query: str) -> str:
        assert threading.current_thread() is threading.main_thread()
        return f"method {query}"


async def parts(query: str) -> AsyncIterator[str]:
    yield query
    yield "!"


def pieces(query: str) -> Iterator[str]:
    yield query
    yield "?"


def wrapped(function: Callable[[str], object]) -> Callable[[str], object]:
    @functools.wraps(function)
    def call(query: str) -> object:
        return function(query)

    return call


@pytest.mark.parametrize(
    ("function", "wants", "result"),
    [
        (Odd(), 1, "odd a"),
        (AsyncCaller(), 2, "a b"),
        (AsyncCaller().method, 1, "method a"),
        (functools.partial(functools.partial(AsyncCaller().method)), 1, "method a"),
        (wrapped(AsyncCaller().method), 1, "method a"),
        (parts, 1, "a!"),
        (pieces, 1, "a?"),
        (lambda *everything: len(everything), 0, 0),
        (lambda query, context=None: context, 2, "b"),
        (lambda query, other=3: other, 1, 3),
        (str.upper, 1, "A"),
        (print, 0, None),
        ({"a": 1}.get, 1, 1),
    ],
)
async def test_a_function_is_called_as_it_wants(function: Callable[..., object], wants: int, result: object) -> None:
    made = FlowFunction(function)
    assert made.wants == wants
    assert await made.call(*("a", "b")[:wants]) == result
