"""A process that races another one: to decide about a request first, or to go on with the decision first.

It reads a task a line and answers a line, so that whoever starts two of them can let them begin each task together.

    python -m tests.support.review_racers KIND OPTIONS
"""

from __future__ import annotations

import asyncio
import json
import sys

from lightagent import ApprovalDecision, HumanApprovalHook, LightAgent, LightAgentError, ReviewStore, Runs
from lightagent.adapters.registry import open_adapter
from lightagent.domain.json_types import JsonObject
from lightagent.ports.journals import JournalStore
from lightagent.testing import Reply, ScriptedModel, call_tool

PAY = call_tool("pay", amount=1)


def payer(store: ReviewStore, paid: list[int], *replies: Reply) -> LightAgent[None, str]:
    """An agent whose payments people decide about."""

    async def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        await asyncio.sleep(0)
        return f"paid {amount}"

    desk = HumanApprovalHook(store=store, tools={"pay"})
    return LightAgent(name="payer", model=ScriptedModel([*replies]), tools=[pay], hooks=[desk])


def open_store(kind: str, options: str) -> ReviewStore:
    """The reviews of a store of this kind."""
    journals = open_adapter("journals", kind, json.loads(options))
    assert isinstance(journals, JournalStore)
    return ReviewStore(journals)


async def carry_out(task: JsonObject, store: ReviewStore) -> JsonObject:
    """Decide, or go on with what was decided; whether this process was first, and what it has paid."""
    paid: list[int] = []
    try:
        if "amount" in task:
            decision = ApprovalDecision.edit({"amount": task["amount"]}, actor=str(task["amount"]))
            await store.reviews.decide(str(task["request_id"]), decision)
        elif "run_id" in task:
            journal = await Runs(store.journals).journal(str(task["run_id"]), str(task["user"]))
            assert journal is not None
            await payer(store, paid, "Done.").aresume(journal)
        else:
            await payer(store, paid, "Done.").aresume(str(task["journal"]))
    except LightAgentError as error:
        return {"first": False, "paid": [*paid], "error": type(error).__name__}
    return {"first": True, "paid": [*paid]}


async def main(kind: str, options: str) -> None:
    store = open_store(kind, options)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(await carry_out(json.loads(line), store)) + "\n")
        sys.stdout.flush()
    await store.journals.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
