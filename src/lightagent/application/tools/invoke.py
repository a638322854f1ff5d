"""Runs one tool call to its text: the edge where whatever a tool does wrong becomes a fault the run can go on from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from typing_extensions import TypeVar

from lightagent.application.tools.argument_errors import refused
from lightagent.application.tools.describe_failure import describe_failure, innermost
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.application.tools.output import render_output
from lightagent.domain.errors import ToolError
from lightagent.domain.signals import ControlSignal, RetryTool
from lightagent.domain.tools import RunContext, ToolSpec
from lightagent.ports.tools import Tool

DepsT = TypeVar("DepsT", default=None)


class ToolAbandoned(ToolError):
    """Nobody waits for the call any more, but nothing could stop it: whether it takes effect is unknown."""


async def invoke(tool: Tool[DepsT], arguments: Mapping[str, object], context: RunContext[DepsT]) -> str:
    """What the tool answers to `arguments` that its `check` returned, as text for the model.

    Raises:
        ToolError: it failed, asked for another try, or took longer than its timeout and was cancelled. The text is
            for the model; the exception behind it is chained.
        ToolAbandoned: a synchronous function took longer than its timeout; its thread goes on.
        ControlSignal: any other than `RetryTool`, such as `ApprovalRequired`: it is for the run.
        asyncio.CancelledError: the run was cancelled.
    """
    spec = tool.spec
    timeout = asyncio.timeout(spec.timeout)
    try:
        async with timeout:
            output = await tool.call(arguments, context)
        return render_output(output, spec.output_limit)
    except (Exception, SystemExit, asyncio.CancelledError) as exc:
        if isinstance(exc, asyncio.CancelledError) and _is_cancelled():
            raise
        if isinstance(exc, TimeoutError) and timeout.expired():
            raise _too_slow(tool) from exc
        raise _failure(spec, innermost(exc)) from exc


def _is_cancelled() -> bool:
    """Whether somebody cancelled this call, and not the tool something of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _too_slow(tool: Tool[DepsT]) -> ToolError:
    took = f"{tool.spec.name} took longer than {tool.spec.timeout:g} s and was"
    if isinstance(tool, FunctionTool) and not tool.is_async:
        # A thread cannot be stopped. Told that the call was cancelled, a model would make it again: and pay twice.
        return ToolAbandoned(
            f"{took} given up; it may still take effect, so do not call it again without checking.", guidance=""
        )
    return refused(f"{took} cancelled.")


def _failure(spec: ToolSpec, exc: BaseException) -> Exception:
    if isinstance(exc, RetryTool):
        return refused(f"{spec.name} asks for another try: {exc.hint}")
    if isinstance(exc, ControlSignal | ToolError):
        return exc
    if isinstance(exc, asyncio.CancelledError):
        return refused(f"{spec.name} failed: something it waited for was cancelled.")
    return refused(f"{spec.name} failed: {describe_failure(exc)}")
