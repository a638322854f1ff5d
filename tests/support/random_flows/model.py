"""How a random flow must end, computed by plain recursion over its definition: no events, no counters, no worklist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.paths import added_depth, added_prefix, item_prefix, round_prefix
from lightagent.domain.flow.record import StepRecord
from lightagent.domain.json_types import JsonValue
from tests.support.random_flows.world import MAX_DEPTH, World


@dataclass
class End:
    """How a step ends."""

    status: str = "skipped"
    why: str = ""
    value: JsonValue = None
    attempts: int = 0
    fallback: bool = False
    scopes: list[dict[str, End]] = field(default_factory=list)

    @property
    def text(self) -> str:
        if self.value is None:
            return ""
        return self.value if isinstance(self.value, str) else json.dumps(self.value)


class Model:
    def __init__(self, world: World) -> None:
        self.world = world

    def body(
        self, steps: tuple[StepDefinition, ...], prefix: str, seen: dict[str, str], previous: dict[str, str]
    ) -> dict[str, End]:
        """The end of each step; steps depend only on those before them."""
        ends: dict[str, End] = {}
        above: dict[str, set[str]] = {}
        for step in steps:
            above[step.name] = set(step.depends_on).union(*(above[name] for name in step.depends_on))
            own = {name: ends[name].text for name in above[step.name] if _has_output(ends[name])}
            hidden = {name: text for name, text in seen.items() if name not in above[step.name]}
            ends[step.name] = self.step(step, prefix, [ends[name] for name in step.depends_on], hidden | own, previous)
        return ends

    def step(
        self,
        step: StepDefinition,
        prefix: str,
        needed: list[End],
        seen: dict[str, str],
        previous: dict[str, str],
    ) -> End:
        path = prefix + step.name
        if any(end.status == "failed" or end.why == "upstream" for end in needed):
            return End(why="upstream")
        if needed and all(end.status == "skipped" for end in needed):
            return End(why="condition")
        return self.asked(step, path) or self.begun(step, path, seen, previous)

    def asked(self, step: StepDefinition, path: str) -> End | None:
        """How it ends if code or a person keeps it from running."""
        if step.condition and self.world.question_fails(path, "when"):
            return End("failed", "asked")
        if step.condition and not self.world.when(path):
            return End(why="condition")
        decision = self.world.decision(path, "run") if step.approval else None
        if decision is not None and decision.action == "reject":
            return End("failed", "declined")
        if decision is not None and decision.action == "respond":
            return End("success", value=decision.output)
        return None

    def begun(self, step: StepDefinition, path: str, seen: dict[str, str], previous: dict[str, str]) -> End:
        arguments = self.world.decision(path, "run").arguments if step.approval else None
        query = None if arguments is None else arguments["query"]
        match step.kind:
            case "task":
                return self.task(step, path, seen, query, previous)
            case "map":
                return self.map(step, path, seen, previous)
            case "loop":
                return self.loop(step, path, seen)
            case "wait":
                return self.wait(step, path)

    def wait(self, step: StepDefinition, path: str) -> End:
        if step.wait is not None and step.wait.asks and self.world.question_fails(path, "until"):
            return End("failed", "asked")
        event = "" if step.wait is None else step.wait.event
        return End("success", value=event or None)

    def map(self, step: StepDefinition, path: str, seen: dict[str, str], previous: dict[str, str]) -> End:
        if self.world.question_fails(path, "items"):
            return End("failed", "asked")
        count = len(self.world.items(path))
        scopes = [self.body(step.body, item_prefix(path, number), seen, previous) for number in range(count)]
        if any(_failed(scope) for scope in scopes):
            return End("failed", "inside", scopes=scopes)
        return End("success", value=[_content(step.body, scope) for scope in scopes], scopes=scopes)

    def loop(self, step: StepDefinition, path: str, seen: dict[str, str]) -> End:
        scopes: list[dict[str, End]] = []
        while True:
            before = {name: end.text for name, end in scopes[-1].items() if _has_output(end)} if scopes else {}
            scopes.append(self.body(step.body, round_prefix(path, len(scopes) + 1), seen, before))
            if _failed(scopes[-1]):
                return End("failed", "inside", scopes=scopes)
            if self.world.question_fails(path, f"again {len(scopes)}"):
                return End("failed", "asked", scopes=scopes)
            if not self.world.again(path, len(scopes)):
                return End("success", value=_content(step.body, scopes[-1]), scopes=scopes)
            if len(scopes) == step.rounds:
                return End("failed", "bound", scopes=scopes)

    def task(
        self, step: StepDefinition, path: str, seen: dict[str, str], query: JsonValue, previous: dict[str, str]
    ) -> End:
        end, attempts = End(), 0
        output = self.world.output(path, seen | {f"<{name}": text for name, text in previous.items()}, query)
        for fallback in (False, True) if step.fallback else (False,):
            for _ in range(step.retry.attempts):
                attempts += 1
                end = self.attempt(step, path, attempts, fallback=fallback)
                if end.why in ("", "doubt", "asked", "declined"):
                    break
                if end.why == "attempt" and self.world.error(path).code == "LA-CONFIG":
                    break
            if end.why in ("", "doubt", "asked", "declined"):
                break
        end.attempts, end.fallback = attempts, fallback
        if end.status != "success":
            return end
        if end.value is None:
            end.value = output
            self.grow(step, path, seen | {step.name: output}, previous, end)
        return end

    def attempt(self, step: StepDefinition, path: str, number: int, *, fallback: bool) -> End:
        world = self.world
        if world.fails(path, step, number, fallback=fallback):
            return End("failed", "attempt")
        if not step.verify:
            return End("success")
        if world.question_fails(path, "verify"):
            return End("failed", "asked")
        verdict = world.verdict(path, step, number, fallback=fallback)
        if verdict == "reject":
            return End("failed", "rejected")
        if verdict == "accept" or step.doubt == "accept":
            return End("success")
        if step.doubt == "fail":
            return End("failed", "doubt")
        decision = world.decision(path, "result")
        if decision.action == "reject":
            return End("failed", "declined")
        return End("success", value=decision.output)

    def grow(self, step: StepDefinition, path: str, seen: dict[str, str], previous: dict[str, str], end: End) -> None:
        proposed = self.world.proposals(path) if step.growth is not None else ()
        if not proposed:
            return
        if added_depth(path) >= MAX_DEPTH or self.world.question_fails(path, "grow"):
            end.status, end.why = "failed", "asked"
            return
        if not self.world.grows(path) or step.growth is None:
            return
        if step.growth.accept == "person":
            decision = self.world.decision(path, "growth")
            if decision.action == "respond":
                end.value = decision.output
            if decision.action != "approve":
                return
        scope = self.body(proposed, added_prefix(path), seen, previous)
        end.scopes = [scope]
        if _failed(scope):
            end.status, end.why = "failed", "inside"


def _failed(scope: dict[str, End]) -> bool:
    return any(end.status == "failed" for end in scope.values())


def _has_output(end: End) -> bool:
    return end.status == "success"


def _content(steps: tuple[StepDefinition, ...], scope: dict[str, End]) -> JsonValue:
    depended = {name for step in steps for name in step.depends_on}
    ends = [scope[step.name] for step in reversed(steps) if step.name not in depended]
    return next((end.value for end in ends if end.status == "success"), None)


def differences(steps: tuple[StepRecord, ...], ends: dict[str, End], *, attempts: bool) -> Iterator[str]:
    """Where a record is not what the model says; attempts are compared where nothing has disturbed the run."""
    for record in steps:
        end = ends[record.name]
        value = end.value if end.status == "success" else None
        found = (record.status, record.why, record.output, record.used_fallback)
        if found != (end.status, end.why, value, end.fallback):
            yield f"{record.path}: {found}, not {(end.status, end.why, value, end.fallback)}"
        if attempts and record.attempts != end.attempts:
            yield f"{record.path}: {record.attempts} attempts, not {end.attempts}"
        scopes = record.items or record.rounds or ((record.added,) if record.added else ())
        if len(scopes) != len(end.scopes):
            yield f"{record.path}: {len(scopes)} scopes, not {len(end.scopes)}"
        for inner, expected in zip(scopes, end.scopes, strict=False):
            yield from differences(inner, expected, attempts=attempts)
