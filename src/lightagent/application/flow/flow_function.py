"""A function that a user passed to a flow: how many arguments it takes, and how it is called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Final

from lightagent.aiokits.thread_job import Pace
from lightagent.application.flow.code_digests import code_digest
from lightagent.application.tools.drain_results import call_function

_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class FlowFunction:
    """A function as a flow calls it. A synchronous one runs in a worker thread, which nothing can stop.

    Attributes:
        wants: how many arguments it takes by position: those without a default, and one called ``context``.
    """

    __slots__ = ("_digest", "_function", "_is_async", "_pace", "name", "wants")

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._is_async = _is_async(function)
        self._pace = Pace()
        self.name: str = str(getattr(function, "__name__", type(function).__name__))
        self.wants: int = _wants(function)
        self._digest = ""

    def digest(self) -> str:
        """The digest of its code, as it was when this was first asked."""
        if not self._digest:
            self._digest = code_digest(self._function)
        return self._digest

    def call(
        self, *arguments: object, is_cancelled: Callable[[], bool] | None = None
    ) -> Coroutine[object, object, object]:
        """What it returns in the end; what a generator yields is joined if it is all text, else listed."""
        return call_function(
            self._function,
            arguments,
            {},
            is_async=self._is_async,
            is_cancelled=_never if is_cancelled is None else is_cancelled,
            pace=self._pace,
            show=_show_nothing,
        )


def _wants(function: Callable[..., object]) -> int:
    """How many arguments a function wants; one where it does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # Some functions of C have none.
        return 1
    found = [one for one in parameters if one.kind in _BY_POSITION]
    return sum(one.default is one.empty or one.name == "context" for one in found)


def _is_async(function: Callable[..., object]) -> bool:
    """Whether calling it does not block; `functools.partial` and wrappers are looked through."""
    while isinstance(function, functools.partial):
        function = function.func
    code: object = inspect.unwrap(function)
    if not inspect.isroutine(code):
        code = type(code).__call__
    return inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code)


def _never() -> bool:
    return False


def _show_nothing(part: object) -> None:
    return None
