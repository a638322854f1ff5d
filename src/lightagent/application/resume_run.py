"""From a journal and a human's decision to a run that can go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from lightagent.application.active_run import ActiveRun
from lightagent.application.apply_policy import own_policies
from lightagent.application.journal import Journal
from lightagent.application.means import Means
from lightagent.application.run_record import RunRecord
from lightagent.application.spend_budget import own_budgets
from lightagent.application.structured_output import holds_json
from lightagent.application.tools.foreign_tool import checked, declared
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.call_forms import meant_name
from lightagent.domain.errors import ConfigurationError, PolicyError
from lightagent.domain.events import ApprovalDecided, Event, Nested, RunStarted
from lightagent.domain.information_flow import InformationFlow, strictest
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonValue
from lightagent.domain.outcomes import Suspended
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.runs import PendingCall, Run, waiting_calls
from lightagent.ports.budgets import Budgets
from lightagent.ports.tools import NestingTool, Tool

Decisions: TypeAlias = ApprovalDecision | Mapping[str, ApprovalDecision] | None
"""One decision for the one call that waits, decisions by call id, or none (to go on after a crash)."""

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
    reviewed = isinstance(known.run.outcome, Suspended) and (bool(means.all_desks) or waits_inside(known.run))
    answers: Mapping[str, ApprovalDecision] | None = None
    decided = known if reviewed and decisions is None else with_decisions(known, decisions, means.clock.now())
    if reviewed:
        # What people decide goes through their store, which is read once the run has begun.
        answers, decided = _by_name(known.run, decisions), known
    require_same_agent(decided.started, means, own_budgets(budgets))
    record = RunRecord(list(decided.events), traced=traced, capture_content=means.capture_content)
    live = ActiveRun(means, decided.run, record, deps, known=len(known.events), tools=tools, budgets=budgets)
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
        policies: what stands behind the gates of the run and of those around it.
        flows: what holds for its tainted calls.

    Raises:
        ConfigurationError: a call began without the decision that its tool requires; a policy that is not there
            changed a call or the answer; the answer was accepted as what the model did not say; or a nested run was
            begun with another output type or with policies that are not there.
        ToolError: a decision edits arguments into some that the tool refuses.
    """
    _check_rewritings(run, policies)
    _check_answer(run)
    for call in run.calls.values():
        name = meant_name(call.call.name, tools if run.offered is None else run.offered)
        tool = tools.get(name)
        if tool is None:
            continue
        if call.child is not None and isinstance(tool, NestingTool):
            await tool.check_child(call.child, policies)
        _check_call(call, tool, name)
        _check_flow(run, call, tool, name, flows)


def _check_rewritings(run: Run, policies: tuple[str, ...]) -> None:
    """What a policy made of a call or an answer is trusted only where that policy is here."""
    for names in (run.rewriters, *(names for call in run.calls.values() for names in call.rewritings)):
        # The decision of a gate with several policies names them all.
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


def with_decisions(journal: Journal, decisions: Decisions, now: float) -> Journal:
    """The journal with the decisions on record.

    Raises:
        PolicyError: a decision about a call that does not wait (never did, or was decided before).
        ConfigurationError: the run has ended; it waits and no decision came; or it is not clear which call is meant.
    """
    run = journal.run
    waiting = waiting_calls(run)
    if run.outcome is not None and not isinstance(run.outcome, Suspended):
        raise ConfigurationError(
            f"The run has ended ({run.outcome.kind}); only a suspended or interrupted one goes on.",
            guidance="Ask anew: run(query), with history=result.history() if it is to go on from there.",
        )
    chosen = _by_call(tuple(waiting), decisions)
    events: list[Event] = []
    for call_id, decision in chosen.items():
        path = waiting.get(call_id) or ((call_id,) if (call_id,) in waiting.values() else None)
        if path is None:
            raise PolicyError(
                f"No call {call_id!r} waits for a decision: it never did, or it was decided before.",
                guidance=f"Waiting now: {', '.join(waiting) or 'none'}.",
            )
        events.append(decided_event(path, decision, now))
    if isinstance(run.outcome, Suspended) and not chosen:
        raise nothing_decided(run)
    return Journal((*journal.events, *events))


def nothing_decided(run: Run, problems: Sequence[str] = ()) -> ConfigurationError:
    """The error for a run that waits for a decision which has not been made."""
    text = " ".join((f"The run waits for a decision about {', '.join(waiting_calls(run))}.", *problems))
    return ConfigurationError(text, guidance="Pass a decision, or wait until a reviewer has decided.")


def decided_event(path: tuple[str, ...], decision: ApprovalDecision, now: float) -> Event:
    """The decision where its call is: in the run itself, or in one that is nested in it."""
    return nested_event(path, ApprovalDecided(path[-1], decision, now))


def nested_event(path: tuple[str, ...], event: Event) -> Event:
    """An event about the call at the end of a path through nested runs."""
    for call_id in reversed(path[:-1]):
        event = Nested(call_id, event)
    return event


def _by_name(run: Run, decisions: Decisions) -> Mapping[str, ApprovalDecision]:
    """Decisions by the names of their calls; one is also found by the id of its call alone."""
    waiting = waiting_calls(run)
    names = {path[0]: name for name, path in waiting.items() if len(path) == 1}
    found = _by_call(tuple(waiting), decisions)
    return {call_id if call_id in waiting else names[call_id]: decision for call_id, decision in found.items()}


def waits_inside(run: Run) -> bool:
    """Whether a call waits in a run that is nested in this one."""
    return any(len(path) > 1 for path in waiting_calls(run).values())


def is_decided(run: Run) -> bool:
    """Whether a human has decided about a call of the run, at any depth, that has no result yet."""
    open_calls = (call for call in run.calls.values() if call.status != "done")
    return any(call.decision is not None or (call.child is not None and is_decided(call.child)) for call in open_calls)


def _by_call(waiting: tuple[str, ...], decisions: Decisions) -> Mapping[str, ApprovalDecision]:
    if decisions is None:
        return {}
    if isinstance(decisions, Mapping):
        for call_id, decision in decisions.items():
            if not isinstance(decision, ApprovalDecision):
                raise _no_decision(decision, f"decision of call {call_id!r}")
        return decisions
    if not isinstance(decisions, ApprovalDecision):
        raise _no_decision(decisions, "decision")
    match waiting:
        case ():
            raise PolicyError("No call waits for a decision: it never did, or it was decided before.", guidance="")
        case (only,):
            return {only: decisions}
        case _:
            raise ConfigurationError(
                f"{len(waiting)} calls wait ({', '.join(waiting)}); it is not clear which is meant.",
                guidance="Pass a dict of call id to decision.",
            )


def _no_decision(value: object, at: str) -> ConfigurationError:
    return ConfigurationError(
        f"{at}: expected an ApprovalDecision, got {type(value).__name__}.",
        guidance="Make one with ApprovalDecision.approve, reject, edit or respond.",
    )
