"""The MCP methods of the server: list the models that a caller may use as tools, and call them."""

from __future__ import annotations

import uuid
from importlib.metadata import version
from typing import Final

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

from lightagent.application.serving.error_statuses import RequestRefused, public_error
from lightagent.application.serving.mcp_tools import read_tool_arguments, takes, tool_answer, tool_names
from lightagent.domain.conversation.deltas import is_delta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError
from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.runs.events import ToolStarted
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.connections import CLIENT_LEFT
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.task_conversations import conversation, new_task
from lightagent.entrypoints.serving.task_runs import TaskRun
from lightagent.options import RunOptions

REQUEST: Final = "lightagent.request"
"""Key of the ASGI scope under which the `ServedRequest` is stored."""


def mcp_server() -> Server[dict[str, object]]:
    """Return the SDK's server. It does not depend on the caller, who is known from each request."""
    return Server("lightagent", version=version("lightagent"), on_list_tools=list_tools, on_call_tool=call_tool)


async def list_tools(
    context: ServerRequestContext[dict[str, object]], params: PaginatedRequestParams | None
) -> ListToolsResult:
    """List the models that this caller may use, as tools."""
    found = _tools(_request_of(context))
    return ListToolsResult(tools=[_tool(name, served) for name, served in found.items()])


async def call_tool(context: ServerRequestContext[dict[str, object]], params: CallToolRequestParams) -> CallToolResult:
    """Query one of the models. Errors are returned as the result of the call, so that the calling model can react.

    Raises:
        MCPError: the tool does not exist.
    """
    request = _request_of(context)
    served = _tools(request).get(params.name)
    if served is None:
        raise MCPError(INVALID_PARAMS, f"The tool {params.name[:100]!a} does not exist.")
    try:
        task_run = await _begun(request, served, params)
        await _followed(task_run, context)
    except RequestRefused as refused:
        return _failed(refused.info)
    except LightAgentError as error:
        request.log(error)
        return _failed(public_error(error.info))
    if task_run.error is not None:
        return _failed(public_error(task_run.error))
    answer = tool_answer(task_run.task)
    return _result(answer.text, failed=answer.failed)


def _request_of(context: ServerRequestContext[dict[str, object]]) -> ServedRequest:
    scope: object = getattr(context.request, "scope", None)
    found = scope.get(REQUEST) if isinstance(scope, dict) else None
    assert isinstance(found, ServedRequest), "every request comes through the door"
    return found


def _tools(request: ServedRequest) -> dict[str, Served]:
    """Return the models that are tools for this caller, by tool name."""
    served = {one.name: one for one in request.serving.catalogue if one.kind != "utility"}
    names = tool_names(served)  # Computed from all models, so that a tool has the same name for every caller.
    return {name: served[model] for name, model in names.items() if request.caller.may_use(model)}


def _tool(name: str, served: Served) -> Tool:
    described = f"Ask the {served.kind} {whole_characters(served.name)} and return its answer."
    return Tool(name=name, title=whole_characters(served.name), description=described, input_schema=takes())


async def _begun(request: ServedRequest, served: Served, params: CallToolRequestParams) -> TaskRun:
    asked = read_tool_arguments(params.arguments or {})
    context_id = asked.conversation or uuid.uuid4().hex
    before = await conversation(request, served, context_id) if asked.conversation else []
    options = RunOptions(history=before, run_group_id=context_id, trace_id=request.trace_id or None)
    run = request.serving.begin(request.caller, served.agent, asked.query, options, stream=True)
    task = new_task(request, served, run.id, context_id)
    return request.serving.tasks.begin(run, task, request.caller.owner, served.name)


async def _followed(task_run: TaskRun, context: ServerRequestContext[dict[str, object]]) -> None:
    """Report progress until the run ends. If the call is cancelled, so is the run."""
    shown = _request_of(context).serving.settings.tools_shown != "hidden"
    listener, count = task_run.listen(), 0
    try:
        while (task_step := await listener.get()) is not None:
            if is_delta(task_step.step):
                continue
            count += 1
            name = whole_characters(task_step.step.name) if shown and isinstance(task_step.step, ToolStarted) else None
            await context.session.report_progress(count, None, name)
        await task_run.done.wait()
    finally:
        task_run.leave(listener)
        if not task_run.done.is_set():
            task_run.run.cancel(CLIENT_LEFT)


def _failed(info: LightAgentErrorInfo) -> CallToolResult:
    return _result(" ".join(filter(None, (info.message, info.guidance))), failed=True)


def _result(text: str, *, failed: bool) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=whole_characters(text))], is_error=failed)
