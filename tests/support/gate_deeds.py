"""What a gate may do at a review, right and wrong."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from lightagent import LightAgentErrorInfo
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Completed, Suspended
from lightagent.domain.policy.phases import Asked, EndPayload, Passed, QueryPayload, Refused, Stopped, Verdict
from tests.support.policy_run import FORBIDDEN, QUERY, PayloadT, rewritten

SPENT = LightAgentErrorInfo("LA-BUDGET", "The budget is spent.")


async def allow(payload: PayloadT) -> Verdict[PayloadT]:
    return Passed(payload)


async def rewrite(payload: PayloadT) -> Verdict[PayloadT]:
    return Passed(rewritten(payload))


async def block(payload: PayloadT) -> Verdict[PayloadT]:
    return Stopped(Blocked(FORBIDDEN))


async def exhaust(payload: PayloadT) -> Verdict[PayloadT]:
    return Stopped(BudgetExhausted(SPENT))


async def ask(payload: PayloadT) -> Verdict[PayloadT]:
    return Asked(payload, "Somebody should see this.")


async def refuse(payload: PayloadT) -> Verdict[PayloadT]:
    return Refused(FORBIDDEN)


async def fail(payload: PayloadT) -> Verdict[PayloadT]:
    raise RuntimeError(f"I cannot judge {payload}")


async def cancel(payload: PayloadT) -> Verdict[PayloadT]:
    raise asyncio.CancelledError


async def never_answer(payload: PayloadT) -> Verdict[PayloadT]:
    await asyncio.Event().wait()
    return Passed(payload)


@dataclass
class Answer:
    """A review that answers with something; what a policy answers is not trusted, whatever its types say."""

    verdict: Refused | Stopped

    async def __call__(self, payload: PayloadT) -> Verdict[PayloadT]:
        return self.verdict


@dataclass
class SwallowCancellation:
    """A review that goes on although it was cancelled, until the test lets it end."""

    released: asyncio.Event
    ended: asyncio.Semaphore

    async def __call__(self, payload: PayloadT) -> Verdict[PayloadT]:
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue
        self.ended.release()
        return Passed(payload)


NONSENSE = {
    "None": None,
    "True": True,
    "text": "yes",
    "a class": Passed,
    "a foreign payload": Passed(5),
    "an answer at the end": Passed(EndPayload(Completed(QUERY))),
    "a query of no type": Passed(QueryPayload(tuple(json.loads('["q"]')))),
    "success": Stopped(Completed("as I like it")),
    "a wait": Stopped(Suspended(("look_call",))),
    "no error": Stopped(Blocked(LightAgentErrorInfo("LA-500", "m", details=json.loads("[1]")))),
    "a refusal without an error": Refused(json.loads('"no"')),
    "decisions of no type": Stopped(Blocked(FORBIDDEN), tuple(json.loads('["no"]'))),
}
