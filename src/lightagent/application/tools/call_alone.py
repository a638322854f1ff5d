"""Call a tool once outside of a run, for programs and for people who try it out."""

from __future__ import annotations

from typing import TypeVar

from lightagent.application.tools.argument_errors import refused
from lightagent.application.tools.foreign_tool import checked, declared
from lightagent.application.tools.invoke import invoke
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.signals import ControlSignal
from lightagent.ports.tools import RunContext, Tool

DepsT = TypeVar("DepsT")


async def call_alone(tool: Tool[DepsT], name: str, arguments: JsonObject, context: RunContext[DepsT]) -> str:
    """Call a tool and return its output as text.

    Raises:
        ToolError: the arguments are invalid, the tool failed, or the call requires an approval that it does not have.
        LightAgentError: any other error that the tool raised.
        asyncio.CancelledError: the call was cancelled.
    """
    if declared(tool, name).requires_approval and not context.approved:
        raise refused(f"{name} runs only with a human's approval, which cannot be requested here.")
    try:
        return (await invoke(tool, checked(tool, name, arguments), context)).output
    except ControlSignal as signal:
        raise refused(f"{name} stopped to ask a human, which is not possible here: {signal}") from signal
