"""Wrong options of flows, steps and runs are refused at once, by name; `validate` says what is wrong with steps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from lightagent import (
    Backoff,
    ConfigurationError,
    FlowLimits,
    LightAgent,
    LightAgentError,
    LightFlow,
    LightFlowResult,
    LightSwarm,
    RetryPolicy,
    RetryRule,
    StepContext,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.testing import ScriptedModel
from tests.support.folding_engine import FoldingEngine


def same(query: str) -> str:
    return query


class Typed:
    """What an agent depends on."""


AGENT = LightAgent(name="a", model=ScriptedModel(["x"]))
NEEDY = LightAgent(name="n", model=ScriptedModel(["x"]), deps_type=Typed)


unchecked_policy: Callable[..., RetryPolicy] = RetryPolicy


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({}, "agent must be an agent, a swarm, a flow or a callable, got nothing"),
        ({"agent": "a"}, "agent must be an agent, a swarm, a flow or a callable, got str"),
        ({"agent": LightAgent}, "agent must be an agent, a swarm, a flow or a callable, got type"),
        ({"agent": NEEDY}, "agent was declared with deps_type="),
        ({"agent": same, "fallback_agent": 3}, "fallback_agent must be an agent"),
        ({"agent": same, "depends_on": "research"}, "depends_on must be list or tuple, got str"),
        ({"agent": same, "depends_on": [1]}, "depends_on must be names of steps, got int"),
        ({"agent": same, "query": 3}, "query must be str or Callable, got int"),
        ({"agent": same, "max_retry": 0}, "max_retry must be at least 1, got 0"),
        ({"agent": same, "max_retry": "2"}, "max_retry must be int, got str"),
        ({"agent": same, "timeout": 0}, "timeout must be a positive number of seconds, got 0"),
        ({"agent": same, "timeout": float("inf")}, "timeout must be a positive number"),
        ({"agent": same, "requires_approval": "yes"}, "requires_approval must be bool, got str"),
        ({"agent": same, "approval_handler": "ann"}, "approval_handler must be Callable, got str"),
        ({"agent": same, "approval_handler": lambda step, context: True}, "Give it requires_approval=True"),
        ({"agent": same, "requires_approval": True, "approvers": ["ann", " "]}, "approvers has an empty name"),
        ({"agent": same, "cancel_if": True}, "cancel_if must be Callable, got bool"),
        ({"agent": same, "tools": [same]}, "tools are for an agent"),
        ({"agent": LightFlow(), "tools": [same]}, "tools are for an agent"),
        ({"agent": AGENT, "metadata": {"messages": []}}, "metadata.messages: the run itself decides this"),
        ({"agent": same, "metadata": {"x": object()}}, "metadata"),
        ({"agent": same, "output_type": Callable[[], str]}, "output_type"),
        ({"agent": same, "depends": ["a"]}, "It is called depends_on=[...]"),
        ({"agent": same, "when": True}, "when must be Callable, got bool"),
        ({"agent": same, "when": same, "cancel_if": same}, "when= and cancel_if= are one condition"),
        ({"agent": same, "max_retry": 2, "retry": RetryPolicy(2)}, "max_retry= and retry= say the same thing"),
        ({"agent": same, "retry": 2}, "retry must be RetryPolicy, got int"),
        ({"agent": same, "retry": RetryPolicy(0)}, "retry.attempts must be a whole number from 1, got 0"),
        ({"agent": same, "retry": RetryPolicy(2, (RetryRule(("x",), 0),))}, "attempts of a RetryRule must be"),
        (
            {"agent": same, "retry": unchecked_policy(2, Backoff(1))},
            "must be several RetryRules, got Backoff",
        ),
        (
            {"agent": same, "retry": RetryPolicy(2, (), Backoff(-1))},
            "the numbers of a Backoff must be finite and at least 0, got -1",
        ),
        ({"agent": same, "verify": "judge"}, "verify must be"),
        ({"agent": same, "verify": NEEDY}, "verify was declared with deps_type="),
        ({"agent": same, "on_doubt": "maybe"}, "on_doubt must be accept, person or fail, got 'maybe'"),
        ({"agent": same, "repeatable": "no"}, "repeatable must be bool, got str"),
        ({"agent": same, "accept_steps": "anybody"}, 'accept_steps must be True, "person" or a callable'),
        ({"agent": same, "max_added": 3}, "max_added= bounds what accept_steps= lets it add"),
        ({"agent": same, "accept_steps": True, "max_added": 0}, "max_added must be at least 1, got 0"),
    ],
)
def test_a_wrong_option_of_a_step_is_refused_by_name(wrong: dict[str, object], problem: str) -> None:
    flow = LightFlow()
    step: Callable[..., object] = flow.step
    with pytest.raises(ConfigurationError) as raised:
        step("s", **wrong)
    assert problem in str(raised.value)
    assert "step 's'" in str(raised.value) or "metadata" in problem or "output_type" in problem
    assert flow.steps == ()


def three(query: str, context: object, style: str) -> bool:
    return bool(style)


def named(query: str, *, style: str) -> str:
    return style


def late(query: str, style: str = "", context: object = None) -> str:
    return style


WORK = "is given the query and, where it takes a second argument, the context"
CONTEXT = "is given the context, or, where it takes two arguments, the input of the flow and the context"


@pytest.mark.parametrize(
    ("option", "function", "problem"),
    [
        ("agent", three, f"agent {WORK}, and three takes (query, context, style)"),
        ("agent", named, f"agent {WORK}, and named takes (query, *, style)"),
        ("agent", late, f"agent {WORK}, and late takes (query, style='', context=None)"),
        ("fallback_agent", three, f"fallback_agent {WORK}"),
        ("query", three, f"query {CONTEXT}"),
        ("when", three, f"when {CONTEXT}"),
        ("cancel_if", three, f"cancel_if {CONTEXT}"),
        ("verify", three, "verify is given the result and, where it takes a second argument, the context"),
        ("accept_steps", three, "accept_steps is given the proposed steps and, where it takes a second argument"),
        ("approval_handler", three, "approval_handler is given the step and the context, and three takes"),
        ("approval_handler", lambda step: True, "approval_handler is given the step and the context, and <lambda>"),
    ],
)
def test_a_function_that_cannot_be_called_with_what_it_is_given_is_refused_when_declared(
    option: str, function: Callable[..., object], problem: str
) -> None:
    step: Callable[..., object] = LightFlow().step
    with pytest.raises(ConfigurationError) as raised:
        step("s", **{"agent": same, "requires_approval": True, option: function})
    assert f"step 's': {problem}" in str(raised.value)
    assert "functools.partial" in raised.value.guidance


def test_a_loop_and_a_map_are_given_functions_that_can_be_called_too() -> None:
    wide: Callable[..., bool] = three
    with pytest.raises(ConfigurationError, match=r"step 'm': over is given the context"):
        LightFlow().map("m", wide, agent=same)
    with pytest.raises(ConfigurationError, match=r"step 'l': until is given the context"):
        LightFlow().loop("l", agent=same, until=wide)


def test_a_function_may_take_more_that_is_bound_or_has_a_default() -> None:
    def styled(query: str, context: StepContext, style: str = "plain", *rest: str, loud: bool = False) -> str:
        return f"{context.path} {query} {style}"

    flow = LightFlow().step("a", agent=styled).step("b", agent=partial(three, context="mine", style="bound"))
    result = flow.step("c", agent=lambda: "nothing").step("d", agent=str.upper).run("it")
    assert [step.content for step in result.steps] == ["a it plain", "true", "nothing", "IT"]


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_step_has_a_name(name: object) -> None:
    flow = LightFlow()
    given: tuple[tuple[Callable[..., object], dict[str, object]], ...] = (
        (flow.step, {"agent": same}),
        (flow.map, {"over": ["a"], "agent": same}),
        (flow.map, {"over": ["a"], "agent": LightFlow().step("a", agent=same)}),
        (flow.loop, {"rounds": 1, "agent": same}),
        (flow.sleep, {"seconds": 1}),
        (flow.wait_for, {"event": "e"}),
        (flow.offer, {"agent": same}),
    )
    for declare, options in given:
        with pytest.raises(ConfigurationError, match="its name must be text"):
            declare(name, **options)
    assert flow.declared == ()


INNER = LightFlow().step("a", agent=same)


@pytest.mark.parametrize(
    ("kind", "wrong", "problem"),
    [
        ("map", {"over": 3, "agent": same}, "over must be a list, the name of a step or a callable, got int"),
        ("map", {"over": ["a"]}, "agent must be an agent, a swarm, a flow or a callable, got nothing"),
        ("map", {"over": ["a"], "agent": LightFlow()}, "the flow inside this map has no steps"),
        ("map", {"over": ["a"], "agent": INNER, "max_retry": 2}, "max_retry= is for one step, and inside this map is"),
        ("map", {"over": ["a"], "agent": INNER, "query": same}, "query must be a text here"),
        ("map", {"over": ["a"], "agent": INNER, "depends": ["a"]}, "It is called depends_on=[...]"),
        ("map", {"over": ["a"], "agent": same, "depends_on": [1]}, "depends_on must be names of steps, got int"),
        ("loop", {"agent": same}, "nothing ends this loop"),
        ("loop", {"agent": same, "rounds": 0}, "rounds must be a whole number from 1, got 0"),
        ("loop", {"agent": same, "rounds": True}, "rounds must be a whole number from 1, got True"),
        ("loop", {"agent": same, "until": "done"}, "until must be a callable, got str"),
        ("sleep", {}, "sleep() takes either seconds= or until="),
        ("sleep", {"seconds": 1, "until": same}, "sleep() takes either seconds= or until="),
        ("sleep", {"seconds": -1}, "seconds must be a number of seconds from 0, got -1"),
        ("sleep", {"seconds": float("nan")}, "seconds must be a number of seconds from 0, got nan"),
        ("sleep", {"until": datetime.now(UTC).replace(tzinfo=None)}, "until must have a time zone"),
        ("sleep", {"until": "noon"}, "until must be a callable, got str"),
        ("sleep", {"seconds": 1, "agent": same}, "has no option 'agent'"),
        ("wait_for", {"event": ""}, "event must be the name of an event, got ''"),
        ("wait_for", {"event": "e", "timeout": "3"}, "timeout must be a number of seconds from 0, got '3'"),
        ("wait_for", {"event": "e", "max_retry": 3}, "has no option 'max_retry'"),
    ],
)
def test_a_wrong_option_of_another_kind_is_refused_by_name(kind: str, wrong: dict[str, object], problem: str) -> None:
    flow = LightFlow()
    kinds: dict[str, Callable[..., object]] = {
        "map": flow.map,
        "loop": flow.loop,
        "sleep": flow.sleep,
        "wait_for": flow.wait_for,
    }
    with pytest.raises(ConfigurationError) as raised:
        kinds[kind]("s", **wrong)
    assert problem in str(raised.value)
    assert "step 's'" in str(raised.value)
    assert flow.declared == ()


def test_a_name_is_taken_once() -> None:
    flow = LightFlow().step("a", agent=same)
    with pytest.raises(ConfigurationError, match="has a step 'a' already"):
        flow.step("a", agent=same)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"store": "runs"}, "store: expected an object with append"),
        ({"hooks": [5]}, "expected a function, or an object with methods named after phases"),
        ({"max_parallel": 0}, "max_parallel must be at least 1"),
        ({"nmae": "x"}, "Did you mean 'name'?"),
        ({"clock": 3}, "clock: expected an object"),
        ({"max_wait": -1}, "max_wait must be seconds from 0, got -1"),
        ({"limits": 3}, "limits must be FlowLimits, got int"),
        ({"limits": FlowLimits(max_items=0)}, "limits.max_items must be a whole number from 1, got 0"),
    ],
)
def test_a_wrong_option_of_a_flow_is_refused(wrong: dict[str, object], problem: str) -> None:
    make: Callable[..., object] = LightFlow
    with pytest.raises(ConfigurationError) as raised:
        make(**wrong)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"run_id": 3}, "run_id must be str"),
        ({"user_id": 3}, "user_id must be str"),
        ({"trace": "yes"}, "trace must be bool"),
        ({"result_format": "json"}, "result_format must be one of object, str, dict"),
        ({"timeout": 3}, "has no option 'timeout'"),
    ],
)
def test_a_wrong_option_of_a_run_is_refused(wrong: dict[str, object], problem: str) -> None:
    flow = LightFlow().step("a", agent=same)
    run: Callable[..., object] = flow.run
    with pytest.raises(ConfigurationError) as raised:
        run("x", **wrong)
    assert problem in str(raised.value)
    assert flow.list_runs() == []


def test_steps_that_cannot_run_are_told_and_refused() -> None:
    flow = LightFlow().step("a", agent=same, depends_on=["c"]).step("b", agent=same, depends_on=["z"])
    flow.step("c", agent=same, depends_on=["a"]).step("d", agent=same)
    found = flow.validate()
    assert any("unknown step `z`" in error for error in found["errors"])
    assert any("cycle" in error for error in found["errors"])
    assert found["warnings"] == ["step `d` is isolated"]
    assert [*found["errors"], *found["warnings"]] == flow.validate(strict=True)["errors"]
    with pytest.raises(ConfigurationError, match="The flow cannot run"):
        flow.run("x")
    with pytest.raises(ConfigurationError, match="has no steps"):
        LightFlow().run("x")


def test_a_swarm_without_agents_fails_where_it_is_used() -> None:
    result = LightFlow().step("a", agent=LightSwarm()).run("x")
    assert isinstance(result, LightFlowResult)
    assert result.error is not None
    assert "no agent is registered" in result.error.message


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"store": MemoryJournalStore()}, "store= is for runs in this process"),
        ({"hooks": [object()]}, "give hooks to the agents of the steps"),
        ({"max_parallel": 2}, "is set where the engine's workers are"),
        ({"max_wait": 1.0, "max_parallel": 2}, "max_parallel= and max_wait= are for runs in this process"),
    ],
)
def test_what_is_for_runs_in_this_process_is_refused_beside_an_engine(options: dict[str, object], advice: str) -> None:
    make: Callable[..., LightFlow] = LightFlow
    with pytest.raises(ConfigurationError) as caught:
        make(engine=FoldingEngine(), **options)
    assert advice in str(caught.value)


def test_what_is_no_engine_is_refused() -> None:
    make: Callable[..., LightFlow] = LightFlow
    with pytest.raises(ConfigurationError, match="engine"):
        make(engine=object())


def test_on_an_engine_nothing_is_streamed_and_what_is_too_large_is_refused() -> None:
    flow = LightFlow(engine=FoldingEngine(), limits=FlowLimits(max_value=10)).step("a", agent=same)
    with pytest.raises(ConfigurationError, match="nothing of them is streamed to here"):
        flow.stream_events("x")
    with pytest.raises(ConfigurationError, match="nothing of them is streamed to here"):
        flow.stream_resume_events("r")
    with pytest.raises(LightAgentError, match="max_value"):
        flow.run("x" * 20)
