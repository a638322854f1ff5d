"""The contract suite of the port `FlowEngine`: subclass it with a way to make one, and pytest certifies the engine."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable

import pytest

from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.agent import LightAgent
from lightagent.application.flow.flow_code import FlowSteps
from lightagent.application.flow.step_context import StepContext
from lightagent.application.tools.decorator import tool
from lightagent.domain.errors import ConfigurationError, PolicyError
from lightagent.domain.flow.events import (
    AttemptNoted,
    FlowFinished,
    FlowStarted,
    StepApprovalDecided,
    StepApprovalRequested,
)
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import fold
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.flow import LightFlow
from lightagent.ports.flow_engine import FlowEngine, FlowRun

ANN = Scope("acme", "ann")
KEYS_OF_ANN = "75ce4ab1b83e9685@"
"""What the idempotency keys of runs begin with that belong to ann, and to no tenant."""


class FlowEngineContract:
    """What every engine promises."""

    @abstractmethod
    def make(self) -> FlowEngine:
        """A new engine over what is new and empty."""

    def declare(self, engine: FlowEngine, *steps: str) -> LightFlow:
        """A flow of steps one after another, each of which adds its name to what it is asked."""
        flow = LightFlow(engine=engine, name="letters")
        for number, name in enumerate(steps):
            flow.step(name, agent=_adds(name), depends_on=steps[:number][-1:], query=_before(steps[:number]))
        return flow

    async def test_a_flow_runs_and_its_record_is_that_of_its_events(self) -> None:
        engine = self.make()
        result = await self.declare(engine, "a", "b").arun("x", run_id="r", tenant="acme", user_id="ann", trace=True)
        assert (result.status, result.content) == ("success", "x a b")
        assert [event.type for event in result.trace][:2] == ["flow_start", "step_start"]
        events = await engine.events(FlowRun(ANN, "r"))
        assert isinstance(events[0], FlowStarted)
        assert isinstance(events[-1], FlowFinished)
        record = flow_record(fold(events))
        assert (record.content, record.scope, record.input) == ("x a b", ANN, "x")
        await engine.aclose()

    async def test_a_run_that_is_started_goes_on_without_its_caller(self) -> None:
        engine, free = self.make(), asyncio.Event()

        async def wait_for_it(query: str) -> str:
            await free.wait()
            return f"{query} done"

        flow = LightFlow(engine=engine, name="letters").step("a", agent=wait_for_it)
        code, run = FlowSteps(flow.name, flow.declared, flow.parts.clock), FlowRun(ANN, "r")
        await engine.start(code, FlowStarted("r", code.definition, "x", ANN, trace_id="t"))
        assert fold(await engine.events(run)).status == "running"
        with pytest.raises(ConfigurationError):
            await engine.start(code, FlowStarted("r", code.definition, "y", ANN, trace_id="t"))
        free.set()
        assert flow_record(fold(await engine.wait(code, run))).content == "x done"
        assert await engine.wait(code, FlowRun(ANN, "another")) == ()
        await engine.aclose()

    async def test_who_waits_for_a_run_does_not_revive_it(self) -> None:
        engine, calls = self.make(), list[str]()

        def fail(query: str) -> str:
            calls.append(query)
            raise ConnectionError("no")

        flow = LightFlow(engine=engine, name="letters").step("a", agent=fail)
        code, run = FlowSteps(flow.name, flow.declared, flow.parts.clock), FlowRun(Scope(), "r")
        await engine.start(code, FlowStarted("r", code.definition, "x", Scope()))
        for _ in range(2):
            assert fold(await engine.wait(code, run)).status == "failed"
        assert calls == ["x"]
        await engine.aclose()

    async def test_a_started_run_goes_on_once_it_is_decided(self) -> None:
        engine = self.make()
        flow = LightFlow(engine=engine, name="letters").step("a", agent=_adds("a"), requires_approval=True)
        code, run = FlowSteps(flow.name, flow.declared, flow.parts.clock), FlowRun(Scope(), "r")
        await engine.start(code, FlowStarted("r", code.definition, "x", Scope()))
        assert fold(await engine.wait(code, run)).status == "waiting"
        await engine.decide(code, run, "a", ApprovalDecision.approve())
        assert fold(await engine.wait(code, run)).status == "success"
        await engine.aclose()

    async def test_an_intent_is_on_record_before_what_it_is_about(self) -> None:
        engine = self.make()
        await self.declare(engine, "a", "b").arun("x", run_id="r")
        kinds = [event.type for event in await engine.events(FlowRun(Scope(), "r"))]
        attempts = [kind for kind in kinds if kind.startswith("attempt")]
        assert attempts == ["attempt_started", "attempt_finished"] * 2
        await engine.aclose()

    async def test_what_failed_is_tried_again_and_what_succeeded_is_not(self) -> None:
        engine, calls, works = self.make(), list[str](), list[bool]()

        def first(query: str) -> str:
            calls.append("first")
            return "done"

        def second(query: str) -> str:
            calls.append("second")
            if not works:
                raise ConnectionError("no")
            return "sent"

        flow = LightFlow(engine=engine).step("first", agent=first)
        flow.step("second", agent=second, depends_on=["first"], max_retry=2)
        failed = await flow.arun("x", run_id="r")
        assert (failed.status, failed.step("second").attempts) == ("failed", 2)
        works.append(True)
        result = await flow.aresume("r")
        assert (result.content, result.step("second").attempts) == ("sent", 3)
        assert calls == ["first", "second", "second", "second"]
        await engine.aclose()

    async def test_a_step_waits_for_a_person_whose_first_decision_counts(self) -> None:
        engine = self.make()
        flow = self.declare(engine, "a").step("send", agent=_adds("send"), depends_on=["a"], requires_approval=True)
        waiting = await flow.arun("x", run_id="r")
        assert (waiting.status, waiting.step("send").status) == ("waiting_approval", "waiting_approval")
        edited = ApprovalDecision.edit({"query": "y"}, actor="bob")
        await flow.aapprove("r", "send", edited)
        with pytest.raises(ConfigurationError):
            await flow.aapprove("r", "send", False)
        result = await flow.aresume("r")
        assert (result.status, result.content) == ("success", "y send")
        await engine.aclose()

    async def test_only_those_who_are_asked_decide(self) -> None:
        engine = self.make()
        flow = LightFlow(engine=engine, name="letters")
        flow.step("send", agent=_adds("send"), requires_approval=True, approvers=["carol"], approval_timeout=600.0)
        await flow.arun("x", run_id="r")
        with pytest.raises(PolicyError, match="must be one of carol"):
            await flow.aapprove("r", "send", ApprovalDecision.approve(actor="mallory"))
        assert (await flow.aresume("r")).status == "waiting_approval"
        await flow.aapprove("r", "send", ApprovalDecision.approve(actor="carol"))
        assert (await flow.aresume("r")).content == "x send"
        await engine.aclose()

    async def test_others_are_asked_where_time_is_over_and_then_the_step_fails(self) -> None:
        engine = self.make()
        flow = LightFlow(engine=engine, name="letters")
        flow.step(
            "send",
            agent=_adds("send"),
            requires_approval=True,
            approvers=["carol"],
            approval_timeout=0.2,
            escalate_to=["boss"],
        )
        result = await flow.arun("x", run_id="r")
        while result.status == "waiting_approval":
            await asyncio.sleep(0.1)
            result = await flow.aresume("r")
        assert (result.status, result.step("send").status) == ("failed", "failed")
        events = await engine.events(FlowRun(Scope(), "r"))
        assert [event.approvers for event in events if isinstance(event, StepApprovalRequested)] == [
            ("carol",),
            ("boss",),
        ]
        assert [event.expired for event in events if isinstance(event, StepApprovalDecided)] == [True]
        with pytest.raises(ConfigurationError, match="the time to decide has passed"):
            await flow.aapprove("r", "send", ApprovalDecision.approve(actor="boss"))
        await engine.aclose()

    async def test_a_decision_about_what_does_not_wait_is_refused(self) -> None:
        engine = self.make()
        flow = self.declare(engine, "a")
        await flow.arun("x", run_id="r")
        for run_id, step in (("r", "a"), ("r", "z"), ("other", "a")):
            with pytest.raises(ConfigurationError):
                await flow.aapprove(run_id, step)
        await engine.aclose()

    async def test_a_step_is_done_again_with_all_that_rests_on_it(self) -> None:
        engine, keys = self.make(), list[str]()
        flow = self.declare(engine, "a", "b")
        flow.step("c", agent=lambda query, context: keys.append(context.idempotency_key), depends_on=["b"])
        await flow.arun("x", run_id="r")
        result = await flow.arerun_step("r", "b")
        assert result.status == "success"
        assert [step.attempts for step in result.steps] == [1, 1, 1]
        assert keys == ["r/c@1", "r/c@2"]
        await engine.aclose()

    async def test_an_event_from_outside_ends_a_wait_once(self) -> None:
        engine = self.make()
        flow = LightFlow(engine=engine).wait_for("paid", event="payment")
        assert (await flow.arun("x", run_id="r")).status == "waiting"
        assert await flow.asignal("r", "payment", {"amount": 3}, key="k")
        assert not await flow.asignal("r", "payment", {"amount": 4}, key="k")
        with pytest.raises(ConfigurationError):
            await flow.asignal("other", "payment")
        result = await flow.aresume("r")
        assert (result.status, result.output("paid")) == ("success", {"amount": 3})
        await engine.aclose()

    async def test_a_map_is_carried_out_in_its_order(self) -> None:
        engine = self.make()
        flow = LightFlow(engine=engine).map("each", ["a", "b", "c"], agent=_adds("seen"))
        result = await flow.arun("x", run_id="r")
        assert result.output("each") == ["a seen", "b seen", "c seen"]
        await engine.aclose()

    async def test_a_run_is_cancelled_until_it_is_resumed(self) -> None:
        engine = self.make()
        flow = LightFlow(engine=engine).step("send", agent=_adds("send"), requires_approval=True)
        await flow.arun("x", run_id="r")
        await flow.acancel("r", reason="enough")
        record = await flow.aget_run("r")
        assert record is not None
        assert record["status"] == "cancelled"
        assert (await flow.aresume("r")).status == "waiting_approval"
        await flow.aapprove("r", "send")
        assert (await flow.aresume("r")).content == "x send"
        await engine.aclose()

    async def test_runs_belong_to_their_owners_and_the_newest_is_listed_first(self) -> None:
        engine = self.make()
        flow = self.declare(engine, "a")
        await flow.arun("x", run_id="one", tenant="acme", user_id="ann")
        await flow.arun("y", run_id="two", tenant="acme", user_id="ann")
        assert [run["run_id"] for run in await flow.alist_runs(tenant="acme", user_id="ann")] == ["two", "one"]
        for owner in ({"tenant": "acme"}, {"tenant": "acme", "user_id": "bob"}, {"user_id": "ann"}):
            assert await flow.alist_runs(**owner) == []
            assert await flow.aget_run("one", **owner) is None
        with pytest.raises(ConfigurationError):
            await flow.aresume("one", tenant="acme", user_id="bob")
        await engine.aclose()

    async def test_the_id_of_a_run_that_is_not_over_is_taken(self) -> None:
        engine = self.make()
        flow = LightFlow(engine=engine).step("send", agent=_adds("send"), requires_approval=True)
        await flow.arun("x", run_id="r")
        with pytest.raises(ConfigurationError, match="not over"):
            await flow.arun("y", run_id="r")
        await engine.aclose()

    async def test_independent_steps_are_carried_out_at_the_same_time(self) -> None:
        engine, here = self.make(), asyncio.Barrier(3)

        async def meet(query: str) -> str:
            async with asyncio.timeout(30):
                await here.wait()
            return "met"

        flow = LightFlow(engine=engine)
        for name in ("a", "b", "c"):
            flow.step(name, agent=meet)
        assert (await flow.arun("x")).status == "success"
        await engine.aclose()

    async def test_a_run_is_forked_from_before_a_step_and_stays_as_it_is(self) -> None:
        engine, keys = self.make(), list[str]()
        flow = self.declare(engine, "a", "b")
        flow.step("c", agent=lambda query, context: keys.append(context.idempotency_key), depends_on=["b"])
        await flow.arun("x", run_id="r", user_id="ann")
        before = await flow.aevents("r", user_id="ann")
        fork = await flow.afork("r", step="c", new_run_id="f", user_id="ann")
        assert (fork.status, fork.run_id, keys) == ("success", "f", [f"{KEYS_OF_ANN}r/c@1", f"{KEYS_OF_ANN}f/c@1"])
        assert await flow.aevents("r", user_id="ann") == before
        record = await flow.aget_run("f", user_id="ann")
        assert record is not None
        assert record["forked_from"] == "r"
        compared = await flow.acompare("r", "f", user_id="ann")
        assert (compared.left_status, compared.right_status, compared.differing) == ("success", "success", ())
        with pytest.raises(ConfigurationError, match="No flow run"):
            await flow.afork("other", user_id="ann")
        await engine.aclose()

    async def test_a_run_is_shown_as_it_goes_on(self) -> None:
        engine = self.make()
        flow = self.declare(engine, "a")
        flow.step("send", agent=_adds("send"), depends_on=["a"], query="go", requires_approval=True)
        await flow.arun("x", run_id="r")
        (waiting,) = await flow.awaiting_steps("r")
        assert waiting["step"] == "send"
        assert "waiting_approval" in await flow.agraph("r")
        assert "flowchart" in await flow.agraph()
        seen, content = list[str](), ""
        async with asyncio.timeout(30):
            async for glimpse in flow.awatch("r"):
                seen.append(glimpse.status)
                content = glimpse.record.content
                if glimpse.status == "success":
                    break
                if len(seen) == 1:
                    await flow.aapprove("r", "send")
                    await flow.aresume("r")
        assert (seen[0], content) == ("waiting_approval", "go send")
        for ask in (flow.aevents, flow.awaiting_steps, flow.agraph):
            with pytest.raises(ConfigurationError, match="No flow run"):
                await ask("other")
        await engine.aclose()

    async def test_a_step_that_does_other_work_now_is_refused_until_it_is_accepted(self) -> None:
        engine, works = self.make(), list[bool]()

        def send(query: str) -> str:
            if not works:
                raise ConnectionError("no")
            return f"sent {query}"

        def declared(first: Callable[[str], str]) -> LightFlow:
            flow = LightFlow(engine=engine, name="letters").step("first", agent=first)
            return flow.step("send", agent=send, depends_on=["first"], query="it")

        await declared(_one).arun("x", run_id="r")
        works.append(True)
        changed = declared(_another)
        with pytest.raises(ConfigurationError, match="first"):
            await changed.aresume("r")
        (held,) = await changed.aheld_runs()
        assert held["run_id"] == "r"
        assert await declared(_one).aheld_runs() == []
        result = await changed.aresume("r", accept=["first"])
        assert (result.status, result.step("first").content, result.content) == ("success", "one", "sent it")
        again = await changed.arerun_step("r", "first")
        assert (again.step("first").content, again.content) == ("another", "sent it")
        await engine.aclose()

    async def test_what_waits_is_gone_on_with_by_another_flow_of_the_same_steps(self) -> None:
        engine = self.make()

        def declared() -> LightFlow:
            return self.declare(engine, "a").step(
                "send", agent=_adds("send"), depends_on=["a"], query="go", requires_approval=True
            )

        await declared().arun("x", run_id="r")
        await declared().aapprove("r", "send", True)
        assert (await declared().aresume("r")).content == "go send"
        await engine.aclose()

    async def test_what_an_agent_has_done_is_on_record_before_it_goes_on(self) -> None:
        engine, seen = self.make(), list[list[str]]()

        @tool
        async def look(word: str) -> str:
            """Look a word up.

            Args:
                word: the word
            """
            events = await engine.events(FlowRun(Scope(), "r"))
            seen.append([event.event.type for event in events if isinstance(event, AttemptNoted)])
            return word

        model = ScriptedModel([call_tool("look", word="a"), call_tool("look", word="b"), "both"])
        flow = LightFlow(engine=engine, name="letters").step("agent", agent=LightAgent(model=model, tools=[look]))
        assert (await flow.arun("x", run_id="r")).content == "both"
        assert [kinds[-1] for kinds in seen] == ["tool_started", "tool_started"]
        assert [kinds.count("tool_finished") for kinds in seen] == [0, 1]
        await engine.aclose()


def _adds(name: str) -> Callable[[str], str]:
    def work(query: str) -> str:
        return f"{query} {name}"

    return work


def _one(query: str) -> str:
    return "one"


def _another(query: str) -> str:
    return "another"


def _before(steps: tuple[str, ...]) -> Callable[[StepContext], object] | None:
    if not steps:
        return None
    return lambda context: context.outputs[steps[-1]]
