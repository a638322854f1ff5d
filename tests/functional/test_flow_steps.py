"""What may be a step of a flow, what it is given, and what becomes of what it gives or raises."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    HumanApprovalHook,
    InMemoryReviewStore,
    LightAgent,
    LightAgentError,
    LightFlow,
    LightFlowStep,
    LightSwarm,
    OutputError,
    ProviderError,
    RunContext,
    RunSuspended,
    StepContext,
    tool,
)
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.flow_options import FlowRunOptions
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.loop_clock import jumping


@dataclass(frozen=True)
class Facts:
    name: str
    places: tuple[str, ...] = ()


class Caller:
    def __call__(self, query: str) -> str:
        return f"object {query}"


async def greet(greeting: str, query: str) -> str:
    return f"{greeting} {query}"


def in_a_thread(query: str) -> str:
    assert threading.current_thread() is not threading.main_thread()
    return "thread"


@pytest.mark.parametrize(
    ("step", "content"),
    [
        (in_a_thread, "thread"),
        (functools.partial(greet, "hello"), "hello x"),
        (Caller(), "object x"),
        (lambda: "nothing asked", "nothing asked"),
        (lambda query, limit=3: f"{query}{limit}", "x3"),
        (lambda query, context: f"{query} {context.attempt} {context['input']}", "x 1 x"),
        (lambda query: None, ""),
        (lambda query: {"a": [1, None, 2.5]}, '{"a": [1, null, 2.5]}'),
        (str.upper, "X"),
    ],
)
async def test_a_callable_is_given_what_it_takes(step: object, content: str) -> None:
    assert callable(step)
    assert (await LightFlow().step("a", agent=step).arun("x")).content == content


async def test_a_step_knows_its_ancestors_and_nobody_else() -> None:
    seen: list[Mapping[str, object]] = []

    def look(query: str, context: StepContext) -> str:
        seen.append({"outputs": dict(context.outputs), "steps": {*context.steps}, "keys": {*context}})
        return query

    flow = (
        LightFlow()
        .step("a", agent=lambda query: "A")
        .step("b", agent=lambda query: "B", depends_on=["a"])
        .step("c", agent=lambda query: "C")
        .step("d", agent=look, depends_on=["b"])
    )
    assert (await flow.arun("x")).success
    assert seen == [{"outputs": {"a": "A", "b": "B"}, "steps": {"a", "b"}, "keys": {"input", "outputs", "steps"}}]


async def test_typed_outputs_are_kept_as_json_and_read_as_their_type() -> None:
    def write(query: str, context: StepContext) -> str:
        return f"{context.output('research', Facts).name}: {context.output('research')}"

    flow = (
        LightFlow()
        .step("research", agent=lambda query: Facts(query, ("here",)), output_type=Facts)
        .step("write", agent=write, depends_on=["research"])
    )
    result = await flow.arun("tea", run_id="r")
    assert result.output("research") == {"name": "tea", "places": ["here"]}
    assert result.output("research", Facts) == Facts("tea", ("here",))
    assert result.content == "tea: {'name': 'tea', 'places': ['here']}"
    with pytest.raises(OutputError, match="'research' gave is not of the type"):
        result.output("research", int)
    with pytest.raises(KeyError):
        result.output("nothing")


@pytest.mark.parametrize("output", [{1, 2}, object(), float("nan"), {1: "a"}])
async def test_a_result_that_is_no_json_is_an_error_that_names_the_step(output: object) -> None:
    result = await LightFlow().step("odd", agent=lambda query: output).arun("x")
    assert result.error is not None
    assert result.error.code == "LA-OUTPUT"
    assert "The step 'odd' was carried out, but what it gave cannot be kept" in result.error.message


async def test_a_result_of_another_type_than_declared_is_an_error() -> None:
    result = await LightFlow().step("odd", agent=lambda query: {"nme": 1}, output_type=Facts).arun("x")
    assert result.error is not None
    assert "name: Field required" in result.error.message


@jumping
async def test_an_attempt_that_takes_too_long_is_cancelled_and_made_again() -> None:
    ended: list[str] = []

    async def slow(query: str, context: StepContext) -> str:
        try:
            await asyncio.sleep(0 if context.attempt == 2 else 60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "in time"

    result = await LightFlow().step("slow", agent=slow, timeout=0.05, max_retry=2).arun("x")
    assert (result.content, ended, result.steps[0].attempts, result.steps[0].retry_count) == (
        "in time",
        ["cancelled"],
        2,
        1,
    )


async def test_a_step_out_of_time_has_its_own_code_and_says_what_goes_on() -> None:
    release, told = threading.Event(), list[bool]()

    def stubborn(query: str, context: StepContext) -> str:
        release.wait(20)
        told.append(context.is_cancelled())
        return "late"

    result = await LightFlow().step("slow", agent=stubborn, timeout=0.05).arun("x")
    release.set()
    assert result.error is not None
    assert (result.error.code, (result.error.details or {})["seconds"]) == ("LA-FLOW-TIMEOUT", 0.05)
    assert result.steps[0].content == ""


async def test_a_fallback_does_it_once_the_attempts_are_used_up() -> None:
    keys: list[str] = []

    def fails(query: str, context: StepContext) -> str:
        keys.append(context.idempotency_key)
        raise OSError("no")

    def helps(query: str, context: StepContext) -> str:
        keys.append(context.idempotency_key)
        return "helped"

    flow = LightFlow().step("a", agent=fails, fallback_agent=helps, max_retry=2)
    step = (await flow.arun("x", run_id="r")).steps[0]
    assert (step.content, step.used_fallback, step.attempts) == ("helped", True, 3)
    assert keys == ["r/a@1", "r/a@1", "r/a@1/fallback"]


async def test_two_owners_with_one_run_id_are_offered_two_keys() -> None:
    keys = list[str]()

    def send(query: str, context: StepContext) -> None:
        keys.append(context.idempotency_key)

    flow = LightFlow().step("a", agent=LightFlow().step("b", agent=send))
    owners: list[FlowRunOptions] = [{}, {"user_id": "ann"}, {"tenant": "ann"}, {"tenant": "acme", "user_id": "ann"}]
    for owner in owners:
        assert (await flow.arun("x", run_id="r", **owner)).success
        assert (await flow.arerun_step("r", "a", **owner)).success
    assert (await flow.afork("r", step="a", new_run_id="s", user_id="ann")).success
    assert keys[:2] == ["r%2fa%401/b@1", "r%2fa%402/b@1"]
    assert len(set(keys)) == len(keys) == 9


async def test_what_no_attempt_can_change_is_not_tried_again() -> None:
    tries: list[int] = []

    def refuse(query: str) -> str:
        tries.append(1)
        raise ProviderError("no key", code="LA-401")

    result = await LightFlow().step("a", agent=refuse, max_retry=5).arun("x")
    assert (result.status, tries) == ("failed", [1])


@pytest.mark.parametrize("raised", [SystemExit(3), KeyError("x"), asyncio.CancelledError()], ids=repr)
async def test_whatever_a_step_raises_is_a_failure_of_the_step(raised: BaseException) -> None:
    async def fail(query: str) -> str:
        raise raised

    result = await LightFlow().step("a", agent=fail).step("b", agent=lambda query: "fine").arun("x")
    assert [step.status for step in result.steps] == ["failed", "success"]


async def test_a_step_that_is_cancelled_by_its_condition_is_skipped() -> None:
    flow = (
        LightFlow()
        .step("a", agent=lambda query: "A")
        .step("b", agent=lambda query: "B", depends_on=["a"], cancel_if=lambda context: context.outputs["a"] == "A")
        .step("c", agent=lambda query: "C", depends_on=["a", "b"])
        .step("d", agent=lambda query: "D", depends_on=["b"])
    )
    result = await flow.arun("x")
    assert [step.status for step in result.steps] == ["success", "skipped", "success", "skipped"]
    assert result.success


@pytest.mark.parametrize(
    ("answer", "status", "decision"),
    [
        (True, "success", "approve"),
        (False, "failed", "reject"),
        ({"approved": True, "reason": "fine"}, "success", "approve"),
        ({"approved": False, "reason": "no"}, "failed", "reject"),
        (ApprovalDecision.respond("mine"), "success", "respond"),
        (None, "waiting_approval", "pending"),
        ("no", "failed", "reject"),
        ({"approved": "yes"}, "waiting_approval", "pending"),
        (1, "waiting_approval", "pending"),
    ],
)
async def test_a_handler_of_approvals_decides_or_leaves_it(answer: object, status: str, decision: str) -> None:
    asked: list[str] = []

    def handle(step: LightFlowStep, context: StepContext) -> object:
        asked.append(f"{step.name} {step.metadata} {context.outputs['a']}")
        return answer

    flow = (
        LightFlow()
        .step("a", agent=lambda query: "A")
        .step(
            "b",
            agent=lambda query: "B",
            depends_on=["a"],
            requires_approval=True,
            approval_handler=handle,
            metadata={"x": 1},
        )
    )
    step = (await flow.arun("x")).step("b")
    assert (step.status, step.approval_decision, asked) == (status, decision, ["b {'x': 1} A"])


async def test_a_handler_that_fails_says_no_yes_and_is_asked_again_by_a_resumption() -> None:
    answers: list[object] = [RuntimeError("down"), True]

    def handle(step: LightFlowStep, context: StepContext) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    flow = LightFlow().step("b", agent=lambda query: "B", requires_approval=True, approval_handler=handle)
    assert (await flow.arun("x", run_id="r")).status == "waiting_approval"
    assert (await flow.aresume("r")).content == "B"


async def test_the_query_of_a_step_may_be_made_by_code() -> None:
    async def ask(input: str, context: StepContext) -> str:
        return f"{input} and {context.outputs['a']}"

    def wrong(context: StepContext) -> object:
        raise LookupError("nothing to ask")

    flow = (
        LightFlow()
        .step("a", agent=lambda query: query, query="fixed")
        .step("b", agent=lambda query: query, depends_on=["a"], query=ask)
        .step("c", agent=lambda query: query, query=wrong)
        .step("d", agent=lambda query: query, query=lambda context: context.steps["a"], depends_on=["a"])
    )
    result = await flow.arun("x")
    assert [step.content for step in result.steps] == ["fixed", "x and fixed", "", "fixed"]
    assert result.step("c").error is not None
    assert "nothing to ask" in str(result.step("c").error)


async def test_a_swarm_as_a_step_begins_with_its_first_agent() -> None:
    model = ScriptedModel([call_tool("transfer_to_finance", reason="money")])
    swarm = LightSwarm()
    swarm.register_agent(
        LightAgent(name="frontdesk", model=model), LightAgent(name="finance", model=ScriptedModel(["Ask the CFO."]))
    )
    result = await LightFlow().step("ask", agent=swarm).arun("x", trace=True)
    assert result.content == "Ask the CFO."
    assert "handoff" in [event.type for event in result.steps[0].trace]


async def test_a_flow_as_a_step_waits_and_goes_on_with_the_one_around_it() -> None:
    made: list[str] = []

    def make(query: str) -> str:
        made.append(query)
        return f"{query}!"

    inner = (
        LightFlow(name="inner")
        .step("draft", agent=make)
        .step("sign", agent=make, depends_on=["draft"], query="sign", requires_approval=True)
    )
    outer = LightFlow().step("paper", agent=inner).step("send", agent=make, depends_on=["paper"], query="send")
    waiting = await outer.arun("x", run_id="r")
    assert (waiting.status, [step.status for step in waiting.steps]) == (
        "waiting_approval",
        ["waiting_approval", "pending"],
    )
    record = await outer.aget_run("r")
    assert record is not None
    assert record["status"] == "waiting_approval"
    with pytest.raises(ConfigurationError, match="no step"):
        await outer.aapprove("r", "paper/other")
    await outer.aapprove("r", "paper/sign")
    result = await outer.aresume("r")
    assert (result.content, made) == ("send!", ["x", "sign", "send"])
    assert result.step("paper").content == "sign!"


@pytest.mark.parametrize("waits", ["while the flow below goes on", "while the flow around goes on"])
async def test_a_step_within_a_step_is_decided_about_while_the_run_goes_on(waits: str) -> None:
    go, went_on = asyncio.Event(), asyncio.Event()

    async def wait(query: str) -> str:
        await go.wait()
        return "waited"

    def sign(query: str) -> str:
        went_on.set()
        return "signed"

    inner = LightFlow(name="inner").step("sign", agent=sign, requires_approval=True)
    outer = LightFlow().step("paper", agent=inner)
    (inner if waits == "while the flow below goes on" else outer).step("slow", agent=wait)
    running = asyncio.create_task(outer.arun("x", run_id="r"))
    async with asyncio.timeout(30):
        while True:
            with suppress(ConfigurationError):
                await outer.aapprove("r", "paper/sign", ApprovalDecision.approve(actor="ann"))
                break
            await asyncio.sleep(0.001)
        await went_on.wait()
    with pytest.raises(ConfigurationError):
        await outer.aapprove("r", "paper/sign", False)
    go.set()
    result = await running
    assert (result.status, result.step("paper").attempts) == ("success", 1)
    assert await outer.aresume("r") == result


async def test_what_fails_in_a_flow_that_is_a_step_is_told() -> None:
    inner = LightFlow(name="inner").step("x", agent=lambda query: [query][1])
    result = await LightFlow().step("paper", agent=inner).arun("x")
    assert result.error is not None
    assert "IndexError" in result.error.message


async def test_an_agent_that_waits_for_a_reviewer_goes_on_without_asking_its_model_again() -> None:
    paid, asked = list[int](), list[int]()
    reviews = InMemoryReviewStore()

    @tool(requires_approval=True)
    def pay(amount: int, context: RunContext[None]) -> str:
        """Pay an amount."""
        paid.append(amount)
        return "paid"

    def reply(request: ChatRequest) -> str | ToolCall:
        asked.append(len(request.messages))
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("pay", amount=3)

    till = LightAgent(name="till", model=ScriptedModel(reply), tools=[pay], hooks=[HumanApprovalHook(store=reviews)])
    flow = LightFlow().step("pay", agent=till).step("tell", agent=lambda query: "told", depends_on=["pay"])
    waiting = await flow.arun("x", run_id="r")
    assert (waiting.status, waiting.step("pay").status) == ("waiting_approval", "waiting_approval")
    assert (await flow.aresume("r")).status == "waiting_approval"
    [request] = [review.request async for review in reviews.reviews.list(None)]
    await reviews.reviews.decide(request.request_id, ApprovalDecision.approve(actor="ann"))
    result = await flow.aresume("r")
    assert (result.content, paid, len(asked), result.step("pay").attempts) == ("told", [3], 2, 1)


async def test_the_tools_of_an_agent_are_offered_the_key_of_the_step() -> None:
    keys, calls = list[str](), list[str]()

    def send(context: RunContext[None]) -> str:
        """Send it."""
        keys.append(context.step_key)
        calls.append(context.idempotency_key)
        return "sent"

    def reply(request: ChatRequest) -> str | ToolCall:
        if not isinstance(request.messages[-1], ToolMessage):
            return call_tool("send")
        if len(keys) == 1:
            raise ProviderError("no", code="LA-400")
        return "Done."

    def delegate(request: ChatRequest) -> str | ToolCall:
        if isinstance(request.messages[-1], ToolMessage):
            return "Delegated."
        return call_tool("sender", query="Send it.")

    sender = LightAgent(name="sender", model=ScriptedModel(reply), tools=[send])
    boss = LightAgent(name="boss", model=ScriptedModel(delegate), tools=[sender.as_tool("sender", "?")])
    flow = LightFlow().step("a", agent=sender, max_retry=2).step("b", agent=boss, depends_on=["a"])
    assert (await flow.arun("x", run_id="r")).success
    await flow.arerun_step("r", "b")
    assert keys == ["r/a@1", "r/a@1", "r/b@1", "r/b@2"]
    assert len(set(calls)) == 4
    assert await sender.arun("x") == "Done."
    assert keys[-1] == "", "there is no flow"


async def test_a_decision_about_the_tool_of_an_agent_without_reviewers_is_made_at_its_step() -> None:
    paid: list[int] = []

    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay an amount."""
        paid.append(amount)
        return "paid"

    def reply(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("pay", amount=3)

    flow = LightFlow().step("pay", agent=LightAgent(model=ScriptedModel(reply), tools=[pay]))
    assert (await flow.arun("x", run_id="r")).status == "waiting_approval"
    assert (await flow.aresume("r")).status == "waiting_approval"
    await flow.aapprove("r", "pay", ApprovalDecision.edit({"amount": 2}))
    with pytest.raises(ConfigurationError):
        await flow.aapprove("r", "nothing")
    assert ((await flow.aresume("r")).content, paid) == ("Done.", [2])


async def test_an_agent_answers_in_its_type_and_takes_the_tools_and_parameters_of_the_step() -> None:
    requests: list[ChatRequest] = []

    def look(word: str) -> str:
        """Look a word up."""
        return word.upper()

    def reply(request: ChatRequest) -> str | ToolCall:
        requests.append(request)
        return '{"name": "tea"}' if isinstance(request.messages[-1], ToolMessage) else call_tool("look", word="tea")

    agent = LightAgent(name="a", model=ScriptedModel(reply), output_type=Facts)
    flow = LightFlow().step("a", agent=agent, tools=[look], metadata={"temperature": 0.5})
    result = await flow.arun("x", user_id="ann")
    assert result.output("a", Facts) == Facts("tea")
    assert ([spec.name for spec in requests[0].tools], requests[0].params) == (["look"], {"temperature": 0.5})
    assert requests[0].origin.scope.user == "ann"


def test_a_caller_that_is_not_async_gets_a_text_or_an_error() -> None:
    flow = LightFlow().step("a", agent=lambda query: f"{query}!")
    assert flow.run("x", result_format="str") == "x!"
    told = flow.run("x", result_format="dict")
    assert (told["content"], told["success"]) == ("x!", True)
    with pytest.raises(LightAgentError, match="ZeroDivisionError"):
        LightFlow().step("a", agent=lambda query: 1 / 0).run("x", result_format="str")
    with pytest.raises(RunSuspended, match="waits for a person: a"):
        LightFlow().step("a", agent=lambda query: 1, requires_approval=True).run("x", result_format="str")
