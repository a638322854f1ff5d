"""Synchronous policies that follow each other share one way to a worker thread, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TypeVar

import pytest

from lightagent import (
    Detector,
    Finding,
    GuardrailDecision,
    HookContext,
    JsonObject,
    LightAgent,
    Limits,
    PolicyHook,
    RunResult,
    maximum_length_guardrail,
    output_redaction_guardrail,
    privacy_input_guardrail,
)
from lightagent.aiokits.thread_job import Pace
from lightagent.aiokits.worker_threads import run_in_thread_at
from lightagent.application.policies import ask_hook, rows
from lightagent.application.policies.hook_payloads import hook_payload
from lightagent.application.policies.text_guardrails import QUICK
from lightagent.domain.outcomes import Blocked, Completed
from lightagent.domain.policy.guardrails import TextGuardrail
from lightagent.domain.policy.hooks import HookPhase
from lightagent.domain.policy.phases import Subject
from lightagent.domain.runs.events import Admitted
from lightagent.testing import ScriptedModel

T = TypeVar("T")
WATCHDOG = 10.0


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A mark for each time that policies go to a worker thread."""
    went: list[str] = []

    async def counted(pace: Pace | None, function: Callable[[], T]) -> T:
        went.append("hop")
        return await run_in_thread_at(pace, function)

    monkeypatch.setattr(rows, "run_in_thread_at", counted)
    return went


async def asked(query: str, *guardrails: TextGuardrail, limits: Limits | None = None) -> RunResult[str]:
    agent = LightAgent(model=ScriptedModel(["Fine."]), input_guardrails=guardrails, limits=limits)
    return await agent.arun(query, result_format="object")


def adding(mark: str, seen: list[str]) -> TextGuardrail:
    """A guardrail that adds a mark to what it looks at."""

    def add(text: str, context: JsonObject) -> GuardrailDecision:
        assert threading.current_thread() is not threading.main_thread()
        seen.append(text)
        return GuardrailDecision(True, None, text + mark)

    return add


async def test_four_policies_go_to_a_thread_once_and_each_gets_what_the_one_before_made(hops: list[str]) -> None:
    seen: list[str] = []
    result = await asked("q", *(adding(mark, seen) for mark in "abcd"))
    assert isinstance(result.outcome, Completed)
    assert seen == ["q", "qa", "qab", "qabc"]
    assert str(result.journal.run.messages[0]).count("qabcd") == 1
    assert hops == ["hop"]
    admitted = next(event for event in result.journal.events if isinstance(event, Admitted))
    assert [decision.action for decision in admitted.decisions] == ["rewrite"] * 4


@pytest.mark.parametrize("answer", [False, "No.", GuardrailDecision(False, "No."), 42, ValueError, StopIteration])
async def test_the_first_that_forbids_or_fails_is_the_last_that_is_asked(answer: object, hops: list[str]) -> None:
    seen: list[str] = []

    def forbids(text: str, context: JsonObject) -> object:
        if isinstance(answer, type) and issubclass(answer, Exception):
            raise answer("CANARY")
        return answer

    result = await asked("q", adding("a", seen), forbids, adding("c", seen))
    assert isinstance(result.outcome, Blocked)
    assert seen == ["q"]
    assert "CANARY" not in result.journal.to_json()
    assert hops == ["hop"]


async def test_an_async_policy_between_others_is_asked_in_its_place(hops: list[str]) -> None:
    seen: list[str] = []

    async def waits(text: str, context: JsonObject) -> GuardrailDecision:
        seen.append(text)
        return GuardrailDecision(True, None, text + "b")

    def begins(text: str, context: JsonObject) -> Awaitable[GuardrailDecision]:
        """A synchronous function whose answer has to be awaited."""
        return waits(text, context)

    for between in (waits, begins):
        seen.clear()
        hops.clear()
        await asked("q", adding("a", seen), between, adding("c", seen), adding("d", seen))
        assert seen == ["q", "qa", "qab", "qabc"]
        assert hops == ["hop", "hop"]


async def test_the_payload_of_an_async_hook_behind_another_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a model request is a copy of the whole conversation."""
    made: list[str] = []

    def counted(phase: HookPhase, subject: Subject, payload: object) -> JsonObject:
        made.append(phase)
        return hook_payload(phase, subject, payload)

    monkeypatch.setattr(ask_hook, "hook_payload", counted)

    def looks(context: HookContext) -> None:
        """Looks."""

    async def waits(context: HookContext) -> None:
        """Waits."""

    hooks = [PolicyHook(hook, phases=["before_model_request"]) for hook in (looks, waits)]
    await LightAgent(model=ScriptedModel(["Fine."]), hooks=hooks).arun("q")
    assert made == ["before_model_request"] * 2


async def test_a_hook_that_fails_and_may_continue_does_not_end_the_row(hops: list[str]) -> None:
    seen: list[str] = []

    def fails(context: object) -> None:
        raise ValueError("CANARY")

    def looks(context: object) -> None:
        seen.append("looked")

    hooks = [
        PolicyHook(looks, phases=["before_run"], name="first"),
        PolicyHook(fails, phases=["before_run"], failure_mode="continue"),
        PolicyHook(looks, phases=["before_run"], name="last"),
    ]
    result = await LightAgent(model=ScriptedModel(["Fine."]), hooks=hooks).arun("q", result_format="object")
    assert isinstance(result.outcome, Completed)
    assert seen == ["looked", "looked"]
    assert "CANARY" not in result.journal.to_json()


async def test_each_function_has_a_context_of_its_own() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="nothing")
    seen: list[str] = []

    def sets(text: str, context: JsonObject) -> bool:
        seen.append(variable.get())
        variable.set("something")
        return True

    await asked("q", sets, sets, sets)
    assert seen == ["nothing"] * 3
    assert variable.get() == "nothing"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_a_row_that_is_given_up_calls_no_further_function(gate: threading.Event) -> None:
    """The one that hangs goes on in its thread; the next one of its row is not called when it ends."""
    seen, ended = list[str](), threading.Event()

    def hangs(text: str, context: JsonObject) -> bool:
        seen.append("hangs")
        gate.wait(WATCHDOG)
        ended.set()
        return True

    result = await asked("q", hangs, adding("b", seen), limits=Limits(timeout=0.05))
    assert not isinstance(result.outcome, Completed)
    gate.set()
    assert await asyncio.to_thread(ended.wait, WATCHDOG)
    # Another row takes the same thread, once the one before has left it.
    await asked("r", adding("c", seen))
    assert seen == ["hangs", "r"]


async def test_templates_that_take_no_time_go_to_no_thread(hops: list[str]) -> None:
    guardrails: list[TextGuardrail] = [privacy_input_guardrail(), maximum_length_guardrail(10 * QUICK)]
    assert isinstance((await asked("What is new?", *guardrails)).outcome, Completed)
    assert isinstance((await asked("Mail me: ann@example.com", *guardrails)).outcome, Blocked)
    assert hops == []
    assert isinstance((await asked("word " * QUICK, *guardrails)).outcome, Completed)
    assert hops == ["hop"]


class Graded:
    """A guardrail of a program with an attribute that has the same name as one of the templates."""

    quick = True

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def __call__(self, text: str, context: JsonObject) -> bool:
        self.threads.append(threading.current_thread())
        return True


class GradedAsync:
    """The same, async."""

    quick = True

    async def __call__(self, text: str, context: JsonObject) -> bool:
        return True


async def test_only_templates_are_called_in_the_event_loop() -> None:
    graded = Graded()
    assert isinstance((await asked("q", graded)).outcome, Completed)
    assert threading.current_thread() not in graded.threads
    assert isinstance((await asked("q", GradedAsync())).outcome, Completed)


class Slow(Detector):
    """A detector of another package, which may take its time and needs whole texts."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    @property
    def name(self) -> str:
        return "slow"

    @property
    def window(self) -> None:
        return None

    def find(self, text: str) -> Sequence[Finding]:
        self.threads.append(threading.current_thread().name)
        return [Finding(0, 4)] if text.startswith("Mail") else []


async def test_a_detector_of_another_package_looks_at_whole_texts_in_a_thread(hops: list[str]) -> None:
    detector = Slow()
    agent = LightAgent(
        model=ScriptedModel(["Mail me."] * 2), output_guardrails=[output_redaction_guardrail(detector, "[x]")]
    )
    assert await agent.arun("q") == "[x] me."
    events = [event async for event in agent.astream("q", result_format="event")]
    assert [event.data["text"] for event in events if event.type == "content"] == ["[x] me."]
    assert detector.threads
    assert all(name.startswith("lightagent-worker") for name in detector.threads)
    assert hops
