"""Two decisions about one call at once, by whichever protocols: the first counts, and the second undoes nothing."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("a2a", reason="the environment of openai 2 has no a2a-sdk")
pytest.importorskip("ag_ui", reason="the environment of openai 2 has no ag-ui-protocol")

from lightagent import LightAgent, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from lightagent.settings.serve_schema import ServeSettings
from tests.support.asgi_calls import answer_to, calling, objects

USER: JsonObject = {"id": "m1", "role": "user", "content": "Pay."}


def answers(run_id: str, request_id: str) -> dict[str, JsonObject]:
    """A yes to the request, by the address of each protocol."""
    part: JsonObject = {
        "type": "dynamic-tool",
        "toolName": "pay",
        "toolCallId": "c",
        "state": "approval-responded",
        "approval": {"id": request_id, "approved": True},
    }
    resume: JsonValue = [{"interruptId": request_id, "status": "resolved", "payload": {"approved": True}}]
    item: JsonObject = {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": True}
    message: JsonObject = {
        "messageId": "m",
        "role": "ROLE_USER",
        "taskId": run_id,
        "parts": [{"data": {"requestId": request_id, "approved": True}}],
    }
    return {
        "/v1/chat/completions": {
            "model": "helper",
            "messages": [{"role": "user", "content": f"approve {request_id}"}],
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
    assert len(app.state.serving.going) == app.state.serving.slots.going == 0
