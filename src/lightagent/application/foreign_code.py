"""How exceptions of foreign code are handled: gates, sinks, sources, models and tools may be written by others.

Where such code is called, ``except FAILURES as raised`` and then ``failure(raised)``. A `CancelledError` means that the
run was cancelled only if its task was, from outside and since the run began (`aiokits/cancellation.py`). Else what was
cancelled is something that the component waited for, or by the component itself the task that was made for it, and that
is a failure of the component. So is a `GeneratorExit` that it raises. `KeyboardInterrupt` and `SystemExit` mean the
process and go through, from a telemetry sink as well; only a tool's `SystemExit` is a failure of the tool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final, TypeVar

from lightagent.aiokits.abandon import within
from lightagent.aiokits.cancellation import current_task, is_cancelled

T = TypeVar("T")

FAILURES: Final = (Exception, asyncio.CancelledError, GeneratorExit)
"""What a component may raise without ending the process."""


class InnerCancellation(RuntimeError):
    """Something that a component waited for was cancelled, not the run."""


def failure(raised: BaseException) -> Exception:
    """An exception of a component, as its failure.

    Raises:
        asyncio.CancelledError, GeneratorExit: it was not the component's: the run's own task was cancelled, or its
            coroutine is being closed, where nothing may be awaited any more.
    """
    if isinstance(raised, Exception):
        return raised
    if isinstance(raised, asyncio.CancelledError) and not is_cancelled():
        return _caused(InnerCancellation("something it waited for was cancelled"), raised)
    # Without a task, this is a coroutine that was never finished and that the garbage collector closes.
    if isinstance(raised, GeneratorExit) and current_task() is not None:
        return _caused(RuntimeError("GeneratorExit was raised"), raised)
    raise raised


async def await_foreign(work: Coroutine[object, object, T], seconds: float | None = None, *, in_time: bool) -> T:
    """The final result of a component.

    Args:
        seconds: its time limit; None: no limit of its own.
        in_time: the run itself has a deadline, so that the component has to be given up if it does not end
            when it is cancelled. Only then, or with a limit of its own, it costs a task.

    Raises:
        TimeoutError: it took longer than `seconds`.
    """
    if seconds is None and not in_time:
        return await work
    return await within(seconds, work)


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error
