"""Random flows of everything that a `LightFlow` knows, whose steps do what a seed decides, whenever they are asked."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cached_property

from lightagent import (
    JournalStore,
    JsonValue,
    LightAgent,
    LightFlow,
    LightFlowStep,
    RetryPolicy,
    RetryRule,
    StepContext,
    StepOptions,
    StepVerdict,
    tool,
)
from lightagent.application.flow.flow_log import flow_key, read_flow
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.scopes import Scope
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.json_values import as_object
from tests.support.random_flows.counts import check_counts

RUN = "r"
KEY = flow_key(RUN, Scope())
_OVER = ("success", "failed", "cancelled")
_MOST_ROUNDS = 200

Opener = Callable[[], JournalStore]


class FlowWorld:
    """One random flow, and how often its steps did what: by key and attempt, and the attempt of the flow around."""

    def __init__(self, seed: int, opened: Opener) -> None:
        self.seed = seed
        self.opened = opened
        self.done: Counter[str] = Counter()

    def chance(self, *about: object) -> float:
        """A number from 0 to 1: the same whenever the same is asked."""
        return random.Random(f"{self.seed} {about}").random()

    def flow(self, store: JournalStore | None = None, where: str = "", depth: int = 0) -> LightFlow:
        """The flow, declared anew as another process does."""
        flow, names = LightFlow(store=store, name=f"flow {where}"), list[str]()
        body = where.endswith("/")
        if not body:
            flow.offer("look", agent=self._work(f"{where}look"))
        for number in range(1 + int(self.chance(where, "steps") * (5 if depth < 1 else 2))):
            name = f"s{number}"
            needed = [one for one in names if self.chance(where, name, one) < 0.4]
            self._declare(flow, where, name, needed, depth)
            names.append(name)
        return flow

    def _declare(self, flow: LightFlow, where: str, name: str, needed: list[str], depth: int) -> None:
        place, kind = f"{where}{name}", self.chance(where, name, "kind")
        if kind < 0.08:
            flow.sleep(name, 0.001, depends_on=needed)
        elif kind < 0.16:
            flow.wait_for(name, f"event {place}", depends_on=needed)
        elif kind < 0.32 and depth < 2:
            options = self._around(place, needed, depth)
            count = int(self.chance(place, "items") * 4)
            flow.map(name, lambda context: [f"item {number}" for number in range(count)], **options)
        elif kind < 0.45 and depth < 2:
            options, rounds = self._around(place, needed, depth), 1 + int(self.chance(place, "rounds") * 3)
            if self.chance(place, "until") < 0.3:
                flow.loop(name, rounds=rounds, **options)
            else:
                flow.loop(name, until=lambda context: self.chance(place, context.round) < 0.6, rounds=3, **options)
        else:
            flow.step(name, **self._task(place, needed, depth))

    def _around(self, place: str, needed: list[str], depth: int) -> StepOptions:
        """The options of a map or a loop: of a flow, or of one step."""
        if self.chance(place, "body") < 0.5:
            options = StepOptions(agent=self.flow(None, f"{place}/", depth + 1), depends_on=needed)
            self._conditions(options, place)
            return options
        return self._task(place, needed, 2)

    def _task(self, place: str, needed: list[str], depth: int) -> StepOptions:
        kind = self.chance(place, "agent")
        options = StepOptions(agent=self._work(place), depends_on=needed)
        if kind < 0.25:
            options["agent"] = self._agent(place)
        elif kind < 0.35 and depth < 2:
            options["agent"] = self.flow(None, f"{place}!", depth + 1)
        elif kind < 0.5:
            options["accept_steps"] = lambda steps, context: self.chance(place, "grow", len(steps)) < 0.8
        if self.chance(place, "retry") < 0.4:
            options["retry"] = RetryPolicy(3, (RetryRule(("KeyError",), 1),))
        if self.chance(place, "fallback") < 0.2:
            options["fallback_agent"] = self._work(f"{place} fallback")
        if self.chance(place, "verify") < 0.2:
            options["verify"] = lambda result: self._judge(place, result)
            options["on_doubt"] = "person" if self.chance(place, "doubt") < 0.5 else "fail"
        self._conditions(options, place)
        return options

    def _conditions(self, options: StepOptions, place: str) -> None:
        if self.chance(place, "condition") < 0.2:
            options["when"] = lambda context: self.chance(place, context.index, context.round, "yes") < 0.6
        approval = self.chance(place, "approval")
        if approval < 0.16:
            options["requires_approval"] = True
        if approval < 0.08:
            options["approval_handler"] = lambda step, context: self._handle(place, step)

    def _handle(self, place: str, step: LightFlowStep) -> object:
        return self.chance(place, step.name, "handler") < 0.7

    def _judge(self, place: str, result: object) -> StepVerdict:
        said = self.chance(place, str(result), "verdict")
        if said < 0.6:
            return StepVerdict.accept()
        return StepVerdict.reject("not so") if said < 0.8 else StepVerdict.unknown("who knows")

    def _work(self, place: str) -> Callable[[str, StepContext], Awaitable[object]]:
        async def work(query: str, context: StepContext) -> object:
            where = (place, context.path, context.attempt)
            for _ in range(int(self.chance(where, "pause") * 3)):
                await asyncio.sleep(0)
            self.done[f"{context.trace_id} {context.idempotency_key}.{context.attempt}"] += 1
            failing = self.chance(where, "fails")
            if failing < 0.2:
                raise (KeyError if failing < 0.05 else ValueError)(f"{place} {context.attempt}")
            seen: JsonValue = {"asked": zlib.crc32(query.encode()), "seen": len(context.outputs), "n": context.attempt}
            if self.chance(where, "proposes") < 0.3 and "+/" not in context.path:
                count = 1 + int(self.chance(where, "proposed") * 2)
                return {
                    "content": seen,
                    "steps": [{"name": f"x{n}", "work": "look", "query": "q"} for n in range(count)],
                }
            return seen

        return work

    def _agent(self, place: str) -> LightAgent[None, str]:
        @tool(idempotent=True, requires_approval=self.chance(place, "careful") < 0.3)
        def look(word: str) -> str:
            """Look a word up."""
            return word

        def reply(request: ChatRequest) -> str | ToolCall:
            if isinstance(request.messages[-1], ToolMessage):
                return f"{place}: {request.messages[-1].content}"
            return call_tool("look", word="x")

        return LightAgent(name="agent", model=ScriptedModel(reply), tools=[look])

    @cached_property
    def whole(self) -> LightFlow:
        """The flow itself, as this process declares it."""
        return self.flow(self.opened())

    async def begin(self) -> FlowState:
        """Run the flow until it is over, answering whatever it waits for."""
        await self.whole.arun("x", run_id=RUN)
        return await self.finish()

    async def finish(self) -> FlowState:
        """Go on with the run until it is over."""
        state = fold(await self.events())
        for _ in range(_MOST_ROUNDS):
            check_counts(state)
            if state.status in _OVER:
                return state
            await self.whole.aresume(RUN)
            state = fold(await self.events())
            if state.status not in _OVER:
                await self._answer(state)
        raise AssertionError(f"seed {self.seed}: the run does not end")

    async def events(self) -> list[FlowEvent]:
        """All that is on record."""
        return (await read_flow(self.opened(), KEY))[1]

    async def _answer(self, state: FlowState) -> None:
        """Answer all that a run waits for which was left."""
        for path in waiting(state):
            await self.whole.aapprove(RUN, path, self.chance(path, "person") < 0.8)
        for event in awaited(state):
            await self.whole.asignal(RUN, event, {"told": event})


def waiting(state: FlowState, within: str = "") -> Iterator[str]:
    """The paths of the steps that wait for a person, or are agents that do."""
    for node in state.nodes.values():
        if node.status == "waiting_approval":
            yield f"{within}{node.path}"
        elif node.status == "running":
            below = _below(node.notes or ())
            yield from [f"{within}{node.path}"] if below is None else waiting(below, f"{within}{node.path}/")


def awaited(state: FlowState) -> Iterator[str]:
    """The events that steps wait for, once for each of them."""
    for node in state.nodes.values():
        if node.status == "signal" and node.step.wait is not None:
            yield node.step.wait.event
        elif node.status == "running" and (below := _below(node.notes or ())) is not None:
            yield from awaited(below)


def _below(notes: Sequence[object]) -> FlowState | None:
    events = [note for note in notes if isinstance(note, FlowEvent)]
    return fold(events) if events else None


TIMES = frozenset(("started_at", "ended_at", "duration_ms", "trace", "created_at", "updated_at", "trace_id"))


def plain(value: JsonValue) -> JsonValue:
    """A record without what tells when it happened."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in TIMES}
    return [plain(one) for one in value] if isinstance(value, list) else value


async def record_of(world: FlowWorld) -> JsonValue:
    """The record of the run as a user gets it, without times."""
    return plain(as_object(await world.whole.aget_run(RUN)))
