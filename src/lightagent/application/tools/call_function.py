"""Call a user's function of any kind and return its final result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from inspect import isasyncgen, isawaitable, isgenerator

from lightagent.aiokits.thread_job import Pace
from lightagent.aiokits.worker_threads import run_in_thread, run_in_thread_at
from lightagent.application.tools.signature import Function

IsCancelled = Callable[[], bool]
Show = Callable[[object], None]


async def call_function(
    function: Function,
    positional: Sequence[object],
    named: Mapping[str, object],
    *,
    is_async: bool,
    is_cancelled: IsCancelled,
    pace: Pace | None = None,
    show: Show,
) -> object:
    """Return the final result of `function`; `show` receives each item of a generator as it is yielded.

    A function that is not `is_async` runs in a worker thread. The items of a generator or async generator are joined if
    all are text, otherwise returned as a list; a generator that yields nothing returns None.
    """
    if is_async:
        result = function(*positional, **named)
    else:
        result = await run_in_thread_at(pace, _call_and_drain, function, positional, named, is_cancelled, show)
        if pace is not None and (isawaitable(result) or isasyncgen(result)):
            pace.is_quick = False  # Only the start was quick.
    # A wrapper may return anything: a coroutine, a generator made by a coroutine …
    while not isinstance(result, str) and isawaitable(result):
        result = await result
    if isinstance(result, str):
        return result
    if isasyncgen(result):
        async with aclosing(result):
            return await _drain_async(result, show)
    if isgenerator(result):
        return await run_in_thread(_drain, result, is_cancelled, show)
    return result


def _call_and_drain(
    function: Function, positional: Sequence[object], named: Mapping[str, object], is_cancelled: IsCancelled, show: Show
) -> object:
    result = function(*positional, **named)
    return _drain(result, is_cancelled, show) if isgenerator(result) else result


async def _drain_async(generator: AsyncIterator[object], show: Show) -> object:
    items: list[object] = []
    async for item in generator:
        items.append(item)
        show(item)
    return _joined(items)


def _drain(generator: Iterator[object], is_cancelled: IsCancelled, show: Show) -> object:
    items: list[object] = []
    for item in generator:
        items.append(item)
        show(item)
        if is_cancelled():  # Free the thread: the caller no longer waits.
            break
    return _joined(items)


def _joined(items: list[object]) -> object:
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        return items
    return "".join(texts) if texts else None
