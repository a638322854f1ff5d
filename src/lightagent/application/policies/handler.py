"""A function that decides: how it is called, its time limit, and its result."""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from types import CoroutineType
from typing import Final

from typing_extensions import TypeIs

from lightagent.aiokits.thread_job import Pace
from lightagent.aiokits.worker_threads import run_in_thread_at
from lightagent.application.foreign_code import FAILURES, InnerCancellation, await_foreign, failure
from lightagent.domain.errors import ConfigurationError

Function = Callable[..., object]

_PLAIN: Final = (bool, type(None), str, dict)
"""The types of most answers, none of which can be awaited; comparing types is faster than asking `inspect`."""

MOST_NAME: Final = 80
"""Characters of a policy's name in journals."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A function gave no answer.

    Attributes:
        problem: what went wrong, in a sentence that does not quote the function's arguments.
    """

    problem: str


class Handler:
    """Calls a function, in a worker thread unless it is async.

    Args:
        function: to be called.
        what: names it in errors.
        takes: the names of its arguments.
        timeout: seconds for one call. An async function is cancelled then; a synchronous one goes on in
            its thread, and its answer is ignored.

    Attributes:
        may_join: other functions may be called before and after it in the same thread.

    Raises:
        ConfigurationError: it cannot be called with these arguments, or the timeout is not a number of seconds above 0.
    """

    __slots__ = ("_is_async", "function", "may_join", "pace", "timeout")

    def __init__(self, function: Function, what: str, takes: tuple[str, ...], timeout: float | None = None) -> None:
        _check_signature(function, what, takes)
        self.timeout: float | None = checked_seconds(timeout, what)
        self.function: Function = function
        self._is_async = _is_async(function)
        self.pace: Pace = Pace()
        self.may_join: bool = not self._is_async and self.timeout is None

    def call_here(self, *arguments: object) -> object:
        """The answer of a synchronous function that is called in this very thread; for quick functions only."""
        try:
            return self.function(*arguments)
        except FAILURES as raised:
            return Fault(f"It raised {type(failure(raised)).__name__}.")

    async def call(self, *arguments: object) -> object:
        """The function's final answer, or a `Fault`."""
        if self.timeout is not None or not self._is_async:
            return await caught(self._call(arguments), self.timeout)
        try:  # The fast path of most policies: no coroutine around another one.
            answer = self.function(*arguments)
            if type(answer) is CoroutineType:
                answer = await answer
            return await settled(answer) if is_begun(answer) else answer
        except FAILURES as raised:  # Foreign code: any exception is a fault.
            return _fault(raised)

    async def _call(self, arguments: tuple[object, ...]) -> object:
        if self._is_async:
            return await settled(self.function(*arguments))
        answer = await run_in_thread_at(self.pace, self.function, *arguments)
        if is_begun(answer):
            self.pace.is_quick = False
            return await settled(answer)
        return answer


def is_begun(answer: object) -> TypeIs[Awaitable[object]]:
    """Whether the answer has to be awaited."""
    return type(answer) not in _PLAIN and inspect.isawaitable(answer)


async def settled(answer: object) -> object:
    """The final value of an answer that may have to be awaited, once or more often."""
    while is_begun(answer):
        answer = await answer
    return answer


async def caught(work: Coroutine[object, object, object], seconds: float | None) -> object:
    """The final answer of a function, or a `Fault` if it raises or takes more than these seconds."""
    try:
        return await (work if seconds is None else await_foreign(work, seconds, in_time=False))
    except TimeoutError:
        if seconds is not None:
            return Fault(f"It did not decide within its {seconds:g} s.")
        return Fault("It raised TimeoutError.")
    except FAILURES as raised:  # Foreign code: any exception is a fault.
        return _fault(raised)


def _fault(raised: BaseException) -> Fault:
    """The fault for an exception of a function; a cancellation of the run itself is raised again."""
    error = failure(raised)
    if isinstance(error, InnerCancellation):
        return Fault("Something that it waited for was cancelled.")
    return Fault(f"It raised {type(error).__name__}.")


def name_of(function: object) -> str:
    """The name of a function, or of an object that stands for one."""
    while isinstance(function, partial):
        function = function.func
    name: object = getattr(function, "__name__", None) or getattr(function, "name", None)
    return (name if isinstance(name, str) and name else type(function).__name__)[:MOST_NAME]


class OwnNames:
    """Gives each policy a name of its own, for decisions on record.

    Args:
        kind: the prefix of each name.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._counts: dict[str, int] = {}

    def own(self, name: str) -> str:
        """`name`, with a number if another policy has it already."""
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return f"{self._kind}:{name}" if count == 1 else f"{self._kind}:{name}#{count}"


def checked_seconds(seconds: float | None, what: str) -> float | None:
    """The seconds themselves.

    Raises:
        ConfigurationError: they are not a number above 0.
    """
    number: object = seconds
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number < math.inf:
        raise ConfigurationError(
            f"{what}: timeout must be a number of seconds greater than 0, got {number!r:.50}.",
            guidance="Pass None for no limit.",
        )
    return float(number)


def _check_signature(function: Function, what: str, takes: tuple[str, ...]) -> None:
    if not callable(function):
        raise ConfigurationError(f"{what}: expected a function, got {type(function).__name__}.", guidance="")
    if inspect.isclass(function):
        raise ConfigurationError(f"{what}: got the class {function.__name__} itself.", guidance="Pass an object of it.")
    try:
        inspect.signature(function).bind(*takes)
    except ValueError:
        return  # Some built-in functions have no signature that can be read.
    except TypeError as error:
        wanted = ", ".join(takes)
        raise ConfigurationError(f"{what}: it is called with ({wanted}), but {error}.", guidance="") from None


def _is_async(function: object) -> bool:
    while isinstance(function, partial):
        function = function.func
    called = inspect.getattr_static(type(function), "__call__", None)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
