"""Two decisions about one call: in two requests the first counts; in one request they must not differ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

pytest.importorskip("a2a", reason="the environment of openai 2 has no a2a-sdk")
pytest.importorskip("ag_ui", reason="the environment of openai 2 has no ag-ui-protocol")

from starlette.applications import Starlette

from lightagent import LightAgent, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.served_run_store import outer_call_id
from lightagent.application.serving.waiting import waiting_in
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import answer_to, calling, objects

USER: JsonObject = {"id": "m1", "role": "user", "content": "Pay."}


def answers(run_id: str, request_id: str, *, yes: bool = True, reason: str = "Why not") -> dict[str, JsonObject]:
    """An answer to the request, by the address of each protocol."""
    told: JsonObject = {"approved": yes, "reason": reason}
    part: JsonObject = {
        "type": "dynamic-tool",
        "toolName": "pay",
        "toolCallId": "c",
        "state": "approval-responded",
        "approval": {"id": request_id, **told},
    }
    resume: JsonValue = [{"interruptId": request_id, "status": "resolved", "payload": told}]
    item: JsonObject = {
        "type": "mcp_approval_response",
        "approval_request_id": request_id,
        "approve": yes,
        "reason": reason,
    }
    message: JsonObject = {
        "messageId": "m",
        "role": "ROLE_USER",
        "taskId": run_id,
        "parts": [{"data": {"requestId": request_id, **told}}],
    }
    return {
        "/v1/chat/completions": {
            "model": "helper",
            "messages": [{"role": "user", "content": f"{'approve' if yes else 'reject'} {request_id} {reason}"}],
        },
        "/v1/responses": {"model": "helper", "input": [item]},
        "/ag-ui/helper": {"threadId": "t1", "runId": "r1", "messages": [USER], "resume": resume},
        "/vercel/helper": {"messages": [{"id": "m2", "role": "assistant", "parts": [part]}]},
        "/a2a/helper": {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}},
    }


@pytest.mark.parametrize("lasts", [True, False], ids=["store", "memory"])
@pytest.mark.parametrize("first", ["/v1/chat/completions", "/v1/responses", "/ag-ui/helper", "/vercel/helper"])
async def test_the_second_is_refused_and_the_run_of_the_first_goes_on(first: str, lasts: bool) -> None:
    paid, paying, may_end = list[int](), asyncio.Event(), asyncio.Event()

    @tool(requires_approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        paying.set()
        await may_end.wait()
        return "Paid."

    def reply(request: ChatRequest) -> Reply:
        return "Done" if request.messages[-1].role == "tool" else call_tool("pay", amount=5)

    app = serve(
        LightAgent(name="helper", model=ScriptedModel(reply), tools=[pay]),
        store=MemoryJournalStore() if lasts else None,
        settings=ServeSettings(chat_approvals=True),
    )
    asked = await answer_to(app, "/ag-ui/helper", {"threadId": "t1", "runId": "r1", "messages": [USER]})
    (outcome,) = objects([asked.chunks[-1]["outcome"]])
    (waiting,) = objects(outcome["interrupts"])
    bodies = answers(str(waiting["toolCallId"]).partition("--")[0], str(waiting["id"]))
    async with calling(app, first, bodies[first]) as going:
        await asyncio.wait_for(paying.wait(), 20)
        for path, body in bodies.items():
            second = await answer_to(app, path, body)
            told = second.body.decode()
            if path == "/a2a/helper":
                assert "UNSUPPORTED_OPERATION" in told
            else:
                assert second.status in (404, 409), (path, told)
            assert "LA-STORE" not in told
        may_end.set()
        await going.ended()
    assert going.status == 200
    assert "Done" in going.body.decode()
    assert paid == [5]
    assert len(app.state.serving.active) == app.state.serving.slots.active == 0


def both(request: ChatRequest) -> Reply:
    return "Done" if request.messages[-1].role == "tool" else [call_tool("weather"), call_tool("send", amount=5)]


@tool(requires_approval=True)
def send(amount: int) -> str:
    """Send money."""
    return "Sent."


def only_send(request: ChatRequest) -> Reply:
    return "Done" if request.messages[-1].role == "tool" else call_tool("send", amount=5)


async def both_wait(
    *, lasts: bool = True, replies: Callable[[ChatRequest], Reply] = both
) -> tuple[Starlette, str, str]:
    """A server, a run that waits for a person and for a function of its client, and the request about the former."""
    agent = LightAgent(name="helper", model=ScriptedModel(replies), tools=[send])
    store = MemoryJournalStore() if lasts else None
    app = serve(agent, store=store, settings=ServeSettings(chat_approvals=True))
    weather: JsonObject = {"name": "weather", "description": "The weather.", "parameters": {}}
    body: JsonObject = {"threadId": "t1", "runId": "r1", "messages": [USER], "tools": [weather]}
    asked = await answer_to(app, "/ag-ui/helper", body)
    (outcome,) = objects([asked.chunks[-1]["outcome"]])
    (waiting,) = objects(outcome["interrupts"])
    return app, str(waiting["toolCallId"]).partition("--")[0], str(waiting["id"])


async def test_a_decision_without_the_functions_that_the_run_also_waits_for_is_no_fault_of_the_server() -> None:
    app, run_id, request_id = await both_wait()
    for path, body in answers(run_id, request_id).items():
        call = await answer_to(app, path, body)
        assert call.status == (200 if path == "/a2a/helper" else 400)
        assert objects([call.json["error"]])
        assert "the client's function 'weather'" in call.body.decode()


async def test_a_decision_without_the_functions_that_the_run_was_begun_with_is_no_fault_of_the_server() -> None:
    for path in answers("", ""):  # Each finds a run that nothing was done to.
        app, run_id, request_id = await both_wait(replies=only_send)
        call = await answer_to(app, path, answers(run_id, request_id)[path])
        told = call.body.decode()
        assert call.status in (200, 400), told  # Where it is a stream already, its last event says so.
        assert "tools that this request does not have" in told
        assert "Send the tools of the request that started it." in told
        assert "weather" not in told


async def test_a_decision_about_a_function_of_the_client_is_one_about_nothing() -> None:
    app, run_id, _ = await both_wait()
    journal = await app.state.serving.kept.waiting(run_id, Caller().owner)
    (call_of_client,) = [step for step in waiting_in(journal.events, frozenset()).reviews if step.name == "weather"]
    for path, body in answers(run_id, call_of_client.request_id).items():
        call = await answer_to(app, path, body)
        assert call.status == (200 if path == "/a2a/helper" else 404)
        assert objects([call.json["error"]])


@pytest.mark.parametrize("lasts", [True, False], ids=["store", "memory"])
async def test_a_task_that_waits_for_functions_of_its_client_is_cancelled_by_another_protocol(*, lasts: bool) -> None:
    app, run_id, request_id = await both_wait(lasts=lasts)
    cancel: JsonObject = {"jsonrpc": "2.0", "id": 1, "method": "CancelTask", "params": {"id": run_id}}
    call = await answer_to(app, "/a2a/helper", cancel)
    assert "TASK_STATE_CANCELED" in call.body.decode()
    late = await answer_to(app, "/ag-ui/helper", answers(run_id, request_id)["/ag-ui/helper"])
    assert late.status == 404


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/responses", "/ag-ui/helper", "/vercel/helper", "/a2a/helper"]
)
async def test_half_a_character_in_a_reason_is_no_fault_of_the_server(path: str) -> None:
    agent = LightAgent(name="helper", model=ScriptedModel(sends), tools=[send])
    app = serve(agent, store=MemoryJournalStore(), settings=ServeSettings(chat_approvals=True))
    asked = await answer_to(app, "/ag-ui/helper", {"threadId": "t1", "runId": "r1", "messages": [USER]})
    (outcome,) = objects([asked.chunks[-1]["outcome"]])
    (waiting,) = objects(outcome["interrupts"])
    run_id = str(waiting["toolCallId"]).partition("--")[0]
    body = answers(run_id, str(waiting["id"]), yes=False, reason="no \ud800")[path]
    call = await answer_to(app, path, body)
    assert (call.status, "Done" in call.body.decode()) == (200, True)


def sends(request: ChatRequest) -> Reply:
    return "Done" if request.messages[-1].role == "tool" else call_tool("send", amount=5)


def twice(path: str, first: JsonObject, second: JsonObject) -> JsonObject:
    """One request with the answers of two, in the protocols whose requests can have several."""
    match path:
        case "/v1/responses":
            return {**first, "input": [*objects(first["input"]), *objects(second["input"])]}
        case "/ag-ui/helper":
            return {**first, "resume": [*objects(first["resume"]), *objects(second["resume"])]}
        case "/vercel/helper":
            (message,), (other,) = objects(first["messages"]), objects(second["messages"])
            return {"messages": [{**message, "parts": [*objects(message["parts"]), *objects(other["parts"])]}]}
        case _:
            (params,), (more,) = objects([first["params"]]), objects([second["params"]])
            (message,), (other,) = objects([params["message"]]), objects([more["message"]])
            parts: list[JsonValue] = [*objects(message["parts"]), *objects(other["parts"])]
            return {**first, "params": {"message": {**message, "parts": parts}}}


SEVERAL = ["/v1/responses", "/ag-ui/helper", "/vercel/helper", "/a2a/helper"]


@pytest.mark.parametrize("path", SEVERAL)
@pytest.mark.parametrize("yes_first", [True, False], ids=["yes and no", "no and yes"])
async def test_contradicting_decisions_in_one_request_are_refused_and_the_call_waits_on(
    path: str, *, yes_first: bool
) -> None:
    app, run_id, request_id = await sending_waits()
    yes, no = (answers(run_id, request_id, yes=is_yes)[path] for is_yes in (True, False))
    call = await answer_to(app, path, twice(path, yes, no) if yes_first else twice(path, no, yes))
    assert call.status == (200 if path == "/a2a/helper" else 400)  # An error of JSON-RPC has the status 200.
    (error,) = objects([call.json["error"]])
    assert "is answered twice, and the answers differ." in str(error["message"])
    assert "Done" in (await answer_to(app, path, yes)).body.decode()


@pytest.mark.parametrize("path", SEVERAL)
async def test_a_decision_that_is_repeated_in_one_request_is_one_decision(path: str) -> None:
    app, run_id, request_id = await sending_waits()
    yes = answers(run_id, request_id)[path]
    call = await answer_to(app, path, twice(path, yes, yes))
    assert (call.status, "Done" in call.body.decode()) == (200, True)


async def test_approvals_with_different_arguments_contradict_each_other() -> None:
    app, _, request_id = await sending_waits()
    resume: list[JsonValue] = [
        {
            "interruptId": request_id,
            "status": "resolved",
            "payload": {"approved": True, "editedArgs": {"amount": amount}},
        }
        for amount in (1, 2)
    ]
    body: JsonObject = {"threadId": "t1", "runId": "r1", "messages": [USER], "resume": resume}
    call = await answer_to(app, "/ag-ui/helper", body)
    (error,) = objects([call.json["error"]])
    assert (call.status, error["param"]) == (400, "resume[1].interruptId")


@pytest.mark.parametrize("decides", [True, False], ids=["with a decision", "alone"])
@pytest.mark.parametrize("path", ["/v1/responses", "/ag-ui/helper"])
async def test_contradicting_results_of_one_function_are_refused(path: str, *, decides: bool) -> None:
    app, run_id, request_id = await both_wait()
    journal = await app.state.serving.kept.waiting(run_id, Caller().owner)
    (waiting,) = waiting_in(journal.events, frozenset({"weather"})).external
    name, outputs = outer_call_id(run_id, waiting.id), ("warm", "cold")
    decision = answers(run_id, request_id)[path]
    body: JsonObject
    if path == "/v1/responses":
        results: list[JsonValue] = [{"type": "function_call_output", "call_id": name, "output": one} for one in outputs]
        weather: JsonObject = {"type": "function", "name": "weather", "parameters": {}}
        body = {**decision, "input": [*results, *(objects(decision["input"]) if decides else ())], "tools": [weather]}
    else:
        call: JsonObject = {"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        said: JsonObject = {"id": "m2", "role": "assistant", "toolCalls": [call]}
        told: list[JsonValue] = [{"id": one, "role": "tool", "toolCallId": name, "content": one} for one in outputs]
        tools: list[JsonValue] = [{"name": "weather", "description": "The weather.", "parameters": {}}]
        body = {**decision, "messages": [USER, said, *told], "tools": tools}
        body = body if decides else {**body, "resume": None}
    refused = await answer_to(app, path, body)
    assert refused.status == 400
    assert "twice" in refused.body.decode()


async def sending_waits() -> tuple[Starlette, str, str]:
    """A server, a run that waits for a person alone, and the request about its call."""
    agent = LightAgent(name="helper", model=ScriptedModel(sends), tools=[send])
    app = serve(agent, store=MemoryJournalStore(), settings=ServeSettings(chat_approvals=True))
    asked = await answer_to(app, "/ag-ui/helper", {"threadId": "t1", "runId": "r1", "messages": [USER]})
    (outcome,) = objects([asked.chunks[-1]["outcome"]])
    (waiting,) = objects(outcome["interrupts"])
    return app, str(waiting["toolCallId"]).partition("--")[0], str(waiting["id"])
