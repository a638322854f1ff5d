"""What a run remembers of a call: which policies changed its arguments, so that it is not resumed without them."""

from __future__ import annotations

from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, UserMessage
from lightagent.domain.policy.phases import Decision
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.events import (
    ApprovalDecided,
    ApprovalRequested,
    ModelReplied,
    ModelRequested,
    RunStarted,
    ToolStarted,
)
from lightagent.domain.runs.folding import fold

CALLED = (
    RunStarted("r", AgentHead("a", "m", SystemMessage("s")), (UserMessage("q"),), policies=("limit", "mask")),
    ModelRequested(1, 2),
    ModelReplied(1, AssistantMessage(None, (ToolCall("c", "pay", '{"euros": 1}'),))),
)
REWRITTEN = Decision("tool_call", "limit", "rewrite")
ALLOWED = Decision("tool_call", "mask", "allow")


def test_a_call_names_the_policies_that_rewrote_its_arguments() -> None:
    run = fold((*CALLED, ToolStarted("c", "pay", {"euros": 2}, "r:1:c", (ALLOWED, REWRITTEN))))

    assert run.calls["c"].rewritings == (("limit",),)


def test_a_call_that_policies_only_allowed_has_no_rewritings() -> None:
    run = fold((*CALLED, ToolStarted("c", "pay", {"euros": 1}, "r:1:c", (ALLOWED,))))

    assert run.calls["c"].rewritings == ()


def test_a_call_keeps_its_rewritings_through_an_approval() -> None:
    asked = ApprovalRequested("c", "why", {"arguments": {"euros": 2}}, {"euros": 2}, (REWRITTEN,))
    run = fold((*CALLED, asked))
    assert run.calls["c"].rewritings == (("limit",),)

    decided = (ApprovalDecided("c", ApprovalDecision.approve()), ToolStarted("c", "pay", {"euros": 2}, "r:1:c"))
    assert fold((*CALLED, asked, *decided)).calls["c"].rewritings == (("limit",),)
