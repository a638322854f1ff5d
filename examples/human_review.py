"""Payments that a person approves: the run waits in a file, and goes on where that file is opened next.

    python examples/human_review.py                  # all at once, in a temporary directory
    python examples/human_review.py ask pay.db       # asks for payments, which wait in pay.db
    python examples/human_review.py decide pay.db    # decides about them, and goes on; in another process, days later

It uses a scripted model, which needs no key and no network. The rule in `decide` stands in for a person, who would
decide in a page of yours, or at a terminal with `lightagent review`.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from lightagent import ApprovalDecision, ChatRequest, HumanApprovalHook, LightAgent, Reviews, Runs, Suspended
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage
from lightagent.testing import ScriptedModel


def send_payment(amount: int, to: str) -> str:
    """Send a payment.

    Args:
        amount: how much.
        to: who gets it.
    """
    return f"{amount} sent to {to}"


def reply(request: ChatRequest) -> AssistantMessage:
    """Pays two people, and tells what came of it."""
    results = [one.content for one in request.messages if isinstance(one, ToolMessage)]
    if results:
        return AssistantMessage("; ".join(results))
    bob = ToolCall("bob", "send_payment", '{"amount": 80, "to": "Bob"}')
    eve = ToolCall("eve", "send_payment", '{"amount": 5000, "to": "Eve"}')
    return AssistantMessage(None, (bob, eve))


def make_agent(store: SqliteJournalStore) -> LightAgent:
    """The agent, whose payments wait in the store."""
    hook = HumanApprovalHook(store=store, tools={"send_payment"}, separate_reviewer=True)
    return LightAgent(name="bank", model=ScriptedModel(reply), tools=[send_payment], hooks=[hook])


async def ask(store: SqliteJournalStore) -> None:
    """Begin a run that has to wait."""
    result = await make_agent(store).arun_result("Pay Bob and Eve.", user_id="ann", journal=store)
    if isinstance(result.outcome, Suspended):
        print(f"The run waits for {len(result.outcome.call_ids)} decisions.")


async def decide(store: SqliteJournalStore) -> None:
    """Decide about everything that waits, and go on with the runs."""
    reviews, runs = Reviews(store), Runs(store)
    async for review in reviews.list():
        request, amount = review.request, review.request.arguments["amount"]
        small = isinstance(amount, int) and amount <= 100
        decision = ApprovalDecision.approve if small else ApprovalDecision.reject
        await reviews.decide(request.request_id, decision("At most 100.", actor="carol"))
        print(f"{decision.__name__} {request.tool_name} {request.arguments}")
    async for run in runs.list("ann", status="suspended"):
        journal = await runs.journal(run.run_id, "ann")
        if journal is not None:
            print((await make_agent(store).aresume(journal)).content)


async def main() -> None:
    """Do what the command line says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "pay.db"
        for part in sys.argv[1:2] or ("ask", "decide"):
            store = SqliteJournalStore(path)
            await (ask(store) if part == "ask" else decide(store))
            await store.aclose()


if __name__ == "__main__":
    asyncio.run(main())
