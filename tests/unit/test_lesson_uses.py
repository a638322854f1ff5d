"""How often lessons were of use, counted once a run, and when they are stale."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from lightagent import ConfigurationError, HumanFeedback, MemoryOwner, SelfLearning
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.feedback.feedback import Feedback
from lightagent.application.feedback.lesson_log import KIND, GivenLesson, LessonLog
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.learning.lesson_ratings import MOST_RECENT, LessonRules, LessonTally, ranked_by_worth
from lightagent.domain.scopes import Scope
from tests.support.wrapped_journals import WrappedStore

ANN, ALL = MemoryOwner("", "red", "ann", agent="clerk"), MemoryOwner("", "red", "", agent="clerk")
DAY = 86_400.0


class Store:
    """A log, with the hand on its clock."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.journals = MemoryJournalStore()
        self.log = LessonLog(self.journals, lambda: self.now)

    async def run(self, run_id: str, *, used: bool = False, owner: MemoryOwner = ANN, trace: str = "") -> None:
        trace_id = trace or f"trace-{run_id}"
        await self.log.count_run(ANN, run_id, trace_id, [GivenLesson(owner, "lesson", 500.0, used)])

    async def rate(self, trace_id: str, *, helped: bool, tenant: str = "red") -> None:
        feedback = Feedback(self.journals, lambda: self.now, tenant=tenant)
        await feedback.add(HumanFeedback(trace_id, helpful=helped))

    async def counts(self, owner: MemoryOwner = ANN) -> tuple[int, int, int, int]:
        tally = await self.log.tally(owner, "lesson")
        assert tally is not None
        return tally.recalled, tally.used, tally.rated, tally.helped


async def test_each_run_counts_once_however_often_it_is_resumed() -> None:
    store = Store()
    assert await store.log.tally(ANN, "lesson") is None
    for run_id in ("one", "two", "one", "three", "two", "one"):
        await store.run(run_id, used=run_id == "two")
    assert await store.counts() == (3, 1, 0, 0)


async def test_what_was_said_last_of_a_run_holds_and_counts_once() -> None:
    store = Store()
    for run_id in ("one", "two"):
        await store.run(run_id)
    for trace_id, helped in (("one", True), ("one", True), ("two", False), ("unknown", True)):
        await store.rate(f"trace-{trace_id}", helped=helped)
    assert await store.counts() == (2, 0, 2, 1)
    await store.rate("trace-one", helped=False)
    await store.rate("trace-two", helped=True)
    assert await store.counts() == (2, 0, 2, 1)
    await store.rate("trace-one", helped=True, tenant="blue")
    assert await store.counts() == (2, 0, 2, 1), "another tenant cannot say anything of it"


async def test_what_is_said_of_a_run_before_it_is_counted_counts_once_it_is() -> None:
    store = Store()
    for helped in (True, False):
        await store.rate("trace-one", helped=helped)
    await store.rate("trace-one", helped=True, tenant="blue")
    feedback = Feedback(store.journals, tenant="red")
    await feedback.add(HumanFeedback("trace-one", label="seen", comment="It says nothing of help."))
    await store.run("one")
    await store.run("one")
    assert await store.counts() == (1, 0, 1, 0)
    await store.rate("trace-one", helped=True)
    assert await store.counts() == (1, 0, 1, 1)


class Yielding(WrappedStore):
    """Lets others go first at random, so that what happens at once is mixed."""

    def __init__(self, seed: int) -> None:
        super().__init__(MemoryJournalStore())
        self._random = random.Random(seed)

    async def before(self, *, writes: bool) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(60))
async def test_opposite_ratings_at_the_same_time_leave_all_lessons_with_what_was_said_last(seed: int) -> None:
    journals = Yielding(seed)
    log, feedback = LessonLog(journals, lambda: 1_000.0), Feedback(journals, tenant="red")
    told = [GivenLesson(ANN, lesson_id, 500.0, used=False) for lesson_id in ("a", "b", "c")]
    await asyncio.gather(
        log.count_run(ANN, "one", "trace", told),
        *(feedback.add(HumanFeedback("trace", helpful=number % 2 == 0)) for number in range(4)),
    )
    (last,) = [one async for one in feedback.list("trace")][-1:]
    tallies = [await log.tally(ANN, lesson_id) for lesson_id in ("a", "b", "c")]
    assert [(one.rated, one.helped) for one in tallies if one is not None] == [(1, int(last.helpful is True))] * 3


async def test_runs_of_one_trace_are_rated_as_one() -> None:
    store = Store()
    for run_id in ("one", "two"):
        await store.run(run_id, trace="t")
    await store.rate("t", helped=True)
    assert await store.counts() == (2, 0, 1, 1)


async def test_a_lesson_for_everybody_is_rated_by_users_who_were_told_of_it() -> None:
    store = Store()
    await store.run("one", owner=ALL)
    await store.rate("trace-one", helped=True)
    assert await store.counts(ALL) == (1, 0, 1, 1)
    assert await store.log.tally(ANN, "lesson") is None


async def test_an_entry_that_names_a_lesson_of_another_user_rates_nothing_of_theirs() -> None:
    store, bob = Store(), MemoryOwner("", "red", "bob", agent="clerk")
    await store.log.count_run(ANN, "r", "trace", [GivenLesson(bob, "lesson", 500.0, used=False)])
    await store.rate("trace", helped=True)
    assert await store.counts(bob) == (1, 0, 0, 0)


async def test_many_runs_at_once_are_all_counted() -> None:
    store = Store()
    await asyncio.gather(*(store.run(f"{number}", used=number % 2 == 0) for number in range(40)))
    assert await store.counts() == (40, 20, 0, 0)


async def test_the_stream_of_a_lesson_stays_short_and_its_counts_stay_right() -> None:
    store = Store()
    count = 8 * MOST_RECENT + 4
    for number in range(count):
        await store.run(f"{number}", used=True)
    assert await store.counts() == (count, count, 0, 0)
    found = await store.journals.read(StreamKey(Scope("red", "ann"), KIND, "lesson"), 0, 1_000)
    assert len(found.entries) < 2 * MOST_RECENT
    await store.run("0", used=True)
    for helped in (True, True, False, True):
        await store.rate("trace-0", helped=helped)
    assert await store.counts() == (count, count, 1, 1), "the first run is known, though its entry is gone"


class Dying(WrappedStore):
    """Dies at the write of this number."""

    def __init__(self, dies_at: int) -> None:
        super().__init__(MemoryJournalStore())
        self._left = dies_at

    async def before(self, *, writes: bool) -> None:
        self._left -= writes
        if writes and self._left == 0:
            raise OSError("the process is gone")


@pytest.mark.parametrize("dies_at", range(1, 8))
async def test_a_process_that_dies_while_it_counts_leaves_counts_that_the_next_one_completes(dies_at: int) -> None:
    journals = Dying(dies_at)
    log = LessonLog(journals, lambda: 1_000.0)
    told = [GivenLesson(ANN, "lesson", 500.0, used=True), GivenLesson(ALL, "other", 500.0, used=False)]
    for _ in range(2):
        with suppress(OSError):
            await log.count_run(ANN, "one", "trace-one", told)
    for _ in range(2):
        with suppress(OSError):
            await Feedback(journals, tenant="red").add(HumanFeedback("trace-one", helpful=True))
    tallies = await log.tally(ANN, "lesson"), await log.tally(ALL, "other")
    counts = [(one.recalled, one.used, one.rated, one.helped) for one in tallies if one is not None]
    assert counts == [(1, 1, 1, 1), (1, 0, 1, 1)]


async def test_what_has_ended_counts_no_more() -> None:
    store = Store()
    await store.run("one")
    await store.log.end(ANN, "lesson", LessonTally(500.0), "max_age")
    await store.run("two")
    await store.rate("trace-one", helped=True)
    await store.log.end(ANN, "lesson", LessonTally(500.0), "expires_after")
    tally = await store.log.tally(ANN, "lesson")
    assert tally == LessonTally(500.0, recalled=1, ended="max_age")


async def test_a_clock_that_was_set_back_makes_no_use_older() -> None:
    store = Store()
    await store.run("one", used=True)
    store.now = 10.0
    await store.run("two", used=True)
    await store.rate("trace-two", helped=True)
    tally = await store.log.tally(ANN, "lesson")
    assert tally is not None
    assert tally.useful_at == 1_000.0
    assert LessonRules(expires_after=100.0).why_stale(tally, 1_050.0) is None
    assert LessonRules(expires_after=100.0).why_stale(tally, 10.0) is None


RULES = LessonRules(max_age=100 * DAY, expires_after=10 * DAY, useless_after=3, unused_after=5)
STALE: dict[str, tuple[LessonTally, float, str | None]] = {
    "new": (LessonTally(0.0), 9 * DAY, None),
    "of no use for long": (LessonTally(0.0), 10 * DAY, "expires_after"),
    "of use since": (LessonTally(0.0, 1, 1, useful_at=8 * DAY), 17 * DAY, None),
    "of use long ago": (LessonTally(0.0, 9, 9, useful_at=8 * DAY), 18 * DAY, "expires_after"),
    "old": (LessonTally(0.0, 99, 99, useful_at=99 * DAY), 100 * DAY, "max_age"),
    "rated, never well": (LessonTally(0.0, 3, 3, 3, 0), DAY, "useless_after"),
    "rated well once": (LessonTally(0.0, 9, 9, 9, 1), DAY, None),
    "never used": (LessonTally(0.0, 5), DAY, "unused_after"),
    "never used, but of help": (LessonTally(0.0, 5, 0, 1, 1), DAY, None),
}


@pytest.mark.parametrize("name", STALE)
def test_a_lesson_is_stale_by_the_rule_that_says_so(name: str) -> None:
    tally, now, why = STALE[name]
    assert RULES.why_stale(tally, now) == why
    assert LessonRules().why_stale(tally, now) is None


def test_what_was_of_use_goes_before_what_fits_a_little_better_and_not_before_what_fits_far_better() -> None:
    new, good, idle = LessonTally(0.0), LessonTally(0.0, 9, 9, 9, 9), LessonTally(0.0, 9)
    assert ranked_by_worth([new, idle, good]) == [2, 0, 1]
    assert ranked_by_worth([idle, new]) == [1, 0]
    assert ranked_by_worth([new, new, new]) == [0, 1, 2]
    assert ranked_by_worth([new, *[idle] * 30, good])[0] == 0


FEEDBACK: dict[str, tuple[HumanFeedback, bool | None]] = {
    "helpful": (HumanFeedback("trace-one", helpful=True), True),
    "not helpful, whatever the label": (HumanFeedback("trace-one", label="correct", helpful=False), False),
    "a good label": (HumanFeedback("trace-one", label=" Correct "), True),
    "a bad label": (HumanFeedback("trace-one", label="wrong"), False),
    "a label that says nothing": (HumanFeedback("trace-one", label="seen"), None),
    "a rating on some scale": (HumanFeedback("trace-one", rating=5.0), None),
}


@pytest.mark.parametrize("name", FEEDBACK)
async def test_feedback_is_counted_at_the_lessons_that_the_run_was_told_of(name: str) -> None:
    given, helped = FEEDBACK[name]
    store = Store()
    await store.run("one", used=True)
    for tenant in ("blue", "red"):
        await Feedback(store.journals, tenant=tenant).add(given)
    assert await store.counts() == (1, 1, helped is not None, helped is True)


async def test_a_damaged_lesson_keeps_no_feedback_from_being_taken() -> None:
    store = Store()
    told = [GivenLesson(ANN, lesson_id, 500.0, used=True) for lesson_id in ("lesson", "other")]
    await store.log.count_run(ANN, "one", "trace-one", told)
    key = StreamKey(Scope("red", "ann"), KIND, "lesson")
    await store.journals.append(key, [Draft('{"what": "nonsense"}', 1)], expected=1, at=0.0)
    feedback = Feedback(store.journals, tenant="red")
    await feedback.add(HumanFeedback("trace-one", helpful=True))
    assert [one.helpful async for one in feedback.list("trace-one")] == [True]
    other = await store.log.tally(ANN, "other")
    assert other is not None
    assert other.helped == 1


@pytest.mark.parametrize("name", ["timeout", "expires_after", "max_age", "most_lessons", "useless_after"])
@pytest.mark.parametrize("value", [0, -1, True, "5", float("nan")])
def test_numbers_of_self_learning_are_checked(name: str, value: object) -> None:
    options: dict[str, object] = {name: value}
    with pytest.raises(ConfigurationError, match=name):
        SelfLearning(**options)  # type: ignore[arg-type]


def test_counts_of_self_learning_are_whole() -> None:
    for name in ("most_lessons", "useless_after", "unused_after"):
        options: dict[str, object] = {name: 1.5}
        with pytest.raises(ConfigurationError, match="whole number"):
            SelfLearning(**options)  # type: ignore[arg-type]
