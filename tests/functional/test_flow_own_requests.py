"""Requests to people that a run on an engine keeps itself: only those who are asked decide, in flows below, too."""

from __future__ import annotations

import asyncio

import pytest

from lightagent import ApprovalDecision, LightFlow
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.flow.local_engine import LocalEngine
from lightagent.domain.errors import PolicyError
from tests.support.folding_engine import FoldingEngine

CAROL = ApprovalDecision.approve(actor="carol")


async def test_only_those_who_are_asked_decide_about_a_step_of_a_flow_below() -> None:
    inner = LightFlow(name="inner").step("send", agent=str.upper, requires_approval=True, approvers=["carol"])
    engine = LocalEngine(MemoryJournalStore(), SystemClock(), RandomIds())
    flow = LightFlow(engine=engine, name="outer").step("below", agent=inner)
    assert (await flow.arun("x", run_id="r")).status == "waiting_approval"
    for decision in (ApprovalDecision.approve(actor="Carol"), ApprovalDecision.reject("no", actor="mallory"), True):
        with pytest.raises(PolicyError, match="must be one of carol"):
            await flow.aapprove("r", "below/send", decision)
    await flow.aapprove("r", "below/send", CAROL)
    assert (await flow.aresume("r")).content == "X"


async def test_a_decision_after_the_time_is_refused() -> None:
    flow = LightFlow(engine=FoldingEngine(), name="late")
    flow.step("send", agent=str.upper, requires_approval=True, approvers=["carol"], approval_timeout=0.01)
    assert (await flow.arun("x", run_id="r")).status == "waiting_approval"
    await asyncio.sleep(0.05)
    with pytest.raises(PolicyError, match="the time to decide has passed"):
        await flow.aapprove("r", "send", CAROL)
    result = await flow.aresume("r")
    assert (result.status, result.step("send").status) == ("failed", "failed")
