"""What happens when a step of a random flow is worked on: the same in every run, whatever its order.

It depends on the path of the step and the number of the attempt alone, never on time or on what happened elsewhere. A
step is doomed, and fails however often it is tried, or succeeds within the attempts that its policy gives it. So a run
that was disturbed ends as one that was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Literal

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.paths import added_depth
from lightagent.domain.json_types import JsonValue
from lightagent.domain.review.decisions import ApprovalDecision
from tests.support.random_flows.definitions import random_steps

MAX_DEPTH = 2


@dataclass(frozen=True)
class World:
    seed: int

    def roll(self, path: str, what: str) -> int:
        """A number from 0 to 99 that belongs to this question."""
        digest = blake2b(f"{self.seed}|{path}|{what}".encode(), digest_size=4).digest()
        return int.from_bytes(digest) % 100

    def doomed(self, path: str) -> bool:
        return self.roll(path, "doomed") < 12

    def bad_attempts(self, path: str, step: StepDefinition) -> int:
        """How many attempts fail before one succeeds."""
        return self.roll(path, "flaky") % step.retry.attempts if self.roll(path, "bad") < 50 else 0

    def error(self, path: str) -> LightAgentErrorInfo:
        hopeless = self.doomed(path) and self.roll(path, "hopeless") < 30
        return LightAgentErrorInfo("LA-CONFIG" if hopeless else "LA-TOOL", f"{path} does not work.")

    def fails(self, path: str, step: StepDefinition, attempt: int, *, fallback: bool) -> bool:
        """Whether the attempt fails by itself; others that are no good are rejected by the verification."""
        if fallback:
            return self.roll(path, "fallback") < 40
        rejected = step.verify and self.roll(path, "rejected") < 50
        return not rejected and not self.good(path, step, attempt)

    def good(self, path: str, step: StepDefinition, attempt: int) -> bool:
        return not self.doomed(path) and attempt > self.bad_attempts(path, step)

    def output(self, path: str, seen: Mapping[str, str], query: JsonValue) -> str:
        """A text that tells all that the step saw."""
        told = "|".join(f"{name}={text}" for name, text in sorted(seen.items()))
        return f"{path}:{blake2b(f'{told}|{query}'.encode(), digest_size=4).hexdigest()}"

    def when(self, path: str) -> bool:
        return self.roll(path, "when") < 60

    def items(self, path: str) -> list[JsonValue]:
        return [f"{path}.{number}" for number in range(self.roll(path, "items") % 4)]

    def again(self, path: str, rounds: int) -> bool:
        return self.roll(path, f"again {rounds}") < 45

    def verdict(
        self, path: str, step: StepDefinition, attempt: int, *, fallback: bool
    ) -> Literal["accept", "reject", "unknown"]:
        if not fallback and not self.good(path, step, attempt):
            return "reject"
        return "unknown" if self.roll(path, "unknown") < 30 else "accept"

    def proposals(self, path: str) -> tuple[StepDefinition, ...]:
        """What it wants to add below itself: nothing, steps, or steps deeper than any may be added."""
        if self.roll(path, "proposes") < 40:
            return ()
        rng = Random(f"{self.seed} {path}")
        return random_steps(rng, f"{path}+/", rng.randint(1, 3), depth=2, growing=added_depth(path) <= MAX_DEPTH)

    def grows(self, path: str) -> bool:
        return self.roll(path, "grows") < 80

    def decision(self, path: str, about: str) -> ApprovalDecision:
        roll = self.roll(path, f"decision {about}")
        if roll < 15:
            return ApprovalDecision.reject("no")
        if roll < 30:
            return ApprovalDecision.respond(f"said of {path}")
        if roll < 45 and about == "run":
            return ApprovalDecision.edit({"query": f"edited {path}"})
        return ApprovalDecision.approve()

    def question_fails(self, path: str, question: str) -> bool:
        return self.roll(path, f"question {question}") < 4
