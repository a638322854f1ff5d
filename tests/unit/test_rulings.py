"""How the answers of several policies become one verdict."""

from __future__ import annotations

import pytest

from lightagent import LightAgentErrorInfo
from lightagent.domain.outcomes import Blocked, BudgetExhausted
from lightagent.domain.policy.phases import (
    PHASES,
    Asked,
    CallPayload,
    Decision,
    OutputPayload,
    Passed,
    Phase,
    Refused,
    Stopped,
)
from lightagent.domain.policy.rulings import ABOUT_CALLS, ALLOW, Allow, Ask, Deliberation, EndRun, Forbid, Rewrite

NO = LightAgentErrorInfo("LA-GUARDRAIL", "no")
CALL = CallPayload({"a": 1})


def test_nothing_said_is_nothing_on_record() -> None:
    assert Deliberation("output", OutputPayload("x")).take("a", ALLOW).verdict() == Passed(OutputPayload("x"))
    noted = Deliberation("output", OutputPayload("x")).take("a", Allow("seen"))
    assert noted.verdict() == Passed(OutputPayload("x"), (Decision("output", "a", "allow", "seen"),))


def test_rewritings_compose_and_each_is_on_record() -> None:
    begun = Deliberation("tool_call", CALL).take("a", Rewrite(CallPayload({"a": 2})))
    assert begun.payload == CallPayload({"a": 2})
    verdict = begun.take("b", Rewrite(CallPayload({"a": 3}), "why")).verdict()
    decisions = (Decision("tool_call", "a", "rewrite"), Decision("tool_call", "b", "rewrite", "why"))
    assert verdict == Passed(CallPayload({"a": 3}), decisions)


def test_the_first_question_is_asked_and_does_not_end_the_deliberation() -> None:
    asked = Deliberation("tool_call", CALL).take("a", Ask("first")).take("b", Ask("second"))
    assert asked.end is None
    decisions = (Decision("tool_call", "a", "ask", "first"), Decision("tool_call", "b", "ask", "second"))
    assert asked.verdict() == Asked(CALL, "first", decisions)
    assert isinstance(asked.take("c", Forbid(NO)).verdict(), Refused)


@pytest.mark.parametrize("phase", PHASES)
def test_what_is_forbidden_of_a_call_is_refused_and_elsewhere_blocks(phase: Phase) -> None:
    verdict = Deliberation(phase, CALL).take("a", Forbid(NO, "why")).verdict()
    decisions = (Decision(phase, "a", "block", "why"),)
    if phase in ABOUT_CALLS:
        assert verdict == Refused(NO, decisions)
    else:
        assert verdict == Stopped(Blocked(NO), decisions)


def test_a_policy_that_failed_to_decide_is_on_record_as_such() -> None:
    verdict = Deliberation("output", CALL).take("a", Forbid(NO, "It raised.", failed=True)).verdict()
    assert verdict == Stopped(Blocked(NO), (Decision("output", "a", "error", "It raised."),))


def test_the_end_of_a_run_is_the_end_also_about_a_call() -> None:
    spent = BudgetExhausted(LightAgentErrorInfo("LA-BUDGET", "spent"))
    verdict = Deliberation("tool_call", CALL).take("a", EndRun(spent)).verdict()
    assert verdict == Stopped(spent, (Decision("tool_call", "a", "block"),))
