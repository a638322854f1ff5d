"""Whatever run an agent accepts, its journal can be restored; what a journal could not keep is refused at once."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import Unpack

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    ConfigurationError,
    Journal,
    JsonObject,
    JsonValue,
    LightAgent,
    Limits,
    RunContext,
    RunOptions,
    tool,
)
from lightagent.domain.json_checks import MOST_DEPTH
from lightagent.domain.outcomes import Completed, Suspended
from lightagent.domain.runs.events import ApprovalRequested
from lightagent.testing import ManualClock, ScriptedModel, SequentialIds, call_tool

# Every character, the halves of UTF-16 pairs included.
TEXT = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=6)
NUMBER = st.one_of(
    st.integers(),
    st.sampled_from([10**4000, -(10**4000), 2**53 + 1, 0.0, -0.0, 5e-324, sys.float_info.max]),
    st.floats(allow_nan=False, allow_infinity=False),
)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def deep(levels: int) -> JsonValue:
    """A value of so many levels."""
    value: JsonValue = "deep"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


OBJECT = st.dictionaries(TEXT, JSON | st.builds(deep, st.integers(0, 80)), max_size=3)
PART = OBJECT.map(lambda part: {**part, "type": "text", "text": "t"})
QUERY = TEXT | st.lists(PART, max_size=3)
COUNT = st.sampled_from([-1, 0, 1, 2, 10, 10**18, 10**19, 10**5000])
SECONDS = st.sampled_from([1_000, 2**53 + 1, 1e9, 1e300, 10**400, math.inf, math.nan, 0, -1]) | st.floats(60, 1e9)
SAID: st.SearchStrategy[JsonObject] = st.fixed_dictionaries({"role": st.just("user"), "content": TEXT})
SHOWN: st.SearchStrategy[JsonObject] = st.builds(lambda parts: {"role": "user", "content": parts}, st.lists(PART))
ANSWERED: st.SearchStrategy[JsonObject] = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": TEXT, "reasoning_content": TEXT}
)
HISTORY = st.lists(st.one_of(SAID, SHOWN, ANSWERED), max_size=2)
DECISIONS = st.one_of(
    st.builds(lambda a, b: ApprovalDecision.approve(a, actor=b), TEXT, TEXT),
    st.builds(lambda a, b: ApprovalDecision.reject(a, actor=b), TEXT, TEXT),
    st.builds(lambda a, b: ApprovalDecision.respond(a, b), TEXT, TEXT),
)


def paying_agent(limits: Limits) -> LightAgent[None, str]:
    @tool
    async def pay(ctx: RunContext[None], to: JsonValue, request: JsonValue) -> str:
        """Pays, once a human allows it."""
        if not ctx.approved:
            raise ApprovalRequired("look", {"request": request})
        ctx.report(json.dumps(to))
        return json.dumps(to)

    model = ScriptedModel([call_tool("pay", to={"x": ["é"]}, request=[1.5, None]), "Done."])
    return LightAgent(name="payer", model=model, tools=[pay], limits=limits, clock=ManualClock(), ids=SequentialIds())


def restored(journal: Journal) -> Journal:
    """The journal after its way through JSON, which changes nothing."""
    text = journal.to_json()
    again = Journal.from_json(text)
    assert again == journal
    assert again.to_json() == text
    assert again.run == journal.run
    return again


@given(st.data(), st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_a_run_that_is_accepted_can_be_restored(data: st.DataObject, everything: bool) -> None:
    options: RunOptions = {"metadata": data.draw(OBJECT), "user_id": data.draw(TEXT), "trace_id": data.draw(TEXT)}
    query, decision = data.draw(QUERY), data.draw(DECISIONS)
    try:
        limits = Limits()
        if everything:
            options["history"] = data.draw(HISTORY)
            options["timeout"] = data.draw(st.none() | SECONDS)
            limits = Limits(3, 1, data.draw(COUNT), data.draw(COUNT), data.draw(SECONDS), None)
        agent = paying_agent(limits)
        result = await agent.arun(query, result_format="object", **options)
    except ConfigurationError:
        return
    known = restored(result.journal)
    assert isinstance(result.outcome, Suspended)
    ended = await agent.aresume(known, decision)
    assert restored(ended.journal).run.outcome == ended.outcome


async def run_with(query: str | list[JsonObject] = "q", **options: Unpack[RunOptions]) -> Journal:
    agent = LightAgent(name="a", model=ScriptedModel(["Fine."]))
    return (await agent.arun(query, result_format="object", **options)).journal


@pytest.mark.parametrize(
    "metadata",
    [
        {1: "x"},
        {"x": {1: "x"}},
        {"x": deep(MOST_DEPTH)},
        {"x": math.inf},
        {"x": math.nan},
        {"x": 10**5000},
        {"x": {1}},
        {"\ud800": 1},
    ],
    ids=["integer key", "integer key inside", "too deep", "infinity", "nan", "too many digits", "a set", "half a key"],
)
async def test_what_json_cannot_hold_is_refused(metadata: JsonObject) -> None:
    with pytest.raises(ConfigurationError):
        await run_with(metadata=metadata)
    with pytest.raises(ConfigurationError):
        await run_with([{"type": "text", **metadata}])
    with pytest.raises(ConfigurationError):
        ApprovalDecision.edit(metadata)
    with pytest.raises(ConfigurationError):
        await run_with(history=[{"role": "user", "content": [{"type": "text", **metadata}]}])


async def test_what_a_reviewer_is_shown_has_names_that_a_journal_keeps() -> None:
    @tool
    async def pay() -> str:
        """Pays, once a human allows it."""
        raise ApprovalRequired("look", {"half \ud800": ["half \ud800"]})

    agent = LightAgent(name="a", model=ScriptedModel([call_tool("pay")]), tools=[pay])
    known = restored((await agent.arun("q", result_format="object")).journal)
    (asked,) = [event for event in known.events if isinstance(event, ApprovalRequested)]
    assert asked.request == {"half \N{REPLACEMENT CHARACTER}": ["half \ud800"]}


async def test_what_is_as_deep_as_is_accepted_is_restored() -> None:
    most: JsonObject = {"x": deep(MOST_DEPTH - 1)}
    restored(await run_with([{"type": "text", **most}], metadata=most))
    assert ApprovalDecision.edit(most).arguments == most


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 0, -1, 10**400, 1e300], ids=str)
async def test_a_timeout_without_a_moment_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        await run_with(timeout=seconds)
    with pytest.raises(ConfigurationError, match="model_timeout"):
        Limits(model_timeout=seconds)


@pytest.mark.parametrize("count", [-1, True, 1.0, "1", 10**5000], ids=["-1", "True", "1.0", "'1'", "many digits"])
def test_a_limit_that_is_not_a_count_is_refused(count: int) -> None:
    with pytest.raises(ConfigurationError, match="max_retry"):
        Limits(max_retry=count)


@pytest.mark.parametrize("value", [5, None, b"fine", ["fine"]], ids=str)
def test_a_decision_whose_texts_are_not_texts_is_refused(value: str) -> None:
    for make in (ApprovalDecision.approve, ApprovalDecision.reject, ApprovalDecision.respond):
        with pytest.raises(ConfigurationError):
            make(value)
    with pytest.raises(ConfigurationError):
        ApprovalDecision.approve(actor=value)


async def test_a_whole_number_of_seconds_is_restored_as_it_was() -> None:
    journal = restored(await run_with(timeout=1_000))
    assert journal.run.limits.timeout == 1_000.0
    assert isinstance(journal.run.limits.timeout, float)
    assert isinstance(journal.run.outcome, Completed)
