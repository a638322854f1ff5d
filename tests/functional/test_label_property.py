"""Whatever rewrites a conversation, no label of untrusted text is lost: compaction, budgets, forks, trimming, undoing.

LABELS_EXAMPLES sets how many histories are made up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightagent import (
    AgentOptions,
    Compactor,
    ConfigurationError,
    ContextBudget,
    ContextSource,
    Event,
    Journal,
    LightAgent,
    PolicyError,
    ProviderError,
    Replacement,
    Sessions,
    Subject,
    tool,
)
from lightagent.adapters.chat.scripted import Reply
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.agent_options.context_budget import ContextStrategy
from lightagent.application.journals.journal import format_version
from lightagent.application.sessions import load as loading
from lightagent.application.sessions.load import load_session, session_key
from lightagent.domain.conversation.messages import ContextMessage, Message, UserMessage
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import ContextReplaced
from lightagent.domain.runs.folding import apply, start
from lightagent.domain.scopes import Scope
from lightagent.testing import ScriptedModel, call_tool
from tests.support.plausible_events import accepted_runs

EXAMPLES = int(os.environ.get("LABELS_EXAMPLES", "25"))


@tool(capabilities=["write"])
def send() -> str:
    """Send."""
    return "sent"


@tool
def read(place: int) -> str:
    """Read."""
    return f"text {place} " * 60


class Memory(ContextSource):
    """Remembers one text."""

    name = "memory"
    trust = "untrusted"
    timeout = None

    async def gather(self, subject: Subject, query: str) -> Sequence[str]:
        return ["remembered"]


class Forgetful(Compactor):
    """Replaces all that was said before by messages that say nothing of where it came from."""

    name = "forgetful"

    def __init__(self, *messages: Message) -> None:
        self.messages = messages

    def is_due(self, messages: Sequence[Message]) -> bool:
        return len(messages) > 1

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        last = max(place for place, message in enumerate(messages) if isinstance(message, UserMessage))
        return Replacement(last, self.messages) if last else None


COMPACTORS = {
    "nothing": Forgetful(),
    "a user": Forgetful(UserMessage("We talked.")),
    "context": Forgetful(ContextMessage("forgetful", "They talked.", "trusted")),
    "a summary": Forgetful(ContextMessage("forgetful", "They talked.", "trusted", ("user",))),
}
STRATEGIES: tuple[ContextStrategy, ...] = ("drop", "summarize", "spill", "spill_and_summarize")
TURNS = ("talk", "read", "recall", "fail", *COMPACTORS, *STRATEGIES)
CHANGES = ("fork", "trim", "undo", "restart")


class Story:
    """A session, and the labels that its turns must have left behind."""

    def __init__(self) -> None:
        self.store = MemoryJournalStore()
        self.sessions = Sessions(self.store)
        self.id = "0"
        self.labels: list[set[str]] = [set()]
        """After each turn; a failed one leaves none behind, since the next turn begins without it."""

    async def tell(self, deed: str, number: int) -> None:
        match deed:
            case "fork":
                await self.sessions.fork(self.id, str(number))
                self.id = str(number)
            case "trim":
                await self.sessions.trim(self.id, keep=1)
            case "restart":
                loading._caches.clear()
            case "undo":
                try:
                    await self.sessions.undo(self.id)
                except (ConfigurationError, PolicyError):
                    return  # It was trimmed away.
                self.labels.pop()
            case _:
                await self.turn(deed, number)

    async def turn(self, deed: str, number: int) -> None:
        options = AgentOptions()
        came: set[str] = set()
        script: list[Reply] = ["Well."]
        if deed in COMPACTORS:
            options["compactor"] = COMPACTORS[deed]
        elif deed in STRATEGIES:
            strategy = next(one for one in STRATEGIES if one == deed)
            model = ScriptedModel(lambda request: "It was summarised.")
            options["context_budget"] = ContextBudget(420, strategy, store=self.store, model=model)
        elif deed == "recall":
            options["context_sources"] = [Memory()]
            came.add("context:memory")
        elif deed in ("read", "fail"):
            script.insert(0, call_tool("read", place=number))
            came.add("tool:read")
        if deed == "fail":
            script[-1] = ProviderError("The model is gone.", code="LA-400")
        options |= AgentOptions(model=ScriptedModel(script), tools=[read, send], session_store=self.store)
        agent = LightAgent(**options)
        result = await agent.arun(f"turn {number}", session_id=self.id, result_format="object")
        self.labels.append(self.labels[-1] | (came if result.error is None else set()))

    async def check(self) -> None:
        """The session knows the labels, and so does the next turn, which does not send anything unattended."""
        session = (await load_session(self.store, session_key(Scope(session=self.id)))).session
        assert self.labels[-1] <= set(session.untrusted)
        model = ScriptedModel([call_tool("send"), "Sent."])
        agent = LightAgent(model=model, tools=[read, send], session_store=self.store)
        result = await agent.arun("send", session_id=self.id, result_format="object")
        again = Journal.from_json(result.journal.to_json())
        assert self.labels[-1] <= set(again.run.untrusted)
        if self.labels[-1]:
            assert isinstance(result.outcome, Suspended)


@given(st.lists(st.sampled_from(TURNS + CHANGES), min_size=1, max_size=9))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_label_is_lost_in_a_session_whatever_rewrites_it(deeds: list[str]) -> None:
    async def tell() -> None:
        story = Story()
        await story.turn("read", 0)
        for number, deed in enumerate(deeds, 1):
            await story.tell(deed, number)
        await story.check()

    asyncio.run(tell())


@given(accepted_runs(lambda run: None), st.booleans())
@settings(max_examples=EXAMPLES * 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_labels_of_a_run_only_ever_grow(events: list[Event], forget: bool) -> None:
    first, *rest = Journal(tuple(events)).events
    started = Journal((first,)).started
    assert format_version([first]) in ((4,) if started.plans or started.acting else (2, 3))
    run = start(started)
    for event in rest:
        before = run.untrusted
        run = apply(run, event)
        assert set(before) <= set(run.untrusted)
        if isinstance(event, ContextReplaced):
            assert run.untrusted[: len(before)] == before
