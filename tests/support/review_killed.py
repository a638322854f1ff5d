"""A process that goes on with an approved call and is killed on the way.

It reads an order a line, carries each out in a fork that is killed, and answers with the status of the fork.

    python -m tests.support.review_killed
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightagent import (
    ChatRequest,
    HumanApprovalHook,
    Journal,
    LightAgent,
    ReviewStore,
    RunContext,
    RunResult,
    Runs,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals import hold_lease
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.ports.journals import JournalStore
from tests.support.wrapped_journals import WrappedStore

POINTS = ("decision taken", "tool called", "effect made", "result known")


@dataclass(frozen=True)
class Order:
    """What is to be gone on with.

    Attributes:
        path: of the store.
        effects: the file in which the tool has its effects, a line with the key of the call for each.
        kept: the run is kept in the store; else its journal is `journal`.
        point: where the process is killed; empty for nowhere.
    """

    path: str
    effects: str
    kept: bool
    idempotent: bool
    run_id: str = ""
    journal: str = ""
    point: str = ""


class KillingStore(WrappedStore):
    """A store whose process is killed once a decision was taken."""

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        last = await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )
        if any('"review_taken"' in draft.content for draft in drafts):
            _die()
        return last


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def build(order: Order, journals: JournalStore) -> LightAgent[None, str]:
    """The agent, whose process dies at the point of the order."""

    @tool(idempotent=order.idempotent)
    def pay(ctx: RunContext[None], amount: int) -> str:
        """Pay."""
        if order.point == "tool called":
            _die()
        with Path(order.effects).open("a") as file:
            file.write(ctx.idempotency_key + "\n")
        if order.point == "effect made":
            _die()
        return f"paid {amount}"

    def reply(request: ChatRequest) -> str | ToolCall:
        if not isinstance(request.messages[-1], ToolMessage):
            return call_tool("pay", amount=5)
        if order.point == "result known":
            _die()
        return "Done."

    desk = HumanApprovalHook(store=ReviewStore(journals), tools={"pay"})
    return LightAgent(name="payer", model=ScriptedModel(reply), tools=[pay], hooks=[desk])


async def begin(order: Order, journals: JournalStore) -> RunResult[str]:
    """The run, which waits."""
    store = journals if order.kept else None
    return await build(order, journals).arun("Pay.", journal=store, result_format="object")


async def go_on(order: Order, journals: JournalStore) -> RunResult[str]:
    """The run as it ends."""
    journal: Journal | str | None = order.journal
    if order.kept:
        journal = await Runs(journals).journal(order.run_id)
    assert journal
    return await build(order, journals).aresume(journal, store=journals if order.kept else None)


async def _killed(order: Order) -> None:
    vars(hold_lease)["SECONDS"] = 0.1  # Whoever comes next need not wait long.
    store: JournalStore = SqliteJournalStore(order.path)
    await go_on(order, KillingStore(store) if order.point == "decision taken" else store)


def _main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            asyncio.run(_killed(Order(**json.loads(line))))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
