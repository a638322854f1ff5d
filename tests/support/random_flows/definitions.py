"""Random definitions of flows: every kind of step, up to three levels deep."""

from __future__ import annotations

from random import Random

from lightagent.domain.flow.definition import FlowDefinition, Growth, StepDefinition, WaitFor
from lightagent.domain.flow.retrying import Backoff, RetryPolicy

NAMES = "abcdefghij"


def random_flow(rng: Random) -> FlowDefinition:
    """A flow of one to seven steps, with more inside some of them."""
    return FlowDefinition("random", random_steps(rng, "", rng.randint(1, 7), depth=0))


def random_steps(
    rng: Random, where: str, count: int, *, depth: int, growing: bool = True
) -> tuple[StepDefinition, ...]:
    """Steps that stand beside each other; each may depend on those before it. `where` makes waits unique."""
    names = list(NAMES[:count])
    return tuple(
        _step(rng, name, where, tuple(other for other in names[:place] if rng.random() < 0.35), depth, growing=growing)
        for place, name in enumerate(names)
    )


def _step(
    rng: Random, name: str, where: str, depends_on: tuple[str, ...], depth: int, *, growing: bool
) -> StepDefinition:
    kind = rng.choices(("task", "map", "loop", "wait"), (10, 3, 3, 2) if depth < 2 else (10, 0, 0, 2))[0]
    place = f"{where}{name}/"
    condition, approval = rng.random() < 0.15, rng.random() < 0.12
    match kind:
        case "map" | "loop":
            body = random_steps(rng, place, rng.randint(1, 3), depth=depth + 1, growing=growing)
            rounds = rng.choice((2, 3)) if kind == "loop" else None
            return StepDefinition(
                name, kind, depends_on, body=body, condition=condition, approval=approval, rounds=rounds
            )
        case "wait":
            wait = rng.choice((WaitFor(seconds=5.0), WaitFor(event=place), WaitFor(asks=True)))
            return StepDefinition(name, "wait", depends_on, condition=condition, approval=approval, wait=wait)
        case _:
            return StepDefinition(
                name,
                "task",
                depends_on,
                work=name,
                condition=condition,
                approval=approval,
                retry=RetryPolicy(rng.choice((1, 1, 2, 3)), backoff=Backoff(first=rng.choice((0.0, 2.0)))),
                fallback=rng.random() < 0.2,
                verify=rng.random() < 0.2,
                doubt=rng.choice(("accept", "person", "fail")),
                growth=Growth(rng.choice(("code", "person"))) if growing and rng.random() < 0.15 else None,
            )
