"""A process is killed at each named point of a run of a flow: nothing on record is lost, unreadable or done twice.

The receiver of an effect keeps one for each idempotency key; whatever is cut, there is exactly one of each in the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import pytest

from lightagent.application.flow.flow_codec import flow_event_from_dict
from lightagent.application.flow.flow_log import flow_key, read_flow
from lightagent.application.journals import hold_lease
from lightagent.domain.flow.events import AttemptFinished, FlowEvent, RerunRequested
from lightagent.domain.flow.paths import effect_key
from lightagent.domain.flow.state import fold
from lightagent.domain.scopes import Scope
from tests.servers.postgres import PostgresServer
from tests.support.flow_kills.points import POINTS
from tests.support.flow_kills.program import LEASE_SECONDS, RUN, Order, carry_out, open_store
from tests.support.flow_kills.scene import Call, Effects

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TEST_FLOW_KILLS", "1"))
"""At each point, of each store."""

STEPS = ("first", "flaky", "agent", "publish", "last")
KEYS = {"r/first@1", "r/flaky@1", "r/publish@2", "r/last@2"}
"""Of the effects of steps at the end. Before the rerun, `publish` and `last` have had theirs under other keys."""

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal"),
    pytest.mark.timeout(3600),
]


class Program:
    """The process whose forks carry out orders."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.flow_kills.program"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def carry_out(self, order: Order) -> int:
        """The status with which the fork ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(order)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    started = Program()
    yield started
    started.process.communicate()


@dataclass
class Place:
    """Where a store and the effects of one run are."""

    program: Program
    kind: str
    folder: Path
    postgres: PostgresServer | None

    def begin(self, number: int) -> None:
        """Go to a place where nothing has happened."""
        self.here = self.folder / str(number)
        self.here.mkdir()
        self.effects = Effects(self.here)
        if self.postgres is not None:
            self.options = {"url": self.postgres.url, "schema_name": f"kills_{uuid4().hex}"}
        elif self.kind == "sqlite":
            self.options = {"path": str(self.here / "db")}
        else:
            self.options = {"directory": str(self.here / "runs")}

    def order(self, do: str) -> object:
        """What comes of an order that nobody kills: it is carried out here, by a store that knows only what is kept."""
        return asyncio.run(carry_out(Order(self.kind, self.options, str(self.here), do)))

    def kill(self, do: str, point: str, nth: int) -> bool:
        """Have an order carried out and killed; whether the point was reached."""
        status = self.program.carry_out(Order(self.kind, self.options, str(self.here), do, point, nth))
        if not os.WIFSIGNALED(status):
            return False
        assert os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGALRM)
        return True

    def events(self) -> list[FlowEvent]:
        """What is on record of the run."""

        async def read() -> list[FlowEvent]:
            store = open_store(self.kind, self.options)
            try:
                return (await read_flow(store, flow_key(RUN, Scope())))[1]
            finally:
                await store.aclose()

        return asyncio.run(read())

    def acknowledged(self) -> dict[int, FlowEvent]:
        """The events of the run whose append was acknowledged, by sequence."""
        path, found = self.here / "acknowledged.jsonl", dict[int, FlowEvent]()
        for line in path.read_text().splitlines() if path.exists() else ():
            kind, expected, contents = json.loads(line)
            if kind == "flow":
                found |= {
                    expected + place: flow_event_from_dict(json.loads(content))
                    for place, content in enumerate(contents, 1)
                }
        return found


@pytest.fixture
def place(
    kind: str, tmp_path: Path, program: Program, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Place:
    monkeypatch.setattr(hold_lease, "SECONDS", LEASE_SECONDS)
    postgres = request.getfixturevalue("postgres") if kind == "postgres" else None
    return Place(program, kind, tmp_path, postgres)


def check_record(place: Place) -> set[str]:
    """The record is readable and has all that was acknowledged; the keys of what is done for good."""
    events = place.events()
    for sequence, event in place.acknowledged().items():
        assert events[sequence - 1] == event
    if events:
        fold(events)
    done = [event for event in events if isinstance(event, AttemptFinished)]
    return {effect_key(RUN, event.path, event.epoch) for event in done}


def go_on(place: Place, *, by_worker: bool) -> None:
    """Somebody else goes on with a run whose process is dead, if it is on record."""
    record = place.order("work" if by_worker else "show")
    if record is None:
        assert place.order("begin") == "waiting_approval"
    elif not by_worker:
        assert place.order("resume") in ("waiting_approval", "success")


def is_rerun(place: Place) -> bool:
    return any(isinstance(event, RerunRequested) for event in place.events())


def play(place: Place, point: str, nth: int, *, by_worker: bool) -> None:
    """A run from its beginning over a decision and a rerun to its end, with one death in it."""
    fatal = POINTS[point].during
    orders = ["begin", *(("cancel", "resume") if fatal == "cancel" else ()), "approve", "resume", "rerun"]
    for number, do in enumerate([*orders, "approve", "resume"]):
        if number != orders.index(fatal):
            place.order(do)
            continue
        assert place.kill(do, point, nth), "The point was not reached."
        done, calls = check_record(place), Counter(place.effects.calls())
        if do in ("approve", "cancel"):
            assert place.order(do) == "done" or POINTS[point].reached.startswith("after")
        elif do == "rerun" and not is_rerun(place):
            place.order("rerun")
        else:
            go_on(place, by_worker=by_worker)
        check_record(place)
        assert calls_again(calls, Counter(place.effects.calls())) & done == set()


def calls_again(before: Counter[Call], now: Counter[Call]) -> set[str]:
    """The keys with which somebody was called before, and was called again."""
    return {key for what, key in before if now[what, key] > before[what, key]}


POINT_NAMES = [
    (kind, point)
    for place, kind in enumerate(("files", "sqlite", "postgres"))
    for number, point in enumerate(POINTS)
    if KILLS > 1 or kind == "files" or number % 6 == 2 * place
]
"""By default each point is there for one store at least; `make soak` has all of them for all."""


@pytest.mark.parametrize(("kind", "point"), POINT_NAMES)
def test_a_death_at_a_named_point_loses_and_repeats_nothing(kind: str, point: str, place: Place) -> None:
    chance = random.Random(f"{kind} {point}")
    for number in range(KILLS):
        place.begin(number)
        nth = chance.randint(1, POINTS[point].most)
        play(place, point, nth, by_worker=chance.random() < 0.5)
        record = place.order("show")
        assert isinstance(record, dict)
        assert record["status"] == "success"
        assert [step["status"] for step in record["steps"]] == ["success"] * len(STEPS)
        assert [step["content"] for step in record["steps"]] == [f"{step} is done" for step in STEPS]
        effects = {unquote(name) for name in place.effects.done()}
        of_steps = {key for key in effects if key.startswith("r/")}
        assert KEYS <= of_steps <= KEYS | {"r/publish@1", "r/last@1"}
        assert all(times == 1 for (what, _), times in Counter(place.effects.calls()).items() if what.startswith("look"))
        # A call of a tool whose outcome a crash left open is not made again by itself: the model is told.
        assert 3 <= len(effects - of_steps) <= 4
        check_record(place)


def test_there_are_twelve_points_at_least() -> None:
    assert len(POINTS) >= 12
