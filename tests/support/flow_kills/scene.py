"""A flow whose steps have effects with idempotency keys, over a store that tells when it is written to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from lightagent import LightAgent, LightFlow, ProviderError, RunContext, StepContext, tool
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.journals.streams import Draft, Lease, StreamKey
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.wrapped_journals import WrappedStore

Reach: TypeAlias = Callable[[str], None]
Call: TypeAlias = tuple[str, str]
"""Who was called, and with which key."""


class Effects:
    """What came of the steps outside of the store: a file for each key, and a line for each call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "effects"
        self._calls = folder / "calls.jsonl"
        self._folder.mkdir(exist_ok=True)

    def called(self, what: str, key: str) -> None:
        """Somebody was called."""
        _append(self._calls, [what, key])

    def take_effect(self, key: str) -> str:
        """Have an effect, once for each key, as a service does that is offered one."""
        path = self._folder / quote(key, safe="")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return f"{key} was done before"
        return f"{key} is done"

    def calls(self) -> list[Call]:
        """All calls, in order."""
        if not self._calls.exists():
            return []
        lines = self._calls.read_text().splitlines()
        return [(what, key) for what, key in map(json.loads, lines)]

    def done(self) -> set[str]:
        """The names of the files."""
        return {path.name for path in self._folder.iterdir()}


class WatchedStore(WrappedStore):
    """Tells of each append and each release of a lease, and notes what it has acknowledged."""

    def __init__(self, inner: JournalStore, reach: Reach, acknowledged: Path) -> None:
        super().__init__(inner)
        self._reach = reach
        self._acknowledged = acknowledged

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
        self._reach(f"before append to {key.kind}")
        head = await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )
        self._reach(f"after append to {key.kind}")
        _append(self._acknowledged, [key.kind, expected, [draft.content for draft in drafts]])
        return head

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        if seconds == 0:
            self._reach("release")
        return await super().lease(key, holder, seconds, token)


def make_flow(store: JournalStore, effects: Effects, reach: Reach) -> LightFlow:
    """Steps beside each other, one that fails at first, an agent with two calls of a tool, and one that asks a person.

    Args:
        reach: is told what is reached.
    """

    def work(name: str) -> Callable[[str, StepContext], str]:
        def do(query: str, context: StepContext) -> str:
            effects.called(name, context.idempotency_key)
            reach("before effect")
            effects.take_effect(context.idempotency_key)
            reach("after effect")
            return f"{name} is done"

        return do

    async def flaky(query: str, context: StepContext) -> str:
        effects.called("flaky", context.idempotency_key)
        if context.attempt == 1:
            reach("soon")
            busy = ProviderError("busy", retryable=True)
            busy.retry_after = 0.1
            raise busy
        effects.take_effect(context.idempotency_key)
        return "flaky is done"

    @tool
    def look(word: str, context: RunContext[None]) -> str:
        """Look a word up."""
        effects.called(f"look {word}", context.idempotency_key)
        reach("before effect of a tool")
        effects.take_effect(context.idempotency_key)
        reach("after effect of a tool")
        return word

    def reply(request: ChatRequest) -> str | ToolCall:
        looked = sum(isinstance(message, ToolMessage) for message in request.messages)
        effects.called(f"model {looked}", "")
        reach("model")
        return call_tool("look", word=str(looked)) if looked < 2 else "agent is done"

    def ask(step: object, context: StepContext) -> None:
        reach("person")

    agent = LightAgent(name="agent", model=ScriptedModel(reply), tools=[look])
    return (
        LightFlow(name="killed", store=store)
        .step("first", agent=work("first"))
        .step("flaky", agent=flaky, max_retry=3)
        .step("agent", agent=agent, depends_on=["first"])
        .step("publish", agent=work("publish"), depends_on=["agent"], requires_approval=True, approval_handler=ask)
        .step("last", agent=work("last"), depends_on=["publish", "flaky"])
    )


def _append(path: Path, line: object) -> None:
    with path.open("ab") as file:
        file.write(json.dumps(line).encode() + b"\n")
