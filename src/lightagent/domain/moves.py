"""The decision: what a run does next, from what happened so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.events import ModelReplied
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Completed, Failed, Outcome, Suspended
from lightagent.domain.runs import PendingCall, Run


@dataclass(frozen=True, slots=True)
class AskModel:
    """Send the conversation to the model."""


@dataclass(frozen=True, slots=True)
class CallTools:
    """Bring these calls to their results, all at once. One that is `started` was interrupted: nobody knows its end."""

    calls: tuple[PendingCall, ...]


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """See whether the final answer is what was asked for."""

    content: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the run so."""

    outcome: Outcome


Move: TypeAlias = AskModel | CallTools | CheckOutput | Finish

ASK_MODEL: Final = AskModel()


def next_move(run: Run) -> Move:
    """The one thing to do now."""
    if run.outcome is not None:
        return Finish(run.outcome)
    if run.calls:
        return _about_calls(run)
    if run.last_reply is not None:
        return _about_reply(run, run.last_reply)
    if run.output_rejections > run.started.limits.max_output_retries:
        return Finish(Failed(_never_fit(run)))
    return ASK_MODEL


def _about_calls(run: Run) -> Move:
    if run.last_reply is not None and (cut := _cut_short(run.last_reply)) is not None:
        return Finish(cut)
    if run.tool_rounds >= run.started.limits.max_tool_iterations:
        return Finish(BudgetExhausted(_too_many_rounds(run)))
    ready = tuple(call for call in run.calls if call.status in ("new", "started", "decided"))
    if ready:
        return CallTools(ready)
    return Finish(Suspended(tuple(call.call.id for call in run.calls if call.status == "waiting")))


def _about_reply(run: Run, reply: ModelReplied) -> Move:
    if (cut := _cut_short(reply)) is not None:
        return Finish(cut)
    if run.accepted is not None:
        return Finish(Completed(run.accepted))
    content = reply.message.content or ""
    if run.started.output_schema is None:
        return Finish(Completed(content))
    return CheckOutput(content)


def _cut_short(reply: ModelReplied) -> Outcome | None:
    """An answer that the provider cut off or withheld is no answer, whatever text came with it."""
    if reply.message.refusal:
        return Blocked(
            LightAgentErrorInfo(
                "LA-403", "The model refused to answer.", "Change the request.", {"refusal": reply.message.refusal}
            )
        )
    if reply.finish_reason == "content_filter":
        return Blocked(
            LightAgentErrorInfo(
                "LA-403",
                "The provider's content filter withheld the answer.",
                "Change the request.",
                {"finish_reason": "content_filter"},
            )
        )
    if reply.finish_reason == "length":
        return Failed(
            LightAgentErrorInfo(
                "LA-413",
                "The answer was cut off at the token limit.",
                'Raise max_tokens in metadata=; result_format="object" gives the part that came.',
                {"finish_reason": "length"},
            )
        )
    return None


def _never_fit(run: Run) -> LightAgentErrorInfo:
    return LightAgentErrorInfo(
        "LA-OUTPUT",
        f"The answer did not fit the output type after {run.output_rejections} attempts.",
        "Simplify output_type, or use a stronger model.",
        {"attempts": run.output_rejections},
    )


def _too_many_rounds(run: Run) -> LightAgentErrorInfo:
    limit = run.started.limits.max_tool_iterations
    return LightAgentErrorInfo(
        "LA-BUDGET",
        f"The model still wants tools after {limit} rounds of tool calls.",
        "Raise max_tool_iterations=, or give the agent better tools.",
        {"max_tool_iterations": limit},
    )
