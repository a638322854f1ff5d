"""One run while it goes on: its events and state, its means, and the way to the consumer of its steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic

from lightagent.aiokits.deadline import Deadline
from lightagent.application.active_run.apply_policy import Reviewer
from lightagent.application.active_run.count_tokens import TokenLedger
from lightagent.application.active_run.means import Means
from lightagent.application.active_run.record import RunRecord
from lightagent.application.active_run.services import Keeper, Reviewing
from lightagent.application.active_run.subjects import OwnFacts, RunSubjects
from lightagent.application.active_run.tools import RunTools
from lightagent.application.active_run.watch_run import Watchers
from lightagent.application.budgets.spend_budget import Spending, known_prices
from lightagent.application.mailbox.swarm_mail import mail_room
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.projections.steps import Step
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.toolset import Toolset
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.conversation.deltas import Delta, ReplyBuilder
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.outcomes import Outcome
from lightagent.domain.planning.plans import Planned
from lightagent.domain.policy.information_flow import InformationFlow
from lightagent.domain.policy.phases import Subject
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import (
    ApprovalDecided,
    ApprovalRequested,
    ContextReplaced,
    Event,
    ModelFailed,
    Nested,
    RunFinished,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.runs.folding import apply
from lightagent.domain.runs.state import Run
from lightagent.domain.swarm.agent_messages import MessagesDelivered
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.budgets import Budgets
from lightagent.ports.mail import MailRoom
from lightagent.ports.models import ChatRequest
from lightagent.ports.system import Clock
from lightagent.ports.telemetry import Asking, CurrentSpans, SideRequest
from lightagent.ports.tools import KeepArtifact, NestedDelta, Nesting, Tool, ToolPart


class ActiveRun(Generic[DepsT]):
    """The record of one run in this process, and the only place where its events come in.

    Args:
        means: the agent that the run was begun with.
        run: its state.
        record: what is kept of it.
        known: how many of its events the consumer has seen before.
        deps: what the application passed to this run.
        tools: tools of this run only.
        budgets: what this run may spend; None: the agent's budgets.
        query: what is asked, as long as it is not on record.
        nesting: the run that called this one as a tool.
        path: the ids of the calls that lead here from the outermost run.
        watchers: the telemetry of the run; None for a nested run, and without telemetry.

    Attributes:
        keeper: writes the run to a store ahead of its effects; None if the run is not stored.
        answers: what the caller who resumes a run has decided about calls that people review, by the names of the
            calls; None if decisions come from reviewers only.
        reviews: the reviews of the run, if it has any.
        outlet: passes each step to the consumer; None without a consumer.
        deadline: the innermost one that is running.
        attempt: what was received of the model request that is under way.
        attempt_is_private: it was not reviewed yet, so none of its text may get on record.
        output_is_held: the last answer is shown only once it is accepted as the output.
        output_is_reviewed: the policies of outputs have passed the last answer as it is on record.
        leftovers: what is known of interrupted calls that could not report it themselves.
        ledger: the token counts of the conversation, if the agent has a context budget.
        tools: the tools that may be called.
        subjects: what reviews of this run are about.
        step_key: the idempotency key of the step of a flow that the run is; empty if it is not a step.
        keep_artifact: refers to a file that a tool has made for that step; None where the run is not a step.
        prices: of models, as far as they are known: the run's own, else those of the run around it.
        spending: what the run spends, if it or a run around it has budgets.
        mail: the mailbox of its owner, if agents of a swarm send messages to each other.
    """

    def __init__(
        self,
        means: Means[DepsT],
        run: Run,
        record: RunRecord,
        deps: DepsT,
        *,
        known: int = 0,
        tools: tuple[Tool[DepsT], ...] = (),
        budgets: Budgets | None = None,
        query: UserMessage | None = None,
        nesting: Nesting | None = None,
        path: tuple[str, ...] = (),
        watchers: Watchers | None = None,
    ) -> None:
        self.means = means
        self.run: Run = run
        self.record = record
        self.stream: bool = record.stream
        self.known = known
        self.deps = deps
        self.query = query
        self.nesting = nesting
        self.prices: PriceTable = known_prices(budgets, means.prices, None if nesting is None else nesting.prices)
        self.path = path
        self.clock: Clock = means.clock
        self.keeper: Keeper | None = None
        self.step_key = ""
        self.keep_artifact: KeepArtifact | None = None
        self.answers: Mapping[str, ApprovalDecision] | None = None
        self.reviews: Reviewing | None = None
        self.outlet: Callable[[Step], Awaitable[None]] | None = None if nesting is None else nesting.emit
        self.deadline: Deadline | None = None
        self.attempt: ReplyBuilder | None = None
        self.attempt_is_private = False
        self.output_is_held = False
        self.output_is_reviewed = False
        self.leftovers: list[Event] = []
        self.ledger: TokenLedger | None = None
        self.spending: Spending | None = self._spending(budgets or means.budgets)
        self.mail: MailRoom | None = mail_room(means.mail, run, record.events[:known], nesting, self.clock)
        self.begun: bool = False
        self.tools: RunTools[DepsT] = RunTools(tools)
        self.watchers = watchers
        self._leave: Callable[[], None] | None = None
        self._is_entered = False
        self._reviewer: tuple[str, Reviewer | None] | None = None
        self.subjects: RunSubjects = RunSubjects(record, path)

    @property
    def acting(self) -> Means[DepsT]:
        """The means of the acting agent.

        Raises:
            ConfigurationError: the run was handed over to an agent that is not among the handoffs.
        """
        name = self.run.head.name
        if name == self.run.started.head.name:  # Its own name may be another in another process.
            return self.means
        means = self.means.crew.get(name)
        if means is None:
            raise ConfigurationError(
                f"The run was handed over to the agent {name!r}, which is not among the handoffs of this agent.",
                guidance="Resume it with an agent that has the same handoffs; of a swarm, with swarm.member(agent).",
            )
        return means

    @property
    def outermost_run(self) -> str:
        """The id of the run that its caller began; for a nested run that of the group, if it is known."""
        started = self.run.started
        return (started.run_group_id or started.run_id) if self.path else started.run_id

    @property
    def desks(self) -> tuple[ReviewDesk, ...]:
        """Who reviews the calls of this run."""
        return tuple(dict.fromkeys((*self.means.desks, *self.acting.desks)))

    @property
    def in_time(self) -> bool:
        """Whether the run has a deadline; what it waits for can then be given up."""
        if self.nesting is not None or self.record.cancel is not None or self.run.limits.timeout is not None:
            return True
        return self.spending is not None and self.spending.is_timed

    def _spending(self, budgets: Budgets | None) -> Spending | None:
        nesting = self.nesting
        around = () if nesting is None else nesting.meters
        if budgets is None and not around:
            return None
        past = self.record.events[: self.known] if nesting is None else nesting.past()
        return Spending(budgets, around, self.clock, run=self.run, level=len(self.path), past=past)

    @property
    def reviewer(self) -> Reviewer | None:
        """The gates that review this run now; None without any, which saves time."""
        name = self.run.head.name
        if self._reviewer is None or self._reviewer[0] != name:
            outer = () if self.nesting is None else self.nesting.gates
            gates = (*outer, *self.means.gates, *self.acting.gates)
            found = tuple({id(gate): gate for gate in gates}.values())
            self._reviewer = name, Reviewer(found, in_time=self.in_time) if found else None
        return self._reviewer[1]

    @property
    def flows(self) -> tuple[InformationFlow, ...]:
        """The rules for tainted calls now: an agent that is called or takes over is bound by those of all before it."""
        outer = () if self.nesting is None else self.nesting.flows
        return tuple(dict.fromkeys((*outer, self.means.flow, self.acting.flow)))

    def toolset(self) -> Awaitable[Toolset[DepsT]]:
        """The tools of the acting agent, and those of this run, as of its last request."""
        return self.tools.toolset(self.acting, self.run, in_time=self.in_time)

    async def specs(self, offered: tuple[str, ...]) -> tuple[ToolSpec, ...]:
        """The declarations of offered tools for the model; see `RunTools.specs`."""
        await self.toolset()
        return await self.tools.described(offered, self.run)

    def origin(self) -> Origin:
        """The place of current events."""
        return self.subjects.origin(self.run)

    def subject(
        self,
        name: str = "",
        call_id: str = "",
        *,
        params: JsonObject | None = None,
        tools: tuple[str, ...] = (),
        specs: tuple[ToolSpec, ...] = (),
        approved: bool = False,
    ) -> Subject:
        """The subject of a review of current events; for the rest see `Subject` and `RunFacts`."""
        own = OwnFacts(params or {}, tools, specs, approved) if params or tools or specs or approved else None
        return self.subjects.subject(self.run, name, call_id, own)

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The names of the agent's own tools and of this run's; no source is listed for that."""
        return self.tools.names(self.means.catalogue)

    @property
    def spans(self) -> CurrentSpans | None:
        """Where the run reports which spans are to be current; None if no sink makes spans."""
        if self.nesting is not None:
            return self.nesting.spans
        return None if self.watchers is None else self.watchers.spans

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        """Headers that link a request to this run's trace."""
        if self.nesting is not None:
            return self.nesting.trace_headers(origin)
        return () if self.watchers is None else self.watchers.trace_headers(origin)

    def full_origin(self) -> Origin:
        """The place of current events, with the headers that are sent along to other processes."""
        origin = self.origin()
        return origin.sending(self.trace_headers(origin))

    def call_origin(self, call_id: str) -> Origin:
        """The place of a call, with the headers that it sends along: those of its own span, if it has one."""
        spans = self.spans
        if spans is None:
            return self.full_origin()
        origin = self.origin()
        return origin.sending(spans.call_headers((*self.path, call_id), origin))

    def asking(self, request: ChatRequest, aside: SideRequest | None = None) -> tuple[ChatRequest, Asking | None]:
        """A request that is about to be sent, with the headers that it takes along.

        Args:
            aside: what it asks for beside the conversation; None for a turn of the conversation.

        Returns:
            The request, and what records its span; None if no sink makes spans. The span is current from here on.
        """
        if self.record.halt is not None:
            self.record.halt(request, aside)
        spans = self.spans
        asked = None if spans is None else spans.ask(request, self.clock.now(), aside, self.prices)
        headers = self.trace_headers(request.origin)
        if not headers:
            return request, asked
        origin = request.origin.sending(headers)
        return ChatRequest(
            request.messages, request.tools, request.params, request.output_schema, request.stream, origin
        ), asked

    async def begin(self) -> None:
        """Report events on record that were not seen yet: the first event, or a decision. Not before the first step."""
        self.begun = True
        if self.keeper is not None and self.known:
            await self._keep(self.keeper)  # The decision with which a run is resumed.
        if self.watchers is not None:
            self.watchers.begin(self.origin(), tuple(self.record.events[: self.known]))
        for event in self.record.events[self.known :]:
            if self.watchers is not None:
                self.watchers.see(event)
            await self.give(event)

    def note(self, event: Event) -> None:
        """Put one event on record."""
        before = self.run
        self.run = apply(before, event)
        if self.spending is not None:
            self.spending.see(before, event)
        self.record.events.append(event)
        if self.watchers is not None:
            self.watchers.see(event)

    async def tell(self, event: Event) -> None:
        """Put one event on record and hand it to the consumer; returns once it was taken."""
        self.note(event)
        if self.keeper is not None and isinstance(event, _DURABLE):
            await self._keep(self.keeper)
        if self.outlet is not None:
            await self.give(event)

    async def _keep(self, keeper: Keeper) -> None:
        """Write what has happened to the store, outside of any deadline: an interrupted write may have got in."""
        deadline = self.deadline
        if deadline is not None:
            deadline.pause()
        try:
            await keeper.write(self.record.events)
        finally:
            if deadline is not None:
                deadline.resume()

    async def show(self, delta: Delta | ToolPart | NestedDelta) -> None:
        """Hand a delta or part to the consumer, where the run is streamed."""
        if self.stream:
            await self.give(delta)

    def enter(self) -> None:
        """Make the run's span current from now on, if a sink makes one."""
        if (spans := self.spans) is not None:
            self._leave, self._is_entered = spans.enter_run(self.path, self.clock.now()), True

    def leave(self) -> bool:
        """Make no span of the run current any more; returns whether one was, as far as the run knows."""
        entered, self._is_entered = self._is_entered, False
        if self._leave is not None:
            self._leave()  # Once more as well: what a model's generator does when it is closed may have put it back.
        return entered

    async def give(self, step: Step) -> None:
        """Hand a step to the consumer; returns once it was taken. No span of the run is current for the consumer."""
        if self.outlet is None:
            return
        entered = self.leave()
        await self._hand_over(self.outlet, step)
        if entered and self.run.outcome is None:
            self.enter()

    async def _hand_over(self, outlet: Callable[[Step], Awaitable[None]], step: Step) -> None:
        deadline = self.deadline
        if deadline is None:
            await outlet(step)
            return
        # The time that the consumer spends on a step does not count.
        deadline.pause()
        try:
            await outlet(step)
        finally:
            deadline.resume()

    def failed_attempt(self, error: LightAgentErrorInfo, ends: Outcome | None = None) -> ModelFailed | None:
        """What is known of the attempt that is given up because of `error`; None if none is under way."""
        builder, self.attempt = self.attempt, None
        if builder is None:
            return None
        reply = builder.reply()
        turn, attempt = self.run.turn + 1, self.run.attempt
        partial = "" if self.attempt_is_private else reply.message.content or ""
        return ModelFailed(turn, attempt, error, partial, reply.end.usage, ends, at=self.clock.now())


_DURABLE: Final = (
    ContextReplaced,
    MessagesDelivered,
    Planned,
    ToolStarted,
    ToolFinished,
    ApprovalRequested,
    ApprovalDecided,
    Nested,
    RunFinished,
)
"""Before and after an effect, and where a run stops, events must be durable; those in between are written along."""
