"""A function that a user passed to a flow: how many arguments it takes, and how it is called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Final

from lightagent.aiokits.thread_job import Pace
from lightagent.application.flow.code_digests import code_digest
from lightagent.application.tools.call_function import call_function

_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
MOST_GIVEN: Final = 2
"""Arguments that a flow gives a function at most."""


class FlowFunction:
    """A function as a flow calls it. A synchronous one runs in a worker thread, which cannot be stopped.

    Attributes:
        wants: how many arguments it takes by position: those without a default, and one called ``context``.
    """

    __slots__ = ("_digest", "_function", "_is_async", "_pace", "_signature", "name", "wants")

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._is_async = _is_async(function)
        self._pace = Pace()
        self.name: str = str(getattr(function, "__name__", type(function).__name__))
        self._signature = _signature(function)
        self.wants: int = 1 if self._signature is None else _wants(self._signature)
        self._digest = ""

    def digest(self) -> str:
        """The digest of its code, as it was when this was first asked."""
        if not self._digest:
            self._digest = code_digest(self._function)
        return self._digest

    def unfit(self, given: int | None = None) -> str:
        """The function's parameters if a flow cannot call it with them; empty if it can, or if they are unknown.

        Args:
            given: how many arguments it is always given; None: as many as it wants, `MOST_GIVEN` at most.
        """
        if self._signature is None:
            return ""
        number = min(self.wants, MOST_GIVEN) if given is None else given
        parameters = self._signature.parameters
        try:
            bound = self._signature.bind(*[None] * number)
        except TypeError:
            return _names(parameters.values())
        unheard = "context" in parameters and "context" not in bound.arguments
        return _names(parameters.values()) if unheard and parameters["context"].kind in _BY_POSITION else ""

    def call(
        self, *arguments: object, is_cancelled: Callable[[], bool] | None = None
    ) -> Coroutine[object, object, object]:
        """The function's final result; the items of a generator are joined if they are all text, else listed."""
        return call_function(
            self._function,
            arguments,
            {},
            is_async=self._is_async,
            is_cancelled=_never if is_cancelled is None else is_cancelled,
            pace=self._pace,
            show=_show_nothing,
        )


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    """The parameters of a function; None if they are unknown, as for some functions in C."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _names(parameters: Iterable[inspect.Parameter]) -> str:
    """Parameters as they are declared, without their types, such as `(query, *, style)`."""
    return str(inspect.Signature([one.replace(annotation=inspect.Parameter.empty) for one in parameters]))


def _wants(signature: inspect.Signature) -> int:
    """How many arguments a function wants."""
    found = [one for one in signature.parameters.values() if one.kind in _BY_POSITION]
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
