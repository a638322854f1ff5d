"""Random flows whose store fails at any append: what is resumed from what is on record ends as what was never cut."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from lightagent import JsonObject, JsonValue, LightAgent, LightFlow, LightFlowStep, StepContext, StepOptions
from lightagent.domain.errors import StoreError
from lightagent.domain.messages import ToolCall, ToolMessage
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.json_values import as_list, as_object
from tests.support.failing_journals import FailingStore

TIMES = {"started_at", "ended_at", "duration_ms", "trace"}


class World:
    """What the steps of one flow do, decided by a seed alone; counts what was done outside, by its key."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.done: Counter[str] = Counter()

    def chance(self, *about: object) -> float:
        return random.Random(f"{self.seed} {about}").random()

    def flow(self, store: JournalStore, depth: int = 0) -> LightFlow:
        flow, names = LightFlow(store=store, name=f"flow {depth}"), list[str]()
        for number in range(2 + int(self.chance(depth, "steps") * 4)):
            name = f"s{number}"
            options = self._options(depth, name, store)
            options["depends_on"] = [one for one in names if self.chance(depth, name, one) < 0.4]
            flow.step(name, **options)
            names.append(name)
        return flow

    def _options(self, depth: int, name: str, store: JournalStore) -> StepOptions:
        kind, about = self.chance(depth, name, "kind"), (depth, name)
        options = StepOptions(agent=self._callable(depth, name))
        if kind < 0.2:
            options["agent"] = self._agent(name)
        elif kind < 0.35 and depth < 1:
            options["agent"] = self.flow(store, depth + 1)
        if self.chance(*about, "retry") < 0.4:
            options["max_retry"] = 2
        if self.chance(*about, "fallback") < 0.3:
            options["fallback_agent"] = self._callable(depth, f"{name} fallback")
        if self.chance(*about, "condition") < 0.2:
            options["cancel_if"] = lambda context: self.chance(*about, "no") < 0.5
        if self.chance(*about, "approval") < 0.2:
            options["requires_approval"] = True
            options["approval_handler"] = lambda step, context: self._decide(step)
        return options

    def _decide(self, step: LightFlowStep) -> object:
        return self.chance(step.name, "yes") < 0.7

    def _callable(self, depth: int, name: str) -> Callable[[str, StepContext], object]:
        async def work(query: str, context: StepContext) -> JsonValue:
            for _ in range(int(self.chance(name, context.attempt) * 3)):
                await asyncio.sleep(0)
            place = f"{context.idempotency_key}.{context.attempt}"
            self.done[place] += 1
            if self.chance(depth, name, context.attempt, "fails") < 0.25:
                raise ValueError(f"{name} {context.attempt}")
            return {"query": query, "seen": len(context.outputs)}

        return work

    def _agent(self, name: str) -> LightAgent[None, str]:
        def look(word: str) -> str:
            """Look a word up."""
            return word

        def reply(request: ChatRequest) -> str | ToolCall:
            if isinstance(request.messages[-1], ToolMessage):
                return f"{name}: done"
            return call_tool("look", word="x")

        return LightAgent(name=name, model=ScriptedModel(reply), tools=[look])


def plain(record: JsonObject | None) -> JsonObject:
    """What does not tell when it happened."""
    assert record is not None
    steps: list[JsonValue] = [
        {key: value for key, value in as_object(step).items() if key not in TIMES} for step in as_list(record["steps"])
    ]
    return {"status": record["status"], "content": record["content"], "steps": steps}


@pytest.mark.parametrize("seed", range(6))
async def test_a_flow_that_is_cut_anywhere_ends_as_one_that_is_not(seed: int) -> None:
    whole, counting = World(seed), FailingStore(0)
    await whole.flow(counting).arun("x", run_id="r")
    expected = plain(await whole.flow(counting).aget_run("r"))
    for place in range(1, counting.appends + 1):
        for wrote in (False, True):
            world, store = World(seed), FailingStore(place, wrote=wrote)
            with suppress(StoreError):  # What ends at the same time may be written together, so there may be fewer.
                await world.flow(store).arun("x", run_id="r")
            record = await world.flow(store).aget_run("r")
            if record is None:
                continue
            if record["status"] == "interrupted":  # A run that has failed would get another budget of attempts.
                await world.flow(store).aresume("r")
            assert plain(await world.flow(store).aget_run("r")) == expected, (place, wrote)
            assert max(world.done.values(), default=0) <= 2
