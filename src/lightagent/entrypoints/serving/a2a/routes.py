"""``/a2a/NAME``: routes of A2A, the Agent2Agent protocol, and the agent cards that describe each endpoint."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final
from urllib.parse import quote

from starlette.types import ASGIApp

from lightagent.adapters.registry import install_command
from lightagent.application.serving.a2a.errors import rest_refusal, rest_run_error, rpc_refusal, rpc_run_error
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.endpoint import json_response
from lightagent.entrypoints.serving.requests import Handler, ServedRequest, ServedRoute

_CARD: Final = "/.well-known/agent-card.json"


async def show_card(request: ServedRequest) -> ASGIApp:
    """Return the agent card of one model."""
    return await _card(request, _served(request))


async def show_only_card(request: ServedRequest) -> ASGIApp:
    """Return the agent card of the only model that the caller may use.

    Raises:
        RequestRefused: the caller may use none or several; each has a card of its own.
    """
    found = [one for one in request.serving.catalogue if one.kind != "utility" and request.caller.may_use(one.name)]
    if len(found) != 1:
        raise RequestRefused(
            404, "The card of one agent was requested, but this key can use none or several.", f"Get /a2a/NAME{_CARD}."
        )
    return await _card(request, found[0])


async def _card(request: ServedRequest, served: Served) -> ASGIApp:
    try:  # Only this protocol needs its types, so they are imported on first use.
        from lightagent.application.serving.a2a.cards import CardOf, agent_card
    except ImportError:
        raise _missing() from None
    path = quote(f"{request.http.scope.get('root_path', '')}/a2a/{served.name}")  # Includes the mount path.
    url = str(request.http.url.replace(path=path, query="", fragment=""))
    needs_key = await request.serving.authentication.needed()
    card = agent_card(CardOf(served.name, served.kind, url, version("lightagent"), needs_key))
    return json_response(card, request.headers)


async def call_agent(request: ServedRequest) -> ASGIApp:
    """Answer a JSON-RPC call."""
    try:
        from lightagent.entrypoints.serving.a2a.calls import answer_call
    except ImportError:
        raise _missing() from None
    return await answer_call(request, _served(request))


async def send(request: ServedRequest) -> ASGIApp:
    """Answer a message with a single response."""
    return await _rest(request, "SendMessage", request.body)


async def stream(request: ServedRequest) -> ASGIApp:
    """Answer a message with a stream of events."""
    return await _rest(request, "SendStreamingMessage", request.body)


async def get_task(request: ServedRequest) -> ASGIApp:
    """Return the current state of a task."""
    lengths: JsonObject = {name: told for name, told in request.http.query_params.items() if name == "historyLength"}
    return await _rest(request, "GetTask", {"id": _task_id(request), **lengths})


async def list_tasks(request: ServedRequest) -> ASGIApp:
    """Refuse to list tasks, with the protocol's error for unsupported operations."""
    return await _rest(request, "ListTasks", {})


async def cancel_task(request: ServedRequest) -> ASGIApp:
    """Cancel a task."""
    return await _rest(request, "CancelTask", {"id": _task_id(request)})


async def subscribe(request: ServedRequest) -> ASGIApp:
    """Stream the events of a running task."""
    return await _rest(request, "SubscribeToTask", {"id": _task_id(request)})


async def _rest(request: ServedRequest, method: str, params: JsonObject) -> ASGIApp:
    try:
        from lightagent.entrypoints.serving.a2a.calls import answer_rest
    except ImportError:
        raise _missing() from None
    return await answer_rest(request, _served(request), method, params)


def _task_id(request: ServedRequest) -> str:
    return str(request.http.path_params["task"])


def _served(request: ServedRequest) -> Served:
    return request.serving.catalogue.find(str(request.http.path_params["agent"]), request.caller)


def _missing() -> RequestRefused:
    return RequestRefused(
        404, "This server lacks the package for A2A 1.0.", f"Type: {install_command('a2a', 'a2a-sdk')}"
    )


def _rest_route(path: str, method: str, handler: Handler, *, takes_body: bool = False) -> ServedRoute:
    return ServedRoute(
        f"/a2a/{{agent:path}}{path}",
        method,
        handler,
        takes_body=takes_body,
        refusal=rest_refusal,
        run_error=rest_run_error,
    )


A2A_ROUTES: Final = (
    ServedRoute(_CARD, "GET", show_only_card),
    ServedRoute(f"/a2a/{{agent:path}}{_CARD}", "GET", show_card),
    _rest_route("/message:send", "POST", send, takes_body=True),
    _rest_route("/message:stream", "POST", stream, takes_body=True),
    _rest_route("/tasks/{task}:cancel", "POST", cancel_task),
    _rest_route("/tasks/{task}:subscribe", "POST", subscribe),
    _rest_route("/tasks/{task}:subscribe", "GET", subscribe),
    _rest_route("/tasks/{task}", "GET", get_task),
    _rest_route("/tasks", "GET", list_tasks),
    ServedRoute("/a2a/{agent:path}", "POST", call_agent, takes_body=True, refusal=rpc_refusal, run_error=rpc_run_error),
)
