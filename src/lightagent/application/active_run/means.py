"""What an agent is made of: everything that its runs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic

from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.agent_options.tree_of_thought import TreeOfThought
from lightagent.application.mailbox.swarm_mail import SwarmMail
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.prompts import DEFAULT_PROMPTS, Prompts
from lightagent.application.skills.use_skills import SkillUse
from lightagent.application.structured_output import OutputType
from lightagent.application.tool_selection.select_tools import ToolSelector
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.deps import DepsT_contra
from lightagent.application.tools.toolset import tool_name
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.conversation.messages import SystemMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import DEFAULT_LIMITS, Limits
from lightagent.domain.policy.capabilities import CapabilityPolicy
from lightagent.domain.policy.information_flow import DEFAULT_FLOW, InformationFlow
from lightagent.domain.runs.agents import UNKNOWN_ENDPOINT, AgentHead
from lightagent.domain.runs.events import RunStarted
from lightagent.domain.swarm.handoff_limits import HandoffLimits, HandoffText, NextTurn
from lightagent.ports.budgets import Budgets
from lightagent.ports.context import Compactor, Conclusion, ContextSource, HistorySource
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatModel, ServedModel
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock, IdSource
from lightagent.ports.telemetry import TelemetrySink


@dataclass(frozen=True)
class Means(Generic[DepsT_contra]):
    """An agent's parts. Immutable; serves any number of runs at once.

    Attributes:
        name: of the agent.
        model: answers.
        catalogue: the tools that may be called.
        clock, ids: time and identity.
        selector: selects tools if there are many; None for an agent that offers all it has.
        instructions, role: for the system message; without either, those of the prompts.
        params: request parameters of every run.
        limits: how far a run may go, unless the run says otherwise.
        prompts: the texts for the model.
        output: the type of the answer; None for text.
        gates: the policies, in the order in which they review.
        capabilities: the policy of who may call which tools; None without one.
        flow: the rules for calls that untrusted text may have caused.
        sources: of context, by name.
        skills: what skills add to the tools and sources; None without skills.
        conclusions: drawn after success, by name.
        budget: keeps requests within a number of tokens.
        budgets: what runs may spend.
        prices: of models, for telemetry, even if nothing is limited; None if none are known.
        compactor: keeps the conversation within its bounds.
        history: reads the stored conversations that runs begin from.
        sessions: where sessions are kept.
        desks: have people decide about calls.
        sinks: where telemetry goes.
        ambient_sink: finds the sink of the process when a run is made, or returns None; None for an agent that is
            not traced by it.
        capture_content: keep private content in traces.
        planning: how it plans before it acts; None for an agent that does not.
        handoffs: agents that may take over; those of a swarm name each other, and itself.
        handoff_limits: how often they may; None for an agent outside a swarm, without a limit of its own.
        handoff_text: what becomes of text beside the call that hands over.
        next_turn: who takes the next turn of a session.
        mail: how it and the other agents of its swarm send messages to each other; None if they do not.
    """

    name: str
    model: ChatModel
    catalogue: Catalogue[DepsT_contra]
    clock: Clock
    ids: IdSource
    selector: ToolSelector[DepsT_contra] | None = None
    instructions: str | None = None
    role: str = ""
    params: JsonObject = field(default_factory=dict)
    limits: Limits = DEFAULT_LIMITS
    prompts: Prompts = DEFAULT_PROMPTS
    output: OutputType[object] | None = None
    gates: tuple[Gate, ...] = ()
    capabilities: CapabilityPolicy | None = None
    flow: InformationFlow = DEFAULT_FLOW
    sources: Mapping[str, ContextSource] = field(default_factory=dict)
    skills: SkillUse | None = None
    conclusions: Mapping[str, Conclusion] = field(default_factory=dict)
    budget: ContextBudget | None = None
    budgets: Budgets | None = None
    prices: PriceTable | None = None
    compactor: Compactor | None = None
    history: HistorySource | None = None
    sessions: JournalStore | None = None
    desks: tuple[ReviewDesk, ...] = ()
    sinks: tuple[TelemetrySink, ...] = ()
    ambient_sink: Callable[[], TelemetrySink | None] | None = None
    capture_content: bool = False
    planning: TreeOfThought | None = None
    handoffs: Sequence[Means[DepsT_contra]] = ()
    handoff_limits: HandoffLimits | None = None
    handoff_text: HandoffText = "show"
    next_turn: NextTurn = "front"
    mail: SwarmMail | None = None

    @cached_property
    def head(self) -> AgentHead:
        """The agent as a journal knows it; worked out at the first run.

        Raises:
            ConfigurationError: no JSON schema can be made of the output type.
        """
        return self.head_for(None if self.output is None else self.output.schema)

    def head_for(self, schema: JsonObject | None) -> AgentHead:
        """The agent in a run that was asked for an answer of this schema."""
        message = SystemMessage("\n\n".join(text for _, text in self.instruction_pieces(schema)))
        endpoint = self.model.endpoint if isinstance(self.model, ServedModel) else UNKNOWN_ENDPOINT
        return AgentHead(self.name, self.model.name, message, self.params, schema, endpoint)

    def instruction_pieces(self, schema: JsonObject | None) -> list[tuple[str, str]]:
        """The pieces of the system message, each with the option or prompt that it comes from."""
        own = self.instructions
        pieces = [("role", self.role), ("instructions", own or "")]
        if own is None and not self.role:
            pieces.append(("prompts.instructions", self.prompts.instructions))
        if schema is not None:
            text = self.prompts.output_schema.format(schema=encode_json(schema).decode())
            pieces.append(("prompts.output_schema", text))
        return [(name, text) for name, text in pieces if text]

    def acting_member(self, name: str, begun: AgentHead) -> AgentHead | None:
        """The agent of this name, to act first in a run that is begun with this one; None if it is not there.

        Args:
            begun: this agent in that run, whose request parameters may differ from the agent's own.
        """
        member = self.crew.get(name)
        if member is None or member is self or self.next_turn != "last":
            return None
        head = member.head_for(begun.output_schema)
        own = {key: value for key, value in begun.params.items() if self.params.get(key) != value}
        return replace(head, params={**head.params, **own}) if own else head

    @cached_property
    def crew(self) -> Mapping[str, Means[DepsT_contra]]:
        """This agent and all that may take over, directly or by way of others, by name.

        Raises:
            ConfigurationError: two of them have the same name.
        """
        named: dict[str, Means[DepsT_contra]] = {}
        for means in self._reachable({}):
            if named.setdefault(means.name, means) is not means:
                raise ConfigurationError(
                    f"handoffs: two agents are called {means.name!r}.", guidance="Give each a name of its own."
                )
        return named

    @cached_property
    def without_skills(self) -> Means[DepsT_contra]:
        """The same agent without its skills, for runs that are to have none; so are all that may take over."""
        if all(means.skills is None for means in self._reachable({})):
            return self
        return self._stripped({})

    def _stripped(self, made: dict[int, Means[DepsT_contra]]) -> Means[DepsT_contra]:
        if id(self) in made:
            return made[id(self)]
        others: list[Means[DepsT_contra]] = []  # Filled once it is made: agents may hand over to each other.
        own = made[id(self)] = replace(self._own_without_skills(), handoffs=others)
        others.extend(other._stripped(made) for other in self.handoffs)
        return own

    def _own_without_skills(self) -> Means[DepsT_contra]:
        skills = self.skills
        if skills is None:
            return self
        added = set(map(tool_name, skills.tools))
        own = (tool for name, tool in self.catalogue.own.items() if name not in added)
        return replace(
            self,
            catalogue=Catalogue(own, self.catalogue.sources),
            sources={name: source for name, source in self.sources.items() if name not in skills.sources},
            skills=None,
        )

    def for_run(self, started: RunStarted) -> Means[DepsT_contra]:
        """The agent as of the beginning of a run: without skills, if it was begun without their lists."""
        skills = self.skills
        if skills is None or any(name in started.before for name in skills.sources):
            return self
        return self.without_skills

    def changed_to(self, other: Means[DepsT_contra]) -> Means[DepsT_contra]:
        """What `other` is, a changed copy of this agent, with those that may take over handing back to it."""
        if all(means is not self for target in self.handoffs for means in target._reachable({})):
            return other
        return self._with_place_taken(self, other, {})

    def _with_place_taken(
        self, before: Means[DepsT_contra], after: Means[DepsT_contra], made: dict[int, Means[DepsT_contra]]
    ) -> Means[DepsT_contra]:
        if id(self) in made:
            return made[id(self)]
        others: list[Means[DepsT_contra]] = []  # Filled once it is made: agents may hand over to each other.
        own = made[id(self)] = replace(after if self is before else self, handoffs=others)
        others.extend(other._with_place_taken(before, after, made) for other in self.handoffs)
        return own

    @property
    def all_desks(self) -> tuple[ReviewDesk, ...]:
        """The desks for calls of this agent, and of those that may take over."""
        return tuple(desk for means in self.crew.values() for desk in means.desks)

    def _reachable(self, seen: dict[int, Means[DepsT_contra]]) -> Iterator[Means[DepsT_contra]]:
        if id(self) not in seen:
            seen[id(self)] = self
            yield self
            for other in self.handoffs:
                yield from other._reachable(seen)
