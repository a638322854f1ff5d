"""One call of a tool outside of a run, for programs and people who try it."""

from __future__ import annotations

from typing import TypeVar

from lightagent.application.tools.argument_errors import refused
from lightagent.application.tools.foreign_tool import checked, declared
from lightagent.application.tools.invoke import invoke
from lightagent.domain.json_types import JsonObject
from lightagent.domain.signals import ControlSignal
from lightagent.ports.tools import RunContext, Tool

DepsT = TypeVar("DepsT")


async def call_alone(tool: Tool[DepsT], name: str, arguments: JsonObject, context: RunContext[DepsT]) -> str:
    """The tool's answer as text.

    Raises:
        ToolError: the arguments do not fit, the tool failed, or a human has to approve the call and has not.
        LightAgentError: another one, as the tool raised it.
        asyncio.CancelledError: the call was cancelled.
    """
    if declared(tool, name).requires_approval and not context.approved:
        raise refused(f"{name} runs only with a human's approval, and there is nobody to ask.")
    try:
        return (await invoke(tool, checked(tool, name, arguments), context)).output
    except ControlSignal as signal:
        raise refused(f"{name} stopped to ask a human, and there is nobody to ask: {signal}") from signal
