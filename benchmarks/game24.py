"""The Game of 24: make 24 of four numbers, each used once. Its moves, what its positions are worth, a model of both."""

import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations
from random import Random

from lightagent.domain.conversation.messages import ContextMessage, SystemMessage, UserMessage
from lightagent.ports.models import ChatRequest

Left = tuple[Fraction, ...]

TARGET = Fraction(24)
_STEP = re.compile(r"(\S+) ([-+*/]) (\S+) = (\S+) \(left: ([^)]*)\)")
_PLAN = re.compile(r"^Plan \d+:$", re.MULTILINE)


def instances(count: int, seed: int = 24) -> list[tuple[int, ...]]:
    """Different sets of four numbers from 1 to 13 of which 24 can be made."""
    chance, found = Random(seed), dict[tuple[int, ...], None]()
    while len(found) < count:
        numbers = tuple(sorted(chance.randint(1, 13) for _ in range(4)))
        if can_be_made(tuple(map(Fraction, numbers))):
            found[numbers] = None
    return [*found]


def moves(left: Left) -> Iterator[tuple[str, Left]]:
    """Each move that there is, in words, and what is left after it."""
    for one, other in combinations(range(len(left)), 2):
        rest = tuple(number for place, number in enumerate(left) if place not in (one, other))
        for a, b in dict.fromkeys([(left[one], left[other]), (left[other], left[one])]):
            for sign, result in _results(a, b):
                after = tuple(sorted((*rest, result)))
                yield f"{a} {sign} {b} = {result} (left: {' '.join(map(str, after))})", after


def _results(a: Fraction, b: Fraction) -> Iterator[tuple[str, Fraction]]:
    if a <= b:
        yield "+", a + b
        yield "*", a * b
    yield "-", a - b
    if b:
        yield "/", a / b


@cache
def can_be_made(left: Left) -> bool:
    """Whether 24 can be made of what is left."""
    if len(left) == 1:
        return left[0] == TARGET
    return any(can_be_made(after) for after in {after for _, after in moves(left)})


def is_solved(numbers: Sequence[int], answer: str) -> bool:
    """Whether the steps of an answer are right, use each number once, and make 24; nothing is believed."""
    left = [Fraction(number) for number in numbers]
    for a, sign, b, result, _ in _STEP.findall(answer):
        for used in (a, b):
            if Fraction(used) not in left:
                return False
            left.remove(Fraction(used))
        if (sign, Fraction(result)) not in [*_results(Fraction(a), Fraction(b)), *_results(Fraction(b), Fraction(a))]:
            return False
        left.append(Fraction(result))
    return left == [TARGET]


class Model:
    """Plays by the rules alone: knows all moves, and what a position is worth but for a share of the positions.

    Args:
        wrong: the share of positions, chosen by the seed, that it takes for the opposite.
        counts: it can tell whether a finished game made 24, and is wrong about the others alone.
    """

    def __init__(self, wrong: float = 0.0, seed: int = 0, *, counts: bool = False) -> None:
        self.calls = 0
        self._wrong = wrong
        self._seed = seed
        self._counts = counts

    def __call__(self, request: ChatRequest) -> str:
        self.calls += 1
        first, last = request.messages[0], request.messages[-1]
        told = first.content if isinstance(first, SystemMessage) else ""
        asked = last.text if isinstance(last, UserMessage) else ""
        if told.startswith("You plan"):
            return self._propose(asked, steps=" to go on" in told)
        if told.startswith("You compare"):
            plans = _PLAN.split(asked)[1:]
            return json.dumps({"scores": [self._worth(_left_in(plan)) for plan in plans]})
        if told.startswith("You look over"):
            return self._look_over(asked)
        plan = next((one.content for one in request.messages if isinstance(one, ContextMessage)), "")
        return _steps(plan) or "\n".join(self._try(_left_in(asked), 0))

    def _propose(self, asked: str, *, steps: bool) -> str:
        left = _left_in(asked)
        if not steps:
            return json.dumps({"proposals": [_plan(self._try(left, 1))]})
        ways = [{**_plan([text]), "complete": len(after) == 1} for text, after in dict(moves(left)).items()]
        return json.dumps({"proposals": ways})

    def _look_over(self, asked: str) -> str:
        """The plan as it is, where it makes 24 or is one of a search; else another try."""
        _, _, plan = asked.partition("\nThe plan:\n")
        steps = _steps(plan).splitlines()
        good = _left_in(plan) == (TARGET,)
        return json.dumps(_plan(steps if good else self._try(_left_in(asked.partition("\nThe plan:\n")[0]), 2)))

    def _try(self, left: Left, number: int) -> list[str]:
        """A game without a plan: by chance, but for the last move, which is seen."""
        chance, steps = Random(f"{self._seed} {left} {number}"), list[str]()
        while len(left) > 1:
            ways = list(moves(left))
            winning = [way for way in ways if way[1] == (TARGET,)]
            text, left = chance.choice(winning or ways)
            steps.append(text)
        return steps

    def _worth(self, left: Left) -> float:
        worth = can_be_made(left)
        sure = self._counts and len(left) == 1
        mistaken = not sure and Random(f"{self._seed} {left} worth").random() < self._wrong
        return float(worth != mistaken)


def question(numbers: Sequence[int]) -> str:
    """What is asked."""
    return f"Make 24 of these numbers, each used once (left: {' '.join(map(str, numbers))})."


def _left_in(text: str) -> Left:
    """What is left by the last that a text says of it."""
    return tuple(sorted(map(Fraction, re.findall(r"\(left: ([^)]*)\)", text)[-1].split())))


def _steps(text: str) -> str:
    return "\n".join(match.group() for match in _STEP.finditer(text))


def _plan(steps: Sequence[str]) -> dict[str, object]:
    return {"goal": "24", "steps": [{"text": step} for step in steps]}
