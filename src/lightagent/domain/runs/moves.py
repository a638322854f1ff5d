"""The decision: what a run does next, from what happened so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.outcomes import BudgetExhausted, Completed, Failed, Outcome, Suspended
from lightagent.domain.runs.folding import needs_check
from lightagent.domain.runs.plan_folding import plan_is_due
from lightagent.domain.runs.replies import cut_short
from lightagent.domain.runs.state import HandedOver, PendingCall, Run, waiting_calls


@dataclass(frozen=True, slots=True)
class Admit:
    """Let the policies pass the query, before anything is on record."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Ask these context sources, all at once, what they add to the conversation."""

    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Have the conversation become what goes along with the handoff that was made."""

    handed_over: HandedOver


@dataclass(frozen=True, slots=True)
class Think:
    """Have a model make a plan, or a new one where a step of the plan has failed."""


@dataclass(frozen=True, slots=True)
class AskModel:
    """Send the conversation to the model."""


@dataclass(frozen=True, slots=True)
class CallTools:
    """Run these calls concurrently. One that is `started` was interrupted, so its effect is unknown."""

    calls: tuple[PendingCall, ...]


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """See whether the final answer is what was asked for, and may be given."""

    content: str


@dataclass(frozen=True, slots=True)
class Conclude:
    """Draw this conclusion from the run's success, such as writing a memory."""

    name: str
    answer: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the run so."""

    outcome: Outcome


Move: TypeAlias = Admit | Prepare | Transfer | Think | AskModel | CallTools | CheckOutput | Conclude | Finish

ADMIT: Final = Admit()
THINK: Final = Think()
ASK_MODEL: Final = AskModel()


def next_move(run: Run) -> Move:
    """The one thing to do now."""
    if run.outcome is not None:
        return Finish(run.outcome)
    if run.ending is not None:
        return Finish(run.ending)
    if run.calls:
        return _about_calls(run)
    if run.last_reply is not None:
        return _about_answer(run)
    if not run.admitted:
        return ADMIT
    if len(run.prepared) < len(run.started.before):
        return Prepare(tuple(source for source in run.started.before if source not in run.prepared))
    if run.output_rejections > run.limits.max_output_retries:
        return Finish(Failed(_never_fit(run)))
    if run.handed_over is not None:
        return Transfer(run.handed_over)
    return THINK if plan_is_due(run) else ASK_MODEL


def _about_calls(run: Run) -> Move:
    if run.last_reply is not None and (cut := cut_short(run.last_reply)) is not None:
        return Finish(cut)
    if run.tool_rounds >= run.limits.max_tool_iterations:
        return Finish(BudgetExhausted(_too_many_rounds(run)))
    ready = tuple(call for call in run.calls.values() if call.status in ("new", "started", "decided"))
    return CallTools(ready) if ready else Finish(Suspended(tuple(waiting_calls(run))))


def _about_answer(run: Run) -> Move:
    reply = run.last_reply
    if reply is None:
        return ASK_MODEL
    if (cut := cut_short(reply)) is not None:
        return Finish(cut)
    content = reply.message.content or ""
    if run.accepted is None and needs_check(run):
        return CheckOutput(content)
    answer = content if run.accepted is None else run.accepted
    due = next((name for name in run.started.after if name not in run.concluded), None)
    return Finish(Completed(answer)) if due is None else Conclude(due, answer)


def _never_fit(run: Run) -> LightAgentErrorInfo:
    return LightAgentErrorInfo(
        "LA-OUTPUT",
        f"The answer did not fit the output type after {run.output_rejections} attempts.",
        "Simplify output_type, or use a stronger model.",
        {"attempts": run.output_rejections},
    )


def _too_many_rounds(run: Run) -> LightAgentErrorInfo:
    limit = run.limits.max_tool_iterations
    return LightAgentErrorInfo(
        "LA-BUDGET",
        f"The model still asks for tools after {limit} rounds of tool calls.",
        "Raise max_tool_iterations=, or give the agent better tools.",
        {"max_tool_iterations": limit},
    )
