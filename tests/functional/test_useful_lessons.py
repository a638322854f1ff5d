"""Lessons that were of use are told before others, and stale ones are told no more."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from lightagent import (
    AlreadyDecided,
    ConfigurationError,
    FoundMemory,
    HumanFeedback,
    InProcessMemory,
    JsonObject,
    LightAgent,
    MemoryOwner,
    MemoryPolicy,
    MemoryProtocol,
    PolicyHook,
    SelfLearning,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Slice, StreamKey
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.policy.phases import Subject
from lightagent.human_review import ReviewStore
from lightagent.ports.context import Conclusion, ServedRun, ServingConclusion
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel

TRAIN = "Offer a window seat in the train first."
PLANE = "Offer an aisle seat in the plane first."
QUERY = "Which seat should I offer first?"


class Bench:
    """An agent with lessons, the hand on its clock, and what its runs were told."""

    def __init__(
        self,
        settings: SelfLearning | None = None,
        *,
        memory: MemoryStore | MemoryProtocol | None = None,
        tenant: str = "",
        conclusions: Sequence[Conclusion] = (),
        hooks: Sequence[PolicyHook] = (),
    ) -> None:
        self.time = 1_000.0
        self.lessons: list[str] = []
        self.answer = "Done."
        self.told: list[str] = []
        self.tenant = tenant
        self.journals = Journals()
        self.memory = InProcessMemory() if memory is None else memory
        self.agent = LightAgent(
            name="clerk",
            model=ScriptedModel(self._answer),
            memory=self.memory,
            memory_policy=MemoryPolicy(memory_promotion_admission=lambda candidate, context: True),
            self_learning=settings or True,
            session_store=self.journals,
            clock=self,
            conclusions=conclusions,
            hooks=hooks,
        )

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def _answer(self, request: ChatRequest) -> AssistantMessage:
        if "look back" in str(request.messages[0].content):
            lessons = [{"text": text, "about": "user", "confidence": 0.5} for text in self.lessons]
            return AssistantMessage(json.dumps({"lessons": lessons}))
        found = [one.content for one in request.messages if isinstance(one, ContextMessage)]
        self.told = [line for text in found for line in text.split("\n") if "(reflection)" in line]
        return AssistantMessage(self.answer)

    def learn(self, *lessons: str) -> None:
        self.lessons = [*lessons]
        self.run("Hello.")
        self.lessons = []

    def run(self, query: str = QUERY, answer: str = "Done.", user: str = "ann") -> str:
        self.answer = answer
        result = self.agent.run(query, user_id=user, tenant=self.tenant, result_format="object", trace=True)
        assert result.error is None
        return result.trace_id

    def rate(self, trace_id: str, *, helpful: bool) -> None:
        ReviewStore(self.journals, tenant=self.tenant).add_feedback(HumanFeedback(trace_id, helpful=helpful))

    def counts(self) -> list[JsonObject]:
        names = ("recalled", "used", "rated", "helped", "expired")
        found = [one["metadata"] for one in self.agent.list_memory_candidates(tenant=self.tenant)]
        return [{name: one[name] for name in names if name in one} for one in found if isinstance(one, dict)]

    def stale(self) -> list[str]:
        return [str(one["why"]) for one in self.agent.expire_lessons(tenant=self.tenant, dry_run=True)]


class Journals(MemoryJournalStore):
    """Cannot be read while it is `down`."""

    down = False

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        if self.down and key.kind == "lesson":
            raise StoreError("The disk is gone.")
        return await super().read(key, after, limit, wait)


def test_what_people_say_of_runs_decides_which_lesson_is_told_first() -> None:
    bench = Bench()
    bench.learn(TRAIN, PLANE)
    trace_id = bench.run(answer="A window seat, in the train.")
    assert [TRAIN in bench.told[0], PLANE in bench.told[1]] == [True, True]
    plane = bench.run("Which seat in a plane?", answer="I offer the aisle.")
    for _ in range(2):
        bench.rate(trace_id, helpful=False)
        bench.rate(plane, helpful=True)
    assert bench.counts() == [
        {"recalled": 2, "used": 1, "rated": 2, "helped": 1},
        {"recalled": 2, "used": 1, "rated": 2, "helped": 1},
    ]
    for _ in range(4):
        bench.run("Which seat in a plane?", answer="I offer the aisle.")
    bench.run()
    assert [PLANE in bench.told[0], TRAIN in bench.told[1]] == [True, True], "its answers used it more often"


RULES: dict[str, tuple[SelfLearning, str]] = {
    "max_age": (SelfLearning(max_age=100.0), "max_age"),
    "expires_after": (SelfLearning(expires_after=100.0), "expires_after"),
    "useless_after": (SelfLearning(useless_after=2), "useless_after"),
    "unused_after": (SelfLearning(unused_after=2), "unused_after"),
}


@pytest.mark.parametrize("name", RULES)
def test_a_stale_lesson_is_told_no_more_and_leaves_the_store(name: str) -> None:
    settings, why = RULES[name]
    bench = Bench(settings, tenant="red")
    bench.learn(TRAIN)
    for _ in range(2):
        bench.rate(bench.run(), helpful=False)
        assert bench.told
    bench.time += 200.0
    bench.run()
    assert bench.told == []
    if why != "max_age":  # That one is in the filter of the search, so that no run meets it.
        assert bench.stale() == []
        assert bench.counts()[0]["expired"] == why
        (candidate,) = bench.agent.list_memory_candidates(tenant="red")
        assert (candidate["status"], candidate["injectable"]) == ("expired", False)
        for decision in (True, False):
            with pytest.raises(AlreadyDecided, match=f"expired \\({why}\\)"):
                bench.agent.promote_memory_candidate(str(candidate["candidate_id"]), decision, tenant="red")
    else:
        assert bench.stale() == ["max_age"]


def test_a_lesson_that_is_used_now_and_then_does_not_expire() -> None:
    bench = Bench(SelfLearning(expires_after=100.0))
    bench.learn(TRAIN, PLANE)
    for _ in range(3):
        bench.time += 80.0
        bench.run(answer="A window seat, in the train.")
    assert [TRAIN in one for one in bench.told] == [True]
    assert [one.get("expired") for one in bench.counts()] == [None, "expires_after"]


def test_lessons_that_nothing_asks_for_any_more_are_ended_on_demand() -> None:
    bench = Bench(SelfLearning(expires_after=100.0), tenant="red")
    bench.learn(TRAIN)
    bench.time += 50.0
    bench.learn(PLANE)
    bench.time += 60.0
    assert bench.agent.expire_lessons() == [], "that is another tenant"
    ended = bench.agent.expire_lessons(tenant="red", dry_run=True)
    assert [one["why"] for one in ended] == ["expires_after"]
    assert bench.agent.expire_lessons(tenant="red") == ended
    assert bench.agent.expire_lessons(tenant="red") == []
    bench.run()
    assert [PLANE in one for one in bench.told] == [True]


class Failing(ServingConclusion):
    """Ends the run, where it is down."""

    name = "failing"
    is_required = True
    down = False

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> None:
        return None

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> None:
        return None

    async def propose_for(self, run: ServedRun, subject: Subject, messages: Sequence[Message], answer: str) -> None:
        if self.down:
            raise StoreError("The archive is gone.")

    async def carry_out_for(self, run: ServedRun, subject: Subject, proposal: JsonObject, key: str) -> None:
        return None


@pytest.mark.parametrize("by", ["conclusion", "policy"])
def test_a_run_that_fails_after_its_answer_says_nothing_of_its_lessons(by: str) -> None:
    failing, refused = Failing(), [False]
    hook = PolicyHook(lambda context: "Not so." if refused[0] else None, phases=["after_run"])
    bench = Bench(conclusions=[failing], hooks=[hook])
    bench.learn(TRAIN)
    failing.down, refused[0] = by == "conclusion", by == "policy"
    result = bench.agent.run(QUERY, user_id="ann", result_format="object")
    assert result.error is not None
    assert len(bench.told) == 1
    bench.rate(result.trace_id, helpful=True)
    assert bench.counts() == [{}]
    failing.down, refused[0] = False, False
    bench.rate(bench.run(), helpful=True)
    assert bench.counts() == [{"recalled": 1, "used": 0, "rated": 1, "helped": 1}]


def test_where_the_counts_cannot_be_read_lessons_are_told_as_they_are_found_and_the_run_says_so() -> None:
    bench = Bench()
    bench.learn(TRAIN)
    bench.journals.down = True
    result = bench.agent.run(QUERY, user_id="ann", result_format="object", trace=True)
    assert result.content == "Done."
    assert len(bench.told) == 1
    lost = [event["data"] for event in result.trace if event["type"] == "memory_unavailable"]
    assert [(one["store"], one["kind"]) for one in lost] == [("lessons", "StoreError")] * 2, "recalling and counting"


class Foreign:
    """A memory that a program brings along, which cannot forget and knows no ids."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, JsonObject]] = []

    def store(self, data: str, user_id: str, metadata: JsonObject | None = None) -> None:
        self.kept.append((data, user_id, metadata or {}))

    def retrieve(self, query: str, user_id: str) -> list[JsonObject]:
        return [{"memory": text, "metadata": known} for text, user, known in self.kept if user == user_id]


def test_a_store_that_cannot_forget_is_asked_in_vain_for_what_has_ended() -> None:
    bench = Bench(SelfLearning(unused_after=2), memory=Foreign())
    bench.learn(TRAIN)
    seen = []
    for _ in range(4):
        bench.run()
        seen.append(len(bench.told))
    assert seen == [1, 1, 0, 0]
    with pytest.raises(ConfigurationError, match="cannot list"):
        bench.agent.expire_lessons()


def test_an_id_that_no_store_can_keep_takes_nothing_from_the_other_lessons() -> None:
    foreign = Foreign()
    bench = Bench(SelfLearning(unused_after=2), memory=foreign)
    bench.learn(TRAIN, PLANE)
    odd = {**foreign.kept[-1][2], "candidate_id": "x" * 100_000 + ":lessons:\ud800"}
    foreign.kept[-1] = (*foreign.kept[-1][:2], odd)
    seen = []
    for _ in range(4):
        bench.run()
        seen.append([sum(text in one for one in bench.told) for text in (TRAIN, PLANE)])
    assert seen == [[1, 1], [1, 1], [0, 1], [0, 1]]
    assert bench.counts()[0]["recalled"] == 2


class Stubborn(InProcessMemory):
    """Cannot remove anything while it is `down`, and remembers how much it was asked for."""

    down = False
    limits: tuple[int, ...] = ()

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        if self.down:
            raise StoreError("The disk is full.")
        return await super().forget(selection, memory_ids)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        self.limits += (limit,)
        return await super().recall(owner, query, limit, wanted)


def test_a_stale_lesson_that_cannot_be_removed_is_told_no_more_and_is_removed_later() -> None:
    memory = Stubborn()
    bench = Bench(SelfLearning(unused_after=1), memory=memory)
    bench.learn(TRAIN)
    bench.run()
    memory.down = True
    for _ in range(2):
        bench.run()
        assert bench.told == []
    memory.down = False
    assert [one["why"] for one in bench.agent.expire_lessons()] == ["unused_after"]
    assert bench.agent.expire_lessons() == []


def test_a_lesson_that_was_forgotten_while_a_run_used_it_stays_forgotten() -> None:
    """Nothing of a lesson's use is written back into the store of memories."""
    memory = InProcessMemory()
    bench = Bench(memory=memory)
    bench.learn(TRAIN)
    bench.agent.run(QUERY, user_id="ann")

    async def forget() -> int:
        return await memory.forget(OwnerSelection(user="ann"))

    assert run_sync(forget()) > 0
    for _ in range(2):
        bench.time += 80 * 86_400.0
        bench.run(answer="A window seat, in the train.")
        assert bench.told == []
