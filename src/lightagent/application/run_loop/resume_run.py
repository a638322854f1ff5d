"""From a journal to a run that can go on, and what has to be the same for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.apply_policy import own_policies
from lightagent.application.active_run.means import Means
from lightagent.application.active_run.record import RunRecord
from lightagent.application.active_run.watch_run import watchers_of
from lightagent.application.budgets.spend_budget import own_budgets
from lightagent.application.journals.journal import Journal
from lightagent.application.reviews.decide_calls import Decisions, by_name, waits_inside, with_decisions
from lightagent.application.structured_output import holds_json
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import checked, declared
from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonValue
from lightagent.domain.outcomes import Suspended
from lightagent.domain.policy.information_flow import InformationFlow, strictest
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import RunStarted
from lightagent.domain.runs.state import PendingCall, Run
from lightagent.ports.budgets import Budgets
from lightagent.ports.tools import NestingTool, Tool

JournalLike: TypeAlias = Journal | str | bytes | Mapping[str, JsonValue]
"""A journal, or its JSON form as text or parsed."""


def resume_run(
    means: Means[DepsT],
    journal: JournalLike,
    decisions: Decisions,
    deps: DepsT,
    *,
    tools: tuple[Tool[DepsT], ...] = (),
    budgets: Budgets | None = None,
    traced: bool = False,
) -> ActiveRun[DepsT]:
    """A run that was suspended or interrupted, here or elsewhere, from its last event on.

    Raises:
        ConfigurationError: it is not a journal, the run has ended, or it was begun with another output type or with
            policies that this agent lacks. Whether its tools are there is seen at the first step.
        PolicyError: a decision is about a call that does not wait.
    """
    known = as_journal(journal)
    answers: Mapping[str, ApprovalDecision] | None = None
    # One that was interrupted while people were asked waits as well, and has not said so.
    waits = isinstance(known.run.outcome, Suspended) or (known.run.outcome is None and bool(decisions))
    if waits and (means.all_desks or waits_inside(known.run)):
        # What people decide goes through their store, which is read once the run has begun.
        decided, answers = known, by_name(known.run, decisions)
    else:
        decided = with_decisions(known, decisions, means.clock.now())
    means = means.for_run(decided.started)
    require_same_agent(decided.started, means, own_budgets(budgets))
    record = RunRecord(list(decided.events), traced=traced, capture_content=means.capture_content)
    live = ActiveRun(
        means,
        decided.run,
        record,
        deps,
        known=len(known.events),
        tools=tools,
        budgets=budgets,
        watchers=watchers_of(means),
    )
    live.answers = answers
    return live


def as_journal(journal: JournalLike) -> Journal:
    """The journal itself.

    Raises:
        ConfigurationError: it is not one.
    """
    return journal if isinstance(journal, Journal) else Journal.from_json(journal)


def require_same_agent(started: RunStarted, means: Means[DepsT], policies: tuple[str, ...] = ()) -> None:
    """Raise unless an agent can go on with a run; `policies` are those of the runs around it.

    Raises:
        ConfigurationError: the run was begun with another output type, or with policies that are not there or do not
            review the agent that they reviewed.
    """
    if started.head.output_schema != means.head.output_schema:
        raise ConfigurationError(
            "The run was begun by an agent with another output_type.",
            guidance="Resume it with the output_type it was begun with.",
        )
    always = {*policies, *own_policies(means), *own_budgets(means.budgets)}
    lacking = [name for name in started.policies if name not in always]
    for one in started.handoff_policies:
        other = means.crew.get(one.agent)
        there = always if other is None else always.union(own_policies(other))
        lacking.extend(name for name in one.policies if name not in there)
    if lacking:
        raise ConfigurationError(
            f"The run was begun with policies that this agent lacks: {', '.join(dict.fromkeys(lacking))}.",
            guidance="Resume it with the policies it was begun with, each of them the policy of the same agent.",
        )


async def check_calls(
    run: Run, tools: Mapping[str, Tool[DepsT]], policies: tuple[str, ...], flows: tuple[InformationFlow, ...] = ()
) -> None:
    """Raise unless a run that goes on, and the runs nested in it, may do so with these tools and policies.

    Args:
        policies: those behind the gates of the run and of those around it.
        flows: the rules for its tainted calls.

    Raises:
        ConfigurationError: a call began without the decision that its tool requires; a policy that is missing
            changed a call or the answer; the accepted answer is not in the model's reply; or a nested run was
            begun with another output type or with policies that are not there.
        ToolError: a decision edits arguments in a way that the tool refuses.
    """
    _check_rewritings(run, policies)
    _check_answer(run)
    for call in run.calls.values():
        name = resolve_called_name(call.call.name, tools if run.offered is None else run.offered)
        tool = tools.get(name)
        if tool is None:
            continue
        if call.child is not None and isinstance(tool, NestingTool):
            await tool.check_child(call.child, policies)
        _check_call(call, tool, name)
        _check_flow(run, call, tool, name, flows)


def _check_rewritings(run: Run, policies: tuple[str, ...]) -> None:
    """A policy's change to a call or an answer is trusted only if that policy is here."""
    for names in (run.rewriters, *(names for call in run.calls.values() for names in call.rewritings)):
        # A decision of a gate with several policies names all of them.
        if names and not any(set(name.split(", ")).issubset(policies) or name in policies for name in names):
            raise ConfigurationError(
                f"A call or the answer was changed by the policy {names[0]!r:.100}, which this agent lacks.",
                guidance="Resume it with the policies that reviewed it.",
            )


def _check_answer(run: Run) -> None:
    """An answer with a type is what was found in the model's reply; text the fold itself compares."""
    reply = run.last_reply
    if run.accepted is None or run.rewriters or run.head.output_schema is None or reply is None:
        return
    if not holds_json(reply.message.content or "", run.accepted):
        raise ConfigurationError(
            "The journal says that an answer was accepted which is not in the model's reply, and no policy rewrote it.",
            guidance="The journal was changed.",
        )


def _check_call(call: PendingCall, tool: Tool[DepsT], name: str) -> None:
    if call.status == "decided" and call.decision is not None and call.decision.arguments is not None:
        checked(tool, name, copy_json(call.decision.arguments))
    if call.status == "started" and call.decision is None and declared(tool, name).requires_approval:
        raise ConfigurationError(
            f"The journal says that the call {call.call.id!r} of {call.call.name} began without the decision that "
            "this tool requires.",
            guidance="The journal was changed, or written by an agent whose tool did not require one.",
        )


def _check_flow(run: Run, call: PendingCall, tool: Tool[DepsT], name: str, flows: tuple[InformationFlow, ...]) -> None:
    begun = call.status == "started" and call.decision is None
    if begun and strictest(flows, declared(tool, name), run.untrusted) is not None:
        raise ConfigurationError(
            f"The journal says that the call {call.call.id!r} of {call.call.name} began without the decision that "
            "untrusted text before it requires.",
            guidance="The journal was changed, or written by an agent with another information_flow.",
        )
