"""The definition of a flow with the digests of its code is taken anew for each run, and made anew where one changed."""

from __future__ import annotations

from lightagent import LightFlow
from lightagent.application.flow.step_code import CodedDefinitions


async def work(query: str) -> str:
    return query


async def other_work(query: str) -> str:
    return f"{query}!"


def test_the_same_definition_is_given_as_long_as_nothing_changes() -> None:
    flow = LightFlow(name="report").step("a", agent=work).step("b", agent=work, depends_on=["a"])
    definitions = CodedDefinitions("report")
    first = definitions(flow.declared)
    assert definitions(flow.declared) is first
    assert [step.name for step in first.steps] == ["a", "b"]
    assert all(step.code for step in first.steps)
    more = definitions(flow.step("c", agent=work).declared)
    assert [step.name for step in more.steps] == ["a", "b", "c"]
    assert more.steps[0] is first.steps[0]


def test_a_flow_within_that_is_given_another_step_makes_another_definition() -> None:
    inner = LightFlow(name="inner").step("x", agent=work)
    flow = LightFlow(name="report").step("a", agent=work).step("b", agent=inner)
    definitions = CodedDefinitions("report")
    before = definitions(flow.declared)
    inner.step("y", agent=work)
    after = definitions(flow.declared)
    assert after.steps[0] is before.steps[0]
    assert after.steps[1].code != before.steps[1].code
    assert definitions(flow.declared) is after


def test_what_is_done_for_items_counts() -> None:
    flow = LightFlow(name="report").map("each", lambda context: [1, 2], agent=work)
    definitions = CodedDefinitions("report")
    first = definitions(flow.declared)
    assert definitions(flow.declared) is first
    other = LightFlow(name="report").map("each", lambda context: [1, 2], agent=other_work)
    assert definitions(other.declared) != first
