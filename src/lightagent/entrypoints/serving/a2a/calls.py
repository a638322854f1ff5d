"""The methods of A2A, for both bindings (JSON-RPC and REST): send a message, streamed or not, and manage tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.responses import Response
from starlette.types import ASGIApp

from lightagent.application.serving.a2a.errors import (
    METHOD_NOT_FOUND,
    NO_EXTENDED_CARD,
    NO_PUSH_NOTIFICATIONS,
    UNSUPPORTED_OPERATION,
    VERSION_NOT_SUPPORTED,
    A2aRefused,
    Binding,
    RestBinding,
    RpcBinding,
    rpc_refusal,
    rpc_run_error,
    rpc_status,
)
from lightagent.application.serving.a2a.requests import MessageInput, read_message, read_rpc_call, read_task_id
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.errors import LightAgentError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.serving.a2a.streams import TaskStream
from lightagent.entrypoints.serving.a2a.tasks import answered, begun, cancelled, followed_task, found_task
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.connections import Watched
from lightagent.entrypoints.serving.endpoint import json_response
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.task_runs import TaskRun

VERSION_HEADER: Final = "a2a-version"
"""Header in which clients declare their protocol version."""

Call: TypeAlias = Callable[[ServedRequest, Served, JsonObject, Binding], Awaitable[ASGIApp]]
"""A handler that answers one call with its parameters."""


async def answer_call(request: ServedRequest, served: Served) -> ASGIApp:
    """Answer one JSON-RPC call.

    Raises:
        RequestRefused: the refusal must be visible as an HTTP status, on which clients and proxies act.
    """
    call = read_rpc_call(request.body)
    try:
        _check_version(request)
        answer = METHODS.get(call.method)
        if answer is None:
            raise A2aRefused(
                METHOD_NOT_FOUND, f"The method {call.method!r:.50} does not exist.", "Use the methods of A2A 1.0."
            )
        return await answer(request, served, call.params, RpcBinding(call.id))
    except LightAgentError as error:
        if isinstance(error, RequestRefused):
            if rpc_status(error) != 200:
                raise
            return json_response(rpc_refusal(error, call.id), request.headers)
        request.log(error)
        return json_response(rpc_run_error(error.info, call.id), request.headers)


async def answer_rest(request: ServedRequest, served: Served, method: str, params: JsonObject) -> ASGIApp:
    """Answer a REST request, which stands for one call of `method`.

    Raises:
        RequestRefused: the request is invalid.
        LightAgentError: the run failed.
    """
    _check_version(request)
    return await METHODS[method](request, served, params, RestBinding())


def _check_version(request: ServedRequest) -> None:
    told = request.http.headers.get(VERSION_HEADER, "")
    if told and told.partition(".")[0].strip() != "1":
        raise A2aRefused(
            VERSION_NOT_SUPPORTED, f"The version {told!r:.50} of A2A is not supported.", "Use version 1.0."
        )


async def _send(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    asked = _read(request, served, params)
    task_run = await _run(request, served, asked)
    if not asked.at_once:
        await _until_done(request, task_run)
    if task_run.error is not None:
        body, status = binding.run_error(task_run.error)
        return json_response(body, request.headers, status)
    return _result(request, binding, {"task": task_run.task.snapshot(asked.history_length)})


async def _stream(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    task_run = await _run(request, served, _read(request, served, params))
    return TaskStream(task_run, binding, request.serving.settings, request.headers)


async def _get(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    task_id, history_length = read_task_id(params)
    found = await found_task(request, served, task_id)
    return _result(request, binding, found.task.snapshot(history_length))


async def _cancel(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    task = await cancelled(request, served, read_task_id(params)[0])
    return _result(request, binding, task.snapshot())


async def _subscribe(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    task_run = await followed_task(request, served, read_task_id(params)[0])
    return TaskStream(task_run, binding, request.serving.settings, request.headers)


async def _no_push(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    raise A2aRefused(NO_PUSH_NOTIFICATIONS, "Push notifications are not supported.", "Stream the task, or get it.")


async def _no_card(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    raise A2aRefused(NO_EXTENDED_CARD, "Extended agent cards are not supported; the card is at the well-known address.")


async def _no_listing(request: ServedRequest, served: Served, params: JsonObject, binding: Binding) -> ASGIApp:
    raise A2aRefused(UNSUPPORTED_OPERATION, "Listing tasks is not supported.", "Get a task by its id.")


METHODS: Final[dict[str, Call]] = {
    "SendMessage": _send,
    "SendStreamingMessage": _stream,
    "GetTask": _get,
    "CancelTask": _cancel,
    "SubscribeToTask": _subscribe,
    "ListTasks": _no_listing,
    "CreateTaskPushNotificationConfig": _no_push,
    "GetTaskPushNotificationConfig": _no_push,
    "ListTaskPushNotificationConfigs": _no_push,
    "DeleteTaskPushNotificationConfig": _no_push,
    "GetExtendedAgentCard": _no_card,
}


def _read(request: ServedRequest, served: Served, params: JsonObject) -> MessageInput:
    asked = read_message(params, served.name, image_urls=request.serving.settings.image_urls)
    request.serving.note_dropped(asked.chat.dropped)
    return asked


async def _run(request: ServedRequest, served: Served, asked: MessageInput) -> TaskRun:
    if asked.task_id:
        return await answered(request, served, asked)
    return await begun(request, served, asked)


async def _until_done(request: ServedRequest, task_run: TaskRun) -> None:
    """Wait until the run ends or the client disconnects; in that case the run continues."""
    disconnected = asyncio.Event()
    async with Watched(request.http.receive, disconnected.set):
        waits = [asyncio.ensure_future(task_run.done.wait()), asyncio.ensure_future(disconnected.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()


def _result(request: ServedRequest, binding: Binding, result: JsonObject) -> Response:
    return json_response(binding.result(result), request.headers)
