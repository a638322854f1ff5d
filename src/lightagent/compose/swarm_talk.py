"""How the agents of a swarm talk to each other besides handing over: by consulting and by messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, overload

from typing_extensions import TypeForm, TypeVar

from lightagent.application.active_run.means import Means
from lightagent.application.mailbox.swarm_mail import MailSettings, SwarmMail
from lightagent.application.mailbox.tools import READ_TOOL, SEND_TOOL, ReadMessagesTool, SendMessageTool
from lightagent.application.nested_runs.consult import ConsultTool, consult_name
from lightagent.application.prompts import Prompts
from lightagent.application.structured_output import OutputType
from lightagent.application.swarm.hand_off import HandoffTool
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.deps import DepsT
from lightagent.compose.check_ports import check_journal_port
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.swarm.agent_messages import AgentMessage
from lightagent.domain.swarm.consultations import ConsultLimits
from lightagent.domain.swarm.mailboxes import MailLimits
from lightagent.ports.journals import JournalStore
from lightagent.ports.tools import Tool

PayloadT_co = TypeVar("PayloadT_co", covariant=True, default=str)


class AgentMail(Generic[PayloadT_co]):
    """Messages that the agents of a swarm send to each other.

    Args:
        payload: the type of what is sent; text by default. What an agent sends is checked against it.
        limits: how many messages may wait, and how large and how old they may be.
        store: keeps the mailboxes of users and sessions; by default as long as the swarm lives.
        name: tells the mailboxes of several swarms apart that have the same store.

    Raises:
        ConfigurationError: an option is invalid.
    """

    @overload
    def __init__(
        self: AgentMail[str],
        payload: None = ...,
        *,
        limits: MailLimits | None = ...,
        store: JournalStore | None = ...,
        name: str = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        payload: TypeForm[PayloadT_co],
        *,
        limits: MailLimits | None = ...,
        store: JournalStore | None = ...,
        name: str = ...,
    ) -> None: ...

    def __init__(
        self,
        payload: object = None,
        *,
        limits: MailLimits | None = None,
        store: JournalStore | None = None,
        name: str = "swarm",
    ) -> None:
        from lightagent.adapters.journals.memory import MemoryJournalStore

        given: object = limits
        if given is not None and not isinstance(given, MailLimits):
            raise ConfigurationError(f"AgentMail: limits must be MailLimits, got {type(given).__name__}.")
        named: object = name
        if not isinstance(named, str) or not named:
            raise ConfigurationError("AgentMail: name must be a text that is not empty.")
        self.payload: OutputType[PayloadT_co] = OutputType(payload, "AgentMail: payload")
        if not self.payload.is_text:
            _ = self.payload.schema  # Raises for a type without a schema, before any agent sends.
        self._limits, self._name = limits or MailLimits(), name
        self._store = check_journal_port(store, "AgentMail: store") or MemoryJournalStore()

    def payload_of(self, message: AgentMessage) -> PayloadT_co:
        """The payload of a message, as a value of its type.

        Raises:
            OutputError: it is of another type, such as one that an earlier version of the program sent.
        """
        return self.payload.parse(message.text)

    def of(self, agents: Collection[str]) -> SwarmMail:
        """The messages of a swarm of these agents, which may grow."""
        from lightagent.adapters.journals.memory import MemoryJournalStore

        return SwarmMail(self._name, self._store, MemoryJournalStore, self.payload, self._limits, agents)


@dataclass(frozen=True, slots=True)
class Talk:
    """How the agents of a swarm talk besides handing over; see `SwarmOptions`.

    Attributes:
        names: of the agents, which grow.
    """

    consult: ConsultLimits | None = None
    mail: SwarmMail | None = None
    names: list[str] = field(default_factory=list)


def compose_talk(consult: ConsultLimits | bool | None, mail: MailSettings | bool | None) -> Talk:
    """How the agents of a swarm talk, by its options.

    Raises:
        ConfigurationError: an option is invalid.
    """
    names: list[str] = []
    limits: object = ConsultLimits() if consult is True else consult or None
    sent: object = AgentMail() if mail is True else mail or None
    if limits is not None and not isinstance(limits, ConsultLimits):
        raise ConfigurationError(
            f"LightSwarm: consult must be True or ConsultLimits, got {type(limits).__name__}.",
            guidance="Pass consult=ConsultLimits(...).",
        )
    if sent is not None and not isinstance(sent, AgentMail):
        raise ConfigurationError(
            f"LightSwarm: mail must be True or AgentMail, got {type(sent).__name__}.",
            guidance="Pass mail=AgentMail(...).",
        )
    return Talk(limits, None if sent is None else sent.of(names), names)


class TalkTools(Generic[DepsT]):
    """The tools with which the agents of a swarm ask each other and send each other messages.

    Attributes:
        asked: what the agents are while they are asked; filled once all are made.
    """

    def __init__(self, talk: Talk) -> None:
        self.asked: dict[str, Means[DepsT]] = {}
        self._talk = talk
        self._consults: dict[tuple[str, Prompts], ConsultTool[DepsT]] = {}

    def check(self, agent: Means[DepsT], agents: Sequence[Means[DepsT]], handoffs: Collection[str] = ()) -> None:
        """Check that an agent has no other tools of the names of these.

        Args:
            handoffs: the names of the tools with which it hands over.

        Raises:
            ConfigurationError: it has one, or hands over by one.
        """
        names = [] if self._talk.mail is None else [SEND_TOOL, READ_TOOL]
        if self._talk.consult is not None:
            names += [consult_name(other.name) for other in agents if other.name != agent.name]
        taken = next((name for name in names if name in agent.catalogue.own), None)
        if taken is not None:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} has a tool {taken}, which is a tool of the swarm.",
                guidance="Rename the tool.",
            )
        taken = next((name for name in names if name in handoffs), None)
        if taken is not None:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} would hand over by {taken}, which is a tool of the swarm.",
                guidance="Give the handoff another tool_name.",
            )

    def of(self, agent: Means[DepsT], agents: Sequence[Means[DepsT]]) -> list[Tool[DepsT]]:
        """The tools of one agent.

        Raises:
            ConfigurationError: see `check`.
        """
        self.check(agent, agents)
        others = [other for other in agents if other.name != agent.name]
        tools: list[Tool[DepsT]] = []
        if self._talk.consult is not None:
            tools += [self._consult(other, agent.prompts, self._talk.consult) for other in others]
        if self._talk.mail is not None and others:
            tools.append(SendMessageTool(self._talk.mail, [other.name for other in others], agent.prompts))
            tools.append(ReadMessagesTool(agent.prompts))
        return tools

    def _consult(self, target: Means[DepsT], prompts: Prompts, limits: ConsultLimits) -> ConsultTool[DepsT]:
        """One tool for all who ask the same agent with the same prompts, since a large swarm has many pairs."""
        key = target.name, prompts
        if key not in self._consults:
            self._consults[key] = ConsultTool(target, self.asked, limits, prompts)
        return self._consults[key]


def as_consulted(member: Means[DepsT]) -> Means[DepsT]:
    """A member of a swarm while it is asked: it cannot hand the run over, since its caller waits for the answer."""
    own = [tool for tool in member.catalogue.own.values() if not isinstance(tool, HandoffTool)]
    return replace(
        member, catalogue=Catalogue(own, member.catalogue.sources), handoffs=(), handoff_limits=None, next_turn="front"
    )
