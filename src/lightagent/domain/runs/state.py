"""The state of a run: what its events so far amount to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from lightagent.domain.conversation.messages import ContextMessage, Message, ToolCall
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import Limits
from lightagent.domain.origin import Origin
from lightagent.domain.outcomes import Outcome, Suspended
from lightagent.domain.planning.plans import Plan
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.effects import Effect, NarrowTools
from lightagent.domain.runs.events import ModelReplied, ModelRequested, RunStarted
from lightagent.domain.swarm.handoff_limits import HistoryTransfer
from lightagent.domain.tools.selection import OfferedTool

CallState: TypeAlias = Literal["new", "started", "waiting", "decided", "done"]


@dataclass(frozen=True, slots=True)
class PendingCall:
    """One call of the current turn on its way to its one result.

    Attributes:
        call: as the model made it.
        status: how far it is. `started` without a result means that it was interrupted, or is under way.
        arguments: the checked arguments that run or ran, or that wait for approval; None before the check.
        decision: what a human decided about it.
        output: its result, once it is `done`.
        effects: what it does to the run at the end of the round.
        child: the run of the agent that was called as this tool.
        reviewers: who decided about it at `tool_call`, according to the recorded decisions.
        rewritings: the names of the policies that changed what runs or is shown, for each event that records this.
        labels: the origin of its result.
        failed: it failed, so that a step of a plan that needs it cannot be done.
    """

    call: ToolCall
    status: CallState = "new"
    arguments: JsonObject | None = None
    decision: ApprovalDecision | None = None
    output: str = ""
    effects: tuple[Effect, ...] = ()
    child: Run | None = None
    reviewers: tuple[str, ...] = ()
    rewritings: tuple[tuple[str, ...], ...] = ()
    labels: tuple[str, ...] = ()
    failed: bool = False


NO_TOOLS: Final[Mapping[str, tuple[OfferedTool, ...]]] = MappingProxyType({})


class Beginning(NamedTuple):
    """The stored conversation that a run begins from.

    Attributes:
        untrusted: the labels of all untrusted text that has entered it.
        tools: those that each agent was offered in it which selects some of many, by its lasting name.
    """

    messages: tuple[Message, ...]
    untrusted: tuple[str, ...]
    tools: Mapping[str, tuple[OfferedTool, ...]] = NO_TOOLS


class HandedOver(NamedTuple):
    """A handoff after which the conversation has yet to become what goes along.

    Attributes:
        by: the name of the agent that handed over.
        call, output: with which it did, and its result.
        history: what goes along.
    """

    by: str
    call: ToolCall
    output: str
    history: HistoryTransfer


NO_CALLS: Final[Mapping[str, PendingCall]] = MappingProxyType({})


class Run(NamedTuple):
    """A run as of its last event. Folding a prefix and going on gives the same as folding the whole.

    A named tuple, since a run is replaced at every event and `_replace` costs a quarter of `dataclasses.replace`.

    Attributes:
        started: the first event, which says whose run it is.
        head: the agent that acts now.
        history: the first messages of the conversation, as the run was given them. They are kept apart, so that adding
            to a long conversation costs no copy of it.
        added: the messages after those.
        query_at: where in `messages` the query stands, before which context is put.
        missing: messages of a referenced history that the fold was not given; they stand before `messages`.
        admitted: the query is recorded.
        prepared: the context sources that were asked.
        offered: the names of the tools that the model is offered; None until the first request of `head`.
        selected: the names of the tools that were selected for the next request; None before the selection.
        declared: the tools of each agent that selects some of many, by its name, as they were first offered.
        hidden: the names of those that policies took out of the last request, or that the plan keeps back; the next one
            may offer them.
        request: the request that is under way.
        attempt, failures: at that request: the number of the last one, and how many failed, those left out that were
            refused for their form.
        attempt_failed: the last attempt is among those that failed.
        calls: the calls of the current turn by their id, in the order in which the model made them.
        open_calls: how many of them are not done.
        turn: replies of the model so far.
        head_turn: those that had come when the agent that acts now took over.
        last_reply: the model's last word, if nothing came after it.
        accepted: the final answer, once it has passed.
        rewriters: the names of the policies that changed it.
        concluded: the conclusions that were drawn.
        ending: how the run is going to end, because of something that happened.
        outcome: how it ended.
        untrusted: the labels of all untrusted text that has entered the conversation, whether it is still there or not.
        narrowings: what tools said of the tools that may be called from then on.
        route: the names of the agents that took over, in order.
        handed_over: the last handoff, as long as the conversation has not become what goes along with it.
        plan: what the agent that acts now means to do.
        plan_message: tells it, before the query.
        plan_tools: the names of the tools that are offered by it; None: all that would be without it.
        planned: how often that agent was asked for a plan.
        plan_failed: a call that the plan needs has failed since.
        mail: the ids of the messages of other agents that were delivered in this run.
    """

    started: RunStarted
    head: AgentHead
    history: tuple[Message, ...]
    added: tuple[Message, ...]
    query_at: int = 0
    missing: int = 0
    admitted: bool = True
    prepared: tuple[str, ...] = ()
    offered: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()
    selected: tuple[str, ...] | None = None
    declared: Mapping[str, tuple[OfferedTool, ...]] = NO_TOOLS
    request: ModelRequested | None = None
    attempt: int = 0
    failures: int = 0
    attempt_failed: bool = False
    calls: Mapping[str, PendingCall] = NO_CALLS
    open_calls: int = 0
    turn: int = 0
    head_turn: int = 0
    tool_rounds: int = 0
    output_rejections: int = 0
    last_reply: ModelReplied | None = None
    accepted: str | None = None
    rewriters: tuple[str, ...] = ()
    concluded: tuple[str, ...] = ()
    ending: Outcome | None = None
    outcome: Outcome | None = None
    untrusted: tuple[str, ...] = ()
    narrowings: tuple[NarrowTools, ...] = ()
    route: tuple[str, ...] = ()
    handed_over: HandedOver | None = None
    plan: Plan | None = None
    plan_message: ContextMessage | None = None
    plan_tools: tuple[str, ...] | None = None
    planned: int = 0
    plan_failed: bool = False
    mail: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation, without the instructions."""
        return (*self.history, *self.added)

    @property
    def message_count(self) -> int:
        """How many messages the conversation has."""
        return len(self.history) + len(self.added)

    @property
    def query(self) -> Message | None:
        """The query; None if it is not recorded yet, or was removed from the messages."""
        if not self.admitted or self.query_at >= self.message_count:
            return None
        place = self.query_at - len(self.history)
        return self.added[place] if place >= 0 else self.history[place]

    @property
    def actors(self) -> tuple[str, ...]:
        """The names of the agents that have acted, in order; the last one acts."""
        return ((self.started.acting or self.started.head).name, *self.route)

    @property
    def own_tools(self) -> tuple[OfferedTool, ...]:
        """The declarations that the agent which acts now was offered, where it selects some of many."""
        return self.declared.get(self.head.name, ())

    @property
    def limits(self) -> Limits:
        """How far the run may go."""
        return self.started.limits

    @property
    def turn_now(self) -> int:
        """The turn that what happens now belongs to, counted from 1; 0 before the first request."""
        if not self.admitted or len(self.prepared) < len(self.started.before):
            return 0
        return self.turn if self.last_reply is not None else self.turn + 1

    def origin(self, path: tuple[str, ...] = ()) -> Origin:
        """Where what happens now belongs."""
        started = self.started
        return Origin(
            started.run_id,
            started.trace_id,
            started.parent_trace_id,
            started.run_group_id,
            self.head.name,
            started.scope,
            self.turn_now,
            self.attempt or 1,
            path,
        )


def call_key(run: Run, call_id: str) -> str:
    """What names this call of the current turn: the idempotency key, the same when the call is repeated."""
    return f"{run.started.run_id}:{run.turn}:{call_id}"


def waiting_calls(run: Run) -> dict[str, tuple[str, ...]]:
    """The calls that wait for a human: the text that names each, and the ids that lead to it through nested runs."""
    return {"/".join(map(_escaped, path)): path for path in _waiting_paths(run)}


def _waiting_paths(run: Run) -> Iterator[tuple[str, ...]]:
    for call_id, call in run.calls.items():
        if call.status != "waiting":
            continue
        if call.child is not None and isinstance(call.child.outcome, Suspended):
            yield from ((call_id, *path) for path in _waiting_paths(call.child))
        else:
            yield (call_id,)


def _escaped(call_id: str) -> str:
    """An id as a part of a path, as in a JSON Pointer (RFC 6901), so that no two paths have the same text."""
    return call_id.replace("~", "~0").replace("/", "~1")
