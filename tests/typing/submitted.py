"""Submitted runs: the handle and its result have the type of the agent's answer."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from pydantic import BaseModel

from lightagent import (
    ApprovalDecision,
    JsonLightFlowStore,
    JsonObject,
    LightAgent,
    LightFlow,
    RunHandle,
    RunResult,
    StoredRunStatus,
    StreamEvent,
)


class City(BaseModel):
    name: str


plain = LightAgent(name="plain", engine=JsonLightFlowStore("runs"))
typed = LightAgent(name="typed", output_type=City)
listed = LightAgent(name="listed", output_type=list[City] | None)


def submit() -> None:
    assert_type(plain.submit("?"), RunHandle[str])
    assert_type(typed.submit("?", run_id="r", user_id="ann", tenant="acme"), RunHandle[City])
    assert_type(typed.run_handle("r", user_id="ann"), RunHandle[City])
    assert_type(typed.submit("?").result(), RunResult[City])
    assert_type(typed.submit("?").result().unwrap(), City)
    assert_type(listed.run_handle("r").result().unwrap(), list[City] | None)
    assert_type(plain.as_flow(), LightFlow)


def handle(run: RunHandle[City]) -> None:
    assert_type(run.run_id, str)
    assert_type(run.status(), StoredRunStatus)
    assert_type(run.waiting_calls(), list[JsonObject])
    assert_type(run.stream_events(), Iterator[StreamEvent])
    run.approve("call", actor="ann")
    run.reject("too much")
    run.decide(ApprovalDecision.edit({"amount": 3}))
    run.cancel("enough")


async def for_async_callers(run: RunHandle[City]) -> None:
    assert_type(await typed.asubmit("?"), RunHandle[City])
    assert_type(await run.aresult(), RunResult[City])
    assert_type(await run.astatus(), StoredRunStatus)
    assert_type(await run.awaiting_calls(), list[JsonObject])
    assert_type(run.astream_events(), AsyncIterator[StreamEvent])
    await run.aapprove()
    await run.areject("too much", "call")
    await run.acancel()


def any_model(run: RunHandle[BaseModel]) -> None:
    assert_type(run.result().unwrap(), BaseModel)


any_model(typed.run_handle("r"))
